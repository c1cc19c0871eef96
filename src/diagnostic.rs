//! What `compose`, `check` and `serve` tell a person who wrote a schema fragment.
//!
//! In: spans of bytes in named source texts. Out: [`Diagnostic`], plain data, and one readable
//! rendering of it. Diagnostics are collected, never thrown: a boundary returns all of them at once.

use std::fmt;
use std::sync::Arc;

use apollo_compiler::Schema;
use apollo_compiler::ast::Document;
use apollo_compiler::collections::HashMap;
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::{FileId, Parser, SourceMap, SourceSpan};
use apollo_compiler::validation::DiagnosticList;

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It composes, but the author should know.
    Hint,
    /// The graph cannot be built.
    Error,
}

/// One text that spans point into.
#[derive(PartialEq, Eq)]
pub struct Source {
    /// The name that people see: the path as it was given.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Without the text, which would drown everything that holds a place in it.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name).finish()
    }
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

/// The texts that parsed nodes point into: translates the parser's locations into [`Span`]s.
///
/// A document that was merged from several texts keeps its nodes' locations, so that a finding about it
/// points into the text of whoever wrote that node.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: HashMap<FileId, Arc<Source>>,
}

/// How deep a document's values, types and selections may nest: far below what the stack bears.
const NESTING_MAX: usize = 128;

impl Sources {
    /// One text that was parsed already, under this id.
    pub fn of_file(file: FileId, source: &Arc<Source>) -> Self {
        Self { files: HashMap::from_iter([(file, Arc::clone(source))]) }
    }

    /// Parses a text. What could be understood comes back even when there are errors.
    pub fn parse(&mut self, source: &Arc<Source>) -> (Document, Vec<Diagnostic>) {
        let parsed = Parser::new().recursion_limit(NESTING_MAX).parse_ast(&source.text, &source.name);
        let (document, errors) = match parsed {
            Ok(document) => (document, None),
            Err(failed) => (failed.partial, Some(failed.errors)),
        };
        self.adopt(&document.sources, source);
        let mut diagnostics = errors.map_or_else(Vec::new, |errors| self.diagnostics(&errors));
        if let Some(start) = foreign_start(&source.text).filter(|_| !diagnostics.is_empty()) {
            // Each word of it would be an error.
            let message = "This is not a GraphQL schema.".to_owned();
            let end = start + source.text[start..].chars().next().map_or(0, char::len_utf8);
            let error = Diagnostic::error("INVALID_GRAPHQL", message).at(Some(Span::new(source, start, end)), "");
            diagnostics = vec![error.help("A schema consists of definitions, such as `type Query { … }`.")];
        }
        without_consequences(&mut diagnostics);
        (document, diagnostics)
    }

    /// Parses a text of type definitions and gathers them by name. Extensions of types that are defined elsewhere
    /// are accepted; nothing is validated.
    pub fn parse_schema(&mut self, source: &Arc<Source>) -> (Schema, Vec<Diagnostic>) {
        let (document, mut diagnostics) = self.parse(source);
        let built =
            Schema::builder().adopt_orphan_extensions().ignore_builtin_redefinitions().add_ast(&document).build();
        let schema = match built {
            Ok(schema) => schema,
            Err(failed) => {
                diagnostics.extend(self.diagnostics(&failed.errors));
                failed.partial
            }
        };
        (schema, diagnostics)
    }

    /// The place of a node, by its location; `None` for a node that no text was parsed for.
    pub fn span(&self, location: Option<SourceSpan>) -> Option<Span> {
        let location = location?;
        let source = self.files.get(&location.file_id())?;
        // The parser counts the white space behind a node as part of it.
        let text = source.text.get(location.offset()..location.end_offset()).unwrap_or_default();
        let end = location.offset() + text.trim_end_matches([' ', '\t', '\r', '\n', ',']).len();
        Some(Span::new(source, location.offset(), end))
    }

