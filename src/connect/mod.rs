//! HTTP/JSON services: `@source` and `@connect`, and the mapping language of connect v0.3.
//!
//! In: the arguments of those directives, as they stand in a fragment or in a supergraph's
//! `@join__directive`. Out: [`Connector`], plain data with parsed mappings, and pure functions that
//! turn arguments into a request and an answer into the shape that the schema declares.
//! Deliberately absent: sockets, keys and planning.
//! Source: the connectors specification v0.3 (names, arguments and mapping language).

pub mod mapping;

use std::sync::Arc;

use apollo_compiler::Name;

pub use mapping::Mapping;

/// One `@source`.
#[derive(Debug)]
pub struct Source {
    /// Its name, local to the fragment.
    pub name: String,
    /// `http.baseURL`, or the URL that the configuration puts in its place. No trailing slash.
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
    /// `from:` a header of the client's request, absent when that is absent.
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
    /// The text after the method: a path below the source's base URL, or an absolute URL.
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
