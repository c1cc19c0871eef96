//! The data of a case, which the unsplit service and all subgraphs answer from.
//!
//! `data.json` holds `{"Query": {field: value}, "Mutation": {…}, "Type": {"id": {field: value}}}`; the roots have these names
//! whatever the schema calls them. A field that is not there is null; `id` is the entity's name unless it says otherwise.
//! A string `"@Type/id"` is that entity, `"@Query"` is the query root, an object is a value (with `__typename` where its type is abstract).
//! Objects with these members depend on the field's arguments, or are no values:
//!
//! - `{"$error": "message"}`: the field fails.
//! - `{"$echo": "text"}`: the text and all arguments, so that a wrong argument shows.
//! - `{"$switch": "argument", "<its value>": value, …}`: null for other values.
//! - `{"$first": [values]}`: as many as the argument `first` says.
//! - `{"$find": ["Type", …]}`: the entity whose fields equal all arguments. `{"$filter": […]}`: all such entities.
//! - `{"$each": "Type"}`: the entities that the argument `ids` names, null for one that does not exist.
//! - `{"$count": true}`: how many mutations ran so far.
//!
//! An entity with `"$missingIn": ["a"]` is not known to subgraph `a`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// An object: an entity, a value, or a root.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) type_name: String,
    pub(crate) fields: Map<String, Value>,
}

impl Entity {
    pub(crate) fn is_missing_in(&self, subgraph: &str) -> bool {
        let missing = self.fields.get("$missingIn").and_then(Value::as_array);
        missing.is_some_and(|missing| missing.iter().any(|name| name == subgraph))
    }
}

/// All data of a case.
#[derive(Debug)]
pub(crate) struct World {
    roots: HashMap<String, Arc<Entity>>,
    pub(crate) entities: IndexMap<String, IndexMap<String, Arc<Entity>>>,
    /// The interfaces that an object type implements anywhere.
    implements: HashMap<String, HashSet<String>>,
    /// Names of interfaces, and of objects. What is both is an interface object somewhere.
    interfaces: HashSet<String>,
    objects: HashSet<String>,
}

impl World {
    /// `schemas`: the unsplit one and the subgraphs', for which type implements what.
    pub(crate) fn new<'s>(data: &Value, schemas: impl Iterator<Item = &'s Schema>) -> World {
        let mut world = World {
            roots: HashMap::new(),
            entities: IndexMap::new(),
            implements: HashMap::new(),
            interfaces: HashSet::new(),
            objects: HashSet::new(),
        };
        for (type_name, content) in data.as_object().expect("data.json is an object") {
            let content = content.as_object().expect("each type of data.json is an object");
            if matches!(type_name.as_str(), "Query" | "Mutation") {
                let root = Entity { type_name: type_name.clone(), fields: content.clone() };
                world.roots.insert(type_name.clone(), Arc::new(root));
                continue;
            }
            let of_type = world.entities.entry(type_name.clone()).or_default();
            for (id, fields) in content {
                let mut fields = fields.as_object().expect("an entity is an object").clone();
                fields.entry("id").or_insert_with(|| id.clone().into());
                of_type.insert(id.clone(), Arc::new(Entity { type_name: type_name.clone(), fields }));
            }
        }
        for schema in schemas {
            for (name, ty) in &schema.types {
                if let ExtendedType::Object(object) = ty {
                    let interfaces = object.implements_interfaces.iter().map(ToString::to_string);
                    world.implements.entry(name.to_string()).or_default().extend(interfaces);
                    world.objects.insert(name.to_string());
                } else if ty.is_interface() {
                    world.interfaces.insert(name.to_string());
                }
            }
        }
        world
    }

    /// `Query` or `Mutation`.
    pub(crate) fn root(&self, kind: &str) -> Arc<Entity> {
        let empty = || Arc::new(Entity { type_name: kind.to_owned(), fields: Map::new() });
        self.roots.get(kind).cloned().unwrap_or_else(empty)
    }

    /// Whether that is the type, or an interface of it.
    pub(crate) fn is_a(&self, concrete: &str, type_name: &str) -> bool {
        concrete == type_name || self.implements.get(concrete).is_some_and(|known| known.contains(type_name))
    }

    /// Whether that is an interface whose objects everybody knows by their own names: few services are asked for one.
    pub(crate) fn is_only_interface(&self, name: &str) -> bool {
        self.interfaces.contains(name) && !self.objects.contains(name)
    }

    /// The object that a value stands for, where objects of that type are expected.
    pub(crate) fn object(&self, value: &Value, expected: &str) -> Result<Arc<Entity>, String> {
        match value {
            Value::String(reference) if reference == "@Query" => Ok(self.root("Query")),
            Value::String(reference) => {
                let found = reference.strip_prefix('@').and_then(|path| path.split_once('/'));
                let found = found.and_then(|(type_name, id)| self.entities.get(type_name)?.get(id));
                found.cloned().ok_or_else(|| format!("the data has no {reference}"))
            }
            Value::Object(fields) => {
                let type_name = fields.get("__typename").and_then(Value::as_str).unwrap_or(expected).to_owned();
                Ok(Arc::new(Entity { type_name, fields: fields.clone() }))
            }
            other => Err(format!("the data has {other} where an object of {expected} is expected")),
        }
    }

    fn select(&self, types: &Value, arguments: &Map<String, Value>) -> Vec<Value> {
        let types = types.as_array().expect("types are a list").iter().filter_map(Value::as_str);
        let entities = types.filter_map(|name| self.entities.get(name).map(|of| (name, of)));
        let entities = entities.flat_map(|(name, of)| of.iter().map(move |(id, entity)| (name, id, entity)));
        entities
            .filter(|(_, _, entity)| contains(&entity.fields, arguments))
            .map(|(name, id, _)| Value::String(format!("@{name}/{id}")))
            .collect()
    }
}