    /// The compiler's own findings, all of them, as ours. Code: `INVALID_GRAPHQL`.
    pub fn diagnostics(&self, errors: &DiagnosticList) -> Vec<Diagnostic> {
        errors
            .iter()
            .map(|found| {
                let span = self.span(found.error.location());
                let rest = span.as_ref().and_then(|span| span.source.text.get(span.start..)).unwrap_or_default();
                let mut message = syntax_sentence(&found.error.to_string(), rest);
                if !message.ends_with('.') {
                    message.push('.');
                }
                Diagnostic::error("INVALID_GRAPHQL", message).at(span, "")
            })
            .collect()
    }

    fn adopt(&mut self, files: &SourceMap, source: &Arc<Source>) {
        let parsed = files.keys().filter(|id| **id != FileId::BUILT_IN);
        self.files.extend(parsed.map(|id| (*id, Arc::clone(source))));
    }
}

/// One syntax error a line: what follows on it is its consequence, and so is a run of words that define nothing.
fn without_consequences(diagnostics: &mut Vec<Diagnostic>) {
    let mut line = 0;
    let mut lost = false;
    diagnostics.retain(|diagnostic| {
        let Some(label) = diagnostic.labels.first() else { return true };
        let at = label.span.line_column().0;
        let was_lost = std::mem::replace(&mut lost, diagnostic.message.starts_with("A definition, such as"));
        let same_line = std::mem::replace(&mut line, at) == at;
        !(same_line || lost && was_lost)
    });
}

/// Where a text starts that is surely no schema: JSON, markup, a list.
fn foreign_start(text: &str) -> Option<usize> {
    let start = text.len() - text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).len();
    let first = text[start..].chars().next()?;
    let definition = first.is_ascii_alphabetic() || matches!(first, '"' | '#' | ',');
    (!definition).then_some(start)
}

/// The parser's words for a syntax error, as a sentence; other messages as they are. `rest` is the text from there on.
pub(crate) fn syntax_sentence(message: &str, rest: &str) -> String {
    let Some(problem) = message.strip_prefix("syntax error: ") else { return message.to_owned() };
    let expected = match problem.strip_prefix("expected ").or_else(|| problem.strip_prefix("exptected ")) {
        Some(expected) => expected.split(", got ").next().unwrap_or(expected),
        None if problem.contains("<EOF>") => return "The file defines nothing".to_owned(),
        None if problem.contains("recursion limit") => return "This is nested too deeply".to_owned(),
        None => return problem.to_owned(),
    };
    let wanted = match expected {
        "R_CURLY" => "`}` is expected",
        "L_CURLY" => "`{` is expected",
        "R_PAREN" => "`)` is expected",
        "L_PAREN" => "`(` is expected",
        "R_BRACK" => "`]` is expected",
        "L_BRACK" => "`[` is expected",
        "COLON" => "`:` is expected",
        "EQ" => "`=` is expected",
        "@ symbol" => "`@` is expected",
        "a Type" | "a type" | "item type" | "Union Member Type" => "A type is expected",
        "a valid Value" => "A value is expected",
        "an Argument" | "an Argument Definition" => "An argument is expected",
        "Field Definition" => "A field, such as `name: String`, is expected",
        "an Input Value Definition" => "An input field, such as `name: String`, is expected",
        "Enum Value" | "Enum Value Definition" => "An enum value is expected",
        "an Interface name" => "The name of an interface is expected",
        "at least one Selection in Selection Set" => "A field is expected",
        text if text.contains("Directive Location") => "A place such as `FIELD_DEFINITION` is expected",
        text if text.contains("Selection Set") => "Fields in braces are expected",
        text if text.contains("Fields Definition") || text.contains("Values Definition") => "`{` is expected",
        text if text.contains("efinition") => "A definition, such as `type`, `enum` or `extend type`, is expected",
        text if text.to_ascii_lowercase().contains("name") => "A name is expected",
        text => return format!("Expected {text}"),
    };
    let found = rest.split(|c: char| c.is_whitespace() || c == ',').next().unwrap_or_default();
    let word = found.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(found.len());
    let end = word.max(found.chars().next().map_or(0, char::len_utf8));
    match &found[..end] {
        "" => format!("{wanted}, and the file ends"),
        found => format!("{wanted} here, not `{found}`"),
    }
}

