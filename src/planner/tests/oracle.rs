//! The oracle: what a plan gathers from its subgraphs equals what one unsplit service would answer.
//!
//! Data is a function: the value of a field is computed from the object's type and number, the field's name and its arguments, so
//! every subgraph that has a field answers it alike. A field with `@requires` is computed from what was sent along, and in the unsplit
//! answer from what should have been. Nothing is null here: nulls and errors are the business of execution.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use apollo_compiler::ast::{OperationType, Type, Value as Literal};
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};
use serde_json::{Map, Value, json};

use super::random::operation;
use super::{cases, plan_text, supergraph};
use crate::operation::possible_types;
use crate::planner::Plan;
use crate::planner::plan::{
    AskedFor, Call, EntityInput, ObjectProjection, PositionId, ProjectionValue, RecordId, RecordSource, Representation,
    RepresentationTypename, SlotId, TypenameSource,
};
use crate::supergraph::{FieldSet, FieldSetItem, Subgraph, SubgraphId, SubgraphKind, Supergraph};

fn number(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// An object of the unsplit world.
#[derive(Clone, Debug)]
struct Object {
    type_name: Name,
    number: u64,
    /// What was sent along with it, by field.
    sent: Map<String, Value>,
}

struct World<'s> {
    supergraph: &'s Supergraph,
    /// Types that a field can answer in every subgraph that has it.
    targets: HashMap<(String, String), Vec<Name>>,
}

type Arguments = Vec<(Name, Node<Literal>)>;

impl<'s> World<'s> {
    fn new(supergraph: &'s Supergraph) -> Self {
        let mut targets = HashMap::new();
        for (type_name, ty) in &supergraph.schema.types {
            let Some(object) = ty.as_object() else { continue };
            for (field_name, field) in &object.fields {
                let mut types = possible_types(&supergraph.schema, field.ty.inner_named_type());
                for subgraph in &supergraph.subgraphs {
                    let Ok(own) = subgraph.schema.type_field(type_name, field_name) else { continue };
                    let mut known = Vec::new();
                    for possible in possible_types(&subgraph.schema, own.ty.inner_named_type()) {
                        if is_interface_object(subgraph, &possible) {
                            known.extend(possible_types(&supergraph.schema, &possible));
                        } else {
                            known.push(possible);
                        }
                    }
                    types.retain(|name| known.contains(name));
                }
                let visible = |name: &Name| supergraph.api.types.contains_key(name);
                types.retain(visible);
                targets.insert((type_name.to_string(), field_name.to_string()), types);
            }
        }
        Self { supergraph, targets }
    }

    /// Whether every field has an answer that all of its subgraphs know.
    fn is_consistent(&self) -> bool {
        self.targets.iter().all(|((object, field), types)| {
            let (object, field) = (Name::new(object).unwrap(), Name::new(field).unwrap());
            let ty = self.supergraph.schema.type_field(&object, &field).unwrap().ty.inner_named_type();
            !types.is_empty() || possible_types(&self.supergraph.schema, ty).is_empty()
        })
    }

    /// The value of a field; `seed` makes lists differ by element.
    fn value(&self, object: &Object, field: &Name, arguments: &str, ty: &Type, extra: u64, seed: u64) -> Answer {
        if ty.is_list() {
            let items =
                (0..2).map(|index| self.value(object, field, arguments, ty.item_type(), extra, seed * 3 + index + 1));
            return Answer::List(items.collect());
        }
        let number = number((object.type_name.as_str(), object.number, field.as_str(), arguments, extra, seed));
        let name = ty.inner_named_type();
        match self.supergraph.schema.types.get(name) {
            Some(ExtendedType::Scalar(_)) => Answer::Leaf(match name.as_str() {
                "Int" | "Float" => json!(number % 100_000),
                "Boolean" => json!(number.is_multiple_of(2)),
                // Key fields tell objects apart.
                _ => json!(format!("{}-{number:x}", object.type_name)),
            }),
            Some(ExtendedType::Enum(values)) => {
                Answer::Leaf(json!(values.values.keys().nth(number as usize % values.values.len()).unwrap().as_str()))
            }
            _ => {
                let types = &self.targets[&(object.type_name.to_string(), field.to_string())];
                let type_name = types[number as usize % types.len()].clone();
                // Entities are few, so that the same ones are met again.
                let has_key = self
                    .supergraph
                    .subgraphs
                    .iter()
                    .any(|s| s.types.get(&type_name).is_some_and(|t| !t.keys.is_empty()));
                let is_root =
                    self.supergraph.schema.schema_definition.query.as_ref().is_some_and(|q| q.name == type_name);
                let number = match (is_root, has_key) {
                    (true, _) => 0,
                    (_, true) => number % 3,
                    _ => number,
                };
                Answer::Object(Object { type_name, number, sent: Map::new() })
            }
        }
    }

