//! The directives that fragments may use: which specification defines them, since when, and what they look like.
//!
//! In: nothing. Out: [`Known`], the catalogue of definitions, and the tables that `links` resolves imports with.
//! Sources: the Apollo Federation subgraph specification (v2.0 to v2.15), the connectors specification v0.3, the
//! GraphQL Composite Schemas draft, and this project's fragment language v1.0.

use std::sync::LazyLock;

use apollo_compiler::ast::{Definition, DirectiveDefinition, Document};
use apollo_compiler::collections::HashMap;
use apollo_compiler::{Name, Node};

/// The newest minor version of Federation 2 whose directives are in the catalogue.
pub(crate) const FEDERATION_MINOR_MAX: u32 = 15;

/// A directive of one of the specifications, whatever a fragment calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Known {
    Link,
    Key,
    External,
    Requires,
    Provides,
    Shareable,
    Override,
    Inaccessible,
    Tag,
    Extends,
    InterfaceObject,
    ComposeDirective,
    Authenticated,
    RequiresScopes,
    Policy,
    Context,
    FromContext,
    Cost,
    ListSize,
    CacheTag,
    Source,
    Connect,
    Lookup,
    Is,
    Require,
    Internal,
    Fallback,
    Timeout,
    CacheControl,
    Service,
    /// Known to a specification, and refused by name where it is used.
    Refused,
}

/// Where a directive comes from.
pub(crate) struct Entry {
    /// Its name in the specification, without `@`.
    pub(crate) name: &'static str,
    /// What it is here.
    pub(crate) known: Known,
    /// The minor version of Federation 2 that brought it; `None` when Federation 2 has none.
    pub(crate) federation: Option<u32>,
    /// Whether documents without any `@link` have it.
    pub(crate) federation1: bool,
    /// Whether this project's fragment language has it.
    pub(crate) fragment: bool,
}

const fn federation(name: &'static str, known: Known, minor: u32, federation1: bool) -> Entry {
    Entry { name, known, federation: Some(minor), federation1, fragment: false }
}

const fn fragment(name: &'static str, known: Known) -> Entry {
    Entry { name, known, federation: None, federation1: false, fragment: true }
}

const fn both(name: &'static str, known: Known, federation1: bool) -> Entry {
    Entry { name, known, federation: Some(0), federation1, fragment: true }
}

/// Every directive that an `@link` to a supported specification may import.
pub(crate) const CATALOGUE: &[Entry] = &[
    both("key", Known::Key, true),
    both("shareable", Known::Shareable, false),
    federation("external", Known::External, 0, true),
    federation("requires", Known::Requires, 0, true),
    federation("provides", Known::Provides, 0, true),
    federation("override", Known::Override, 0, false),
    federation("inaccessible", Known::Inaccessible, 0, true),
    federation("tag", Known::Tag, 0, true),
    federation("extends", Known::Extends, 0, true),
    federation("interfaceObject", Known::InterfaceObject, 3, false),
    federation("composeDirective", Known::ComposeDirective, 1, false),
    federation("authenticated", Known::Authenticated, 5, false),
    federation("requiresScopes", Known::RequiresScopes, 5, false),
    federation("policy", Known::Policy, 6, false),
    federation("context", Known::Context, 8, false),
    federation("fromContext", Known::FromContext, 8, false),
    federation("cost", Known::Cost, 9, false),
    federation("listSize", Known::ListSize, 9, false),
    federation("cacheTag", Known::CacheTag, 12, false),
    fragment("source", Known::Source),
    fragment("connect", Known::Connect),
    fragment("lookup", Known::Lookup),
    fragment("is", Known::Is),
    fragment("require", Known::Require),
    fragment("internal", Known::Internal),
    fragment("fallback", Known::Fallback),
    fragment("timeout", Known::Timeout),
    fragment("cacheControl", Known::CacheControl),
    fragment("service", Known::Service),
    fragment("mock", Known::Refused),
];

/// Types that a link to Federation may import, beside directives. All are scalars.
pub(crate) const FEDERATION_TYPES: &[&str] = &["FieldSet", "Scope", "Policy", "ContextFieldValue"];

/// Types that a link to the fragment language may import; a fragment defines its own scalar of that name.
pub(crate) const FRAGMENT_TYPES: &[&str] = &["Duration", "JSON", "JSONSelection"];

/// What kind of type a machinery type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MachineryKind {
    Scalar,
    Object,
    Union,
    Enum,
}

/// Types that generated SDL carries along, and that belong to the specifications.
pub(crate) const MACHINERY_TYPES: &[(&str, MachineryKind)] = &[
    ("_Any", MachineryKind::Scalar),
    ("_Entity", MachineryKind::Union),
    ("_Service", MachineryKind::Object),
    ("_FieldSet", MachineryKind::Scalar),
    ("FieldSet", MachineryKind::Scalar),
    ("link__Import", MachineryKind::Scalar),
    ("link__Purpose", MachineryKind::Enum),
    ("core__Purpose", MachineryKind::Enum),
    ("federation__Any", MachineryKind::Scalar),
    ("federation__FieldSet", MachineryKind::Scalar),
    ("federation__Scope", MachineryKind::Scalar),
    ("federation__Policy", MachineryKind::Scalar),
    ("federation__ContextFieldValue", MachineryKind::Scalar),
    ("federation__CacheTagFormat", MachineryKind::Scalar),
    ("requiresScopes__Scope", MachineryKind::Scalar),
    ("policy__Policy", MachineryKind::Scalar),
    ("context__ContextFieldValue", MachineryKind::Scalar),
];

