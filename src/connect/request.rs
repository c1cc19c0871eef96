//! A connector and its inputs → one HTTP request.
//!
//! Every value is encoded for the place that it stands in: a value can never add a path segment, a query parameter, a
//! fragment or a header. A null where a path needs a value means that there is nothing to ask for.
//! Deliberately absent: sending it.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue as HttpHeaderValue, Method};
use serde_json::{Map, Value};

use super::mapping::{Environment, Variable};
use super::{Connector, HeaderValue, Inputs, Mapping, Template, TemplatePart};

/// A request, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL, encoded.
    pub url: String,
    /// `accept`, `content-type` where there is a body, and what the source and the connector say.
    pub headers: HeaderMap,
    /// Empty for none.
    pub body: Bytes,
}

/// Why no request was made. Never tells a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// An input that the path needs is null: the call is skipped, and its result is null without an error.
    #[error("nothing to ask for")]
    Null,
    /// An input cannot stand where it should.
    #[error("{}", .0.message)]
    Invalid(Unfit),
}

/// An input that cannot stand where it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// In a few words, without the value.
    pub message: String,
    /// The arguments that the value was made of.
    pub arguments: Vec<String>,
}

type Made<T> = Result<T, RequestError>;

/// The request of a connector. `base_url` replaces that of the source.
pub fn request(connector: &Connector, base_url: Option<&str>, inputs: &Inputs<'_>) -> Made<HttpRequest> {
    let maker = Maker {
        environment: Environment {
            args: inputs.args,
            config: inputs.config,
            request_headers: inputs.headers,
            response_headers: None,
            status: None,
        },
    };
    let source = &connector.source;
    let (base_path, base_query) = split_query(base_url.unwrap_or(&source.base_url));
    let mut path = base_path.trim_end_matches('/').to_owned();
    let mut query: Vec<String> = base_query.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();

    maker.path_mapping(source.path.as_ref(), &mut path)?;
    maker.template_url(&connector.url, &mut path, &mut query)?;
    maker.path_mapping(connector.path.as_ref(), &mut path)?;
    for mapping in [&source.query_params, &connector.query_params].into_iter().flatten() {
        maker.query_mapping(mapping, &mut query)?;
    }

    let mut url = path;
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query.join("&"));
    }
    let mut headers = maker.headers(connector, inputs.headers)?;
    headers.entry(ACCEPT).or_insert(HttpHeaderValue::from_static("application/json"));
    let body = maker.body(connector, &mut headers)?;
    Ok(HttpRequest { method: connector.method.clone(), url, headers, body })
}

fn split_query(url: &str) -> (&str, &str) {
    url.split_once('?').unwrap_or((url, ""))
}

fn invalid<T>(message: impl Into<String>) -> Made<T> {
    Err(RequestError::Invalid(Unfit { message: message.into(), arguments: Vec::new() }))
}

/// Says of what arguments a mapping makes the value that was refused.
fn made_of<T>(made: Made<T>, mapping: &Mapping) -> Made<T> {
    made.map_err(|error| made_of_arguments(error, arguments_of(mapping)))
}

fn made_of_arguments(mut error: RequestError, arguments: Vec<String>) -> RequestError {
    if let RequestError::Invalid(unfit) = &mut error {
        unfit.arguments = arguments;
    }
    error
}

fn arguments_of(mapping: &Mapping) -> Vec<String> {
    let used = mapping.variables().iter().filter(|used| used.variable == Variable::Args);
    used.filter_map(|used| used.path.first().cloned()).collect()
}

struct Maker<'a> {
    environment: Environment<'a>,
}