    /// The answer to a field set, as the unsplit world has it: what a requirement should send.
    fn read(&self, object: &Object, fields: &FieldSet) -> Map<String, Value> {
        let mut out = Map::new();
        for item in &fields.items {
            match item {
                FieldSetItem::Inline { type_condition, selection } => {
                    if possible_types(&self.supergraph.schema, type_condition).contains(&object.type_name) {
                        out.extend(self.read(object, selection));
                    }
                }
                FieldSetItem::Field { name, arguments, selection } => {
                    let answer = self.unsplit(object, name, arguments);
                    out.insert(
                        name.to_string(),
                        self.finish(answer, &|object| Value::Object(self.read(object, selection))),
                    );
                }
            }
        }
        out
    }

    fn finish(&self, answer: Answer, object: &dyn Fn(&Object) -> Value) -> Value {
        match answer {
            Answer::Leaf(value) => value,
            Answer::Object(found) => object(&found),
            Answer::List(items) => items.into_iter().map(|item| self.finish(item, object)).collect(),
        }
    }

    /// A field in the unsplit world.
    fn unsplit(&self, object: &Object, field: &Name, arguments: &Arguments) -> Answer {
        let definition = self.supergraph.schema.type_field(&object.type_name, field).unwrap();
        let requires = self.supergraph.subgraphs.iter().find_map(|subgraph| {
            let facts = facts_of(self.supergraph, subgraph, &object.type_name)?.fields.get(field)?;
            facts.requires.clone().filter(|_| !facts.external)
        });
        let extra = requires.map_or(0, |requires| number(Value::Object(self.read(object, &requires)).to_string()));
        self.value(object, field, &text(arguments), &definition.ty, extra, 0)
    }

    /// A field as one subgraph resolves it.
    fn resolve(&self, subgraph: &Subgraph, object: &Object, field: &Name, arguments: &Arguments) -> Answer {
        let definition = self.supergraph.schema.type_field(&object.type_name, field).unwrap();
        let facts = facts_of(self.supergraph, subgraph, &object.type_name).and_then(|ty| ty.fields.get(field));
        let requires = facts.and_then(|facts| facts.requires.clone());
        let extra = requires.map_or(0, |requires| number(Value::Object(sent(&object.sent, &requires)).to_string()));
        self.value(object, field, &text(arguments), &definition.ty, extra, 0)
    }

    /// The entity that a representation means.
    fn entity(&self, representation: &Map<String, Value>) -> Object {
        let type_name = Name::new(representation["__typename"].as_str().unwrap()).unwrap();
        for type_name in possible_types(&self.supergraph.schema, &type_name) {
            for number in 0..3 {
                let object = Object { type_name: type_name.clone(), number, sent: representation.clone() };
                let keys = self.supergraph.subgraphs.iter().filter_map(|s| facts_of(self.supergraph, s, &type_name));
                let mut keys = keys.flat_map(|facts| &facts.keys);
                let is_match = keys.any(|key| {
                    let own = self.read(&object, &key.fields);
                    own.iter().all(|(name, value)| representation.get(name).is_some_and(|sent| covers(sent, value)))
                });
                if is_match {
                    return object;
                }
            }
        }
        panic!("no such entity: {representation:?}");
    }
}

/// Whether everything of `own` is in `sent`, which may hold more.
fn covers(sent: &Value, own: &Value) -> bool {
    match (sent, own) {
        (Value::Object(sent), Value::Object(own)) => {
            own.iter().all(|(name, value)| sent.get(name).is_some_and(|sent| covers(sent, value)))
        }
        (Value::Array(sent), Value::Array(own)) => {
            sent.len() == own.len() && sent.iter().zip(own).all(|(sent, own)| covers(sent, own))
        }
        _ => sent == own,
    }
}