impl Span {
    /// The place inside a string literal, `self` being the whole literal with its quotes: `start..end` are bytes of the
    /// string's *value*. Escapes and the indentation that block strings lose are accounted for. The whole literal, if it
    /// is not a string.
    #[must_use]
    pub fn inside_string(&self, start: usize, end: usize) -> Self {
        let literal = self.source.text.get(self.start..self.end).unwrap_or_default();
        let origins = if let Some(rest) = literal.strip_prefix("\"\"\"") {
            block_string_origins(&rest[..closing(rest, "\"\"\"")], 3)
        } else if let Some(rest) = literal.strip_prefix('"') {
            string_origins(&rest[..closing(rest, "\"")], 1)
        } else {
            return self.clone();
        };
        let origin = |offset: usize| self.start + origins[offset.min(origins.len() - 1)];
        Self::new(&self.source, origin(start), origin(end.max(start)))
    }
}

/// Where a string literal ends: its first closing quotes that no backslash stands before.
fn closing(rest: &str, quotes: &str) -> usize {
    let mut at = 0;
    while let Some(found) = rest[at..].find(['\\', '"']) {
        at += found;
        if rest[at..].starts_with(quotes) {
            return at;
        }
        // A backslash takes the quote, or the quotes, or the one character behind it along.
        let escaped = rest[at..].strip_prefix('\\');
        at += match escaped {
            Some(escaped) if escaped.starts_with(quotes) => 1 + quotes.len(),
            Some(escaped) if quotes.len() == 1 => 1 + escaped.chars().next().map_or(0, char::len_utf8),
            _ => 1,
        };
    }
    rest.len()
}

/// For each byte of a quoted string's value, and for its end, the offset in the literal that it came from.
fn string_origins(body: &str, base: usize) -> Vec<usize> {
    let mut origins = Vec::with_capacity(body.len() + 1);
    let mut rest = body.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let bytes = if c != '\\' {
            c.len_utf8()
        } else if rest.next().is_some_and(|(_, escape)| escape == 'u') {
            let digits: String = if rest.peek().is_some_and(|(_, c)| *c == '{') {
                rest.by_ref().skip(1).map(|(_, c)| c).take_while(|c| *c != '}').collect()
            } else {
                rest.by_ref().take(4).map(|(_, c)| c).collect()
            };
            match u32::from_str_radix(&digits, 16) {
                // Half of a surrogate pair: the two together are one character of four bytes.
                Ok(0xD800..=0xDFFF) => 2,
                code => code.ok().and_then(char::from_u32).map_or(1, char::len_utf8),
            }
        } else {
            1
        };
        origins.extend(std::iter::repeat_n(base + at, bytes));
    }
    origins.push(base + body.len());
    origins
}

