//! Where objects can be had, and what a place has of them.

use apollo_compiler::Name;
use apollo_compiler::collections::{HashMap, IndexMap};
use apollo_compiler::schema::ExtendedType;

use crate::connect::MappingShape;
use crate::supergraph::{
    ConnectorId, FieldSet, FieldSetItem, ResolverVia, Subgraph, SubgraphField, SubgraphKind, SubgraphType, Supergraph,
};

/// Index of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PlaceId(u32);

/// Somewhere an object can be had.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Index in [`Supergraph::subgraphs`].
    pub(super) subgraph: usize,
    /// The object's type there: its concrete type, or an interface object, or for a field's value what the field
    /// declares.
    pub(super) ty: Name,
    /// What a connector's answer holds of it; `None` in a GraphQL subgraph, and where nothing is at hand.
    mapped: Option<Mapped>,
    /// External fields that are brought along.
    provided: FieldSet,
}

/// Which part of a connector's answer an object is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Mapped {
    /// That below these fields. There are no more of these than the selection has parts.
    At(ConnectorId, Vec<Name>),
    /// Whatever the service answers.
    Any,
}

/// All places, each once, and what must be known of types to follow them.
pub(super) struct Places<'a> {
    supergraph: &'a Supergraph,
    all: Vec<Place>,
    ids: HashMap<Place, PlaceId>,
    /// Interface → its objects, in each subgraph.
    implementers: Vec<HashMap<Name, Vec<Name>>>,
    /// Interface → its objects, in the graph.
    merged_implementers: HashMap<Name, Vec<Name>>,
    /// What of its keys each subgraph can be asked for, by type.
    readable_keys: Vec<HashMap<Name, FieldSet>>,
    /// What each connector's selection produces.
    shapes: HashMap<(usize, ConnectorId), MappingShape>,
}

/// What reading a field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A client selects it.
    Client,
    /// A key or a requirement needs it: what another fragment took over may still be read.
    Internal,
}

impl<'a> Places<'a> {
    pub(super) fn new(supergraph: &'a Supergraph) -> Self {
        let implementers_of = |schema: &apollo_compiler::Schema| {
            let mut map: HashMap<Name, Vec<Name>> = HashMap::default();
            for (name, ty) in &schema.types {
                for interface in ty.as_object().into_iter().flat_map(|t| &t.implements_interfaces) {
                    map.entry(interface.name.clone()).or_default().push(name.clone());
                }
            }
            map
        };
        let readable_keys =
            |of: &Subgraph| of.types.keys().map(|name| (name.clone(), of.readable_keys(name))).collect();
        let mut places = Self {
            supergraph,
            readable_keys: supergraph.subgraphs.iter().map(readable_keys).collect(),
            all: Vec::new(),
            ids: HashMap::default(),
            implementers: supergraph.subgraphs.iter().map(|s| implementers_of(&s.schema)).collect(),
            merged_implementers: implementers_of(&supergraph.schema),
            shapes: HashMap::default(),
        };
        for (index, subgraph) in supergraph.subgraphs.iter().enumerate() {
            for (id, connector) in subgraph.connectors.iter().enumerate() {
                places.shapes.insert((index, ConnectorId(id as u32)), connector.selection.shape());
            }
        }
        places
    }

    pub(super) fn get(&self, id: PlaceId) -> &Place {
        &self.all[id.0 as usize]
    }

    fn add(&mut self, place: Place) -> PlaceId {
        if let Some(id) = self.ids.get(&place) {
            return *id;
        }
        let id = PlaceId(self.all.len() as u32);
        self.all.push(place.clone());
        self.ids.insert(place, id);
        id
    }

