//! The mapping language: `id title: name owner { id } tags: tags->first total: $.meta.total`.
//!
//! In: its text, and JSON values. Out: JSON values ([`Mapping::evaluate`]), the tree of names that a mapping can produce
//! ([`Mapping::shape`]), and, for one that only picks and renames, plain data that says so ([`Mapping::as_pick`]).
//! What goes wrong with a value is no failure: it is missing in the output, and a [`Problem`] says why.
//! Deliberately absent: schemas; what v0.4 added (literals after an alias, commas between selections).
//! Source: the connectors specification v0.3.

mod ast;
mod cursor;
mod eval;
mod methods;
mod parser;
mod pick;
mod shape;

use std::ops::Range;

pub use ast::Variable;
pub use eval::{Environment, Evaluated, Problem};
pub(crate) use parser::nearest;
pub use pick::{Pick, PickField};
pub use shape::{MappingField, MappingShape};

use super::Literal;

/// Deepest nesting of braces, brackets and parentheses.
pub(crate) const DEPTH_MAX: usize = 32;

/// A parsed mapping.
#[derive(Debug)]
pub struct Mapping {
    /// As it was written.
    pub text: String,
    /// Where it was written, if that is known: offsets in `text` have a place in that file.
    pub place: Option<Literal>,
    selection: ast::Selection,
    variables: Vec<VariableUse>,
    pick: Option<Pick>,
}

/// One use of a variable in a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableUse {
    /// Which one.
    pub variable: Variable,
    /// The keys that follow directly: `["a", "b"]` for `$args.a.b->first`.
    pub path: Vec<String>,
    /// The variable and those keys, as bytes of the mapping's text.
    pub at: Range<usize>,
    /// The first key alone (the whole variable where none follows).
    pub key_at: Range<usize>,
}

/// Why a text is no mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MappingError {
    /// Byte in the text.
    pub offset: usize,
    /// One sentence.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl MappingError {
    pub(crate) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), help: None }
    }

    #[must_use]
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Mapping {
    /// Parses a mapping.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let (selection, variables) = parser::parse(text)?;
        let pick = pick::of(&selection);
        Ok(Self { text: text.to_owned(), place: None, selection, variables, pick })
    }

    /// Remembers where it was written.
    #[must_use]
    pub fn at(mut self, place: Option<Literal>) -> Self {
        self.place = place;
        self
    }

    /// The place of a range of its text in the author's file.
    pub fn span(&self, range: Range<usize>) -> Option<crate::diagnostic::Span> {
        self.place.as_ref().map(|place| place.span(range))
    }

    /// The value that it makes of `input`.
    pub fn evaluate(&self, input: &serde_json::Value, environment: &Environment<'_>) -> Evaluated {
        if let (serde_json::Value::Null, Some(Pick { path, fields: Some(_) })) = (input, &self.pick)
            && path.is_empty()
        {
            // Picked fields of nothing are nothing, groups of them included.
            return Evaluated { value: Some(serde_json::Value::Null), problems: Vec::new() };
        }
        eval::evaluate(&self.selection, input, environment)
    }

    /// The names that it can produce.
    pub fn shape(&self) -> MappingShape {
        shape::of(&self.selection)
    }

    /// What it picks, when picking and renaming is all that it does. Then [`Mapping::evaluate`] gives exactly what the
    /// pick describes.
    pub fn as_pick(&self) -> Option<&Pick> {
        self.pick.as_ref()
    }

    /// Every use of a variable, in the order of the text.
    pub fn variables(&self) -> &[VariableUse] {
        &self.variables
    }

    /// Names (lower case) of the client's headers that it reads, possibly repeated.
    pub fn request_headers(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().filter(|used| used.variable == Variable::Request).filter_map(|used| {
            // The parser lets `$request` through only with `headers` and a name behind it.
            used.path.get(1).map(String::as_str)
        })
    }

    /// Whether its value depends on `$`, the answer's body (or, in a request, on nothing that exists).
    pub fn reads_input(&self) -> bool {
        shape::first_input(&self.selection).is_some()
    }

    /// Where it first reads `$`, the answer's body, as bytes of its text.
    pub fn input_read_at(&self) -> Option<Range<usize>> {
        shape::first_input(&self.selection)
    }
}

#[cfg(test)]
mod tests;
