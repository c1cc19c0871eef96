//! A place in a mapping's text, and the tokens that can stand there.

use std::ops::Range;

use serde_json::Number;

use super::MappingError;

/// Reads a text from left to right.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    /// The next byte to read; always on a character's boundary.
    pub(super) offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    /// Skips spaces and comments.
    pub(super) fn skip(&mut self) {
        loop {
            let rest = self.rest();
            self.offset += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']).len();
            if !self.rest().starts_with('#') {
                return;
            }
            self.offset += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    /// The next character after spaces and comments.
    pub(super) fn peek(&mut self) -> Option<char> {
        self.skip();
        self.rest().chars().next()
    }

    /// Whether the text goes on with this token, after spaces and comments.
    pub(super) fn sees(&mut self, token: &str) -> bool {
        self.skip();
        self.rest().starts_with(token)
    }

    /// Reads this token if the text goes on with it.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let seen = self.sees(token);
        if seen {
            self.offset += token.len();
        }
        seen
    }

    /// Reads an identifier, if one stands exactly here (no space before it).
    pub(super) fn identifier(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        self.offset += len;
        Some(&rest[..len])
    }

    /// Reads a quoted string; the next character is its quote.
    pub(super) fn string(&mut self) -> Result<String, MappingError> {
        let start = self.offset;
        let mut chars = self.rest().char_indices();
        let quote = chars.next().map_or('"', |(_, quote)| quote);
        let mut value = String::new();
        while let Some((index, character)) = chars.next() {
            match character {
                _ if character == quote => {
                    self.offset = start + index + 1;
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, 'b')) => value.push('\u{8}'),
                    Some((_, 'f')) => value.push('\u{c}'),
                    Some((at, 'u')) => {
                        let code = self.rest().get(at + 1..at + 5).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                        let Some(decoded) = code.and_then(char::from_u32) else {
                            return Err(MappingError::new(
                                start + index,
                                "`\\u` needs the four digits of a character.",
                            )
                            .with_help("Write the character itself."));
                        };
                        value.push(decoded);
                        chars.nth(3);
                    }
                    Some((_, other)) => value.push(other),
                    None => break,
                },
                _ => value.push(character),
            }
        }
        Err(MappingError::new(start, format!("This text has no closing `{quote}`.")))
    }

    /// Reads a number; the next character is its sign, a digit or a dot.
    pub(super) fn number(&mut self) -> Result<Number, MappingError> {
        let start = self.offset;
        let rest = self.rest();
        let len = rest.len()
            - rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E')).len();
        // `1->add` is a number and an arrow.
        let text = rest[..len].trim_end_matches('-');
        self.offset += text.len();
        let normal = match text.strip_prefix('-') {
            Some(positive) if positive.starts_with('.') => format!("-0{positive}"),
            _ if text.starts_with('.') => format!("0{text}"),
            _ => text.to_owned(),
        };
        let number = if normal.contains(['.', 'e', 'E']) {
            normal.parse::<f64>().ok().and_then(Number::from_f64)
        } else {
            normal.parse::<i64>().map(Number::from).or_else(|_| normal.parse::<u64>().map(Number::from)).ok()
        };
        number.ok_or_else(|| MappingError::new(start, format!("`{text}` is no number.")))
    }

    /// What stands here, for a message: `` `x` `` or `the end`.
    pub(super) fn found(&mut self) -> String {
        self.skip();
        let mut word = *self;
        match (word.identifier(), self.rest().chars().next()) {
            (Some(word), _) => format!("`{word}`"),
            (None, Some(character)) => format!("`{character}`"),
            (None, None) => "the end".to_owned(),
        }
    }

    pub(super) fn since(&self, start: usize) -> Range<usize> {
        start..self.offset
    }
}