impl Maker<'_> {
    /// There is no answer yet: `$` is an empty object.
    fn evaluate(&self, mapping: &Mapping) -> Value {
        mapping.evaluate(&Value::Object(Map::new()), &self.environment).value.unwrap_or(Value::Null)
    }

    /// `http.path`: a list of segments (or one).
    fn path_mapping(&self, mapping: Option<&Mapping>, path: &mut String) -> Made<()> {
        let Some(mapping) = mapping else { return Ok(()) };
        let segments = match self.evaluate(mapping) {
            Value::Array(segments) => segments,
            single => vec![single],
        };
        for segment in segments {
            let text = made_of(scalar_text(&segment, "a path"), mapping)?;
            let Some(text) = text else { return Err(RequestError::Null) };
            made_of(check_segment(&text), mapping)?;
            path.push('/');
            encode(&text, path);
        }
        Ok(())
    }

    /// The text after the method: a path, and perhaps a query.
    fn template_url(&self, template: &Template, path: &mut String, query: &mut Vec<String>) -> Made<()> {
        let mut segment = Segment::default();
        let mut pair: Option<Pair> = None;
        for part in &template.parts {
            match (part, &mut pair) {
                (TemplatePart::Text(text), pair) => {
                    let mut text = text.as_str();
                    if pair.is_none() {
                        let (in_path, in_query) = match text.split_once('?') {
                            Some((in_path, in_query)) => (in_path, Some(in_query)),
                            None => (text, None),
                        };
                        for (index, piece) in in_path.split('/').enumerate() {
                            if index > 0 {
                                std::mem::take(&mut segment).push_to(path)?;
                            }
                            segment.text.push_str(piece);
                            segment.started |= index > 0 || !piece.is_empty();
                        }
                        let Some(in_query) = in_query else { continue };
                        *pair = Some(Pair::default());
                        text = in_query;
                    }
                    for (index, piece) in text.split('&').enumerate() {
                        if index > 0 {
                            pair.replace(Pair::default()).unwrap_or_default().push_to(query);
                        }
                        if let Some(pair) = pair {
                            pair.text.push_str(piece);
                        }
                    }
                }
                (TemplatePart::Expression(mapping), None) => {
                    let value = self.evaluate(mapping);
                    let text = made_of(scalar_text(&value, "a path"), mapping)?;
                    let Some(text) = text else { return Err(RequestError::Null) };
                    segment.arguments.extend(arguments_of(mapping));
                    encode(&text, &mut segment.text);
                    segment.has_value = true;
                    segment.started = true;
                }
                (TemplatePart::Expression(mapping), Some(pair)) => {
                    match made_of(scalar_text(&self.evaluate(mapping), "a query"), mapping)? {
                        None => pair.nulls += 1,
                        Some(text) => {
                            encode(&text, &mut pair.text);
                            pair.values += 1;
                        }
                    }
                }
            }
        }
        if segment.started {
            segment.push_to(path)?;
        }
        if let Some(pair) = pair {
            pair.push_to(query);
        }
        Ok(())
    }

    /// `http.queryParams`: an object; lists repeat their name, nulls are left out.
    fn query_mapping(&self, mapping: &Mapping, query: &mut Vec<String>) -> Made<()> {
        let fields = match self.evaluate(mapping) {
            Value::Object(fields) => fields,
            Value::Null => return Ok(()),
            _ => return made_of(invalid("`queryParams` gives no object"), mapping),
        };
        for (name, value) in &fields {
            let values = match value {
                Value::Array(values) => values.as_slice(),
                single => std::slice::from_ref(single),
            };
            for value in values {
                if let Some(text) = made_of(scalar_text(value, "a query"), mapping)? {
                    let mut pair = String::new();
                    encode(name, &mut pair);
                    pair.push('=');
                    encode(&text, &mut pair);
                    query.push(pair);
                }
            }
        }
        Ok(())
    }

    fn headers(&self, connector: &Connector, client: &HeaderMap) -> Made<HeaderMap> {
        let mut headers = HeaderMap::new();
        for header in &connector.source.headers {
            // The connector's own wins, also where it has no value.
            if !connector.headers.iter().any(|own| own.name == header.name) {
                self.header(&header.name, &header.value, client, &mut headers)?;
            }
        }
        for header in &connector.headers {
            self.header(&header.name, &header.value, client, &mut headers)?;
        }
        Ok(headers)
    }

    fn header(&self, name: &str, value: &HeaderValue, client: &HeaderMap, headers: &mut HeaderMap) -> Made<()> {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return invalid("a header has an impossible name");
        };
        match value {
            HeaderValue::From(from) => {
                for value in client.get_all(from.as_str()) {
                    headers.append(name.clone(), value.clone());
                }
            }
            HeaderValue::Template(template) => {
                let mut text = String::new();
                let mut nulls_only = !template.parts.is_empty();
                for part in &template.parts {
                    match part {
                        TemplatePart::Text(part) => {
                            text.push_str(part);
                            nulls_only = false;
                        }
                        TemplatePart::Expression(mapping) => {
                            let value = match self.evaluate(mapping) {
                                // A header that was read as it comes, a list, counts by its first value.
                                Value::Array(mut values) if values.len() == 1 => values.remove(0),
                                value => value,
                            };
                            if let Some(value) = made_of(scalar_text(&value, "a header"), mapping)? {
                                text.push_str(&value);
                                nulls_only = false;
                            }
                        }
                    }
                }
                if nulls_only {
                    return Ok(());
                }
                match HttpHeaderValue::from_bytes(text.as_bytes()) {
                    Ok(value) => {
                        headers.append(name, value);
                    }
                    Err(_) => {
                        let refused = invalid(format!("the header `{name}` cannot hold its value"));
                        let arguments = || template.expressions().flat_map(arguments_of).collect();
                        return refused.map_err(|error| made_of_arguments(error, arguments()));
                    }
                }
            }
        }
        Ok(())
    }

    fn body(&self, connector: &Connector, headers: &mut HeaderMap) -> Made<Bytes> {
        let Some(mapping) = &connector.body else { return Ok(Bytes::new()) };
        let value = self.evaluate(mapping);
        let is_form = headers.get(CONTENT_TYPE).is_some_and(|kind| {
            let kind = kind.as_bytes();
            let kind = kind.split(|b| *b == b';').next().unwrap_or(kind).trim_ascii();
            kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        });
        if is_form {
            let mut pairs = Vec::new();
            form("", &value, &mut pairs);
            return Ok(Bytes::from(pairs.join("&")));
        }
        headers.entry(CONTENT_TYPE).or_insert(HttpHeaderValue::from_static("application/json"));
        match serde_json::to_vec(&value) {
            Ok(body) => Ok(Bytes::from(body)),
            Err(_) => invalid("`body` cannot be written as JSON"),
        }
    }
}

