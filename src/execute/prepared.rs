//! A plan with everything that depends only on it, derived once and kept with it.
//!
//! In: a [`Plan`] and the graph. Out: [`Prepared`]: layouts of the answers, the constant parts of the
//! bodies, and which fetches wait for which.

use std::collections::HashSet;
use std::sync::Arc;

use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};
use weft_loaders::Partition;

use super::batch::{self, Match};
use super::graphql;
use super::layout::{Layout, NodeId};
use crate::connect::{Connector, Pick};
use crate::planner::Plan;
use crate::planner::plan::{
    Call, EntityInput, Fetch, FetchId, ObjectProjection, PositionId, ProjectionValue, Shape, ShapeField, ShapeId,
    ShapeValue, SlotId,
};
use crate::supergraph::field_set::FieldSetItem;
use crate::supergraph::{ConnectorId, FieldSet, LookupArgument, Subgraph, Supergraph};

/// A plan, ready to run.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) layout: Layout,
    fetches: Vec<PreparedFetch>,
    /// By position: how its objects are written.
    projections: Vec<Option<Arc<ObjectProjection>>>,
    weight: usize,
}

/// What is derived of one fetch.
#[derive(Debug)]
pub(crate) struct PreparedFetch {
    /// Those that wait for it.
    pub(crate) dependents: Vec<FetchId>,
    /// The start of a GraphQL body.
    pub(crate) head: Vec<u8>,
    /// For a connector.
    pub(crate) connector: Option<PreparedConnector>,
    /// What its cached entries have in common: service, operation or connector, and the graph that it stands in.
    pub(crate) partition: Partition,
}

/// What is derived of a fetch through a connector.
#[derive(Debug)]
pub(crate) struct PreparedConnector {
    /// What the mapping picks of an element, where that is all that it does.
    pub(crate) pick: Option<Pick>,
    /// The field is declared as a list.
    pub(crate) is_list: bool,
    /// How entities of a batch are told apart.
    pub(crate) matches: Vec<Match>,
    /// By input; one for a root field.
    pub(crate) readings: Vec<Reading>,
    /// For a lookup of many that clients may ask themselves.
    pub(crate) of_list: Option<Box<OfList>>,
}

/// How a root field becomes a list of entities, each found by its key.
#[derive(Debug)]
pub(crate) struct OfList {
    /// Where the list goes.
    pub(crate) slot: SlotId,
    pub(crate) element: Reading,
    /// Its elements may not be null: those that are missing are left out.
    pub(crate) skips_missing: bool,
}

/// How what a connector answers is read for one input.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Reads the objects of a mapped answer.
    pub(crate) mapped: NodeId,
    /// Reads the objects of a raw answer, where the mapping only picks.
    pub(crate) raw: Option<NodeId>,
    /// The answer is the value of the only field of this shape; otherwise it is an entity.
    pub(crate) only_field: Option<ShapeId>,
    /// Parts of the key that an answer may leave out: where they belong, and their path in the key.
    pub(crate) given: Vec<(Vec<SlotId>, Vec<String>)>,
}

impl Prepared {
    /// Derives it.
    pub(crate) fn new(plan: Plan, supergraph: &Supergraph) -> Prepared {
        let mut layout = Layout::new(&plan.shapes);
        let mut fetches: Vec<PreparedFetch> =
            plan.fetches.iter().map(|fetch| prepare(fetch, &plan.shapes, &mut layout, supergraph)).collect();
        for (index, fetch) in plan.fetches.iter().enumerate() {
            for before in &fetch.after {
                fetches[before.0 as usize].dependents.push(FetchId(index as u32));
            }
        }
        let (projections, fields) = projections(&plan);
        let texts: usize = fetches.iter().map(|fetch| 3 * fetch.head.len() + 1_024).sum();
        let expected: usize = plan.shapes.iter().map(|shape| shape.fields.len()).sum();
        let weight = fetches.len() * 512 + texts + expected * 320 + plan.positions.len() * 256 + fields * 256;
        Prepared { plan, layout, fetches, projections, weight }
    }