fn is_interface_object(subgraph: &Subgraph, name: &Name) -> bool {
    subgraph.types.get(name).is_some_and(|facts| facts.is_interface_object)
}

/// Facts of a type, or of the interface object that stands for it.
fn facts_of<'s>(
    supergraph: &Supergraph,
    subgraph: &'s Subgraph,
    name: &Name,
) -> Option<&'s crate::supergraph::SubgraphType> {
    subgraph.types.get(&name_in(supergraph, subgraph, name)?)
}

/// What a subgraph calls a concrete type.
fn name_in(supergraph: &Supergraph, subgraph: &Subgraph, name: &Name) -> Option<Name> {
    if subgraph.schema.get_object(name).is_some() {
        return Some(name.clone());
    }
    let object = supergraph.schema.get_object(name)?;
    let interfaces = object.implements_interfaces.iter().map(|interface| &interface.name);
    interfaces.into_iter().find(|interface| is_interface_object(subgraph, interface)).cloned()
}

fn text(arguments: &Arguments) -> String {
    let mut arguments: Vec<String> = arguments.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    arguments.sort();
    arguments.join(",")
}

/// What a requirement finds in a representation. `__typename`s of abstract objects are sent besides.
fn sent(representation: &Map<String, Value>, fields: &FieldSet) -> Map<String, Value> {
    let mut out = Map::new();
    for item in &fields.items {
        match item {
            FieldSetItem::Inline { selection, .. } => out.extend(sent(representation, selection)),
            FieldSetItem::Field { name, selection, .. } => {
                if let Some(value) = representation.get(name.as_str()) {
                    out.insert(name.to_string(), sent_value(value, selection));
                }
            }
        }
    }
    out
}

fn sent_value(value: &Value, selection: &FieldSet) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| sent_value(item, selection)).collect(),
        Value::Object(members) => Value::Object(sent(members, selection)),
        leaf => leaf.clone(),
    }
}

enum Answer {
    Leaf(Value),
    Object(Object),
    List(Vec<Answer>),
}

/// Executes an operation: on a subgraph, or on the unsplit world.
struct Executor<'w, 's> {
    world: &'w World<'s>,
    schema: &'s Schema,
    subgraph: Option<&'s Subgraph>,
    document: ExecutableDocument,
    variables: Map<String, Value>,
}

impl Executor<'_, '_> {
    fn run(&self) -> Value {
        let operation = self.document.operations.iter().next().unwrap();
        let root = Object { type_name: operation.selection_set.ty.clone(), number: 0, sent: Map::new() };
        self.object(&root, &[&operation.selection_set], &FieldSet::default())
    }

    /// `provided`: what the way here makes readable.
    fn object(&self, object: &Object, sets: &[&SelectionSet], provided: &FieldSet) -> Value {
        let own_name = match self.subgraph {
            Some(subgraph) => name_in(self.world.supergraph, subgraph, &object.type_name).unwrap(),
            None => object.type_name.clone(),
        };
        let mut fields: Vec<(Name, Vec<&Field>)> = Vec::new();
        for set in sets {
            self.collect(&own_name, set, &mut fields);
        }
        let mut out = Map::new();
        for (key, fields) in fields {
            let arguments: Arguments = fields[0].arguments.iter().map(|a| (a.name.clone(), a.value.clone())).collect();
            let below: Vec<&SelectionSet> = fields.iter().map(|field| &field.selection_set).collect();
            let value = match (fields[0].name.as_str(), self.subgraph) {
                ("__typename", _) => json!(own_name.as_str()),
                ("_entities", Some(_)) => {
                    let Literal::Variable(name) = &**fields[0].specified_argument_by_name("representations").unwrap()
                    else {
                        panic!("representations are a variable");
                    };
                    let sent = self.variables[name.as_str()].as_array().unwrap();
                    sent.iter()
                        .map(|r| self.object(&self.world.entity(r.as_object().unwrap()), &below, provided))
                        .collect()
                }
                (_, subgraph) => {
                    let answer = match subgraph {
                        Some(subgraph) => self.world.resolve(subgraph, object, &fields[0].name, &arguments),
                        None => self.world.unsplit(object, &fields[0].name, &arguments),
                    };
                    let provided = self.provided(&own_name, &fields[0].name, provided);
                    self.world.finish(answer, &|object| self.object(object, &below, &provided))
                }
            };
            out.insert(key.to_string(), value);
        }
        Value::Object(out)
    }

