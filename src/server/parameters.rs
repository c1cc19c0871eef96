//! The parameters of a GraphQL-over-HTTP request.
//!
//! In: a POST's JSON body, or a GET's query string. Out: [`gateway::Request`](crate::gateway::Request), or why the
//! request is not well formed. A well-formed request may still hold nonsense for a query: that is the gateway's.
//! Source: GraphQL over HTTP, Request.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::gateway::Request;

/// Reads a POST's body.
pub(super) fn from_body(body: &[u8]) -> Result<Request, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::bad_request("the body is not UTF-8"))?;
    match text.trim_start().as_bytes().first() {
        None => return Err(Refusal::bad_request("the body is empty; it has to be a JSON object with a \"query\"")),
        Some(b'[') => {
            return Err(Refusal::bad_request("query batching is off: send one operation in each request")
                .code("BATCHING_NOT_SUPPORTED"));
        }
        Some(_) => {}
    }
    let raw: Raw<'_> = serde_json::from_str(text).map_err(|error| {
        let message = match error.classify() {
            serde_json::error::Category::Data => {
                "the body has to be a JSON object in which no name occurs twice".into()
            }
            _ => format!("the body is not JSON (line {}, column {})", error.line(), error.column()),
        };
        Refusal::bad_request(message)
    })?;
    let query = parameter::<String>("query", "a string", raw.query)?;
    let operation_name = parameter("operationName", "a string", raw.operation_name)?;
    let variables = parameter("variables", "an object", raw.variables)?;
    let extensions = parameter("extensions", "an object", raw.extensions)?;
    request(query, operation_name, variables, extensions)
}

/// Reads a GET's query string, without the `?`.
pub(super) fn from_query_string(query: &str) -> Result<Request, Refusal> {
    let mut parameters: [(&str, Option<String>); 4] =
        [("query", None), ("operationName", None), ("variables", None), ("extensions", None)];
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = decode(name) else { continue };
        let Some((name, place)) = parameters.iter_mut().find(|(known, _)| *known == name) else { continue };
        let Some(value) = decode(value) else {
            return Err(Refusal::bad_request(format!("the parameter {name:?} is not UTF-8")));
        };
        if place.replace(value).is_some() {
            return Err(Refusal::bad_request(format!("the parameter {name:?} is given twice")));
        }
    }
    let [query, operation_name, variables, extensions] = parameters.map(|(_, value)| value);
    let variables = json("variables", variables)?;
    let extensions = json("extensions", extensions)?;
    // Only in a URL does the empty name stand for no name at all.
    request(query, operation_name.filter(|name| !name.is_empty()), variables, extensions)
}

/// A name or a value of a query string. `None`: it is not UTF-8. It is not mended: a value that the client did not send could
/// be the key of something.
fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}

/// The four parameters, whatever they are. Names that are not known are reserved, and ignored.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    query: Option<&'a RawValue>,
    #[serde(borrow, rename = "operationName")]
    operation_name: Option<&'a RawValue>,
    #[serde(borrow)]
    variables: Option<&'a RawValue>,
    #[serde(borrow)]
    extensions: Option<&'a RawValue>,
}

/// `null` stands for no value.
fn parameter<'a, T: Deserialize<'a>>(
    name: &str,
    expected: &str,
    raw: Option<&'a RawValue>,
) -> Result<Option<T>, Refusal> {
    let Some(raw) = raw else { return Ok(None) };
    serde_json::from_str(raw.get())
        .map_err(|_| Refusal::bad_request(format!("the parameter {name:?} has to be {expected}")))
}

fn json(name: &str, text: Option<String>) -> Result<Option<Map<String, Value>>, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    serde_json::from_str(&text)
        .map_err(|_| Refusal::bad_request(format!("the parameter {name:?} has to be an object, encoded as JSON")))
}

