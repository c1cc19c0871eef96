//! The subgraphs' own views: what each of them defines, cut out of the merged schema.
//!
//! In: the merged schema and the join directives. Out: one [`View`] per subgraph. Nodes are shared with the merged
//! schema wherever a subgraph does not differ from it, and every type is visited once, however many subgraphs there are.

use apollo_compiler::ast::{FieldDefinition, InputValueDefinition, Type};
use apollo_compiler::collections::{HashMap, IndexMap, IndexSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{
    Component, ComponentName, EnumType, ExtendedType, InputObjectType, InterfaceType, ObjectType, ScalarType, UnionType,
};
use apollo_compiler::{Name, Node, Schema, name, ty};

use super::Reader;
use super::joins::{FieldJoin, TypeJoins};
use crate::connect::Connector;
use crate::supergraph::{
    EntityKey, EntityResolver, FieldSet, ResolverVia, SubgraphField, SubgraphId, SubgraphKind, SubgraphType,
};

/// One subgraph while it is being put together.
pub(super) struct View {
    pub(super) schema: Schema,
    pub(super) types: IndexMap<Name, SubgraphType>,
    /// Where the field sets in `types` are written, for messages.
    pub(super) places: FieldSetPlaces,
    pub(super) timeout_ms: Option<u64>,
    pub(super) kind: SubgraphKind,
    pub(super) connectors: Vec<Connector>,
    /// Of an HTTP/JSON subgraph.
    pub(super) lookups: Vec<EntityResolver>,
}

/// Places of field sets.
#[derive(Default)]
pub(super) struct FieldSetPlaces {
    /// Per type, in the order of its keys: the place, and whether the type is an extension there.
    pub(super) keys: HashMap<Name, Vec<(Option<SourceSpan>, bool)>>,
    /// Per type and field: `requires`, `provides`.
    pub(super) fields: HashMap<(Name, Name), (Option<SourceSpan>, Option<SourceSpan>)>,
}

/// An object, interface or input type in one subgraph.
struct Part<D> {
    graph: SubgraphId,
    fields: IndexMap<Name, Component<D>>,
}

impl Reader<'_> {
    /// Cuts the merged schema up.
    pub(super) fn views(&mut self, merged: &Schema, joins: &IndexMap<Name, TypeJoins>, count: usize) -> Vec<View> {
        let mut empty = Schema::new();
        empty.sources = merged.sources.clone();
        empty.directive_definitions = merged.directive_definitions.clone();
        let mut views: Vec<View> = (0..count)
            .map(|_| View {
                schema: empty.clone(),
                types: IndexMap::default(),
                places: FieldSetPlaces::default(),
                timeout_ms: None,
                kind: SubgraphKind::GraphQl,
                connectors: Vec::new(),
                lookups: Vec::new(),
            })
            .collect();
        let document = self.document;
        for (name, ty) in &merged.types {
            let (Some(joins_of), Some(written)) = (joins.get(name), document.types.get(name)) else { continue };
            match (ty, written) {
                (ExtendedType::Scalar(ty), _) => scalar(&mut views, ty, joins_of),
                (ExtendedType::Union(ty), _) => self.union(&mut views, ty, joins, joins_of),
                (ExtendedType::Enum(ty), ExtendedType::Enum(written)) => {
                    self.enum_type(&mut views, ty, written, joins_of);
                }
                (ExtendedType::InputObject(ty), ExtendedType::InputObject(written)) => {
                    self.input_object(&mut views, ty, written, joins_of);
                }
                (ExtendedType::Object(ty), ExtendedType::Object(written)) => {
                    let composite = Composite { ty: Ok(ty), fields: &ty.fields, written: &written.fields };
                    self.composite(&mut views, name, &composite, joins, joins_of);
                }
                (ExtendedType::Interface(ty), ExtendedType::Interface(written)) => {
                    let composite = Composite { ty: Err(ty), fields: &ty.fields, written: &written.fields };
                    self.composite(&mut views, name, &composite, joins, joins_of);
                }
                _ => {}
            }
        }
        let roots = &merged.schema_definition;
        for view in &mut views {
            // A subgraph without mutations has no mutation type, even where the document gives it an empty one.
            for root in [&roots.mutation, &roots.subscription].into_iter().flatten() {
                if view.schema.get_object(root).is_some_and(|ty| ty.fields.is_empty()) {
                    view.schema.types.shift_remove(&root.name);
                    view.types.shift_remove(&root.name);
                }
            }
            let present =
                |root: &Option<ComponentName>| root.clone().filter(|root| view.schema.get_object(root).is_some());
            let (query, mutation, subscription) =
                (present(&roots.query), present(&roots.mutation), present(&roots.subscription));
            let known = |ty: &Type| view.schema.types.contains_key(ty.inner_named_type());
            let usable =
                |name: &Name| empty.directive_definitions[name].arguments.iter().all(|argument| known(&argument.ty));
            let unusable: Vec<&Name> = empty.directive_definitions.keys().filter(|name| !usable(name)).collect();
            view.schema.directive_definitions.retain(|name, _| !unusable.contains(&name));
            let definition = view.schema.schema_definition.make_mut();
            definition.query = query;
            definition.mutation = mutation;
            definition.subscription = subscription;
        }
        views
    }

    fn union(
        &mut self,
        views: &mut [View],
        ty: &Node<UnionType>,
        joins: &IndexMap<Name, TypeJoins>,
        joins_of: &TypeJoins,
    ) {
        for (graph, member) in &joins_of.union_members {
            if !ty.members.contains(member.as_str()) || !joins_of.has(*graph) {
                let name = &ty.name;
                let message = format!("`{member}` is not a member of `{name}` in subgraph {}.", self.called(*graph));
                self.error("INVALID_FEDERATION_SUPERGRAPH", message, ty.location());
            }
        }
        let mut members: HashMap<SubgraphId, IndexSet<&str>> = HashMap::default();
        for (graph, member) in &joins_of.union_members {
            members.entry(*graph).or_default().insert(member);
        }
        for graph in joins_of.graphs(views.len()) {
            let has = |member: &ComponentName| {
                if joins_of.union_members.is_empty() {
                    joins.get(&member.name).is_some_and(|member| member.has(graph))
                } else {
                    members.get(&graph).is_some_and(|members| members.contains(member.as_str()))
                }
            };
            let own = if ty.members.iter().all(has) {
                ty.clone()
            } else {
                let members = ty.members.iter().filter(|member| has(member)).cloned().collect();
                Node::new(UnionType { members, ..UnionType::clone(ty) })
            };
            views[graph.0 as usize].schema.types.insert(ty.name.clone(), ExtendedType::Union(own));
        }
    }

    fn enum_type(&mut self, views: &mut [View], ty: &Node<EnumType>, written: &EnumType, joins_of: &TypeJoins) {
        let values: Vec<Option<Vec<SubgraphId>>> =
            written.values.values().map(|value| self.value_joins(&value.directives)).collect();
        for graph in joins_of.graphs(views.len()) {
            let has = |index: usize| values[index].as_ref().is_none_or(|graphs| graphs.contains(&graph));
            let own = if (0..values.len()).all(has) {
                ty.clone()
            } else {
                let mut own = EnumType { values: IndexMap::default(), ..EnumType::clone(ty) };
                let kept = ty.values.iter().enumerate().filter(|(index, _)| has(*index));
                own.values.extend(kept.map(|(_, (name, value))| (name.clone(), value.clone())));
                Node::new(own)
            };
            views[graph.0 as usize].schema.types.insert(ty.name.clone(), ExtendedType::Enum(own));
        }
    }

    fn input_object(
        &mut self,
        views: &mut [View],
        ty: &Node<InputObjectType>,
        written: &InputObjectType,
        joins_of: &TypeJoins,
    ) {
        let (mut parts, index) = parts::<InputValueDefinition>(joins_of, views.len());
        for (field_name, field) in &ty.fields {
            let Some(as_written) = written.fields.get(field_name) else { continue };
            let Some(list) = self.field_joins(&as_written.directives, joins_of, as_written.location()) else {
                for part in &mut parts {
                    part.fields.insert(field_name.clone(), field.clone());
                }
                continue;
            };
            for join in list {
                let Some(part) = self.part_of(&mut parts, &index, &join, &ty.name, field_name) else { continue };
                let mut own = field.clone();
                if let Some(ty) = join.ty.filter(|ty| *ty != *own.ty) {
                    own.make_mut().ty = Node::new(ty);
                }
                part.fields.insert(field_name.clone(), own);
            }
        }
        for part in parts {
            let own = if part.fields.len() == ty.fields.len() && part.fields.iter().all(|(n, f)| same(f, &ty.fields[n]))
            {
                ty.clone()
            } else {
                Node::new(InputObjectType { fields: part.fields, ..InputObjectType::clone(ty) })
            };
            views[part.graph.0 as usize].schema.types.insert(ty.name.clone(), ExtendedType::InputObject(own));
        }
    }

    fn composite(
        &mut self,
        views: &mut [View],
        type_name: &Name,
        composite: &Composite<'_>,
        joins: &IndexMap<Name, TypeJoins>,
        joins_of: &TypeJoins,
    ) {
        let (mut parts, index) = parts::<FieldDefinition>(joins_of, views.len());
        let mut facts: Vec<IndexMap<Name, SubgraphField>> = parts.iter().map(|_| IndexMap::default()).collect();
        for (field_name, field) in composite.fields {
            let Some(written) = composite.written.get(field_name) else { continue };
            let Some(list) = self.field_joins(&written.directives, joins_of, written.location()) else {
                for (part, facts) in parts.iter_mut().zip(&mut facts) {
                    part.fields.insert(field_name.clone(), field.clone());
                    facts.insert(field_name.clone(), SubgraphField::default());
                }
                continue;
            };
            for join in list {
                let graph = join.graph;
                let Some(part) = self.part_of(&mut parts, &index, &join, type_name, field_name) else { continue };
                part.fields.insert(field_name.clone(), with_type(field, join.ty));
                let mut place = (None, None);
                let mut split = |fields: Option<(FieldSet, Option<SourceSpan>)>, first: bool| {
                    let (fields, location) = fields?;
                    if first {
                        place.0 = location
                    } else {
                        place.1 = location
                    }
                    Some(fields)
                };
                let own = SubgraphField {
                    external: join.external,
                    overridden: join.overridden,
                    requires: split(join.requires, true),
                    provides: split(join.provides, false),
                    ..SubgraphField::default()
                };
                if own.requires.is_some() || own.provides.is_some() {
                    let places = &mut views[graph.0 as usize].places.fields;
                    places.insert((type_name.clone(), field_name.clone()), place);
                }
                facts[index[&graph]].insert(field_name.clone(), own);
            }
        }
        let interfaces = self.interfaces(type_name, composite, joins, joins_of, &parts);
        for (((part, fields), implements), position) in parts.into_iter().zip(facts).zip(interfaces).zip(0..) {
            let graph = part.graph;
            let view = &mut views[graph.0 as usize];
            let is_interface_object = joins_of.is_interface_object(graph);
            debug_assert_eq!(index.get(&graph), Some(&position));
            view.schema.types.insert(type_name.clone(), composite.cut(implements, part.fields, is_interface_object));
            let mut own = SubgraphType { is_interface_object, fields, ..SubgraphType::default() };
            if let Some(member) = joins_of.members.get(&graph) {
                let clone = |key: &super::joins::Key| EntityKey { fields: key.key.fields.clone(), ..key.key };
                own.keys = member.keys.iter().map(clone).collect();
                let places = member.keys.iter().map(|key| (key.location, key.extension)).collect();
                view.places.keys.insert(type_name.clone(), places);
            }
            view.types.insert(type_name.clone(), own);
        }
    }

    /// What a type implements in each of its subgraphs.
    fn interfaces(
        &mut self,
        type_name: &Name,
        composite: &Composite<'_>,
        joins: &IndexMap<Name, TypeJoins>,
        joins_of: &TypeJoins,
        parts: &[Part<FieldDefinition>],
    ) -> Vec<IndexSet<ComponentName>> {
        let declared = composite.implements();
        for (graph, interface) in &joins_of.implements {
            if !declared.contains(interface.as_str()) || !joins_of.has(*graph) {
                let graph = self.called(*graph);
                let message = format!("`{type_name}` does not implement `{interface}` in subgraph {graph}.");
                self.error("INVALID_FEDERATION_SUPERGRAPH", message, composite.location());
            }
        }
        let mut implements: HashMap<&str, IndexSet<SubgraphId>> = HashMap::default();
        for (graph, interface) in &joins_of.implements {
            implements.entry(interface).or_default().insert(*graph);
        }
        let has = |graph: SubgraphId, interface: &ComponentName| match implements.get(interface.as_str()) {
            Some(graphs) => graphs.contains(&graph),
            // Before v0.2: wherever the interface is one.
            None => joins.get(&interface.name).is_some_and(|i| i.has(graph) && !i.is_interface_object(graph)),
        };
        parts.iter().map(|part| declared.iter().filter(|i| has(part.graph, i)).cloned().collect()).collect()
    }

    fn part_of<'p, D>(
        &mut self,
        parts: &'p mut [Part<D>],
        index: &HashMap<SubgraphId, usize>,
        join: &FieldJoin,
        type_name: &Name,
        field_name: &Name,
    ) -> Option<&'p mut Part<D>> {
        let found = index.get(&join.graph);
        if found.is_none() {
            let graph = self.called(join.graph);
            let message =
                format!("`{type_name}.{field_name}` is in subgraph {graph}, which has no type `{type_name}`.");
            self.error("INVALID_FEDERATION_SUPERGRAPH", message, join.location);
        }
        found.map(|position| &mut parts[*position])
    }
}