    /// What is readable below a field, which must be readable itself.
    fn provided(&self, type_name: &Name, field: &Name, provided: &FieldSet) -> FieldSet {
        let mut below = FieldSet::default();
        let Some(subgraph) = self.subgraph else { return below };
        let Some(facts) = subgraph.types.get(type_name) else { return below };
        let own = &facts.fields[field];
        let mut is_readable = !own.external && !own.overridden;
        for fields in facts.keys.iter().map(|key| &key.fields).chain([provided]) {
            is_readable |= self.find(type_name, fields, field, &mut below);
        }
        assert!(is_readable, "{type_name}.{field} cannot be read in {}", subgraph.name);
        below.items.extend(own.provides.iter().flat_map(|provides| provides.items.clone()));
        below
    }

    fn find(&self, type_name: &Name, fields: &FieldSet, field: &Name, below: &mut FieldSet) -> bool {
        let mut is_found = false;
        for item in &fields.items {
            match item {
                FieldSetItem::Field { name, selection, .. } if name == field => {
                    is_found = true;
                    below.items.extend(selection.items.clone());
                }
                FieldSetItem::Inline { type_condition, selection }
                    if possible_types(self.schema, type_condition).contains(type_name) =>
                {
                    is_found |= self.find(type_name, selection, field, below);
                }
                _ => {}
            }
        }
        is_found
    }

    fn collect<'f>(&'f self, type_name: &Name, set: &'f SelectionSet, into: &mut Vec<(Name, Vec<&'f Field>)>) {
        for selection in &set.selections {
            let (condition, inner) = match selection {
                Selection::Field(field) => {
                    match into.iter_mut().find(|(key, _)| key == field.response_key()) {
                        Some((_, fields)) => fields.push(field),
                        None => into.push((field.response_key().clone(), vec![field])),
                    }
                    continue;
                }
                Selection::InlineFragment(inline) => (inline.type_condition.as_ref(), &inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    let fragment = &self.document.fragments[&spread.fragment_name];
                    (Some(fragment.type_condition()), &fragment.selection_set)
                }
            };
            if condition.is_none_or(|condition| possible_types(self.schema, condition).contains(type_name)) {
                self.collect(type_name, inner, into);
            }
        }
    }
}

/// Walks a plan the slow and obvious way.
struct Walk<'w, 's> {
    world: &'w World<'s>,
    plan: &'w Plan,
    /// Answers of root fetches.
    roots: HashMap<u32, Value>,
    /// Answered entities: by position, link and object.
    links: HashMap<(u32, RecordId, SlotId, Vec<usize>), Value>,
}

/// One object at a position: where it is, and its records.
#[derive(Clone)]
struct Instance {
    path: Vec<usize>,
    records: Vec<Option<Value>>,
}

impl Walk<'_, '_> {
    fn run(&mut self) -> Value {
        for (index, fetch) in self.plan.fetches.iter().enumerate() {
            match &fetch.call {
                Call::Root { operation, .. } => {
                    let data = self.ask(fetch.subgraph, &operation.text, Map::new());
                    self.roots.insert(index as u32, data);
                }
                Call::Entities { operation, inputs } => {
                    let mut variables = Map::new();
                    let mut asked = Vec::new();
                    for input in inputs {
                        let (objects, representations) = self.representations(input);
                        let value = match input.asked {
                            AskedFor::Entities => Value::Array(representations),
                            AskedFor::Root => Value::Bool(!objects.is_empty()),
                        };
                        variables.insert(input.variable.clone(), value);
                        asked.push(objects);
                    }
                    let data = self.ask(fetch.subgraph, &operation.text, variables);
                    for (number, (input, objects)) in inputs.iter().zip(asked).enumerate() {
                        if input.asked == AskedFor::Root {
                            for path in objects {
                                self.links.insert((input.position.0, input.link.0, input.link.1, path), data.clone());
                            }
                            continue;
                        }
                        let key = if inputs.len() == 1 { "_entities".to_owned() } else { format!("_e{number}") };
                        for (path, entity) in objects.into_iter().zip(data[&key].as_array().unwrap()) {
                            self.links.insert((input.position.0, input.link.0, input.link.1, path), entity.clone());
                        }
                    }
                }
                _ => panic!("no connectors here"),
            }
        }
        let root = self.instances(PositionId(0)).remove(0);
        self.project(&self.plan.projection, &root)
    }