    /// Whether the operation asks for `__schema` or `__type`.
    pub(crate) fn introspects(&self) -> bool {
        let fields = self.plan.projection.branches.iter().flat_map(|branch| &branch.fields);
        fields.into_iter().any(|field| matches!(field.value, ProjectionValue::Introspection))
    }

    /// About how many bytes it takes in memory: what a cache weighs it by.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// How the objects of a position are written; `None` where only a key or a requirement reads them.
    pub(crate) fn projection(&self, position: PositionId) -> Option<&ObjectProjection> {
        match position == self.plan.projection.position {
            true => Some(&self.plan.projection),
            false => self.projections.get(position.0 as usize)?.as_deref(),
        }
    }

    pub(crate) fn fetch(&self, id: FetchId) -> (&Fetch, &PreparedFetch) {
        (&self.plan.fetches[id.0 as usize], &self.fetches[id.0 as usize])
    }

    pub(crate) fn shape_slots(&self, id: ShapeId) -> u32 {
        self.plan.shapes[id.0 as usize].slots
    }
}

/// The projections below the root by position, and how many fields there are in all of them.
fn projections(plan: &Plan) -> (Vec<Option<Arc<ObjectProjection>>>, usize) {
    let mut by_position = vec![None; plan.positions.len()];
    let mut fields = 0;
    let mut seen = HashSet::new();
    let mut pending = vec![&plan.projection];
    while let Some(object) = pending.pop() {
        for field in object.branches.iter().flat_map(|branch| &branch.fields) {
            fields += 1;
            if let ProjectionValue::Object { object, .. } = &field.value
                && seen.insert(Arc::as_ptr(object))
            {
                by_position[object.position.0 as usize].get_or_insert_with(|| Arc::clone(object));
                pending.push(object);
            }
        }
    }
    (by_position, fields)
}

fn prepare(fetch: &Fetch, shapes: &[Shape], layout: &mut Layout, supergraph: &Supergraph) -> PreparedFetch {
    let subgraph = supergraph.subgraph(fetch.subgraph);
    let mut head = Vec::new();
    let mut partition = Partition::new().with(subgraph.name.as_bytes());
    let connector = match &fetch.call {
        Call::Root { operation, .. } | Call::Entities { operation, .. } => {
            head = graphql::head(operation);
            partition = partition.with(&head);
            None
        }
        Call::ConnectRoot { connector: id, shape, .. } => {
            let connector = connector_of(subgraph, *id);
            let list = batch::list_argument(subgraph, *id);
            let key: Vec<&[Name]> = list.map_or(Vec::new(), |list| list.from.paths());
            let mut prepared = prepare_connector(subgraph, connector, &key, list, [*shape], |shape| {
                read_field(shapes, layout, subgraph, connector, shape)
            });
            prepared.of_list =
                list.and_then(|_| read_element(shapes, layout, subgraph, connector, *shape)).map(Box::new);
            Some(prepared)
        }
        Call::ConnectField { connector, inputs, .. } => {
            let connector = connector_of(subgraph, *connector);
            Some(prepare_connector(subgraph, connector, &[], None, inputs.iter().map(shape_of), |shape| {
                read_field(shapes, layout, subgraph, connector, shape)
            }))
        }
        Call::ConnectLookup { connector, matched_by, inputs, .. } => {
            let connector = connector_of(subgraph, *connector);
            let key: Vec<&[Name]> = matched_by.iter().map(Vec::as_slice).collect();
            Some(prepare_connector(subgraph, connector, &key, None, inputs.iter().map(shape_of), |shape| {
                read_lookup(shapes, layout, subgraph, connector, matched_by, shape)
            }))
        }
    };
    if let Call::ConnectRoot { connector, .. }
    | Call::ConnectField { connector, .. }
    | Call::ConnectLookup { connector, .. } = &fetch.call
    {
        // The whole graph stands for the connector: another version of it may map answers differently.
        let connector = connector_of(subgraph, *connector);
        partition = partition
            .with(supergraph.sdl.as_bytes())
            .with(connector.type_name.as_bytes())
            .with(connector.field_name.as_bytes());
    }
    PreparedFetch { dependents: Vec::new(), head, connector, partition }
}