/// An object or interface type.
struct Composite<'a> {
    ty: Result<&'a Node<ObjectType>, &'a Node<InterfaceType>>,
    fields: &'a IndexMap<Name, Component<FieldDefinition>>,
    /// The same fields with their join directives.
    written: &'a IndexMap<Name, Component<FieldDefinition>>,
}

impl Composite<'_> {
    fn implements(&self) -> &IndexSet<ComponentName> {
        match self.ty {
            Ok(ty) => &ty.implements_interfaces,
            Err(ty) => &ty.implements_interfaces,
        }
    }

    fn location(&self) -> Option<SourceSpan> {
        match self.ty {
            Ok(ty) => ty.location(),
            Err(ty) => ty.location(),
        }
    }

    /// The type as one subgraph has it.
    fn cut(
        &self,
        implements_interfaces: IndexSet<ComponentName>,
        fields: IndexMap<Name, Component<FieldDefinition>>,
        is_interface_object: bool,
    ) -> ExtendedType {
        let (description, name, directives) = match self.ty {
            Ok(ty) => (&ty.description, &ty.name, &ty.directives),
            Err(ty) => (&ty.description, &ty.name, &ty.directives),
        };
        let (description, name, directives) = (description.clone(), name.clone(), directives.clone());
        if self.ty.is_ok() || is_interface_object {
            Node::new(ObjectType { description, name, implements_interfaces, directives, fields }).into()
        } else {
            Node::new(InterfaceType { description, name, implements_interfaces, directives, fields }).into()
        }
    }
}

