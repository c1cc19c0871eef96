//! The errors that GraphQL services report in their answers.
//!
//! In: the text of `errors`. Out: [`ServiceError`]s, read as far as they can be, within bounds; and [`Note`]s, which keep an error
//! with the entry that it belongs to. Deliberately absent: where an error is told to a client.
//! Source: GraphQL specification, "Errors".

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use weft_loaders::LoadError;

use super::graphql::invalid;
use super::json::{self, Reader};

/// Errors that are read of one answer.
const ERRORS_MAX: usize = 1_000;

/// Bytes of a service's message that are passed on, and of its extensions: one error can be told at a hundred places.
const MESSAGE_BYTES_MAX: usize = 2_000;
const EXTENSIONS_BYTES_MAX: usize = 8_000;

/// The elements of `errors`, which stands at that range of a body; null counts as none. What is no list counts as one
/// error, so that the data beside it stays.
pub(crate) fn read(body: &Bytes, errors: Range<usize>) -> Result<Vec<Bytes>, LoadError> {
    let errors = body.slice(errors);
    if errors[..] == b"null"[..] {
        return Ok(Vec::new());
    }
    let elements = json::elements(&errors).map_err(invalid)?;
    let Some(elements) = elements else { return Ok(vec![errors]) };
    Ok(elements.into_iter().take(ERRORS_MAX).map(|range| errors.slice(range)).collect())
}

/// What comes with an entry beside its data: a service's error, and how much of its path leads to the entry.
pub(crate) struct Note;

impl Note {
    fn with(kind: u8, raw: &[u8]) -> Bytes {
        [&[kind], raw].concat().into()
    }

    pub(crate) fn below_entity(raw: &[u8]) -> Bytes {
        Self::with(b'2', raw)
    }

    pub(crate) fn below_entity_itself(raw: &[u8]) -> Bytes {
        Self::with(b'*', raw)
    }

    pub(crate) fn of_root(raw: &[u8]) -> Bytes {
        Self::with(b'0', raw)
    }

    pub(crate) fn unplaced(raw: &[u8]) -> Bytes {
        Self::with(b'?', raw)
    }

    pub(crate) fn nothing() -> Bytes {
        Bytes::from_static(b"-")
    }

    /// The error, and its path from the entry on; `None` where no place is known. No error: nothing to tell.
    pub(crate) fn read(note: &Bytes) -> Option<(ServiceError, Option<Vec<PathSegment>>)> {
        let kind = note.first()?;
        let mut error = ServiceError::read(&note.slice(1..));
        let path = std::mem::take(&mut error.path);
        let path = match kind {
            b'-' => return None,
            b'0' => Some(path),
            b'2' => Some(path.into_iter().skip(2).collect()),
            b'*' => Some(Vec::new()),
            _ => None,
        };
        Some((error, path))
    }
}

/// An error that a service reported.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServiceError {
    /// A JSON string.
    pub(crate) message: Bytes,
    /// As the service sees it.
    pub(crate) path: Vec<PathSegment>,
    /// A JSON object.
    pub(crate) extensions: Option<Bytes>,
}

/// One step of a service's path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathSegment {
    /// A list's index.
    Index(u64),
    /// A response key.
    Key(String),
}

impl PathSegment {
    fn read(value: Value) -> Option<PathSegment> {
        match value {
            Value::String(key) => Some(Self::Key(key)),
            Value::Number(index) => index.as_u64().map(Self::Index),
            _ => None,
        }
    }

    /// As a list's index; some services write these as strings.
    pub(crate) fn index(&self) -> Option<u64> {
        match self {
            Self::Index(index) => Some(*index),
            Self::Key(key) => key.parse().ok(),
        }
    }
}

#[derive(Deserialize)]
struct RawError<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    path: Option<&'a RawValue>,
    #[serde(borrow)]
    extensions: Option<&'a RawValue>,
}