/// The definitions, under the names of their specifications.
///
/// Types have a `weft__` or `federation__` prefix, so that they cannot meet a fragment's own.
const DEFINITIONS: &str = r#"
scalar federation__FieldSet
scalar federation__Scope
scalar federation__Policy
scalar federation__ContextFieldValue
scalar weft__Any
scalar weft__Duration
scalar weft__JSONSelection
scalar weft__FieldMap
enum weft__Purpose { SECURITY EXECUTION }
enum weft__FallbackOn { ERROR TIMEOUT NULL }
enum weft__FallbackReport { ERRORS EXTENSIONS }
enum weft__CacheControlScope { PUBLIC PRIVATE }
input weft__Header { name: String!, from: String, value: weft__JSONSelection }
input weft__SourceHTTP {
  baseURL: String!, path: weft__JSONSelection, queryParams: weft__JSONSelection, headers: [weft__Header!]
}
input weft__ConnectHTTP {
  GET: String, POST: String, PUT: String, PATCH: String, DELETE: String
  path: weft__JSONSelection, queryParams: weft__JSONSelection, body: weft__JSONSelection, headers: [weft__Header!]
}
input weft__Errors { message: weft__JSONSelection, extensions: weft__JSONSelection }
input weft__Batch { maxSize: Int }

directive @link(url: String!, as: String, for: weft__Purpose, import: [weft__Any]) repeatable on SCHEMA
directive @key(fields: federation__FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
directive @external(reason: String) on OBJECT | FIELD_DEFINITION
directive @requires(fields: federation__FieldSet!) on FIELD_DEFINITION
directive @provides(fields: federation__FieldSet!) on FIELD_DEFINITION
directive @shareable repeatable on OBJECT | FIELD_DEFINITION
directive @override(from: String!, label: String) on FIELD_DEFINITION
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM
  | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION
directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION
  | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA
directive @extends on OBJECT | INTERFACE
directive @interfaceObject on OBJECT
directive @composeDirective(name: String!) repeatable on SCHEMA
directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @requiresScopes(scopes: [[federation__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @policy(policies: [[federation__Policy!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @context(name: String!) repeatable on INTERFACE | OBJECT | UNION
directive @fromContext(field: federation__ContextFieldValue) on ARGUMENT_DEFINITION
directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!],
  requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
directive @cacheTag(format: String!) repeatable on INTERFACE | OBJECT | FIELD_DEFINITION

directive @source(name: String!, http: weft__SourceHTTP!, errors: weft__Errors, isSuccess: weft__JSONSelection)
  repeatable on SCHEMA
directive @connect(source: String, id: String, http: weft__ConnectHTTP!, batch: weft__Batch, errors: weft__Errors,
  isSuccess: weft__JSONSelection, entity: Boolean, selection: weft__JSONSelection!) repeatable on FIELD_DEFINITION | OBJECT
directive @lookup on FIELD_DEFINITION
directive @is(field: weft__FieldMap!) on ARGUMENT_DEFINITION
directive @require(field: weft__FieldMap!) on ARGUMENT_DEFINITION
directive @internal on FIELD_DEFINITION
directive @fallback(value: weft__Any, stale: weft__Duration, on: [weft__FallbackOn!]! = [ERROR, TIMEOUT],
  report: weft__FallbackReport! = ERRORS) on FIELD_DEFINITION
directive @timeout(after: weft__Duration!) on SCHEMA | OBJECT | FIELD_DEFINITION
directive @cacheControl(maxAge: Int, scope: weft__CacheControlScope, inheritMaxAge: Boolean)
  on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
directive @service(url: String!) on SCHEMA
directive @mock(body: weft__Any, status: Int! = 200, delay: weft__Duration) repeatable on FIELD_DEFINITION | OBJECT
"#;

/// The parsed definitions.
pub(crate) struct Definitions {
    /// Types that the directives' arguments use.
    pub(crate) types: Vec<Definition>,
    /// The directives, by their names in their specifications.
    pub(crate) directives: HashMap<Name, Node<DirectiveDefinition>>,
}

/// The parsed definitions, made once.
pub(crate) static DEFINED: LazyLock<Definitions> = LazyLock::new(|| {
    let document = Document::parse(DEFINITIONS, "definitions.graphql").expect("our own definitions parse");
    let mut defined = Definitions { types: Vec::new(), directives: HashMap::default() };
    for definition in document.definitions {
        match definition {
            Definition::DirectiveDefinition(d) => {
                defined.directives.insert(d.name.clone(), d);
            }
            other => defined.types.push(other),
        }
    }
    defined
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches an entry that was added to the catalogue without its definition.
    #[test]
    fn every_entry_is_defined() {
        for entry in CATALOGUE {
            assert!(DEFINED.directives.contains_key(entry.name), "@{} has no definition", entry.name);
        }
    }
}