/// The connector with that index.
pub(crate) fn connector_of(subgraph: &Subgraph, id: ConnectorId) -> &Connector {
    &subgraph.connectors[id.0 as usize]
}

fn shape_of(input: &EntityInput) -> ShapeId {
    input.shape
}

fn prepare_connector(
    subgraph: &Subgraph,
    connector: &Connector,
    key: &[&[Name]],
    list: Option<&LookupArgument>,
    shapes: impl IntoIterator<Item = ShapeId>,
    reading: impl FnMut(ShapeId) -> Reading,
) -> PreparedConnector {
    let field = subgraph.schema.type_field(&connector.type_name, &connector.field_name).ok();
    let pick = connector.selection.as_pick();
    let matches = key.iter().map(|path| Match::new(path, pick, list));
    PreparedConnector {
        pick: element_pick(connector),
        is_list: field.is_some_and(|field| field.ty.is_list()),
        matches: matches.collect(),
        readings: shapes.into_iter().map(reading).collect(),
        of_list: None,
    }
}

/// The answer is an element of a root field's list, found by the key that a client gave itself.
fn read_element(
    shapes: &[Shape],
    layout: &mut Layout,
    subgraph: &Subgraph,
    connector: &Connector,
    shape: ShapeId,
) -> Option<OfList> {
    let [ShapeField { slot, list_depth: 1, value: ShapeValue::Object(element), .. }] =
        shapes[shape.0 as usize].fields.as_slice()
    else {
        return None;
    };
    let field = subgraph.schema.type_field(&connector.type_name, &connector.field_name).ok()?;
    let element = read_lookup(shapes, layout, subgraph, connector, &[], *element);
    Some(OfList { slot: *slot, element, skips_missing: field.ty.item_type().is_non_null() })
}

/// The answer is the value of a field.
fn read_field(
    shapes: &[Shape],
    layout: &mut Layout,
    subgraph: &Subgraph,
    connector: &Connector,
    shape: ShapeId,
) -> Reading {
    let field = subgraph.schema.type_field(&connector.type_name, &connector.field_name).ok();
    let inner = shapes[shape.0 as usize].fields.first().and_then(|field| match field.value {
        ShapeValue::Object(inner) => Some(inner),
        ShapeValue::Leaf(_) => None,
    });
    if let (Some(inner), Some(field)) = (inner, field) {
        set_keys(shapes, layout, subgraph, inner, field.ty.inner_named_type(), Of::ItselfToo);
    }
    let raw = match (connector.selection.as_pick(), inner) {
        (None, _) => None,
        // What is picked is a scalar, or any JSON.
        (Some(pick), None) => pick.fields.is_none().then_some(NodeId(u32::MAX)),
        (Some(pick), Some(inner)) => match &pick.fields {
            None => Some(NodeId(inner.0)),
            Some(fields) => layout.add_pick(shapes, inner, fields),
        },
    };
    let mapped = inner.map_or(NodeId(u32::MAX), |inner| NodeId(inner.0));
    Reading { mapped, raw, only_field: Some(shape), given: Vec::new() }
}

/// The answer is an entity, or a list of them.
fn read_lookup(
    shapes: &[Shape],
    layout: &mut Layout,
    subgraph: &Subgraph,
    connector: &Connector,
    matched_by: &[Vec<Name>],
    shape: ShapeId,
) -> Reading {
    let field = subgraph.schema.type_field(&connector.type_name, &connector.field_name).ok();
    if let Some(field) = field {
        // A lookup's own entities are matched by key; parts of it may be missing in the answer.
        set_keys(shapes, layout, subgraph, shape, field.ty.inner_named_type(), Of::InnerOnly);
    }
    let raw = connector.selection.as_pick().and_then(|pick| match &pick.fields {
        None => Some(NodeId(shape.0)),
        Some(fields) => layout.add_pick(shapes, shape, fields),
    });
    let given = matched_by.iter().filter_map(|path| {
        let way = way(shapes, shape, path)?;
        Some((way, path.iter().map(ToString::to_string).collect()))
    });
    Reading { mapped: NodeId(shape.0), raw, only_field: None, given: given.collect() }
}