    fn ask(&self, subgraph: SubgraphId, text: &str, variables: Map<String, Value>) -> Value {
        let subgraph = self.world.supergraph.subgraph(subgraph);
        let schema = Valid::assume_valid_ref(&subgraph.schema);
        let document = ExecutableDocument::parse(schema, text, "downstream").unwrap();
        Executor { world: self.world, schema: &subgraph.schema, subgraph: Some(subgraph), document, variables }.run()
    }

    fn representations(&self, input: &EntityInput) -> (Vec<Vec<usize>>, Vec<Value>) {
        let mut objects = Vec::new();
        let mut sent = Vec::new();
        for instance in self.instances(input.position) {
            let type_name = self.typename(input.position, &instance);
            if !input.types.is_empty() && !input.types.iter().any(|name| Some(name.as_str()) == type_name.as_deref()) {
                continue;
            }
            sent.push(self.representation(input.position, &instance, &input.representation));
            objects.push(instance.path);
        }
        (objects, sent)
    }

    fn representation(&self, position: PositionId, instance: &Instance, representation: &Representation) -> Value {
        let type_name = self.typename(position, instance);
        let mut out = Map::new();
        match &representation.typename {
            RepresentationTypename::None => {}
            RepresentationTypename::Fixed(name) => drop(out.insert("__typename".to_owned(), json!(name.as_str()))),
            RepresentationTypename::OfObject => {
                drop(out.insert("__typename".to_owned(), json!(type_name.clone().unwrap())))
            }
        }
        let is_for =
            |types: &[Name]| types.is_empty() || types.iter().any(|name| Some(name.as_str()) == type_name.as_deref());
        let branch = representation.branches.iter().find(|branch| is_for(&branch.types));
        for field in branch.into_iter().flat_map(|branch| &branch.fields) {
            let value = field.from.iter().find_map(|(record, slot)| self.slot(position, instance, *record, *slot));
            let value = value.unwrap_or_else(|| panic!("`{}` is missing\n{}", field.name, self.plan));
            let value = match &field.nested {
                None => value,
                Some(nested) => {
                    let below = self.instances(nested.position);
                    self.nested(&value, &instance.path, &mut |path| {
                        let own = below.iter().find(|other| other.path == path).unwrap();
                        self.representation(nested.position, own, &nested.representation)
                    })
                }
            };
            out.insert(field.name.to_string(), value);
        }
        Value::Object(out)
    }

