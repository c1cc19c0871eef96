//! The arguments of `@source` and `@connect` → [`Source`] and [`Connector`].
//!
//! In: the directive as it stands in a fragment, or the `args:` of a supergraph's `@join__directive`, and the texts that
//! they were parsed from. Out: plain data, and diagnostics with places inside the author's strings. What needs the
//! schema (arguments, types) is checked in [`validate`](mod@super::validate).

use std::sync::Arc;

use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::{Name, Node};

use super::mapping::{MappingError, Variable, nearest};
use super::template::TemplatePart;
use super::{Connector, Header, HeaderValue, Literal, Mapping, Source, Template};
use crate::diagnostic::{Diagnostic, Sources, Span};

mod url;

/// The arguments of a directive, wherever they stand.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    entries: Vec<(&'a Name, &'a Node<Value>)>,
    at: Option<Span>,
    sources: &'a Sources,
}

impl<'a> Arguments<'a> {
    /// Those of a directive in a fragment; `sources` are the texts that it was parsed from.
    pub fn of_directive(directive: &'a Node<Directive>, sources: &'a Sources) -> Self {
        let entries = directive.arguments.iter().map(|argument| (&argument.name, &argument.value)).collect();
        Self { entries, at: sources.span(directive.location()), sources }
    }

    /// The `args: { … }` of a supergraph's `@join__directive`.
    pub fn of_value(value: &'a Node<Value>, sources: &'a Sources) -> Self {
        let entries = value.as_object().unwrap_or_default().iter().map(|(name, value)| (name, value)).collect();
        Self { entries, at: sources.span(value.location()), sources }
    }

    /// Says where the directive is, when its value has no place of its own.
    #[must_use]
    pub fn or_place(mut self, place: Option<Span>) -> Self {
        self.at = self.at.or(place);
        self
    }

    /// The whole directive's place.
    pub fn span(&self) -> Option<Span> {
        self.at.clone()
    }

    /// The value of one argument.
    pub fn get(&self, name: &str) -> Option<&'a Node<Value>> {
        self.entries.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Reads one `@source`.
pub fn read_source(arguments: &Arguments<'_>) -> (Option<Source>, Vec<Diagnostic>) {
    let name = arguments.get("name").and_then(|value| value.as_str()).unwrap_or_default();
    let mut reader = Reader {
        on: format!("`@source(name: \"{name}\")`"),
        origin: arguments.sources,
        at: arguments.at.clone(),
        diagnostics: Vec::new(),
        directive: Kind::Source,
    };
    let source = reader.source(arguments);
    (source.filter(|_| reader.diagnostics.is_empty()), reader.diagnostics)
}

/// Reads one `@connect`. `sources` are those of its fragment.
pub fn read_connector(
    arguments: &Arguments<'_>,
    type_name: &Name,
    field_name: &Name,
    sources: &[Arc<Source>],
) -> (Option<Connector>, Vec<Diagnostic>) {
    let mut reader = Reader {
        on: format!("`@connect` on `{type_name}.{field_name}`"),
        origin: arguments.sources,
        at: arguments.at.clone(),
        diagnostics: Vec::new(),
        directive: Kind::Connect,
    };
    let connector = reader.connector(arguments, type_name, field_name, sources);
    (connector.filter(|_| reader.diagnostics.is_empty()), reader.diagnostics)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Source,
    Connect,
}

/// When a mapping is evaluated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Request,
    Answer,
}

struct Reader<'a> {
    /// The directive, for messages.
    on: String,
    origin: &'a Sources,
    at: Option<Span>,
    diagnostics: Vec<Diagnostic>,
    directive: Kind,
}

type Entries<'v> = Vec<(&'v Name, &'v Node<Value>)>;