impl View {
    /// `_entities` of a GraphQL subgraph is a resolver for each of its resolvable keys.
    pub(super) fn take_resolvers(&mut self) -> Vec<EntityResolver> {
        if self.kind == SubgraphKind::Http {
            return std::mem::take(&mut self.lookups);
        }
        let keys = self.types.iter().flat_map(|(name, ty)| ty.keys.iter().map(move |key| (name, key)));
        keys.filter(|(_, key)| key.resolvable)
            .map(|(name, key)| EntityResolver {
                type_name: name.clone(),
                key: key.fields.clone(),
                via: ResolverVia::Entities,
            })
            .collect()
    }

    /// The view's schema, with what downstream operations need to load entities: `_Any`, `_Entity` and `_entities`.
    pub(super) fn take_schema(&mut self, query: Option<&Name>) -> Schema {
        let mut schema = std::mem::replace(&mut self.schema, Schema::new());
        let is_entity = |name: &&Name| {
            schema.get_object(name).is_some()
                && self.types.get(*name).is_some_and(|ty| ty.keys.iter().any(|key| key.resolvable))
        };
        let entities: IndexSet<ComponentName> = self.types.keys().filter(is_entity).map(ComponentName::from).collect();
        if entities.is_empty() || self.kind == SubgraphKind::Http {
            return schema;
        }
        let any = ScalarType { description: None, name: name!("_Any"), directives: Default::default() };
        schema.types.insert(name!("_Any"), Node::new(any).into());
        let entity =
            UnionType { description: None, name: name!("_Entity"), directives: Default::default(), members: entities };
        schema.types.insert(name!("_Entity"), Node::new(entity).into());
        let query = query.cloned().unwrap_or(name!("Query"));
        let root = schema.types.entry(query.clone()).or_insert_with(|| {
            Node::new(ObjectType {
                description: None,
                name: query.clone(),
                implements_interfaces: Default::default(),
                directives: Default::default(),
                fields: Default::default(),
            })
            .into()
        });
        if let ExtendedType::Object(root) = root {
            let representations = InputValueDefinition {
                description: None,
                name: name!("representations"),
                ty: Node::new(ty!([_Any!]!)),
                default_value: None,
                directives: Default::default(),
            };
            let field = FieldDefinition {
                description: None,
                name: name!("_entities"),
                arguments: vec![Node::new(representations)],
                ty: ty!([_Entity]!),
                directives: Default::default(),
            };
            root.make_mut().fields.insert(name!("_entities"), Component::new(field));
        }
        schema.schema_definition.make_mut().query = Some(query.into());
        schema
    }
}

