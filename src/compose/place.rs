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

    /// A place inside of a quoted string: `offset` bytes behind its opening quote.
    ///
    /// In a string with escapes or in a block string the offset would not be where the reader sees it, so the
    /// whole string is the place then.
    pub(crate) fn inside_string(&self, location: Option<SourceSpan>, value: &str, offset: usize) -> Option<Span> {
        let whole = self.span(location)?;
        let raw = self.source.text.get(whole.start..whole.end).unwrap_or_default();
        if raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')) == Some(value) && offset <= value.len() {
            let start = whole.start + 1 + offset;
            let end = start + value.get(offset..).and_then(|v| v.chars().next()).map_or(0, char::len_utf8);
            return Some(Span::new(&self.source, start, end));
        }
        Some(whole)
    }
}
