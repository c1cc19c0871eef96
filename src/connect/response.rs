//! An HTTP answer → a value of the shape that the schema declares, or the service's error.
//!
//! Deliberately absent: what a 404 means (that depends on what was asked for), null propagation, the schema.

use std::cell::OnceCell;

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::mapping::{Environment, Problem};
use super::{Connector, Inputs, Mapping, Pick};

/// A successful answer.
#[derive(Debug)]
pub enum Answer<'c> {
    /// The mapping only picks and renames: read the body along this. The body is not empty, and not parsed yet; one
    /// that is no JSON is [`ConnectError::Invalid`].
    Pick(&'c Pick),
    /// The mapped value. Nothing at all is null.
    Value {
        /// What the mapping gave.
        value: Value,
        /// What was missing on the way, for whoever debugs a mapping.
        problems: Vec<Problem>,
    },
}

/// Why an answer gives no value. Its message holds nothing but what the fragment's author mapped.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConnectError {
    /// The service says that it failed: by its status, or by `isSuccess`.
    #[error("{}", .message.as_deref().unwrap_or("the service answered with an error"))]
    Failure {
        /// The status. A 404 can mean that there is no such thing, which only the caller can tell.
        status: StatusCode,
        /// `errors.message`, where it is mapped and gave a text.
        message: Option<String>,
        /// `errors.extensions`, where they are mapped and gave an object.
        extensions: Option<Map<String, Value>>,
    },
    /// An answer that cannot be understood.
    #[error("{0}")]
    Invalid(&'static str),
}

impl ConnectError {
    /// The code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Failure { status, .. } if status.is_success() => "DOWNSTREAM_ERROR",
            // The service spoke for itself: its message is worth more than its status.
            Self::Failure { message: Some(_), .. } | Self::Failure { extensions: Some(_), .. } => "DOWNSTREAM_ERROR",
            Self::Failure { .. } => "DOWNSTREAM_STATUS",
            Self::Invalid(_) => "DOWNSTREAM_INVALID_RESPONSE",
        }
    }

    /// Whether the service answered 404, which can mean that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Failure { status: StatusCode::NOT_FOUND, .. })
    }
}

/// What an answer means. `parse` reads a body that a mapping computes with; `None`: it is no JSON.
pub fn response<'c>(
    connector: &'c Connector,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    inputs: &Inputs<'_>,
    parse: &dyn Fn(&[u8]) -> Option<Value>,
) -> Result<Answer<'c>, ConnectError> {
    let source = &connector.source;
    let reader = Reader {
        environment: Environment {
            args: inputs.args,
            config: inputs.config,
            request_headers: inputs.headers,
            response_headers: Some(headers),
            status: Some(status.as_u16()),
        },
        content: Content::of(headers, body),
        body,
        parse,
        parsed: OnceCell::new(),
    };
    let is_success = match connector.is_success.as_ref().or(source.is_success.as_ref()) {
        None => status.is_success(),
        // An answer that is no JSON cannot meet a condition on its body.
        Some(mapping) => reader.evaluate(mapping).is_ok_and(|(value, _)| value == Value::Bool(true)),
    };
    if !is_success {
        let mapped = |own: &Option<Mapping>, shared: &Option<Mapping>| {
            let mapping = own.as_ref().or(shared.as_ref());
            mapping.and_then(|mapping| reader.evaluate(mapping).ok()).map(|(value, _)| value)
        };
        let message = match mapped(&connector.error_message, &source.error_message) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => Some(scalar.to_string()),
            _ => None,
        };
        let extensions = match mapped(&connector.error_extensions, &source.error_extensions) {
            Some(Value::Object(fields)) if !fields.is_empty() => Some(fields),
            _ => None,
        };
        return Err(ConnectError::Failure { status, message, extensions });
    }
    match (connector.selection.as_pick(), reader.content) {
        (Some(pick), Content::Json) => Ok(Answer::Pick(pick)),
        (Some(_), Content::Empty) => Ok(Answer::Value { value: Value::Null, problems: Vec::new() }),
        _ => {
            let (value, problems) = reader.evaluate(&connector.selection)?;
            Ok(Answer::Value { value, problems })
        }
    }
}

struct Reader<'a> {
    environment: Environment<'a>,
    content: Content,
    body: &'a [u8],
    parse: &'a dyn Fn(&[u8]) -> Option<Value>,
    /// Several mappings can read one body.
    parsed: OnceCell<Result<Value, ConnectError>>,
}

/// What a body says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Empty,
    Json,
    Other,
}

impl Content {
    fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        if body.trim_ascii().is_empty() {
            return Self::Empty;
        }
        let Some(kind) = headers.get(http::header::CONTENT_TYPE) else { return Self::Json };
        let kind = kind.as_bytes();
        let kind = kind.split(|b| *b == b';').next().unwrap_or(kind).trim_ascii().to_ascii_lowercase();
        let is_json = kind.ends_with(b"/json") || kind.ends_with(b"+json");
        if is_json { Self::Json } else { Self::Other }
    }
}

impl Reader<'_> {
    /// A mapping's value of the body; one that does not read the body needs none.
    fn evaluate(&self, mapping: &Mapping) -> Result<(Value, Vec<Problem>), ConnectError> {
        const NOTHING: Value = Value::Null;
        let input = if mapping.reads_input() { self.parsed()? } else { &NOTHING };
        let evaluated = mapping.evaluate(input, &self.environment);
        Ok((evaluated.value.unwrap_or(Value::Null), evaluated.problems))
    }

    fn parsed(&self) -> Result<&Value, ConnectError> {
        let parsed = self.parsed.get_or_init(|| match self.content {
            Content::Empty => Ok(Value::Null),
            Content::Json => (self.parse)(self.body).ok_or(ConnectError::Invalid("the answer is not valid JSON")),
            Content::Other => Err(ConnectError::Invalid("the answer is not JSON")),
        });
        parsed.as_ref().map_err(Clone::clone)
    }
}

#[cfg(test)]
mod tests;