/// A path segment that is being put together.
#[derive(Default)]
struct Segment {
    text: String,
    has_value: bool,
    started: bool,
    /// Those that its values are made of.
    arguments: Vec<String>,
}

impl Segment {
    fn push_to(self, path: &mut String) -> Made<()> {
        // What the author wrote stands as it is; the piece before the first slash is no segment.
        if self.has_value {
            check_encoded(&self.text).map_err(|error| made_of_arguments(error, self.arguments))?;
        }
        if self.started || !self.text.is_empty() {
            path.push('/');
            path.push_str(&self.text);
        }
        Ok(())
    }
}

/// A query parameter that is being put together.
#[derive(Default)]
struct Pair {
    text: String,
    values: usize,
    nulls: usize,
}

impl Pair {
    fn push_to(self, query: &mut Vec<String>) {
        let only_nulls = self.nulls > 0 && self.values == 0;
        if !only_nulls && !self.text.is_empty() {
            query.push(self.text);
        }
    }
}

/// A value as text, `None` for null; lists and objects have none.
fn scalar_text(value: &Value, place: &str) -> Made<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.to_string())),
        Value::Array(_) => invalid(format!("a list cannot stand in {place}")),
        Value::Object(_) => invalid(format!("an object cannot stand in {place}")),
    }
}

/// A value that is a whole path segment. Encoding does not help against dots: clients and servers resolve `%2e%2e` too.
fn check_segment(text: &str) -> Made<()> {
    match text {
        "" => invalid("an empty text cannot be a segment of a path"),
        "." | ".." => invalid("dots alone cannot be a segment of a path"),
        _ => Ok(()),
    }
}

fn check_encoded(segment: &str) -> Made<()> {
    // The author's own text may hold encoded dots; a value's percent sign is encoded itself.
    let dots = segment.replace("%2e", ".").replace("%2E", ".");
    check_segment(&dots)
}

/// Appends the text, everything but RFC 3986's unreserved characters percent-encoded.
fn encode(text: &str, output: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            output.push(char::from(byte));
        } else {
            output.push('%');
            output.push(char::from(HEX[usize::from(byte >> 4)]));
            output.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// `a=1`, `a[b]=1`, `a[0]=1`; nulls are left out. As deep as the value, which a parser bounded.
fn form(name: &str, value: &Value, pairs: &mut Vec<String>) {
    let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}[{key}]") };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(key, value)| form(&inner(key), value, pairs)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| form(&inner(&index.to_string()), value, pairs));
        }
        scalar => {
            let mut pair = String::new();
            encode(name, &mut pair);
            pair.push('=');
            match scalar {
                Value::String(text) => encode(text, &mut pair),
                other => encode(&other.to_string(), &mut pair),
            }
            pairs.push(pair);
        }
    }
}

#[cfg(test)]
mod tests;