fn request(
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    extensions: Option<Map<String, Value>>,
) -> Result<Request, Refusal> {
    let Some(query) = query else {
        // Clients that try a hash first go by these words, and then send the whole query.
        if extensions.is_some_and(|extensions| extensions.contains_key("persistedQuery")) {
            return Err(Refusal::bad_request("PersistedQueryNotSupported").code("PERSISTED_QUERY_NOT_SUPPORTED"));
        }
        return Err(Refusal::bad_request("the parameter \"query\" is missing"));
    };
    Ok(Request { query, operation_name, variables: variables.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(result: Result<Request, Refusal>) -> String {
        result.expect_err("not well formed").message().to_owned()
    }

    #[test]
    fn a_body_gives_all_parameters_and_ignores_others() {
        let body = br#"{"query":"{a}","operationName":"A","variables":{"x":[1]},"extensions":{"any":1},"later":true}"#;
        let request = from_body(body).expect("well formed");
        assert_eq!((request.query.as_str(), request.operation_name.as_deref()), ("{a}", Some("A")));
        assert_eq!(request.variables["x"][0], 1);
        let nulls = br#"{"query":"{a}","operationName":null,"variables":null,"extensions":null}"#;
        let request = from_body(nulls).expect("null is as good as nothing");
        assert!(request.operation_name.is_none() && request.variables.is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_body_is_said() {
        for (body, expected) in [
            ("", "the body is empty; it has to be a JSON object with a \"query\""),
            (" [{}]", "query batching is off: send one operation in each request"),
            ("{\"a", "the body is not JSON (line 1, column 3)"),
            ("{} x", "the body is not JSON (line 1, column 4)"),
            ("7", "the body has to be a JSON object in which no name occurs twice"),
            (r#"{"query":"{a}","query":"{b}"}"#, "the body has to be a JSON object in which no name occurs twice"),
            ("{}", "the parameter \"query\" is missing"),
            (r#"{"query":1}"#, "the parameter \"query\" has to be a string"),
            (r#"{"query":"{a}","variables":"{}"}"#, "the parameter \"variables\" has to be an object"),
            (r#"{"query":"{a}","operationName":{}}"#, "the parameter \"operationName\" has to be a string"),
            (r#"{"query":"{a}","extensions":[]}"#, "the parameter \"extensions\" has to be an object"),
            (r#"{"extensions":{"persistedQuery":{}}}"#, "PersistedQueryNotSupported"),
        ] {
            assert_eq!(told(from_body(body.as_bytes())), expected, "{body}");
        }
        assert_eq!(told(from_body(b"{\"query\":\"\xff\"}")), "the body is not UTF-8");
        let deep = format!("{{\"query\":\"{{a}}\",\"variables\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        from_body(deep.as_bytes()).expect_err("deep nesting is refused, not followed");
    }

    #[test]
    fn a_query_string_gives_all_parameters() {
        let request =
            from_query_string("query=%7Ba%7D&operationName=&variables=%7B%22x%22%3A1%7D&utm=1").expect("well formed");
        assert_eq!((request.query.as_str(), request.operation_name), ("{a}", None));
        assert_eq!(request.variables["x"], 1);
        assert_eq!(told(from_query_string("")), "the parameter \"query\" is missing");
        assert_eq!(told(from_query_string("query=a&query=b")), "the parameter \"query\" is given twice");
        assert_eq!(told(from_query_string("query=%7Ba(x:%22%ff%22)%7D")), "the parameter \"query\" is not UTF-8");
        assert_eq!(
            told(from_query_string("query=a&variables=%7B%22x%22:%22%C3%22%7D")),
            "the parameter \"variables\" is not UTF-8"
        );
        let request = from_query_string("%ff=1&utm=%ff&query=%7Ba(x:%22%C3%A9+%2B%22)%7D").expect("well formed");
        assert_eq!(request.query, "{a(x:\"é +\")}", "what is not read need not be text");
        assert_eq!(
            told(from_query_string("query=a&variables=[7]")),
            "the parameter \"variables\" has to be an object, encoded as JSON"
        );
    }
}