/// Whether the data has all these values, input objects being part of what is there.
fn contains(data: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(name, wanted)| match (data.get(name), wanted) {
        (Some(Value::Object(data)), Value::Object(wanted)) => contains(data, wanted),
        (data, wanted) => data.unwrap_or(&Value::Null) == wanted,
    })
}

/// The same value, whose members do not depend on who wrote them down.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> = members.iter().map(|(name, value)| (name, sorted(value))).collect();
            Value::Object(members.into_iter().map(|(name, value)| (name.clone(), value)).collect())
        }
        other => other.clone(),
    }
}

/// What happens while one operation runs.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) world: Arc<World>,
    /// Mutations, in their order.
    pub(crate) log: Mutex<Vec<String>>,
    /// What was asked of a subgraph that must not be.
    pub(crate) violations: Mutex<Vec<String>>,
    /// Calls, by subgraph.
    pub(crate) calls: Mutex<BTreeMap<String, Vec<String>>>,
    pub(crate) steps: Mutex<Steps>,
    /// Subgraphs that fail.
    pub(crate) failing: Vec<String>,
}

/// Which calls run side by side. All calls take equally long, so that what began together ends together.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    now: usize,
    /// The last step of which a call has ended.
    ended: usize,
    /// What was asked at which step: subgraph, and what for.
    asked: HashSet<(usize, String, String)>,
}

impl Steps {
    /// A call begins: its step.
    pub(crate) fn begin(&mut self) -> usize {
        if self.now <= self.ended {
            self.now += 1;
        }
        self.now
    }

    pub(crate) fn end(&mut self, step: usize) {
        self.ended = self.ended.max(step);
    }

    /// Whether that was not asked at this step before.
    pub(crate) fn is_new(&mut self, step: usize, subgraph: &str, asked: String) -> bool {
        self.asked.insert((step, subgraph.to_owned(), asked))
    }
}

impl Run {
    pub(crate) fn new(world: &Arc<World>) -> Run {
        Run::failing(world, &[])
    }

    /// A run in which these subgraphs fail.
    pub(crate) fn failing(world: &Arc<World>, failing: &[String]) -> Run {
        let (log, violations, calls) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (world, failing) = (Arc::clone(world), failing.to_vec());
        Run { world, log, violations, calls, steps: Mutex::default(), failing }
    }

    pub(crate) fn violation(&self, message: String) {
        self.violations.lock().unwrap().push(message);
    }

    /// The value of a field for these arguments.
    pub(crate) fn value(&self, value: Option<&Value>, arguments: &Map<String, Value>) -> Result<Value, String> {
        let Some(value) = value else { return Ok(Value::Null) };
        let computed = value.as_object().and_then(|object| object.iter().next());
        let Some((kind, of)) = computed.filter(|(kind, _)| kind.starts_with('$')) else { return Ok(value.clone()) };
        let name = of.as_str().unwrap_or_default();
        match kind.as_str() {
            "$error" => Err(name.to_owned()),
            "$echo" => Ok(Value::String(format!("{name}{}", sorted(&Value::Object(arguments.clone()))))),
            "$switch" => {
                let argument = match arguments.get(name) {
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => "null".to_owned(),
                };
                self.value(value.get(&argument), arguments)
            }
            "$first" => {
                let all = of.as_array().expect("a list");
                let first = arguments.get("first").and_then(Value::as_u64).map_or(all.len(), |first| first as usize);
                Ok(all.iter().take(first).cloned().collect())
            }
            "$find" => Ok(self.world.select(of, arguments).into_iter().next().unwrap_or_default()),
            "$filter" => Ok(self.world.select(of, arguments).into()),
            "$each" => {
                let ids =
                    arguments.get("ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
                let known = self.world.entities.get(name);
                let reference = |id: &str| known?.get(id).map(|_| Value::String(format!("@{name}/{id}")));
                Ok(ids.map(|id| reference(id).unwrap_or_default()).collect())
            }
            "$count" => Ok(self.log.lock().unwrap().len().into()),
            other => Err(format!("data.json says {other}, which means nothing")),
        }
    }
}