    fn subgraph(&self, index: usize) -> &'a Subgraph {
        &self.supergraph.subgraphs[index]
    }

    fn facts(&self, place: &Place) -> Option<&'a SubgraphType> {
        self.subgraph(place.subgraph).types.get(&place.ty)
    }

    /// An object there stands for an interface elsewhere: its concrete type is not known there.
    pub(super) fn is_interface_object(&self, id: PlaceId) -> bool {
        self.facts(self.get(id)).is_some_and(|facts| facts.is_interface_object)
    }

    /// A type in a subgraph, of which nothing is at hand but what the subgraph can be asked for.
    pub(super) fn root(&mut self, subgraph: usize, ty: &Name) -> Option<PlaceId> {
        self.subgraph(subgraph).schema.types.get(ty)?;
        Some(self.add(Place { subgraph, ty: ty.clone(), mapped: None, provided: FieldSet::default() }))
    }

    /// A root type in every subgraph that has it.
    pub(super) fn roots(&mut self, root: &Name) -> Vec<PlaceId> {
        (0..self.supergraph.subgraphs.len()).filter_map(|subgraph| self.root(subgraph, root)).collect()
    }

    /// What an entity resolver of a subgraph gives for an object of a concrete type; `None` where the subgraph does not
    /// know that type.
    pub(super) fn entered(
        &mut self,
        subgraph: usize,
        resolver_type: &Name,
        via: &ResolverVia,
        concrete: &Name,
    ) -> Option<PlaceId> {
        let of = self.subgraph(subgraph);
        let stands_in = of.types.get(resolver_type).is_some_and(|facts| facts.is_interface_object);
        let ty = if stands_in { resolver_type } else { concrete };
        of.schema.get_object(ty)?;
        let mapped = match via {
            ResolverVia::Entities => None,
            ResolverVia::Lookup { connector, .. } => Some(self.mapped(subgraph, *connector, Vec::new())),
        };
        Some(self.add(Place { subgraph, ty: ty.clone(), mapped, provided: FieldSet::default() }))
    }

    /// What a place says of a field, if it has it; requirements are not looked at.
    pub(super) fn field(&self, id: PlaceId, field: &Name, purpose: Purpose) -> Option<&'a SubgraphField> {
        let place = self.get(id);
        let facts = self.facts(place)?.fields.get(field)?;
        let elsewhere = facts.external || (facts.overridden && purpose == Purpose::Client);
        if elsewhere && !self.is_provided(place, field) {
            return None;
        }
        if facts.connector.is_some() {
            return Some(facts);
        }
        match self.subgraph(place.subgraph).kind {
            SubgraphKind::GraphQl => Some(facts),
            SubgraphKind::Http => self.is_mapped(place, field).then_some(facts),
        }
    }

    fn is_provided(&self, place: &Place, field: &Name) -> bool {
        self.provided_items(place).any(|item| matches!(item, FieldSetItem::Field { name, .. } if name == field))
    }

    /// What of the provided selection applies to the place's type. What is in a key is at hand as well, unless it is external.
    fn provided_items<'p>(&'p self, place: &'p Place) -> impl Iterator<Item = &'p FieldSetItem> + 'p {
        let keys = self.readable_keys[place.subgraph].get(&place.ty);
        let mut open: Vec<&FieldSetItem> =
            place.provided.items.iter().chain(keys.into_iter().flat_map(|k| &k.items)).collect();
        std::iter::from_fn(move || {
            while let Some(item) = open.pop() {
                match item {
                    FieldSetItem::Inline { type_condition, selection } => {
                        if self.is_of(place.subgraph, &place.ty, type_condition) {
                            open.extend(&selection.items);
                        }
                    }
                    FieldSetItem::Field { .. } => return Some(item),
                }
            }
            None
        })
    }

    /// What a selection brings beyond what the subgraph resolves anyway, so that equal places are one.
    /// Recursion is bounded by the parser's own limit on nesting.
    fn beyond(&self, subgraph: usize, ty: &Name, fields: &FieldSet) -> FieldSet {
        let mut items: Vec<FieldSetItem> = Vec::new();
        for item in &fields.items {
            let kept = match item {
                FieldSetItem::Inline { type_condition, selection } => {
                    let selection = self.beyond(subgraph, type_condition, selection);
                    let type_condition = type_condition.clone();
                    (!selection.is_empty()).then_some(FieldSetItem::Inline { type_condition, selection })
                }
                FieldSetItem::Field { name, selection, .. } => {
                    let types = &self.subgraph(subgraph).types;
                    let elsewhere = self.possible(subgraph, ty).iter().any(|object| {
                        let facts = types.get(object).and_then(|facts| facts.fields.get(name));
                        facts.is_some_and(|facts| facts.external || facts.overridden)
                    });
                    let inner = self.declared(subgraph, ty, name);
                    let selection = inner.map(|inner| self.beyond(subgraph, &inner, selection)).unwrap_or_default();
                    let needed = elsewhere || !selection.is_empty();
                    needed.then(|| FieldSetItem::Field { name: name.clone(), arguments: Vec::new(), selection })
                }
            };
            items.extend(kept.filter(|kept| !items.contains(kept)));
        }
        FieldSet { items }
    }

    fn is_mapped(&self, place: &Place, field: &Name) -> bool {
        match &place.mapped {
            None => false,
            Some(Mapped::Any) => true,
            Some(Mapped::At(connector, path)) => {
                let of = self.shape_at(place.subgraph, *connector, path);
                of.is_some_and(|shape| *shape == MappingShape::Any || shape.field(field).is_some())
            }
        }
    }

    /// A part of an answer, in the one form that it has.
    fn mapped(&self, subgraph: usize, connector: ConnectorId, path: Vec<Name>) -> Mapped {
        match self.shape_at(subgraph, connector, &path) {
            Some(MappingShape::Any) => Mapped::Any,
            _ => Mapped::At(connector, path),
        }
    }

    fn shape_at(&self, subgraph: usize, connector: ConnectorId, path: &[Name]) -> Option<&MappingShape> {
        let mut shape = self.shapes.get(&(subgraph, connector))?;
        for name in path {
            if *shape == MappingShape::Any {
                break;
            }
            shape = &shape.field(name)?.shape;
        }
        Some(shape)
    }

    /// Whether a type's objects are all of another type, in a subgraph.
    pub(super) fn is_of(&self, subgraph: usize, ty: &Name, of: &Name) -> bool {
        ty == of || self.possible(subgraph, of).contains(ty)
    }

    /// The value of a field that the place has: `None` for a scalar or an enum.
    pub(super) fn follow(&mut self, id: PlaceId, field: &Name, facts: &SubgraphField) -> Option<PlaceId> {
        let place = self.get(id);
        let ty = self.declared(place.subgraph, &place.ty, field)?;
        let schema = &self.subgraph(place.subgraph).schema;
        if !matches!(
            schema.types.get(&ty),
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
        ) {
            return None;
        }
        let mapped = match (facts.connector, &place.mapped) {
            (Some(connector), _) => Some(self.mapped(place.subgraph, connector, Vec::new())),
            (None, Some(Mapped::At(connector, path))) => {
                let path = path.iter().chain(std::iter::once(field)).cloned().collect();
                Some(self.mapped(place.subgraph, *connector, path))
            }
            (None, mapped) => mapped.clone(),
        };
        let mut provided = facts.provides.clone().unwrap_or_default();
        for item in self.provided_items(place) {
            if let FieldSetItem::Field { name, selection, .. } = item
                && name == field
            {
                provided.items.extend(
                    selection.items.iter().filter(|i| !provided.items.contains(i)).cloned().collect::<Vec<_>>(),
                );
            }
        }
        let subgraph = place.subgraph;
        let provided = self.beyond(subgraph, &ty, &provided);
        Some(self.add(Place { subgraph, ty, mapped, provided }))
    }

    /// The named type of a field in a subgraph.
    fn declared(&self, subgraph: usize, ty: &Name, field: &Name) -> Option<Name> {
        let fields = match self.subgraph(subgraph).schema.types.get(ty)? {
            ExtendedType::Object(t) => &t.fields,
            ExtendedType::Interface(t) => &t.fields,
            _ => return None,
        };
        fields.get(field).map(|f| f.ty.inner_named_type().clone())
    }

    /// The concrete types that a place's objects can have, each with the place as that type.
    pub(super) fn concrete(&mut self, id: PlaceId) -> Vec<(Name, PlaceId)> {
        let place = self.get(id).clone();
        if self.is_interface_object(id) {
            let objects = self.merged_implementers.get(&place.ty).cloned().unwrap_or_default();
            return objects.into_iter().map(|object| (object, id)).collect();
        }
        let possible = self.possible(place.subgraph, &place.ty);
        possible.into_iter().map(|ty| (ty.clone(), self.add(Place { ty, ..place.clone() }))).collect()
    }

    fn possible(&self, subgraph: usize, ty: &Name) -> Vec<Name> {
        match self.subgraph(subgraph).schema.types.get(ty) {
            Some(ExtendedType::Object(_)) => vec![ty.clone()],
            Some(ExtendedType::Interface(_)) => self.implementers[subgraph].get(ty).cloned().unwrap_or_default(),
            Some(ExtendedType::Union(union)) => union.members.iter().map(|m| m.name.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a subgraph knows every object of the graph that implements an interface as one that does.
    pub(super) fn knows_all(&self, subgraph: usize, interface: &Name) -> bool {
        let known = self.implementers[subgraph].get(interface);
        let all = self.merged_implementers.get(interface).into_iter().flatten();
        all.into_iter().all(|object| known.is_some_and(|known| known.contains(object)))
    }

    /// Whether a concrete type of the graph is a type condition's, anywhere.
    pub(super) fn applies(&self, concrete: &Name, condition: &Name) -> bool {
        concrete == condition
            || self.merged_implementers.get(condition).is_some_and(|objects| objects.contains(concrete))
            || self.supergraph.schema.get_union(condition).is_some_and(|u| u.members.contains(concrete))
    }

    /// The entity resolvers of all subgraphs, by the concrete types that they can be asked for.
    pub(super) fn resolvers(&self) -> IndexMap<Name, Vec<(usize, usize)>> {
        let mut found: IndexMap<Name, Vec<(usize, usize)>> = IndexMap::default();
        for (subgraph, of) in self.supergraph.subgraphs.iter().enumerate() {
            for (index, resolver) in of.resolvers.iter().enumerate() {
                let concrete = match of.types.get(&resolver.type_name) {
                    Some(facts) if facts.is_interface_object => {
                        self.merged_implementers.get(&resolver.type_name).cloned().unwrap_or_default()
                    }
                    _ => self.possible(subgraph, &resolver.type_name),
                };
                for ty in concrete {
                    found.entry(ty).or_default().push((subgraph, index));
                }
            }
        }
        found
    }

    /// Fields of objects that a connector fetches alone: type and field → the places of that type.
    pub(super) fn connected(&mut self) -> HashMap<(Name, Name), Vec<PlaceId>> {
        let mut found: HashMap<(Name, Name), Vec<PlaceId>> = HashMap::default();
        for (index, subgraph) in self.supergraph.subgraphs.iter().enumerate() {
            for connector in &subgraph.connectors {
                let facts =
                    subgraph.types.get(&connector.type_name).and_then(|ty| ty.fields.get(&connector.field_name));
                if facts.is_some_and(|facts| facts.connector.is_some())
                    && let Some(place) = self.root(index, &connector.type_name)
                {
                    let coordinate = (connector.type_name.clone(), connector.field_name.clone());
                    found.entry(coordinate).or_default().push(place);
                }
            }
        }
        found
    }
}