    /// Replaces the objects in lists, which are numbered along the way.
    fn nested(&self, value: &Value, path: &[usize], object: &mut dyn FnMut(&[usize]) -> Value) -> Value {
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.nested(item, &[path, &[index]].concat(), object))
                .collect(),
            _ => object(path),
        }
    }

    fn typename(&self, position: PositionId, instance: &Instance) -> Option<String> {
        match &self.plan.positions[position.0 as usize].typename {
            TypenameSource::Known(name) => Some(name.to_string()),
            TypenameSource::Slots(slots) => slots
                .iter()
                .find_map(|(record, slot)| self.slot(position, instance, *record, *slot))
                .map(|value| value.as_str().unwrap().to_owned()),
        }
    }

    fn slot(&self, position: PositionId, instance: &Instance, record: RecordId, slot: SlotId) -> Option<Value> {
        let shape = super::shape_of(self.plan, position.0, record.0 as usize);
        let mut fields = self.plan.shapes[shape.0 as usize].fields.iter().filter(|field| field.slot == slot);
        let answer = instance.records.get(record.0 as usize)?.as_ref()?;
        fields.find_map(|field| answer.get(field.key.as_str())).cloned()
    }

    fn instances(&self, id: PositionId) -> Vec<Instance> {
        let position = &self.plan.positions[id.0 as usize];
        let Some(parent) = position.parent else {
            let records = position.records.iter().map(|record| match record {
                RecordSource::Root(fetch) => self.roots.get(&fetch.0).cloned(),
                _ => None,
            });
            return vec![Instance { path: Vec::new(), records: records.collect() }];
        };
        let mut out: Vec<Instance> = Vec::new();
        for above in self.instances(parent) {
            let start = out.len();
            for (index, record) in position.records.iter().enumerate() {
                let RecordSource::Nested(record, slot) = record else { continue };
                let Some(value) = self.slot(parent, &above, *record, *slot) else { continue };
                let mut found = Vec::new();
                flatten(&value, above.path.clone(), &mut found);
                for (path, object) in found {
                    let known = out[start..].iter().position(|instance| instance.path == path);
                    let own = start
                        + known.unwrap_or_else(|| {
                            out.push(Instance { path, records: vec![None; position.records.len()] });
                            out.len() - start - 1
                        });
                    out[own].records[index] = Some(object);
                }
            }
        }
        for instance in &mut out {
            for (index, record) in position.records.iter().enumerate() {
                if let RecordSource::Link(record, slot) = record {
                    let key = (id.0, *record, *slot, instance.path.clone());
                    instance.records[index] = self.links.get(&key).cloned();
                }
            }
        }
        out
    }

    fn project(&self, object: &ObjectProjection, instance: &Instance) -> Value {
        let type_name = self.typename(object.position, instance);
        let is_for = |types: &[Name]| match &type_name {
            Some(own) => types.iter().any(|name| name.as_str() == own),
            None => true,
        };
        let mut out = Map::new();
        let branch = object.branches.iter().find(|branch| is_for(&branch.types));
        for field in branch.into_iter().flat_map(|branch| &branch.fields) {
            let first = |from: &[(RecordId, SlotId)]| {
                let mut found =
                    from.iter().filter_map(|(record, slot)| self.slot(object.position, instance, *record, *slot));
                found
                    .next()
                    .unwrap_or_else(|| panic!("{}.{} is missing\n{}", field.type_name, field.field_name, self.plan))
            };
            let value = match &field.value {
                ProjectionValue::Typename => json!(type_name),
                ProjectionValue::Introspection | ProjectionValue::Denied => Value::Null,
                ProjectionValue::Leaf { from, .. } => first(from),
                ProjectionValue::Object { from, object: below } => {
                    let instances = self.instances(below.position);
                    self.nested(&first(from), &instance.path, &mut |path| {
                        let own = instances.iter().find(|other| other.path == path).unwrap();
                        self.project(below, own)
                    })
                }
            };
            out.insert(field.response_key.to_string(), value);
        }
        Value::Object(out)
    }
}

fn flatten(value: &Value, path: Vec<usize>, into: &mut Vec<(Vec<usize>, Value)>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(item, [&path[..], &[index]].concat(), into);
            }
        }
        _ => into.push((path, value.clone())),
    }
}

/// Whether there was something to compare: mutations change the world, and some random graphs contradict themselves.
pub(super) fn compare(supergraph: &Supergraph, text: &str, what: &str) -> bool {
    let world = World::new(supergraph);
    let plan = plan_text(supergraph, text).unwrap_or_else(|error| panic!("{what}: {error}\n{text}"));
    if plan.kind == OperationType::Mutation || !world.is_consistent() {
        return false;
    }
    let document = ExecutableDocument::parse_and_validate(&supergraph.api, text, "operation").unwrap().into_inner();
    let schema: &Schema = &supergraph.api;
    let expected = Executor { world: &world, schema, subgraph: None, document, variables: Map::new() }.run();
    let mut walk = Walk { world: &world, plan: &plan, roots: HashMap::new(), links: HashMap::new() };
    let answered = walk.run();
    // As texts: the order of the keys counts.
    let (answered_text, expected_text) = (answered.to_string(), expected.to_string());
    assert!(answered_text == expected_text, "{what}: {text}\nexpected {expected:#}\nanswered {answered:#}\n{plan}");
    true
}

#[test]
fn split_and_unsplit_answer_alike() {
    let count: u64 = std::env::var("RANDOM_OPERATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(25);
    for case in cases() {
        let supergraph = supergraph(&std::fs::read_to_string(case.join("supergraph.graphql")).unwrap());
        if supergraph.subgraphs.iter().any(|subgraph| subgraph.kind == SubgraphKind::Http) {
            continue;
        }
        for seed in 0..count {
            compare(&supergraph, &operation(&supergraph.api, seed * 6007 + 5), &case.display().to_string());
        }
    }
}