impl ServiceError {
    /// Reads what can be read of an error; `raw` is one valid JSON value. In words for people, U+FFFD stands for what is no text.
    pub(crate) fn read(raw: &Bytes) -> ServiceError {
        let is_text = Reader::new(raw).skip().is_ok_and(|token| token.is_text);
        let raw = &if is_text { raw.clone() } else { json::repaired(raw, "\u{fffd}").into() };
        let error: RawError<'_> =
            serde_json::from_slice(raw).unwrap_or(RawError { message: None, path: None, extensions: None });
        let message = error.message.map(RawValue::get).filter(|message| message.starts_with('"'));
        let message = match message {
            Some(message) if message.len() > MESSAGE_BYTES_MAX => shortened(message),
            Some(message) => raw.slice_ref(message.as_bytes()),
            None => Bytes::from_static(b"\"an error without a message\""),
        };
        let path: Vec<Value> = error.path.and_then(|path| serde_json::from_str(path.get()).ok()).unwrap_or_default();
        // Up to what cannot be read, it says at least near what it was.
        let path = path.into_iter().map_while(PathSegment::read).collect();
        ServiceError { message, path, extensions: error.extensions.and_then(|raw| extensions(raw.get())) }
    }
}

fn shortened(message: &str) -> Bytes {
    let text: String = serde_json::from_str(message).unwrap_or_default();
    let mut out = Vec::with_capacity(MESSAGE_BYTES_MAX + 16);
    json::write_string(&format!("{}…", &text[..text.floor_char_boundary(MESSAGE_BYTES_MAX)]), &mut out);
    out.into()
}

/// A service's extensions without what some servers put there for their own developers: stack traces.
fn extensions(raw: &str) -> Option<Bytes> {
    if !raw.starts_with('{') {
        return None;
    }
    let mut members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(raw).ok()?;
    members.shift_remove("stacktrace");
    members.shift_remove("exception");
    if members.is_empty() {
        return None;
    }
    serde_json::to_vec(&members).ok().filter(|text| text.len() <= EXTENSIONS_BYTES_MAX).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_as_far_as_they_can_be() {
        let read = |text: &str| ServiceError::read(&Bytes::from(text.to_owned()));
        let long = read(&format!(r#"{{"message":"{}"}}"#, "\\u00e9".repeat(5_000)));
        let message: String = serde_json::from_slice(&long.message).unwrap();
        assert!(message.len() <= MESSAGE_BYTES_MAX + 3 && message.ends_with("é…"), "{message}");
        let full =
            read(r#"{"message":"a\"b","path":["x",1],"extensions":{"code":"C","exception":{"s":1},"stacktrace":[]}}"#);
        assert_eq!(full.message, r#""a\"b""#);
        assert_eq!(full.path, [PathSegment::Key("x".into()), PathSegment::Index(1)]);
        assert_eq!(full.extensions.unwrap(), r#"{"code":"C"}"#);
        let odd = read(r#"{"path":["x","1",2.5,"y"]}"#);
        assert_eq!(odd.path, [PathSegment::Key("x".into()), PathSegment::Key("1".into())]);
        for text in ["7", "{}", r#"{"message":7}"#, r#"{"message":"a","message":"b"}"#, r#"{"path":[-1]}"#] {
            let error = read(text);
            assert_eq!(error.message, r#""an error without a message""#, "{text}");
            assert_eq!(error.path, [], "{text}");
        }
        let spoilt = read(r#"{"message":"a\ud800","path":["x"],"extensions":{"code":"\udc00"}}"#);
        assert_eq!(spoilt.message, "\"a\u{fffd}\"");
        assert_eq!(spoilt.path, [PathSegment::Key("x".into())]);
        assert_eq!(spoilt.extensions.unwrap(), "{\"code\":\"\u{fffd}\"}");
        assert_eq!(read(&format!(r#"{{"extensions":{{"x":"{}"}}}}"#, "x".repeat(10_000))).extensions, None);
    }
}
