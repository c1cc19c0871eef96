//! From the parser's locations to places in an author's file.

use std::sync::Arc;

use apollo_compiler::parser::{FileId, SourceSpan};

use crate::diagnostic::{Source, Span};

/// The text of one fragment, and the parser's id of it.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) source: Arc<Source>,
    pub(crate) file: FileId,
}

impl Places {
    /// The place of something that was parsed from this text; `None` for what was added to it.
    pub(crate) fn span(&self, location: Option<SourceSpan>) -> Option<Span> {
        let location = location.filter(|l| l.file_id() == self.file)?;
        Some(Span::new(&self.source, location.offset(), location.end_offset()))
    }

    /// A place inside of a string: at that byte of its value.
    pub(crate) fn inside_string(&self, location: Option<SourceSpan>, offset: usize) -> Option<Span> {
        Some(self.span(location)?.inside_string(offset, offset + 1))
    }
}
