//! Texts with `{expressions}` in them: URLs and the values of headers.
//!
//! In: the text. Out: [`Template`], its parts with parsed mappings. What a value may do to a URL is decided in
//! [`request`](mod@super::request).

use super::Literal;
use super::mapping::{Mapping, MappingError};

/// A text with `{expressions}` in it.
#[derive(Debug)]
pub struct Template {
    /// Its parts in order.
    pub parts: Vec<TemplatePart>,
}

/// A part of a template.
#[derive(Debug)]
pub enum TemplatePart {
    /// As it stands.
    Text(String),
    /// `{expression}`: its value in text, percent-encoded in URLs.
    Expression(Mapping),
}

impl Template {
    /// Parses a template; `place` is where it was written.
    pub fn parse(text: &str, place: Option<&Literal>) -> Result<Self, MappingError> {
        let mut parts = Vec::new();
        let mut start = 0;
        while let Some(open) = text[start..].find(['{', '}']).map(|index| start + index) {
            if text[open..].starts_with('}') {
                return Err(MappingError::new(open, "This `}` closes nothing.").with_help("Write `%7D` for a brace."));
            }
            if open > start {
                parts.push(TemplatePart::Text(text[start..open].to_owned()));
            }
            let close = closing(text, open + 1).ok_or_else(|| {
                MappingError::new(open, "This `{` is never closed.").with_help("Write `%7B` for a brace.")
            })?;
            let inner = &text[open + 1..close];
            if inner.trim().is_empty() {
                return Err(MappingError::new(open, "There is no expression between these braces.")
                    .with_help("Write the value to put here: `{$args.id}`."));
            }
            let mapping =
                Mapping::parse(inner).map_err(|error| MappingError { offset: error.offset + open + 1, ..error })?;
            parts.push(TemplatePart::Expression(mapping.at(place.map(|place| place.part(open + 1)))));
            start = close + 1;
        }
        if start < text.len() {
            parts.push(TemplatePart::Text(text[start..].to_owned()));
        }
        Ok(Self { parts })
    }

    /// The expressions in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Mapping> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Expression(mapping) => Some(mapping),
            TemplatePart::Text(_) => None,
        })
    }
}

/// The brace that closes an expression: braces nest, and those in quotes do not count.
fn closing(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut bytes = text.bytes().enumerate().skip(start);
    while let Some((index, byte)) = bytes.next() {
        match (quote, byte) {
            (Some(_), b'\\') => {
                bytes.next();
            }
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'{') => depth += 1,
            (None, b'}') if depth == 0 => return Some(index),
            (None, b'}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<String> {
        let template = Template::parse(text, None).unwrap();
        let show = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::Expression(mapping) => format!("<{}>", mapping.text),
        };
        template.parts.iter().map(show).collect()
    }

    #[test]
    fn expressions_are_found_between_texts() {
        assert_eq!(parts("/a/{$args.id}/b?x={$args.x}"), ["/a/", "<$args.id>", "/b?x=", "<$args.x>"]);
        assert_eq!(
            parts("{$args.a->match(['}', 1], [@, $({'x': \"{\"})->size])}"),
            ["<$args.a->match(['}', 1], [@, $({'x': \"{\"})->size])>"]
        );
        assert!(parts("").is_empty());
    }

    #[test]
    fn errors_have_their_place_in_the_whole_text() {
        let cases = [("/a/{$args.", 3), ("/a}", 2), ("/{ }", 1), ("/é/{$arg.id}", 5)];
        for (text, offset) in cases {
            assert_eq!(Template::parse(text, None).unwrap_err().offset, offset, "{text}");
        }
    }
}
