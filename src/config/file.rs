//! The shape of `weft.yaml`, before anything is decided.
//!
//! In: the file's text. Out: [`File`], every scalar still as it was written and with its place, so that a
//! wrong value found later can be pointed at, and a diagnostic for each unknown key and each value of another shape.
//! The text is read as a tree first, which knows no settings: only so can all mistakes be told at once.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use serde_saphyr::{Error, Spanned};

use crate::diagnostic::{Diagnostic, Source, Span};

/// A scalar's text and where it stands.
#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) span: Span,
}

/// A section: its settings, each read by its shape; other keys in it are mistakes.
macro_rules! section {
    ($name:ident { $($key:ident: $shape:ty),+ $(,)? }) => {
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $(pub(super) $key: $shape,)+
        }

        impl Shape for $name {
            fn read(node: Spanned<Node>, reader: &mut Reader<'_>) -> Self {
                let mut entries = reader.section(node, &[$(stringify!($key)),+]);
                Self { $($key: reader.entry(&mut entries, stringify!($key)),)+ }
            }

            fn schema() -> Value {
                let mut properties = Map::new();
                $(properties.insert(stringify!($key).to_owned(), <$shape as Shape>::schema());)+
                json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
            }
        }
    };
}

section!(File {
    listen: Option<Scalar>,
    schema: Option<Scalar>,
    supergraph: Option<Scalar>,
    watch: Option<Scalar>,
    dev: Option<Scalar>,
    introspection: Option<Scalar>,
    playground: Option<Scalar>,
    compression: Option<Scalar>,
    headers: Option<Vec<Scalar>>,
    admin: Admin,
    cors: Cors,
    csrf: Csrf,
    logging: Logging,
    authentication: Authentication,
    authorization: Authorization,
    limits: Limits,
    services: IndexMap<String, Service>,
});

section!(Admin {
    enabled: Option<Scalar>,
    listen: Option<Scalar>,
});

section!(Cors {
    origins: Option<Vec<Scalar>>,
    credentials: Option<Scalar>,
});

section!(Csrf {
    headers: Option<Vec<Scalar>>,
});

section!(Logging {
    level: Option<Scalar>,
    format: Option<Scalar>,
});

section!(Authentication { jwt: Jwt });

section!(Jwt {
    jwks: Option<Vec<Scalar>>,
    issuers: Option<Vec<Scalar>>,
    audiences: Option<Vec<Scalar>>,
    header: Option<Scalar>,
    leeway: Option<Scalar>,
    refresh: Option<Scalar>,
    scope_claims: Option<Vec<Scalar>>,
    policy_claims: Option<Vec<Scalar>>,
});

section!(Authorization {
    unauthorized: Option<Scalar>,
});

section!(Limits {
    body: Option<Scalar>,
    headers: Option<Scalar>,
    header_count: Option<Scalar>,
    operation: Option<Scalar>,
    tokens: Option<Scalar>,
    recursion: Option<Scalar>,
    depth: Option<Scalar>,
    aliases: Option<Scalar>,
    root_fields: Option<Scalar>,
    directives: Option<Scalar>,
    fields: Option<Scalar>,
    planning_steps: Option<Scalar>,
    documents: Option<Scalar>,
    plans: Option<Scalar>,
    connections: Option<Scalar>,
    request_timeout: Option<Scalar>,
    header_timeout: Option<Scalar>,
    shutdown_timeout: Option<Scalar>,
    response: Option<Scalar>,
    service_timeout: Option<Scalar>,
    service_connect_timeout: Option<Scalar>,
    service_idle_timeout: Option<Scalar>,
    service_connections: Option<Scalar>,
    service_body: Option<Scalar>,
    batch: Option<Scalar>,
    cache: Option<Scalar>,
});

section!(Service {
    url: Option<Scalar>,
    headers: Option<Vec<Scalar>>,
    timeout: Option<Scalar>,
    config: Option<Object>,
});

/// An object whose content is not the configuration's business, and where it stands.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) value: Map<String, Value>,
    pub(super) span: Span,
}

