//! The composed model: types, fields, entities, keys, and who resolves what.
//!
//! In: a supergraph document (join spec), from `compose` or from a file. Out: [`Supergraph`], plain
//! data that the planner indexes. Both ways in go through the one reader, [`read::supergraph`], so that a
//! composed graph and the same graph read back from its printed SDL cannot differ.
//! Deliberately absent: search, costs, I/O.

pub mod access;
pub mod field_set;
pub mod guards;
pub mod policy;
pub mod read;

use std::sync::Arc;

use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Schema};

use crate::connect::Connector;
pub use crate::connect::{KeyBinding, LookupArgument, RequiredArgument};
pub use access::{Access, AccessRules, Grants};
pub use field_set::{FieldSet, FieldSetError, FieldSetItem};
pub use guards::{GuardId, Guards};
pub use policy::{CacheControl, CacheScope, Fallback, FieldPolicy, TypePolicy};

/// Index of a subgraph in [`Supergraph::subgraphs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubgraphId(pub u32);

/// Index of a connector in its [`Subgraph::connectors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectorId(pub u32);

/// One graph over all subgraphs.
#[derive(Debug)]
pub struct Supergraph {
    /// The services, in the order of the supergraph's `join__Graph` enum.
    pub subgraphs: Vec<Subgraph>,
    /// Every merged type and field, `@inaccessible` ones included, without join directives.
    pub schema: Schema,
    /// What clients see: without `@inaccessible` elements, internal lookups and required arguments.
    pub api: Arc<Valid<Schema>>,
    /// Who may see what, as the graph declares it.
    pub access: AccessRules,
    /// The standard supergraph SDL that this was read from, as it prints.
    pub sdl: Arc<str>,
}

/// One service, as the graph sees it.
#[derive(Debug)]
pub struct Subgraph {
    /// The fragment's name (its file's stem), as `extensions.service` tells it.
    pub name: Arc<str>,
    /// Where a GraphQL service answers; a connector's address is in its source.
    /// `None` until the configuration gives one.
    pub url: Option<String>,
    /// GraphQL, or HTTP/JSON by connectors.
    pub kind: SubgraphKind,
    /// The subgraph's own view: the types, fields, arguments, interfaces, union members and enum values
    /// that it defines, `@external` fields included. A downstream operation must validate against it, so a GraphQL
    /// subgraph with entities also has `_entities` on its query type here (and not in `types`). Need not be valid by
    /// the letter: use `Valid::assume_valid_ref` on it.
    pub schema: Schema,
    /// Federation facts of each object and interface type that the subgraph defines.
    pub types: IndexMap<Name, SubgraphType>,
    /// Ways to reach an entity in this subgraph from the outside.
    pub resolvers: Vec<EntityResolver>,
    /// The operations of an HTTP/JSON service; empty for a GraphQL one.
    pub connectors: Vec<Connector>,
    /// `@timeout` on the schema: applies to each load that has none closer by. Milliseconds.
    pub timeout_ms: Option<u64>,
}

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubgraphKind {
    /// One endpoint, GraphQL operations, `_entities`.
    GraphQl,
    /// `@source` and `@connect`.
    Http,
}

/// Federation facts of an object or interface type in one subgraph.
#[derive(Debug, Default)]
pub struct SubgraphType {
    /// `@key`s, resolvable or not. Fields of any key are shared and readable, other than external ones; see
    /// [`Subgraph::readable_keys`].
    pub keys: Vec<EntityKey>,
    /// An object here that stands for an interface elsewhere.
    pub is_interface_object: bool,
    /// `@timeout` and `@cacheControl` on the type.
    pub policy: TypePolicy,
    /// Every field that the subgraph defines on the type.
    pub fields: IndexMap<Name, SubgraphField>,
}

/// One `@key`.
#[derive(Debug)]
pub struct EntityKey {
    /// The fields that identify an entity.
    pub fields: FieldSet,
    /// Whether the subgraph can be entered by it (`resolvable: false` only lets one leave). An HTTP/JSON subgraph
    /// can be entered by the keys that a lookup binds.
    pub resolvable: bool,
}