/// `isSuccess` and `errors`, which both directives have.
#[derive(Default)]
struct Outcome {
    is_success: Option<Mapping>,
    message: Option<Mapping>,
    extensions: Option<Mapping>,
}

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Headers that belong to the connection, or that the gateway sets itself.
const RESERVED_HEADERS: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Reader<'_> {
    fn source(&mut self, arguments: &Arguments<'_>) -> Option<Source> {
        self.known(&arguments.entries, &["name", "http", "isSuccess", "errors"], "");
        let name = match arguments.get("name") {
            Some(value) => self.string(value, "name", "INVALID_SOURCE_NAME")?.0.to_owned(),
            None => {
                self.error("INVALID_SOURCE_NAME", "`@source` needs a `name`.".to_owned(), None);
                String::new()
            }
        };
        let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if let Some(value) = arguments.get("name").filter(|_| !is_plain || name.len() > 64) {
            let message = format!("A source cannot be called `{}`.", name.chars().take(64).collect::<String>());
            self.error("INVALID_SOURCE_NAME", message, Some(value)).help =
                Some("Use at most 64 letters, digits, `_` and `-`, a letter first.".to_owned());
        }
        let outcome = self.outcome(arguments);
        let Some(http) = arguments.get("http") else {
            self.error("MISSING_HTTP", format!("{} needs `http: {{baseURL: …}}`.", self.on), None);
            return None;
        };
        let http = self.object(http, "http")?;
        self.known(&http, &["baseURL", "headers", "path", "queryParams"], "http.");
        let base_url = match entry(&http, "baseURL") {
            Some(value) => self.base_url(value),
            None => {
                self.error("INVALID_URL", format!("{} needs `http: {{baseURL: …}}`.", self.on), None);
                None
            }
        };
        let path = self.optional_mapping(&http, "path", "INVALID_PATH", Phase::Request);
        let query_params = self.optional_mapping(&http, "queryParams", "INVALID_QUERY_PARAMS", Phase::Request);
        let headers = self.headers(&http);
        Some(Source {
            name,
            base_url: base_url?,
            path,
            query_params,
            headers,
            is_success: outcome.is_success,
            error_message: outcome.message,
            error_extensions: outcome.extensions,
        })
    }

    fn connector(
        &mut self,
        arguments: &Arguments<'_>,
        type_name: &Name,
        field_name: &Name,
        sources: &[Arc<Source>],
    ) -> Option<Connector> {
        if let Some(value) = arguments.get("entity") {
            let message = "`entity` does not exist in this dialect.".to_owned();
            self.error("ENTITY_NOT_SUPPORTED", message, Some(value)).help = Some(format!(
                "Mark the field as a lookup instead: `{field_name}(id: ID! @is(field: \"id\")): … @lookup`."
            ));
        }
        let known = ["source", "id", "http", "selection", "batch", "isSuccess", "errors", "entity"];
        self.known(&arguments.entries, &known, "");
        let outcome = self.outcome(arguments);
        let batch_max = arguments.get("batch").and_then(|value| self.batch(value));
        let selection = match arguments.get("selection") {
            Some(value) => self.mapping(value, "selection", "INVALID_SELECTION", Phase::Answer),
            None => {
                let help = "Map the answer to the field's type: `selection: \"id name\"`.".to_owned();
                self.error("INVALID_SELECTION", format!("{} needs a `selection`.", self.on), None).help = Some(help);
                None
            }
        };
        let named = arguments.get("source").map(|value| self.named_source(value, sources));
        let Some(http) = arguments.get("http") else {
            self.error("MISSING_HTTP_METHOD", format!("{} needs `http: {{GET: …}}`.", self.on), None);
            return None;
        };
        let http = self.object(http, "http")?;
        let known: Vec<&str> = METHODS.into_iter().chain(["headers", "body", "path", "queryParams"]).collect();
        self.known(&http, &known, "http.");
        let path = self.optional_mapping(&http, "path", "INVALID_PATH", Phase::Request);
        let query_params = self.optional_mapping(&http, "queryParams", "INVALID_QUERY_PARAMS", Phase::Request);
        let body = self.optional_mapping(&http, "body", "INVALID_BODY", Phase::Request);
        let headers = self.headers(&http);
        let (method, value) = self.method(&http)?;
        if method == http::Method::GET
            && let Some(body) = entry(&http, "body")
        {
            let help = "Send the values as `queryParams`, or use POST.".to_owned();
            self.error("INVALID_BODY", format!("{}: GET cannot have a body.", self.on), Some(body)).help = Some(help);
        }
        let (url, source) = self.connect_url(value, method.as_str(), named)?;
        Some(Connector {
            type_name: type_name.clone(),
            field_name: field_name.clone(),
            source,
            method,
            url,
            path,
            query_params,
            body,
            headers,
            selection: selection?,
            batch_max,
            is_success: outcome.is_success,
            error_message: outcome.message,
            error_extensions: outcome.extensions,
        })
    }

    /// `source: "name"`. `None` once it has been told.
    fn named_source(&mut self, value: &Node<Value>, sources: &[Arc<Source>]) -> Option<Arc<Source>> {
        let (name, _) = self.string(value, "source", "SOURCE_NAME_MISMATCH")?;
        if let Some(source) = sources.iter().find(|source| source.name == name) {
            return Some(Arc::clone(source));
        }
        let message = format!("{} names a source `{name}` that this fragment does not have.", self.on);
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let help = match (nearest(name, names.iter().copied()), names.is_empty()) {
            (Some(near), _) => format!("Did you mean `{near}`?"),
            (None, true) => format!("Declare it: `extend schema @source(name: \"{name}\", http: {{baseURL: …}})`."),
            (None, false) => format!("It has: {}.", names.join(", ")),
        };
        self.error("SOURCE_NAME_MISMATCH", message, Some(value)).help = Some(help);
        None
    }

    /// The one method, and its URL.
    fn method<'v>(&mut self, http: &Entries<'v>) -> Option<(http::Method, &'v Node<Value>)> {
        let found: Vec<_> = http.iter().filter(|(name, _)| METHODS.contains(&name.as_str())).collect();
        match found.as_slice() {
            [(name, value)] => Some((http::Method::from_bytes(name.as_bytes()).ok()?, value)),
            [] => {
                self.error("MISSING_HTTP_METHOD", format!("{} says no method.", self.on), None).help =
                    Some("Write one of GET, POST, PUT, PATCH and DELETE: `http: {GET: \"/path\"}`.".to_owned());
                None
            }
            [_, (second, value), ..] => {
                let message = format!("{} says more than one method.", self.on);
                self.error("MULTIPLE_HTTP_METHODS", message, Some(value)).help =
                    Some(format!("Remove `{second}`, or move it to a field of its own."));
                None
            }
        }
    }

    fn outcome(&mut self, arguments: &Arguments<'_>) -> Outcome {
        let is_success = self.optional_mapping(&arguments.entries, "isSuccess", "INVALID_IS_SUCCESS", Phase::Answer);
        let mut outcome = Outcome { is_success, ..Outcome::default() };
        if let Some(errors) = arguments.get("errors").and_then(|value| self.object(value, "errors")) {
            self.known(&errors, &["message", "extensions"], "errors.");
            outcome.message = self.optional_mapping(&errors, "message", "INVALID_ERRORS", Phase::Answer);
            outcome.extensions = self.optional_mapping(&errors, "extensions", "INVALID_ERRORS", Phase::Answer);
        }
        outcome
    }

    fn batch(&mut self, value: &Node<Value>) -> Option<usize> {
        let batch = self.object(value, "batch")?;
        self.known(&batch, &["maxSize"], "batch.");
        let size = entry(&batch, "maxSize")?;
        let max = match &**size {
            Value::Int(int) => int.try_to_i32().ok().and_then(|int| usize::try_from(int).ok()).filter(|max| *max > 0),
            Value::Null => return None,
            _ => None,
        };
        if max.is_none() {
            let message = format!("{}: `batch.maxSize` is a number of keys, at least 1.", self.on);
            self.error("INVALID_BATCH", message, Some(size));
        }
        max
    }

    fn headers(&mut self, http: &Entries<'_>) -> Vec<Header> {
        let Some(value) = entry(http, "headers") else { return Vec::new() };
        let mut headers: Vec<Header> = Vec::new();
        // A single object stands for a list of one, as everywhere in GraphQL.
        let items = match &**value {
            Value::List(items) => items.as_slice(),
            Value::Null => &[],
            _ => std::slice::from_ref(value),
        };
        for item in items {
            let Some(header) = self.header(item) else { continue };
            if headers.iter().any(|known| known.name == header.name) {
                let message = format!("{}: the header `{}` stands here twice.", self.on, header.name);
                self.error("HTTP_HEADER_NAME_COLLISION", message, Some(item));
                continue;
            }
            headers.push(header);
        }
        headers
    }

    fn header(&mut self, item: &Node<Value>) -> Option<Header> {
        let fields = self.object(item, "headers")?;
        self.known(&fields, &["name", "from", "value"], "headers.");
        let Some(name_at) = entry(&fields, "name") else {
            self.error("INVALID_HEADER", format!("{}: a header needs a `name`.", self.on), Some(item));
            return None;
        };
        let name = self.header_name(name_at, "name")?;
        match (entry(&fields, "from"), entry(&fields, "value")) {
            (Some(from), None) => {
                let from_name = self.header_name(from, "from")?;
                Some(Header { name, value: HeaderValue::From(from_name) })
            }
            (None, Some(value)) => {
                let (text, place) = self.string(value, "value", "INVALID_HEADER")?;
                let template = self.template(text, place.as_ref(), "value", "INVALID_HEADER", value)?;
                for part in &template.parts {
                    if let TemplatePart::Text(text) = part
                        && text.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 127)
                    {
                        let message = format!("{}: the header `{name}` holds a character that no header can.", self.on);
                        self.error("INVALID_HEADER", message, Some(value));
                        return None;
                    }
                }
                Some(Header { name, value: HeaderValue::Template(template) })
            }
            _ => {
                let message = format!("{}: the header `{name}` needs either `from` or `value`.", self.on);
                self.error("INVALID_HEADER", message, Some(item)).help = Some(
                    "`from` forwards a header of the client's request; `value` is a text with `{expressions}`."
                        .to_owned(),
                );
                None
            }
        }
    }

    fn header_name(&mut self, value: &Node<Value>, what: &str) -> Option<String> {
        let (text, _) = self.string(value, what, "INVALID_HTTP_HEADER_NAME")?;
        let Ok(name) = http::HeaderName::from_bytes(text.as_bytes()) else {
            let message = format!("{}: `{}` is no name of a header.", self.on, text.escape_debug());
            self.error("INVALID_HTTP_HEADER_NAME", message, Some(value));
            return None;
        };
        if RESERVED_HEADERS.contains(&name.as_str()) {
            let message = format!("{}: the header `{name}` belongs to the connection.", self.on);
            self.error("INVALID_HTTP_HEADER_NAME", message, Some(value)).help =
                Some("It is set by whoever opens the connection; remove it here.".to_owned());
            return None;
        }
        Some(name.as_str().to_owned())
    }

    fn optional_mapping(
        &mut self,
        entries: &Entries<'_>,
        name: &str,
        code: &'static str,
        phase: Phase,
    ) -> Option<Mapping> {
        let value = entry(entries, name).filter(|value| !value.is_null())?;
        self.mapping(value, name, code, phase)
    }

    fn mapping(&mut self, value: &Node<Value>, name: &str, code: &'static str, phase: Phase) -> Option<Mapping> {
        let (text, place) = self.string(value, name, code)?;
        match Mapping::parse(text) {
            Ok(mapping) => {
                let mapping = mapping.at(place);
                self.variables(&mapping, name, code, phase);
                if mapping.text.trim().is_empty() {
                    self.error(code, format!("{}: `{name}` is empty.", self.on), Some(value));
                }
                Some(mapping)
            }
            Err(error) => {
                self.mapping_error(error, name, place.as_ref(), text, code, value);
                None
            }
        }
    }

    fn template(
        &mut self,
        text: &str,
        place: Option<&Literal>,
        name: &str,
        code: &'static str,
        value: &Node<Value>,
    ) -> Option<Template> {
        match Template::parse(text, place) {
            Ok(template) => {
                for mapping in template.expressions() {
                    self.variables(mapping, name, code, Phase::Request);
                }
                Some(template)
            }
            Err(error) => {
                self.mapping_error(error, name, place, text, code, value);
                None
            }
        }
    }

    /// Variables that do not exist where the mapping stands.
    fn variables(&mut self, mapping: &Mapping, name: &str, code: &'static str, phase: Phase) {
        for used in mapping.variables() {
            let variable = used.variable.text();
            let why = match (used.variable, phase, self.directive) {
                (Variable::Args, _, Kind::Source) => "a source belongs to no field",
                (Variable::Status | Variable::Response, Phase::Request, _) => "there is no answer yet",
                _ => continue,
            };
            let message = format!("{}: `{variable}` does not exist in `{name}`: {why}.", self.on);
            let diagnostic = Diagnostic::error(code, message).at(self.within(mapping, used.at.clone()), "");
            self.diagnostics.push(diagnostic);
        }
        if phase == Phase::Request
            && let Some(at) = mapping.input_read_at()
        {
            let text = mapping.text.get(at.clone()).unwrap_or_default().trim_end();
            let message = format!("{}: `{text}` reads an answer, and there is none yet.", self.on);
            let word = text.trim_start_matches(['$', '@', '.']);
            let diagnostic = Diagnostic::error(code, message)
                .at(self.within(mapping, at.clone()), "")
                .help(format!("Read the field's arguments: `$args.{word}`."));
            self.diagnostics.push(diagnostic);
        }
    }

    fn within(&self, mapping: &Mapping, at: std::ops::Range<usize>) -> Option<Span> {
        mapping.span(at).or_else(|| self.at.clone())
    }

    fn mapping_error(
        &mut self,
        error: MappingError,
        name: &str,
        place: Option<&Literal>,
        text: &str,
        code: &'static str,
        value: &Node<Value>,
    ) {
        let rest = &text[error.offset..];
        // A whole word, or the one character that is wrong.
        let word = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_$".contains(c)).len();
        let end = error.offset + word.max(rest.chars().next().map_or(0, char::len_utf8));
        let span = place.map(|place| place.span(error.offset..end)).or_else(|| self.span(Some(value)));
        let message = format!("{}: `{name}` cannot be read. {}", self.on, error.message);
        let mut diagnostic = Diagnostic::error(code, message).at(span, "");
        diagnostic.help = error.help;
        self.diagnostics.push(diagnostic);
    }

    fn string<'v>(
        &mut self,
        value: &'v Node<Value>,
        name: &str,
        code: &'static str,
    ) -> Option<(&'v str, Option<Literal>)> {
        match value.as_str() {
            Some(text) => Some((text, Literal::of(value, self.origin))),
            None => {
                self.error(code, format!("{}: `{name}` is a string.", self.on), Some(value));
                None
            }
        }
    }

    fn object<'v>(&mut self, value: &'v Node<Value>, name: &str) -> Option<Entries<'v>> {
        match value.as_object() {
            Some(fields) => Some(fields.iter().map(|(name, value)| (name, value)).collect()),
            None => {
                let message = format!("{}: `{name}` is an input object, `{{ … }}`.", self.on);
                self.error("INVALID_ARGUMENT", message, Some(value));
                None
            }
        }
    }

    /// Tells of each argument that does not exist, and of each that stands twice.
    fn known(&mut self, entries: &Entries<'_>, known: &[&str], prefix: &str) {
        for (index, (name, value)) in entries.iter().enumerate() {
            if entries[..index].iter().any(|(earlier, _)| earlier == name) {
                let message = format!("{}: `{prefix}{name}` stands here twice.", self.on);
                self.error("INVALID_ARGUMENT", message, Some(value));
            }
            if known.contains(&name.as_str()) {
                continue;
            }
            let message = format!("{} has no argument `{prefix}{name}`.", self.on);
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("It has: {}.", known.join(", ")),
            };
            let at = self.origin.span(name.location()).or_else(|| self.span(Some(value)));
            self.diagnostics.push(Diagnostic::error("INVALID_ARGUMENT", message).at(at, "").help(help));
        }
    }

    fn span(&self, value: Option<&Node<Value>>) -> Option<Span> {
        value.and_then(|value| self.origin.span(value.location())).or_else(|| self.at.clone())
    }

    fn error(&mut self, code: &'static str, message: String, value: Option<&Node<Value>>) -> &mut Diagnostic {
        let diagnostic = Diagnostic::error(code, message).at(self.span(value), "");
        self.diagnostics.push(diagnostic);
        self.diagnostics.last_mut().expect("one was pushed just now")
    }
}

fn entry<'v>(entries: &Entries<'v>, name: &str) -> Option<&'v Node<Value>> {
    entries.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}
