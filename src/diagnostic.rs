//! What `compose`, `check` and `serve` tell a person who wrote a schema fragment.
//!
//! In: spans of bytes in named source texts. Out: [`Diagnostic`], plain data, and one readable
//! rendering of it. Diagnostics are collected, never thrown: a boundary returns all of them at once.

use std::fmt;
use std::sync::Arc;

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It composes, but the author should know.
    Hint,
    /// The graph cannot be built.
    Error,
}

/// One text that spans point into.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The name that people see: the path as it was given.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// A range of bytes in a source. `start <= end <= source.text.len()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text that the range is in.
    pub source: Arc<Source>,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A place, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// A few words, or empty when the message says it all.
    pub text: String,
}

/// One thing that a person should know or mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops composition.
    pub severity: Severity,
    /// A stable code in capitals; the ecosystem's where one exists.
    pub code: &'static str,
    /// One sentence that names the types and fields involved.
    pub message: String,
    /// The places, the first one being where to start reading.
    pub labels: Vec<Label>,
    /// How to mend it.
    pub help: Option<String>,
}

impl Span {
    /// A range of `source`, clamped to its length.
    pub fn new(source: &Arc<Source>, start: usize, end: usize) -> Self {
        let len = source.text.len();
        let start = start.min(len);
        Self { source: Arc::clone(source), start, end: end.clamp(start, len) }
    }

    /// Line and column of the first byte, both from 1; columns count characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.source.text.as_bytes()[..self.start];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        (line, column)
    }
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), labels: Vec::new(), help: None }
    }

    /// A hint without a place yet.
    pub fn hint(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Hint, ..Self::error(code, message) }
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, span: Option<Span>, text: impl Into<String>) -> Self {
        if let Some(span) = span {
            self.labels.push(Label { span, text: text.into() });
        }
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// `file:line:col: error[CODE]: message`, the line with carets, further places, and the help.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Hint => "hint",
            Severity::Error => "error",
        };
        if let Some(first) = self.labels.first() {
            write_place(f, &first.span)?;
            f.write_str(": ")?;
        }
        write!(f, "{severity}[{}]: {}", self.code, self.message)?;
        for (index, label) in self.labels.iter().enumerate() {
            if index > 0 {
                f.write_str("\n  ")?;
                write_place(f, &label.span)?;
            }
            write_excerpt(f, label)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

fn write_place(f: &mut fmt::Formatter<'_>, span: &Span) -> fmt::Result {
    let (line, column) = span.line_column();
    write!(f, "{}:{line}:{column}", span.source.name)
}

fn write_excerpt(f: &mut fmt::Formatter<'_>, label: &Label) -> fmt::Result {
    let span = &label.span;
    let (line, column) = span.line_column();
    let Some(text) = span.source.text.lines().nth(line - 1) else { return Ok(()) };
    let width = span.source.text[span.start..span.end].lines().next().map_or(1, |l| l.chars().count().max(1));
    let room = text.chars().count().saturating_sub(column - 1).max(1);
    // A tab stays a tab, so that the carets stand below what they point at.
    let pad: String = text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    write!(f, "\n  {line:>4} | {text}\n       | {pad}{}", "^".repeat(width.min(room)))?;
    if !label.text.is_empty() {
        write!(f, " {}", label.text)?;
    }
    Ok(())
}
