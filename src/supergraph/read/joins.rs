//! The join directives on one type and its fields, as plain data.
//!
//! In: directives as they stand in the document. Out: [`TypeJoins`] and [`FieldJoin`]s, subgraphs by index.
//! What is written wrongly is told and left out; what is not supported is refused by name.
//! Source: join specification v0.1 to v0.5.

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, Type, Value};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::parser::{Parser, SourceSpan};
use apollo_compiler::schema::ExtendedType;

use super::Reader;
use crate::supergraph::{EntityKey, FieldSet, SubgraphId};

/// The join directives on a type.
#[derive(Debug, Default)]
pub(super) struct TypeJoins {
    /// `@join__owner` (v0.1): where fields without a graph live.
    pub(super) owner: Option<SubgraphId>,
    /// `@join__type`. Empty: a type of all subgraphs.
    pub(super) members: IndexMap<SubgraphId, Member>,
    /// `@join__implements`.
    pub(super) implements: Vec<(SubgraphId, String)>,
    /// `@join__unionMember`.
    pub(super) union_members: Vec<(SubgraphId, String)>,
}

/// A type in one subgraph.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// Its keys.
    pub(super) keys: Vec<Key>,
    /// `isInterfaceObject: true`.
    pub(super) is_interface_object: bool,
}

/// A `@join__type(key:)`.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) key: EntityKey,
    /// The type is an extension there.
    pub(super) extension: bool,
    /// Where it is written.
    pub(super) location: Option<SourceSpan>,
}

/// A field in one subgraph.
#[derive(Debug)]
pub(super) struct FieldJoin {
    pub(super) graph: SubgraphId,
    /// The subgraph's own type of the field, if it differs.
    pub(super) ty: Option<Type>,
    pub(super) external: bool,
    pub(super) overridden: bool,
    pub(super) requires: Option<(FieldSet, Option<SourceSpan>)>,
    pub(super) provides: Option<(FieldSet, Option<SourceSpan>)>,
    pub(super) location: Option<SourceSpan>,
}

impl TypeJoins {
    /// The subgraphs that have the type.
    pub(super) fn graphs(&self, count: usize) -> Vec<SubgraphId> {
        if self.members.is_empty() {
            (0..count as u32).map(SubgraphId).collect()
        } else {
            self.members.keys().copied().collect()
        }
    }

    /// Whether a subgraph has the type.
    pub(super) fn has(&self, graph: SubgraphId) -> bool {
        self.members.is_empty() || self.members.contains_key(&graph)
    }

    /// Whether the type is an object that stands for an interface there.
    pub(super) fn is_interface_object(&self, graph: SubgraphId) -> bool {
        self.members.get(&graph).is_some_and(|member| member.is_interface_object)
    }
}