/// A mapping's pick of what stands at the end of its path.
fn element_pick(connector: &Connector) -> Option<Pick> {
    connector.selection.as_pick().map(|pick| Pick { path: Vec::new(), fields: pick.fields.clone() })
}

/// The slots that a path of members leads through; `None` where not all of them are asked for.
fn way(shapes: &[Shape], shape: ShapeId, path: &[Name]) -> Option<Vec<SlotId>> {
    let mut shape = Some(shape);
    let mut way = Vec::with_capacity(path.len());
    for name in path {
        let field = shapes[shape?.0 as usize].fields.iter().find(|field| field.key == *name)?;
        way.push(field.slot);
        shape = match field.value {
            ShapeValue::Object(inner) => Some(inner),
            ShapeValue::Leaf(_) => None,
        };
    }
    Some(way)
}

/// Whether an object's own keys count, or only those of the objects in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    ItselfToo,
    InnerOnly,
}

/// Tells the layout the keys of all objects of an answer. The recursion follows the shape.
fn set_keys(shapes: &[Shape], layout: &mut Layout, subgraph: &Subgraph, shape: ShapeId, type_name: &Name, of: Of) {
    if of == Of::ItselfToo {
        let ways = keys(subgraph, type_name).iter().filter_map(|key| key_ways(shapes, shape, key)).collect();
        layout.set_keys(shape, ways);
    }
    for field in &shapes[shape.0 as usize].fields {
        if let ShapeValue::Object(inner) = field.value
            && let Some(inner_type) = field_type(subgraph, type_name, &field.key)
        {
            set_keys(shapes, layout, subgraph, inner, inner_type, Of::ItselfToo);
        }
    }
}

/// The concrete types of an interface or a union, in a subgraph.
fn concrete<'s>(schema: &'s Schema, type_name: &Name) -> Vec<&'s Name> {
    match schema.types.get(type_name) {
        Some(ExtendedType::Union(union)) => union.members.iter().map(|member| &member.name).collect(),
        Some(ExtendedType::Interface(_)) => schema
            .types
            .values()
            .filter_map(ExtendedType::as_object)
            .filter(|object| object.implements_interfaces.contains(type_name))
            .map(|object| &object.name)
            .collect(),
        _ => Vec::new(),
    }
}

/// The keys of a type; of an abstract type, those that all its concrete types have.
fn keys<'s>(subgraph: &'s Subgraph, type_name: &Name) -> Vec<&'s FieldSet> {
    let of = |name: &Name| -> Vec<&'s FieldSet> {
        subgraph.types.get(name).map_or(Vec::new(), |of| of.keys.iter().map(|key| &key.fields).collect())
    };
    match concrete(&subgraph.schema, type_name).as_slice() {
        [] => of(type_name),
        [first, others @ ..] => {
            let common = |key: &&FieldSet| others.iter().all(|other| of(other).contains(key));
            of(first).into_iter().filter(common).collect()
        }
    }
}

fn field_type<'s>(subgraph: &'s Subgraph, type_name: &Name, field: &Name) -> Option<&'s Name> {
    let of = |type_name: &Name| subgraph.schema.type_field(type_name, field).ok();
    let found = of(type_name).or_else(|| concrete(&subgraph.schema, type_name).into_iter().find_map(of));
    found.map(|field| field.ty.inner_named_type())
}

/// The slots of a key's values; `None` where not all of them are asked for.
fn key_ways(shapes: &[Shape], shape: ShapeId, key: &FieldSet) -> Option<Vec<Vec<SlotId>>> {
    let mut ways = Vec::new();
    for item in &key.items {
        let FieldSetItem::Field { name, selection, .. } = item else { return None };
        let field = shapes[shape.0 as usize].fields.iter().find(|field| field.key == *name)?;
        match field.value {
            ShapeValue::Object(inner) if field.list_depth == 0 && !selection.is_empty() => {
                for way in key_ways(shapes, inner, selection)? {
                    ways.push([&[field.slot], way.as_slice()].concat());
                }
            }
            _ => ways.push(vec![field.slot]),
        }
    }
    Some(ways)
}