/// Federation facts of one field in one subgraph.
#[derive(Debug, Default)]
pub struct SubgraphField {
    /// Declared, but not resolved here, other than where a `@provides` path leads to it.
    /// Federation 1 key fields of extensions, which are readable, have `external: false`.
    pub external: bool,
    /// Fields of the same object that must be sent along (`@requires`, or all of `required_arguments`). For `@requires`
    /// they are in the subgraph's view, as external ones; for `required_arguments` they need not be.
    pub requires: Option<FieldSet>,
    /// `@require` arguments of a connected field, which the API does not have.
    pub required_arguments: Vec<RequiredArgument>,
    /// External fields that this one brings along.
    pub provides: Option<FieldSet>,
    /// Another subgraph took the field over: not to be asked here, other than as part of a key
    /// or of what another field requires.
    pub overridden: bool,
    /// The connector that fetches this field alone, if there is one.
    pub connector: Option<ConnectorId>,
    /// `@fallback`, `@timeout` and `@cacheControl` on the field.
    pub policy: FieldPolicy,
}

/// A way into a subgraph: given the key of an object, the subgraph answers the object.
#[derive(Debug)]
pub struct EntityResolver {
    /// The object or interface type, by its name in this subgraph.
    pub type_name: Name,
    /// What must be known of an object.
    pub key: FieldSet,
    /// How it is asked.
    pub via: ResolverVia,
}

/// How an entity resolver is asked.
#[derive(Debug)]
pub enum ResolverVia {
    /// `_entities(representations:)` of a GraphQL subgraph.
    Entities,
    /// A lookup field of an HTTP/JSON subgraph. Its connector answers one entity, or a list of them,
    /// when exactly one of its arguments is a list of keys.
    Lookup {
        /// The connector on the lookup field.
        connector: ConnectorId,
        /// Arguments bound from the key.
        arguments: Vec<LookupArgument>,
    },
}

impl Subgraph {
    /// What of a type's keys the subgraph can be asked for, wherever it meets the type, even where another one took it over.
    pub fn readable_keys(&self, type_name: &Name) -> FieldSet {
        let keys = self.types.get(type_name).into_iter().flat_map(|facts| &facts.keys);
        FieldSet { items: keys.flat_map(|key| self.readable(type_name, &key.fields).items).collect() }
    }

    /// Recursion is bounded by the parser's own limit on nesting.
    fn readable(&self, type_name: &Name, fields: &FieldSet) -> FieldSet {
        let readable = |item: &FieldSetItem| match item {
            FieldSetItem::Inline { type_condition, selection } => {
                let selection = self.readable(type_condition, selection);
                Some(FieldSetItem::Inline { type_condition: type_condition.clone(), selection })
            }
            FieldSetItem::Field { name, arguments, selection } => {
                let facts = self.types.get(type_name).and_then(|facts| facts.fields.get(name));
                if facts.is_some_and(|facts| facts.external) {
                    return None;
                }
                let target = self.schema.type_field(type_name, name).ok().map(|field| field.ty.inner_named_type());
                let selection = target.map(|target| self.readable(target, selection)).unwrap_or_default();
                Some(FieldSetItem::Field { name: name.clone(), arguments: arguments.clone(), selection })
            }
        };
        FieldSet { items: fields.items.iter().filter_map(readable).collect() }
    }
}

impl Supergraph {
    /// The subgraph with that index.
    pub fn subgraph(&self, id: SubgraphId) -> &Subgraph {
        &self.subgraphs[id.0 as usize]
    }

    /// The API schema as text: root types first, the others by name, so that it changes only where the graph does.
    pub fn print_api(&self) -> String {
        print_sorted(&self.api)
    }
}

/// The concrete object types that can stand where `name` is declared, sorted.
pub(crate) fn possible_types(schema: &Schema, name: &Name) -> Vec<Name> {
    let mut types: Vec<Name> = match schema.types.get(name) {
        Some(ExtendedType::Object(_)) => vec![name.clone()],
        Some(ExtendedType::Union(union)) => union.members.iter().map(|member| member.name.clone()).collect(),
        Some(ExtendedType::Interface(_)) => schema
            .types
            .values()
            .filter_map(|definition| definition.as_object())
            .filter(|object| object.implements_interfaces.contains(name))
            .map(|object| object.name.clone())
            .collect(),
        _ => Vec::new(),
    };
    types.sort();
    types
}

fn print_sorted(schema: &Schema) -> String {
    let mut sorted = schema.clone();
    let root = |name: &Name| {
        let roots = schema.schema_definition.iter_root_operations();
        roots.enumerate().find(|(_, (_, root))| root.name == *name).map_or(usize::MAX, |(index, _)| index)
    };
    sorted.types.sort_by(|a, _, b, _| root(a).cmp(&root(b)).then_with(|| a.cmp(b)));
    sorted.directive_definitions.sort_keys();
    sorted.to_string()
}
