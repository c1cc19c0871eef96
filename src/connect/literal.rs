//! Places inside the string literals of an author's file.
//!
//! In: where a string value stands in a GraphQL document, and an offset in its *value*. Out: the span in the
//! document's text, behind escapes and the indentation that block strings lose.
//! Source: GraphQL specification, "String Value", BlockStringValue().

use std::ops::Range;
use std::sync::Arc;

use apollo_compiler::Node;
use apollo_compiler::parser::SourceSpan;

use crate::diagnostic::{Source, Span};

/// A string (or a part of one) as it stands in a document.
#[derive(Clone, Debug)]
pub struct Literal {
    source: Arc<Source>,
    /// The literal's bytes in the document, quotes included.
    range: Range<usize>,
    /// Where the part begins in the string's value.
    base: usize,
}

impl Literal {
    /// The literal of a string value, when `source` is the document that the value was parsed from.
    /// `None` where the value has no place in it.
    pub fn of<T>(value: &Node<T>, source: &Arc<Source>) -> Option<Self> {
        let range = trimmed(value.location()?, source)?;
        Some(Self { source: Arc::clone(source), range, base: 0 })
    }

    /// The part of the same string that begins at this offset of its value.
    pub fn part(&self, offset: usize) -> Self {
        Self { base: self.base + offset, ..self.clone() }
    }

    /// The whole literal.
    pub fn whole(&self) -> Span {
        Span::new(&self.source, self.range.start, self.range.end)
    }

    /// The place of a range of the value's bytes. Falls back to the whole literal.
    pub fn span(&self, range: Range<usize>) -> Span {
        let raw = &self.source.text[self.range.clone()];
        let Some(map) = value_offsets(raw) else { return self.whole() };
        let at = |offset: usize| map.get((self.base + offset).min(map.len() - 1)).copied();
        match (at(range.start), at(range.end)) {
            (Some(start), Some(end)) => {
                let start = self.range.start + start;
                // An escape may lie behind the last byte; a range is never empty on screen, which `Display` sees to.
                Span::new(&self.source, start, (self.range.start + end).max(start))
            }
            _ => self.whole(),
        }
    }
}

/// The span of a node in the document that it was parsed from.
pub(super) fn span_of<T>(node: &Node<T>, source: &Arc<Source>) -> Option<Span> {
    let range = trimmed(node.location()?, source)?;
    Some(Span::new(source, range.start, range.end))
}

/// The node's bytes without the white space around them, if they lie in the source at all.
pub(super) fn trimmed(location: SourceSpan, source: &Arc<Source>) -> Option<Range<usize>> {
    let (start, end) = (location.offset(), location.end_offset());
    let text = source.text.get(start..end)?;
    let end = start + text.trim_end().len();
    let start = end - text.trim().len();
    Some(start..end)
}

/// For each byte of the string's value, and for its end, the offset in the raw literal.
/// `None` when the text is no string literal.
fn value_offsets(raw: &str) -> Option<Vec<usize>> {
    match raw.strip_prefix("\"\"\"") {
        Some(rest) => Some(block_offsets(rest.strip_suffix("\"\"\"")?, 3)),
        None => quoted_offsets(raw.strip_prefix('"')?.strip_suffix('"')?),
    }
}

/// `inner` begins at byte 1 of the literal.
fn quoted_offsets(inner: &str) -> Option<Vec<usize>> {
    let mut map = Vec::with_capacity(inner.len() + 1);
    let mut chars = inner.char_indices().peekable();
    let code_at = |index: usize| -> Option<(usize, u32)> {
        // `\u{…}` or `\uXXXX`: (length in the literal, code point), surrogate pairs left to the caller.
        let rest = inner.get(index + 2..)?;
        if let Some(braced) = rest.strip_prefix('{') {
            let len = braced.find('}')?;
            return Some((2 + len + 2, u32::from_str_radix(&braced[..len], 16).ok()?));
        }
        Some((6, u32::from_str_radix(rest.get(..4)?, 16).ok()?))
    };
    while let Some((index, character)) = chars.next() {
        if character != '\\' {
            map.extend((0..character.len_utf8()).map(|byte| index + byte + 1));
            continue;
        }
        let (len, bytes) = match chars.peek()?.1 {
            'u' => {
                let (mut len, mut code) = code_at(index)?;
                if (0xD800..0xDC00).contains(&code) {
                    let (low_len, low) = code_at(index + len)?;
                    len += low_len;
                    code = 0x10000 + ((code - 0xD800) << 10) + low.checked_sub(0xDC00)?;
                }
                (len, char::from_u32(code)?.len_utf8())
            }
            _ => (2, 1),
        };
        map.extend(std::iter::repeat_n(index + 1, bytes));
        while chars.peek().is_some_and(|(next, _)| *next < index + len) {
            chars.next();
        }
    }
    map.push(inner.len() + 1);
    Some(map)
}

