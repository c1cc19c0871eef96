//! HTTP/JSON services: `@source` and `@connect`, and the mapping language of connect v0.3.
//!
//! In: the arguments of those directives, as they stand in a fragment or in a supergraph's
//! `@join__directive`. Out: [`Connector`], plain data with parsed mappings, and pure functions that
//! turn arguments into a request ([`request()`]) and an answer into the shape that the schema declares
//! ([`response()`]); and what [`validate()`] finds wrong in a fragment.
//! Deliberately absent: sockets, keys and planning.
//! Source: the connectors specification v0.3 (names, arguments and mapping language); the GraphQL Composite
//! Schemas draft (`@lookup`, `@is`, `@require`).

pub mod binding;
pub mod literal;
pub mod lookup;
pub mod mapping;
pub mod read;
pub mod request;
pub mod response;
pub mod template;
pub mod validate;

use std::sync::Arc;

use apollo_compiler::Name;
use http::HeaderMap;
use serde_json::{Map, Value};

pub use binding::{KeyBinding, LookupArgument, RequiredArgument};
pub use literal::Literal;
pub use lookup::{Lookup, LookupError, default_is, joining, read_lookup};
pub use mapping::{Mapping, MappingError, MappingShape, Pick};
pub use read::{Arguments, read_connector, read_source};
pub use request::{HttpRequest, RequestError, Unfit, request};
pub use response::{Answer, ConnectError, response};
pub use template::{Template, TemplatePart};
pub use validate::{Fragment, plain_names, validate};

/// One `@source`.
#[derive(Debug)]
pub struct Source {
    /// Its name, local to the fragment. Empty for the one made up from an absolute URL in a connector.
    pub name: String,
    /// `http.baseURL`: scheme, host and perhaps the start of the path and a query. No trailing slash.
    pub base_url: String,
    /// `http.path` and `http.queryParams` of the source, put before those of the connector.
    pub path: Option<Mapping>,
    /// See `path`.
    pub query_params: Option<Mapping>,
    /// Headers of each call.
    pub headers: Vec<Header>,
    /// `isSuccess`: whether an answer counts as one.
    pub is_success: Option<Mapping>,
    /// `errors.message`.
    pub error_message: Option<Mapping>,
    /// `errors.extensions`.
    pub error_extensions: Option<Mapping>,
}

impl Source {
    /// One of which nothing is known but its base URL: made up from an absolute URL, or from a `@source` that could not be
    /// read.
    fn at(base_url: &str) -> Self {
        Self {
            name: String::new(),
            base_url: base_url.to_owned(),
            path: None,
            query_params: None,
            headers: Vec::new(),
            is_success: None,
            error_message: None,
            error_extensions: None,
        }
    }
}

/// One header of a call.
#[derive(Debug)]
pub struct Header {
    /// Lower case.
    pub name: String,
    /// Where it comes from.
    pub value: HeaderValue,
}

/// Where a header's value comes from.
#[derive(Debug)]
pub enum HeaderValue {
    /// `from:` a header of the client's request (lower case), absent when that is absent.
    From(String),
    /// `value:` a text with `{expressions}`.
    Template(Template),
}

/// One `@connect`: an operation of an HTTP/JSON service.
#[derive(Debug)]
pub struct Connector {
    /// The type whose field it fetches.
    pub type_name: Name,
    /// The field that it fetches.
    pub field_name: Name,
    /// Its source, or one made up from an absolute URL in the connector itself.
    pub source: Arc<Source>,
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: http::Method,
    /// The text after the method: path and query below the source's base URL, never an absolute URL (that one's
    /// scheme and host are in the made up source).
    pub url: Template,
    /// `http.path`, `http.queryParams`, `http.body`.
    pub path: Option<Mapping>,
    /// See `path`.
    pub query_params: Option<Mapping>,
    /// See `path`; a JSON body.
    pub body: Option<Mapping>,
    /// Headers beside those of the source; these win.
    pub headers: Vec<Header>,
    /// Answer → the shape that the schema declares.
    pub selection: Mapping,
    /// `batch: {maxSize:}`: keys in one call at the most.
    pub batch_max: Option<usize>,
    /// These three win over those of the source.
    pub is_success: Option<Mapping>,
    /// `errors.message`.
    pub error_message: Option<Mapping>,
    /// `errors.extensions`.
    pub error_extensions: Option<Mapping>,
}

/// What a call is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `$args`: all of the field's arguments that have a value (defaults filled in, `@is` and `@require` bound).
    /// One that the client left out is absent.
    pub args: &'a Map<String, Value>,
    /// `$request.headers`, and what `from:` reads: the client's headers.
    pub headers: &'a HeaderMap,
    /// `$config`: an object, or null where none is configured.
    pub config: &'a Value,
}

impl Connector {
    /// All mappings that read the answer: `selection`, and the applicable `isSuccess` and `errors`.
    fn answer_mappings(&self) -> impl Iterator<Item = &Mapping> {
        [
            Some(&self.selection),
            self.is_success.as_ref().or(self.source.is_success.as_ref()),
            self.error_message.as_ref().or(self.source.error_message.as_ref()),
            self.error_extensions.as_ref().or(self.source.error_extensions.as_ref()),
        ]
        .into_iter()
        .flatten()
    }

    /// Names (lower case, sorted, each once) of the client's headers that a call or the reading of its answer depends on:
    /// what reads of this connector must be keyed by before they are shared or cached.
    pub fn forwarded_headers(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut of_mapping = |mapping: &Mapping| names.extend(mapping.request_headers().map(str::to_owned));
        for mapping in [&self.source.path, &self.source.query_params, &self.path, &self.query_params, &self.body] {
            mapping.iter().for_each(&mut of_mapping);
        }
        self.answer_mappings().for_each(&mut of_mapping);
        self.url.expressions().for_each(&mut of_mapping);
        for header in self.source.headers.iter().chain(&self.headers) {
            match &header.value {
                HeaderValue::From(_) => {}
                HeaderValue::Template(template) => template.expressions().for_each(&mut of_mapping),
            }
        }
        for header in self.source.headers.iter().chain(&self.headers) {
            if let HeaderValue::From(name) = &header.value {
                names.push(name.clone());
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Connectors from SDL, for tests of what is made of them.
#[cfg(test)]
mod testing {
    use super::*;
    use crate::diagnostic::Sources;

    /// A connector on `Query.f` whose directives are these; `source:` is `v`.
    pub(super) fn connector(source: &str, connect: &str) -> Connector {
        let text = format!("extend schema @source({source})\ntype Query {{ f: Int @connect({connect}) }}");
        let file = Arc::new(crate::diagnostic::Source { name: "x.graphql".to_owned(), text });
        let mut sources = Sources::default();
        let (schema, _) = sources.parse_schema(&file);
        let directive = &schema.schema_definition.directives.get("source").unwrap().node;
        let (source, found) = read_source(&Arguments::of_directive(directive, &sources));
        assert!(found.is_empty(), "{found:?}");
        let query = schema.get_object("Query").unwrap();
        let connect = query.fields["f"].directives.get("connect").unwrap();
        let arguments = Arguments::of_directive(connect, &sources);
        let shared = [Arc::new(source.unwrap())];
        let (connector, found) = read_connector(&arguments, &query.name, &query.fields["f"].name, &shared);
        assert!(found.is_empty(), "{found:?}");
        connector.unwrap()
    }
}