impl Reader<'_> {
    /// Reads the join directives on a type.
    pub(super) fn type_joins(&mut self, ty: &ExtendedType) -> TypeJoins {
        let mut joins = TypeJoins::default();
        let can_have_keys = matches!(ty, ExtendedType::Object(_) | ExtendedType::Interface(_));
        for directive in ty.directives().iter().map(|directive| &directive.node) {
            if directive.name == *self.join.owner {
                self.know_arguments(directive, &["graph"]);
                joins.owner = self.graph_argument(directive);
            } else if directive.name == *self.join.type_ {
                self.know_arguments(directive, &["graph", "key", "extension", "resolvable", "isInterfaceObject"]);
                let Some(graph) = self.graph_argument(directive) else { continue };
                let member = joins.members.entry(graph).or_default();
                member.is_interface_object |= self.boolean_argument(directive, "isInterfaceObject").unwrap_or(false);
                let Some((fields, location)) = self.field_set_argument(directive, "key", "KEY_INVALID_FIELDS") else {
                    continue;
                };
                if !can_have_keys {
                    self.error(
                        "INVALID_FEDERATION_SUPERGRAPH",
                        format!("`{}` cannot have a key.", ty.name()),
                        location,
                    );
                    continue;
                }
                let resolvable = self.boolean_argument(directive, "resolvable").unwrap_or(true);
                let extension = self.boolean_argument(directive, "extension").unwrap_or(false);
                member.keys.push(Key { key: EntityKey { fields, resolvable }, extension, location });
            } else if directive.name == *self.join.implements {
                self.know_arguments(directive, &["graph", "interface"]);
                let interface = self.string_argument(directive, "interface");
                if let (Some(graph), Some((interface, _))) = (self.graph_argument(directive), interface) {
                    joins.implements.push((graph, interface.to_owned()));
                }
            } else if directive.name == *self.join.union_member {
                self.know_arguments(directive, &["graph", "member"]);
                let member = self.string_argument(directive, "member");
                if let (Some(graph), Some((member, _))) = (self.graph_argument(directive), member) {
                    joins.union_members.push((graph, member.to_owned()));
                }
            }
        }
        // An owner without a `@join__type` has the type all the same.
        if let Some(owner) = joins.owner {
            joins.members.entry(owner).or_default();
        }
        joins
    }

    /// Where a field, or an input field, lives: `None` in every subgraph that has its type, in the same way.
    pub(super) fn field_joins(
        &mut self,
        directives: &[Node<Directive>],
        joins: &TypeJoins,
        location: Option<SourceSpan>,
    ) -> Option<Vec<FieldJoin>> {
        let mut found: Option<Vec<FieldJoin>> = None;
        let join = self.join;
        for directive in directives.iter().filter(|directive| directive.name == *join.field) {
            const KNOWN: [&str; 9] = [
                "graph",
                "requires",
                "provides",
                "type",
                "external",
                "override",
                "usedOverridden",
                "overrideLabel",
                "contextArguments",
            ];
            self.know_arguments(directive, &KNOWN);
            for (refused, what) in
                [("overrideLabel", "Progressive `@override` (with a label)"), ("contextArguments", "`@fromContext`")]
            {
                if let Some(value) = given(directive, refused) {
                    self.error("UNSUPPORTED", format!("{what} is not supported yet."), value.location());
                }
            }
            let joins_so_far = found.get_or_insert_default();
            // Without a graph the field is of no subgraph's own (an interface object gives it), or of the owner.
            let graph = match given(directive, "graph") {
                Some(_) => self.graph_argument(directive),
                None => joins.owner,
            };
            let Some(graph) = graph else { continue };
            let ty = self.string_argument(directive, "type").and_then(|(text, location)| {
                Parser::new()
                    .recursion_limit(32)
                    .parse_type(text, "type")
                    .map_err(|_| {
                        self.error("INVALID_FEDERATION_SUPERGRAPH", format!("`{text}` is not a type."), location)
                    })
                    .ok()
            });
            joins_so_far.push(FieldJoin {
                graph,
                ty,
                external: self.boolean_argument(directive, "external").unwrap_or(false),
                overridden: self.boolean_argument(directive, "usedOverridden").unwrap_or(false),
                requires: self.field_set_argument(directive, "requires", "REQUIRES_INVALID_FIELDS"),
                provides: self.field_set_argument(directive, "provides", "PROVIDES_INVALID_FIELDS"),
                location: directive.location(),
            });
        }
        if found.is_none()
            && let Some(owner) = joins.owner
        {
            found = Some(vec![FieldJoin {
                graph: owner,
                ty: None,
                external: false,
                overridden: false,
                requires: None,
                provides: None,
                location,
            }]);
        }
        found
    }

    /// The subgraphs of an enum value: `None` for all that have the enum.
    pub(super) fn value_joins(&mut self, directives: &[Node<Directive>]) -> Option<Vec<SubgraphId>> {
        let mut found: Option<Vec<SubgraphId>> = None;
        let join = self.join;
        for directive in directives.iter().filter(|directive| directive.name == *join.enum_value) {
            self.know_arguments(directive, &["graph"]);
            let graph = self.graph_argument(directive);
            found.get_or_insert_default().extend(graph);
        }
        found
    }

    /// Refuses arguments that nothing here would honour.
    pub(super) fn know_arguments(&mut self, directive: &Node<Directive>, known: &[&str]) {
        for argument in directive.arguments.iter().filter(|argument| !known.contains(&argument.name.as_str())) {
            let message = format!("`@{}({}:)` is not supported.", directive.name, argument.name);
            self.error("UNSUPPORTED", message, argument.location());
        }
    }

    pub(super) fn graph_argument(&mut self, directive: &Node<Directive>) -> Option<SubgraphId> {
        let Some(value) = given(directive, "graph") else {
            let message = format!("`@{}` needs a `graph`.", directive.name);
            self.error("INVALID_FEDERATION_SUPERGRAPH", message, directive.location());
            return None;
        };
        self.graph_value(value)
    }

    pub(super) fn graph_value(&mut self, value: &Node<Value>) -> Option<SubgraphId> {
        let found = value.as_enum().and_then(|name| self.graphs.get(name.as_str())).copied();
        if found.is_none() {
            let message = format!("`{value}` is not a value of `{}`.", self.join.graph_enum);
            self.error("INVALID_FEDERATION_SUPERGRAPH", message, value.location());
        }
        found
    }

    pub(super) fn string_argument<'d>(
        &mut self,
        directive: &'d Node<Directive>,
        name: &str,
    ) -> Option<(&'d str, Option<SourceSpan>)> {
        let value = given(directive, name)?;
        if value.as_str().is_none() {
            let message = format!("`@{}({name}:)` is a string.", directive.name);
            self.error("INVALID_FEDERATION_SUPERGRAPH", message, value.location());
        }
        Some((value.as_str()?, value.location()))
    }

    fn boolean_argument(&mut self, directive: &Node<Directive>, name: &str) -> Option<bool> {
        let value = given(directive, name)?;
        if value.to_bool().is_none() {
            let message = format!("`@{}({name}:)` is `true` or `false`.", directive.name);
            self.error("INVALID_FEDERATION_SUPERGRAPH", message, value.location());
        }
        value.to_bool()
    }

    fn field_set_argument(
        &mut self,
        directive: &Node<Directive>,
        name: &str,
        code: &'static str,
    ) -> Option<(FieldSet, Option<SourceSpan>)> {
        let (text, location) = self.string_argument(directive, name)?;
        match FieldSet::parse(text) {
            Ok(fields) => Some((fields, location)),
            Err(error) => {
                self.field_set_error(code, text, error, location);
                None
            }
        }
    }
}

/// An argument that is there and not null.
fn given<'d>(directive: &'d Directive, name: &str) -> Option<&'d Node<Value>> {
    directive.specified_argument_by_name(name).filter(|value| !value.is_null())
}

/// What the join specification's directives are called in this document.
#[derive(Debug)]
pub(super) struct JoinNames {
    pub(super) graph_enum: String,
    pub(super) graph: String,
    pub(super) owner: String,
    pub(super) type_: String,
    pub(super) field: String,
    pub(super) implements: String,
    pub(super) union_member: String,
    pub(super) enum_value: String,
    pub(super) directive: String,
}

impl JoinNames {
    pub(super) fn new(names: &super::links::Names) -> Self {
        let directive = |element| names.directive("join", element);
        Self {
            graph_enum: names.type_name("join", "Graph"),
            graph: directive("graph"),
            owner: directive("owner"),
            type_: directive("type"),
            field: directive("field"),
            implements: directive("implements"),
            union_member: directive("unionMember"),
            enum_value: directive("enumValue"),
            directive: directive("directive"),
        }
    }
}