/// `inner` begins at byte `start` of the literal.
fn block_offsets(inner: &str, start: usize) -> Vec<usize> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut line_start = 0;
    let mut bytes = inner.bytes().enumerate().peekable();
    while let Some((index, byte)) = bytes.next() {
        if byte == b'\n' || byte == b'\r' {
            lines.push(line_start..index);
            if byte == b'\r' && bytes.peek().is_some_and(|(_, next)| *next == b'\n') {
                bytes.next();
                line_start = index + 2;
            } else {
                line_start = index + 1;
            }
        }
    }
    lines.push(line_start..inner.len());
    let indent_of = |line: &Range<usize>| {
        let text = &inner[line.clone()];
        text.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
    };
    let is_blank = |line: &Range<usize>| indent_of(line) == line.len();
    let common = lines.iter().skip(1).filter(|line| !is_blank(line)).map(&indent_of).min().unwrap_or(0);
    for line in lines.iter_mut().skip(1) {
        line.start = (line.start + common).min(line.end);
    }
    let first = lines.iter().position(|line| !is_blank(line)).unwrap_or(lines.len());
    let last = lines.iter().rposition(|line| !is_blank(line)).map_or(first, |last| last + 1);
    let mut map = Vec::with_capacity(inner.len() + 1);
    let kept = &lines[first.min(lines.len())..last];
    for (number, line) in kept.iter().enumerate() {
        if number > 0 {
            map.push(start + kept[number - 1].end);
        }
        let mut index = line.start;
        while index < line.end {
            if inner.as_bytes()[index..].starts_with(b"\\\"\"\"") {
                // The backslash is no part of the value.
                map.extend((1..4).map(|byte| start + index + byte));
                index += 4;
            } else {
                map.push(start + index);
                index += 1;
            }
        }
    }
    map.push(start + kept.last().map_or(inner.len(), |line| line.end));
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The literal as the value of a directive argument, parsed by the real parser, and the text that the range of the
    /// value's needle points at.
    fn pointed_at(literal: &str, needle: &str) -> String {
        let text = format!("directive @d(a: String) on OBJECT\ntype T @d(a: {literal} ) {{ a: Int }}");
        let document = apollo_compiler::ast::Document::parse(&text, "x.graphql").unwrap();
        let source = Arc::new(Source { name: "x.graphql".into(), text });
        let value = document
            .definitions
            .iter()
            .find_map(|definition| definition.directives().get("d").map(|d| d.arguments[0].value.clone()))
            .unwrap();
        let start = value.as_str().unwrap().find(needle).unwrap();
        let span = Literal::of(&value, &source).unwrap().span(start..start + needle.len());
        source.text[span.start..span.end].to_owned()
    }

    #[test]
    fn a_place_is_found_behind_escapes_and_indentation() {
        assert_eq!(pointed_at(r#""id titel""#, "titel"), "titel");
        assert_eq!(pointed_at(r#""\"a b\" \u00e9\u{1F600}\uD83D\uDE00\n titel é x""#, "titel"), "titel");
        assert_eq!(pointed_at(r#""\n\té titel""#, "titel"), "titel");
        assert_eq!(
            pointed_at("\"\"\"\n      id\n        owner {\n          titel\n      }\n  \"\"\"", "titel"),
            "titel"
        );
        assert_eq!(pointed_at("\"\"\"first\r\n      é\r\n\r\n      titel \\\"\"\" x\n  \"\"\"", "titel"), "titel");
        assert_eq!(pointed_at("\"\"\"a \\\"\"\" titel\"\"\"", "titel"), "titel");
        assert_eq!(pointed_at("\"\"\"\n\n   \n  a titel\n\n\"\"\"", "a titel"), "a titel");
    }

    #[test]
    fn any_text_is_mapped_without_panic() {
        for raw in [
            "",
            "\"",
            "\"\"",
            "\"\\\"",
            "\"\\u12\"",
            "\"\\uD800\"",
            "\"\"\"\"\"\"",
            "\"\"\"\\\"\"\"\"\"\"",
            "id",
            "\"\\u{}\"",
            "\"\\u{é}\"",
        ] {
            if let Some(map) = value_offsets(raw) {
                assert!(map.iter().all(|offset| *offset <= raw.len()), "{raw}");
            }
        }
    }
}