/// Reads the file's text, and tells everything that is wrong with its keys and shapes. Each has a place and, for an
/// unknown key, the nearest known one. What is no YAML, or sets a key twice, is told alone: nobody knows the rest.
pub(super) fn parse(source: &Arc<Source>) -> (File, Vec<Diagnostic>) {
    // An explicit empty document (`---`, or comments only) is a file that sets nothing.
    let options = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options::<Spanned<Node>>(&source.text, options) {
        Ok(node) => {
            let mut reader = Reader { source, errors: Vec::new() };
            let file = File::read(node, &mut reader);
            (file, reader.errors)
        }
        Err(error) => (File::default(), vec![diagnose(&error, source)]),
    }
}

/// YAML without a meaning yet. The parser bounds its depth.
#[derive(Debug)]
enum Node {
    Null,
    /// A plain number or switch as YAML has it; its text is in the source.
    Plain(Value),
    Text(String),
    List(Vec<Spanned<Node>>),
    Section(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a setting")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut section = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            section.push(entry);
        }
        Ok(Node::Section(section))
    }
}

impl Node {
    fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Plain(value) => value,
            Self::Text(text) => Value::String(text),
            Self::List(items) => items.into_iter().map(|item| item.value.into_value()).collect(),
            Self::Section(entries) => {
                Value::Object(entries.into_iter().map(|(key, node)| (key.value, node.value.into_value())).collect())
            }
        }
    }
}

type Entries = IndexMap<String, Spanned<Node>>;

/// Gives the tree its meaning, and collects what has none.
struct Reader<'a> {
    source: &'a Arc<Source>,
    errors: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn entry<T: Shape>(&mut self, entries: &mut Entries, key: &str) -> T {
        match entries.swap_remove(key) {
            Some(node) if !matches!(node.value, Node::Null) => T::read(node, self),
            _ => T::default(),
        }
    }

    /// The entries of a section, those alone that are known.
    fn section(&mut self, node: Spanned<Node>, known: &[&str]) -> Entries {
        let mut entries = Entries::new();
        for (key, value) in self.entries(node) {
            if known.contains(&key.value.as_str()) {
                entries.insert(key.value, value);
            } else {
                self.unknown(&key, known);
            }
        }
        entries
    }

    fn entries(&mut self, node: Spanned<Node>) -> Vec<(Spanned<String>, Spanned<Node>)> {
        match node.value {
            Node::Section(entries) => entries,
            Node::Null => Vec::new(),
            _ => {
                let message = "this has to be a section: lines of `setting: value`, indented";
                self.wrong(&node, message);
                Vec::new()
            }
        }
    }

    fn unknown(&mut self, key: &Spanned<String>, known: &[&str]) {
        let help = match nearest(&key.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
                format!("the settings here are {}", known.join(", "))
            }
        };
        let span = span(&key.referenced, self.source);
        let message = format!("there is no setting `{}` here", key.value);
        self.errors.push(Diagnostic::error("CONFIG_UNKNOWN_KEY", message).at(Some(span), "").help(help));
    }

    fn wrong(&mut self, node: &Spanned<Node>, message: &str) {
        let mut span = span(&node.referenced, self.source);
        if !matches!(node.value, Node::Text(_) | Node::Plain(_)) {
            // A list or a section can be long; it is its beginning that is wrong.
            span = Span::new(self.source, span.start, span.start.saturating_add(1));
        }
        self.errors.push(Diagnostic::error("CONFIG_SYNTAX", message).at(Some(span), ""));
    }

    fn scalar(&mut self, node: Spanned<Node>) -> Option<Scalar> {
        let place = span(&node.referenced, self.source);
        let text = match node.value {
            Node::Text(text) => text,
            // As it was written: `1_000` and `1.10` are no numbers yet.
            Node::Plain(value) => {
                let written = span(&node.defined, self.source);
                let written = self.source.text.get(written.start..written.end).unwrap_or_default().trim();
                if written.is_empty() { value.to_string() } else { written.to_owned() }
            }
            Node::Null => String::new(),
            Node::List(_) | Node::Section(_) => {
                self.wrong(&node, "this has to be a single value");
                return None;
            }
        };
        Some(Scalar { text, span: place })
    }
}