/// Documents before v0.2 do not say which of an interface's fields a subgraph has: it has those that each of its
/// implementations there can answer.
pub(super) fn narrow_interfaces(views: &mut [View], joins: &IndexMap<Name, TypeJoins>) {
    let unknown: Vec<&Name> =
        joins.iter().filter(|(_, joins)| joins.members.is_empty()).map(|(name, _)| name).collect();
    if unknown.is_empty() {
        return;
    }
    for view in views {
        let implementers = view.schema.implementers_map();
        for name in &unknown {
            let Some(ExtendedType::Interface(interface)) = view.schema.types.get(*name) else { continue };
            let Some(implementers) = implementers.get(*name) else { continue };
            let objects: Vec<&Node<ObjectType>> =
                implementers.objects.iter().filter_map(|object| view.schema.get_object(object)).collect();
            let answers = |object: &Name, field: &Name| {
                view.types.get(object).and_then(|ty| ty.fields.get(field)).is_some_and(|field| !field.external)
            };
            let everywhere = |field: &Name| objects.iter().all(|object| answers(&object.name, field));
            let absent: Vec<Name> = interface.fields.keys().filter(|field| !everywhere(field)).cloned().collect();
            if let Some(ExtendedType::Interface(interface)) = view.schema.types.get_mut(*name)
                && !absent.is_empty()
            {
                interface.make_mut().fields.retain(|field, _| !absent.contains(field));
            }
            if let Some(facts) = view.types.get_mut(*name) {
                facts.fields.retain(|field, _| !absent.contains(field));
            }
        }
    }
}

fn scalar(views: &mut [View], ty: &Node<ScalarType>, joins_of: &TypeJoins) {
    for graph in joins_of.graphs(views.len()) {
        views[graph.0 as usize].schema.types.insert(ty.name.clone(), ExtendedType::Scalar(ty.clone()));
    }
}

/// An empty part for each subgraph of a type, and where each is.
fn parts<D>(joins_of: &TypeJoins, count: usize) -> (Vec<Part<D>>, HashMap<SubgraphId, usize>) {
    let graphs = joins_of.graphs(count);
    let index = graphs.iter().enumerate().map(|(index, graph)| (*graph, index)).collect();
    (graphs.into_iter().map(|graph| Part { graph, fields: IndexMap::default() }).collect(), index)
}

fn with_type(field: &Component<FieldDefinition>, ty: Option<Type>) -> Component<FieldDefinition> {
    let mut own = field.clone();
    if let Some(ty) = ty.filter(|ty| *ty != own.ty) {
        own.make_mut().ty = ty;
    }
    own
}

fn same<D>(a: &Component<D>, b: &Component<D>) -> bool {
    a.node.ptr_eq(&b.node)
}