/// As [`string_origins`], for a block string: common indentation and blank first and last lines are not in its value.
fn block_string_origins(body: &str, base: usize) -> Vec<usize> {
    // (offset, line without its terminator)
    let mut lines = Vec::new();
    let mut offset = 0;
    for line in body.split_inclusive('\n') {
        lines.push((offset, line.trim_end_matches(['\n', '\r'])));
        offset += line.len();
    }
    let is_blank = |line: &str| line.bytes().all(|b| matches!(b, b' ' | b'\t'));
    let indent_of = |line: &str| line.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let indent =
        lines.iter().skip(1).filter(|(_, line)| !is_blank(line)).map(|(_, line)| indent_of(line)).min().unwrap_or(0);
    let first = lines.iter().position(|(_, line)| !is_blank(line)).unwrap_or(lines.len());
    let last = lines.iter().rposition(|(_, line)| !is_blank(line)).map_or(first, |last| last + 1);

    let mut origins = Vec::with_capacity(body.len() + 1);
    let mut end = base;
    for (index, (offset, line)) in lines.iter().enumerate().take(last).skip(first) {
        if index > first {
            origins.push(end);
        }
        let removed = if index == 0 { 0 } else { indent.min(line.len()) };
        let mut at = removed;
        while at < line.len() {
            origins.push(base + offset + at);
            // `\"""` stands for three quotes.
            at += if line.as_bytes()[at..].starts_with(b"\\\"\"\"") {
                origins.extend([base + offset + at; 2]);
                4
            } else {
                1
            };
        }
        end = base + offset + line.len();
    }
    origins.push(end);
    origins
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
    let marked = span.source.text.get(span.start..span.end).unwrap_or_default();
    let width = marked.lines().next().map_or(1, |l| l.chars().count().max(1));
    let room = text.chars().count().saturating_sub(column - 1).max(1);
    // A tab stays a tab, so that the carets stand below what they point at.
    let pad: String = text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    write!(f, "\n  {line:>4} | {text}\n       | {pad}{}", "^".repeat(width.min(room)))?;
    if !label.text.is_empty() {
        write!(f, " {}", label.text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use apollo_compiler::ast::{Definition, Value};

    use super::*;

    /// Where a string's bytes are told to come from is where they stand in the text.
    #[test]
    fn places_inside_strings() {
        let text = r#"
            type A @x(a: "one two") @x(a: "é\"\u00e9\n three") @x(a: "\u{1F600} four")
              @x(a: """
                five
                  six \""" seven

                eight
              """ # a remark "in quotes"
              ) @x(a: """  nine """   ) @x(a: "ten \\\\")
        "#;
        let source = Arc::new(Source { name: "a.graphql".to_owned(), text: text.to_owned() });
        let mut sources = Sources::default();
        let (document, diagnostics) = sources.parse(&source);
        assert_eq!(diagnostics, []);
        let Definition::ObjectTypeDefinition(ty) = &document.definitions[0] else { panic!() };
        let mut found = Vec::new();
        for directive in &ty.directives.0 {
            let argument = directive.specified_argument_by_name("a").unwrap();
            let Value::String(value) = &**argument else { panic!() };
            let literal = sources.span(argument.location()).unwrap();
            for word in value.split(|c: char| !c.is_ascii_lowercase()).filter(|w| w.len() > 2) {
                let at = value.find(word).unwrap();
                let place = literal.inside_string(at, at + word.len());
                assert_eq!(&text[place.start..place.end], word);
                found.push(word.to_owned());
            }
            let end = literal.inside_string(value.len(), value.len());
            assert!(text[end.start..].starts_with('"') || text[end.start..].starts_with('\n'), "{end:?}");
        }
        assert_eq!(found, ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]);
    }

    /// Every finding of the parser is told, each at its own line, and hostile nesting is one of them.
    #[test]
    fn syntax_errors_have_places() {
        let check = |text: &str| {
            let source = Arc::new(Source { name: "b.graphql".to_owned(), text: text.to_owned() });
            let (_, diagnostics) = Sources::default().parse_schema(&source);
            diagnostics.iter().map(|d| d.labels[0].span.line_column().0).collect::<Vec<_>>()
        };
        assert_eq!(check("type A {\n  a: \n}\ntype B {\n  b String\n}\n"), [3, 5, 6]);
        assert_eq!(check("type A { a: Int }\ntype A { b: Int }\ntype A { b: Int }"), [2, 3]);
        for (open, close) in [("[", "]"), ("{a: ", "}")] {
            let text = format!("type A @x(a: {}1{}) {{ a: Int }}", open.repeat(100_000), close.repeat(100_000));
            assert!(!check(&text).is_empty());
        }
        let text = format!("type A {{ a: {}Int{} }}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(!check(&text).is_empty());
    }
}