/// What a setting's value looks like. A key without a value, or `null`, leaves the setting as it is.
trait Shape: Default {
    fn read(node: Spanned<Node>, reader: &mut Reader<'_>) -> Self;

    /// As JSON Schema has it. What a scalar may say is not told: any may be a text with variables in it.
    fn schema() -> Value;
}

/// The shape of the file, as JSON Schema has it.
pub(super) fn schema() -> Value {
    let mut schema = json!({"$schema": "http://json-schema.org/draft-07/schema#", "title": "weft.yaml"});
    if let (Some(schema), Value::Object(file)) = (schema.as_object_mut(), File::schema()) {
        schema.extend(file);
    }
    schema
}

fn scalar_schema() -> Value {
    json!({"type": ["string", "number", "boolean", "null"]})
}

impl Shape for Option<Scalar> {
    fn read(node: Spanned<Node>, reader: &mut Reader<'_>) -> Self {
        reader.scalar(node)
    }

    fn schema() -> Value {
        scalar_schema()
    }
}

impl Shape for Option<Vec<Scalar>> {
    fn read(node: Spanned<Node>, reader: &mut Reader<'_>) -> Self {
        let Node::List(items) = node.value else {
            reader.wrong(&node, "this has to be a list: `[a, b]`, or lines of `- a`");
            return None;
        };
        Some(items.into_iter().filter_map(|item| reader.scalar(item)).collect())
    }

    fn schema() -> Value {
        json!({"type": ["array", "null"], "items": scalar_schema()})
    }
}

impl Shape for Option<Object> {
    fn read(node: Spanned<Node>, reader: &mut Reader<'_>) -> Self {
        let span = span(&node.referenced, reader.source);
        match node.value {
            Node::Section(_) => match node.value.into_value() {
                Value::Object(value) => Some(Object { value, span }),
                _ => None,
            },
            _ => {
                reader.wrong(&node, "this has to be a section: lines of `name: value`, indented");
                None
            }
        }
    }

    fn schema() -> Value {
        json!({"type": ["object", "null"]})
    }
}

impl Shape for IndexMap<String, Service> {
    fn read(node: Spanned<Node>, reader: &mut Reader<'_>) -> Self {
        let entries = reader.entries(node);
        entries.into_iter().map(|(name, node)| (name.value, Service::read(node, reader))).collect()
    }

    fn schema() -> Value {
        json!({"type": ["object", "null"], "additionalProperties": Service::schema()})
    }
}

fn diagnose(error: &Error, source: &Arc<Source>) -> Diagnostic {
    let error = error.without_snippet();
    let span = error.location().map(|location| span(&location, source));
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map_or_else(|| "a key".to_owned(), |key| format!("`{key}`"));
            Diagnostic::error("CONFIG_SYNTAX", format!("{key} is set twice")).at(span, "")
        }
        other => {
            let options = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
            let rendered = other.render_with_options(options);
            let first = rendered.lines().next().unwrap_or_default();
            // The library ends its message with the place, which the diagnostic tells in its own way.
            let message = first.split(" at line ").next().unwrap_or(first);
            Diagnostic::error("CONFIG_SYNTAX", message).at(span, "")
        }
    }
}

/// The place of a scalar or of an error, as the project's own diagnostics tell places.
pub(super) fn span(location: &serde_saphyr::Location, source: &Arc<Source>) -> Span {
    let at = location.span();
    let start = at.byte_offset().and_then(|at| usize::try_from(at).ok()).unwrap_or_else(|| {
        let line = usize::try_from(location.line()).unwrap_or(1);
        source.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
    });
    let len = at.byte_len().and_then(|len| usize::try_from(len).ok()).unwrap_or(1);
    Span::new(source, start, start.saturating_add(len))
}

/// The known word that a typing mistake most likely meant.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}
