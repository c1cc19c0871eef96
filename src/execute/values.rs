//! Answers as values, for mappings that compute.
//!
//! In: the bytes of an answer. Out: a [`Value`], whatever stands in its strings and numbers: what a value cannot hold
//! (a text that is none, a number beyond the doubles) is a mark in it, which goes through a mapping as any text does and becomes
//! a text that is none again when it is [written](Parsed::write). So it spoils what was made of it, and nothing else.
//! Deliberately absent: the order of an object's members, and digits beyond those of a double.

use serde_json::Value;

use super::json::{self, Fault, Reader};
use crate::connect::Pick;
use crate::connect::mapping::PickField;

/// Stands in a value for what it cannot hold: a noncharacter, which Unicode reserves for such uses.
const MARK: &str = "\u{ffff}";

/// What a mark is written as: half a surrogate pair.
const NO_TEXT: &[u8] = b"\\ud800";

/// A value that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) value: Value,
    /// It may hold marks.
    pub(crate) has_marks: bool,
}

/// Reads one JSON text.
pub(crate) fn parse(text: &[u8]) -> Result<Parsed, Fault> {
    if let Ok(value) = serde_json::from_slice(text) {
        return Ok(Parsed { value, has_marks: false });
    }
    let mut reader = Reader::new(text);
    let whole = reader.skip()?;
    reader.finish()?;
    let marked = json::repaired(&mark_numbers(&text[whole.range]), MARK);
    // Now it is as the parser has it, but perhaps for its bound on depth.
    let value = serde_json::from_slice(&marked).map_err(|_| Fault::Depth)?;
    Ok(Parsed { value, has_marks: true })
}

/// The text with marks for numbers that no double holds.
fn mark_numbers(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut done = 0;
    for number in json::numbers(text).into_iter().filter(|number| !json::is_finite(&text[number.clone()])) {
        out.extend_from_slice(&text[done..number.start]);
        json::write_string(MARK, &mut out);
        done = number.end;
    }
    out.extend_from_slice(&text[done..]);
    out
}

impl Parsed {
    /// A part of what a mapping made of it.
    pub(crate) fn with(&self, value: Value) -> Parsed {
        Parsed { value, has_marks: self.has_marks }
    }

    /// Appends it as JSON.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        // Writing to memory cannot fail.
        drop(serde_json::to_writer(&mut *out, &self.value));
        if self.has_marks {
            let text = out.split_off(start);
            replace(&text, MARK.as_bytes(), NO_TEXT, out);
        }
    }
}

/// A text for people, with U+FFFD for marks.
pub(crate) fn for_people(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    replace(text, MARK.as_bytes(), "\u{fffd}".as_bytes(), &mut out);
    out
}

/// Appends a text with every `from` in it replaced.
fn replace(text: &[u8], from: &[u8], to: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
}

/// What a pick gives of a value that does not stand as the pick would have it: lists on the way are gone through.
/// The recursion is bounded by the depth of the value, which its parser limits.
pub(crate) fn pick(pick: &Pick, value: &Value) -> Option<Value> {
    walk(&pick.path, pick, value)
}

fn walk(path: &[String], pick: &Pick, value: &Value) -> Option<Value> {
    match (path.split_first(), value) {
        (None, value) => select(pick, value),
        (Some((key, rest)), Value::Object(members)) => walk(rest, pick, members.get(key)?),
        (Some(_), Value::Array(items)) => {
            Some(items.iter().map(|item| walk(path, pick, item).unwrap_or(Value::Null)).collect())
        }
        _ => None,
    }
}

fn select(picked: &Pick, value: &Value) -> Option<Value> {
    match (&picked.fields, value) {
        (None, value) => Some(value.clone()),
        (Some(_), Value::Null) => Some(Value::Null),
        (Some(_), Value::Array(items)) => {
            Some(items.iter().map(|item| select(picked, item).unwrap_or(Value::Null)).collect())
        }
        (Some(fields), Value::Object(_)) => {
            let member = |field: &PickField| Some((field.name.clone(), pick(&field.pick, value)?));
            Some(Value::Object(fields.iter().filter_map(member).collect()))
        }
        (Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(parsed: &Parsed) -> String {
        let mut out = Vec::new();
        parsed.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_value_cannot_hold_is_marked_and_comes_out_as_no_text() {
        for (text, written_text) in [
            (&b" {\"a\":[1,\"\\u00e9\"]} "[..], r#"{"a":[1,"é"]}"#),
            (b"\xef\xbb\xbf{\"a\":1}", r#"{"a":1}"#),
            (b"{\"a\":\"x\\ud800y\",\"b\":1}", r#"{"a":"x\ud800y","b":1}"#),
            (b"{\"a\":\"\xff\",\"\\udc00\":[-1e999,\"1e999\",2]}", r#"{"a":"\ud800","\ud800":["\ud800","1e999",2]}"#),
            (b"{\"a\":1,\"a\":2}", r#"{"a":2}"#),
        ] {
            assert_eq!(written(&parse(text).unwrap()), written_text);
        }
        for (text, fault) in [
            (&b"<html>"[..], Fault::Syntax),
            (b"{\"a\":1", Fault::Truncated),
            (b"{\"a\":\"\\ud800\"} x", Fault::Syntax),
            ("[".repeat(100_000).as_bytes(), Fault::Depth),
        ] {
            assert_eq!(parse(text), Err(fault));
        }
        // A noncharacter of the service's own is a text as any other.
        assert_eq!(written(&parse("\"\u{ffff}\"".as_bytes()).unwrap()), "\"\u{ffff}\"");
        let parsed = parse(b"[\"\\ud800\"]").unwrap();
        assert_eq!(written(&parsed.with(json!({"joined": "\u{ffff}, b"}))), r#"{"joined":"\ud800, b"}"#);
    }
}
