//! Places inside the string literals of an author's file.

use std::ops::Range;

use apollo_compiler::Node;

use crate::diagnostic::{Sources, Span};

/// A string (or the end of one, from some byte on) as it stands in a document.
#[derive(Clone, Debug)]
pub struct Literal {
    /// The whole literal, quotes included.
    whole: Span,
    /// Where the part begins in the string's value.
    base: usize,
}

impl Literal {
    /// The literal of a string value; `None` where the value has no place in these texts.
    pub fn of<T: ?Sized>(value: &Node<T>, sources: &Sources) -> Option<Self> {
        Some(Self { whole: sources.span(value.location())?, base: 0 })
    }

    /// The part of the same string that begins at this byte of its value.
    #[must_use]
    pub fn part(&self, offset: usize) -> Self {
        Self { whole: self.whole.clone(), base: self.base + offset }
    }

    /// The whole literal.
    pub fn whole(&self) -> Span {
        self.whole.clone()
    }

    /// The place of a range of the value's bytes, behind escapes and the indentation that block strings lose.
    pub fn span(&self, range: Range<usize>) -> Span {
        self.whole.inside_string(self.base + range.start, self.base + range.end)
    }
}
