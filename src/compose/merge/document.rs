//! The frame of a supergraph document: what stands in it whatever is merged.
//!
//! Source: join specification v0.5, link v1.0, inaccessible v0.2, tag v0.3.

use std::sync::LazyLock;

use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{ComponentName, EnumType, EnumValueDefinition, ExtendedType, SchemaBuilder};
use apollo_compiler::{Name, Node, Schema};

use super::{component, directive, string};
use crate::compose::subgraph::Subgraph;

const FRAME: &str = r#"
schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION)
  @link(url: "https://specs.apollo.dev/inaccessible/v0.2", for: SECURITY)
  @link(url: "https://specs.apollo.dev/tag/v0.3")
{ query: Query }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM
  | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION
directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION
  | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA
directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments) repeatable on
  SCHEMA | OBJECT | INTERFACE | FIELD_DEFINITION
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String,
  external: Boolean, override: String, usedOverridden: Boolean, overrideLabel: String,
  contextArguments: [join__ContextArgument!]) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false,
  resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on
  OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
input join__ContextArgument { name: String!, type: String!, context: String!, selection: join__FieldValue! }
scalar join__DirectiveArguments
scalar join__FieldSet
scalar join__FieldValue
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
"#;

/// The frame without a type of its own would not build: the placeholder goes when the graph's `Query` comes.
static PARSED: LazyLock<Schema> = LazyLock::new(|| {
    let text = format!("{FRAME}\ntype Query");
    SchemaBuilder::new().parse(text, "supergraph.graphql").build().expect("our own frame parses")
});

/// The frame, with the subgraphs in it and no types of the graph.
pub(super) fn preamble(subgraphs: &[Subgraph]) -> Schema {
    let mut document = PARSED.clone();
    document.types.shift_remove("Query");
    let mut values = IndexMap::default();
    for subgraph in subgraphs {
        let url = subgraph.url.clone().unwrap_or_default();
        let graph = directive("join__graph", vec![("name", string(subgraph.name.as_str())), ("url", string(url))]);
        let mut directives = apollo_compiler::ast::DirectiveList::new();
        directives.push(graph);
        let value = EnumValueDefinition { description: None, value: subgraph.graph.clone(), directives };
        values.insert(subgraph.graph.clone(), component(Node::new(value)));
    }
    let name = Name::new_static_unchecked("join__Graph");
    let graphs = EnumType { description: None, name: name.clone(), directives: Default::default(), values };
    document.types.insert(name, ExtendedType::Enum(Node::new(graphs)));
    document
}

/// Names the root types that there are.
pub(super) fn name_roots(document: &mut Schema) {
    let root = |name: &'static str| {
        document.types.contains_key(name).then(|| ComponentName::from(Name::new_static_unchecked(name)))
    };
    let (query, mutation, subscription) = (root("Query"), root("Mutation"), root("Subscription"));
    let definition = document.schema_definition.make_mut();
    definition.query = query;
    definition.mutation = mutation;
    definition.subscription = subscription;
}
