//! One set of data, served by an unsplit service (the oracle) and by the parts of it (the subgraphs).
//!
//! `data.json` is an object. `Query` and `Mutation` hold the root fields; every other member is the list of the entities
//! of that concrete type. A value may be computed:
//! - `{"$ref": {"Video": {"id": "1"}}}`: the first entity of the type that has these members;
//! - `{"$all": "Video"}`: all of them;
//! - `{"$by": "Video"}`: the first one whose members equal the field's arguments;
//! - `{"$join": ["title", "price"]}`: the texts of other members of the object, joined by `-`. A subgraph takes those that
//!   it declares `@external` from the representation alone, so that a wrong one shows;
//! - `{"$error": "message"}`: a field error.

use std::collections::BTreeSet;

use apollo_compiler::Schema;
use apollo_compiler::executable::ExecutableDocument;
use apollo_compiler::resolvers::{Execution, FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::JsonMap;
use apollo_compiler::response::serde_json_bytes;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use serde_json::{Map, Value};
use weft::supergraph::{Subgraph, Supergraph};

/// The data of a case.
#[derive(Debug)]
pub(crate) struct Data {
    members: Map<String, Value>,
    empty: Map<String, Value>,
    /// Fields of concrete types that are errors, whatever their value is.
    errors: BTreeSet<(String, String)>,
    message: &'static str,
}

/// Who serves the data.
#[derive(Clone, Copy)]
pub(crate) struct Server<'d> {
    pub(crate) data: &'d Data,
    pub(crate) schema: &'d Schema,
    /// `None`: the unsplit service.
    pub(crate) subgraph: Option<&'d Subgraph>,
}

/// One object of the data.
pub(crate) struct Object<'d> {
    server: Server<'d>,
    type_name: String,
    members: &'d Map<String, Value>,
    representation: Option<Map<String, Value>>,
}

impl Data {
    pub(crate) fn new(members: Map<String, Value>) -> Data {
        Data::with_errors(members, BTreeSet::new(), "")
    }

    /// Some fields of concrete types are errors with this message.
    pub(crate) fn with_errors(
        members: Map<String, Value>,
        errors: BTreeSet<(String, String)>,
        message: &'static str,
    ) -> Data {
        Data { members, empty: Map::new(), errors, message }
    }

    fn entities(&self, type_name: &str) -> &[Value] {
        self.members.get(type_name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn find(&self, type_name: &str, wanted: &Map<String, Value>) -> Option<&Map<String, Value>> {
        self.entities(type_name).iter().filter_map(Value::as_object).find(|entity| {
            wanted.iter().all(|(name, value)| entity.get(name).is_some_and(|known| covers(known, value)))
        })
    }
}

/// Whether `known` has all that is wanted of it; scalars compare as text.
fn covers(known: &Value, wanted: &Value) -> bool {
    match (known, wanted) {
        (Value::Object(known), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| name == "__typename" || known.get(name).is_some_and(|known| covers(known, wanted))),
        (Value::Array(known), Value::Array(wanted)) => {
            known.len() == wanted.len() && known.iter().zip(wanted).all(|(known, wanted)| covers(known, wanted))
        }
        (known, wanted) => text(known) == text(wanted),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl<'d> Server<'d> {
    pub(crate) fn execute(&self, query: &str, variables: &JsonMap) -> Result<Value, String> {
        let schema = Valid::assume_valid_ref(self.schema);
        let document = ExecutableDocument::parse_and_validate(schema, query, "downstream.graphql")
            .map_err(|invalid| format!("{query}\n{}", invalid.errors))?;
        let operation = document.operations.get(None).map_err(|error| error.message().to_string())?;
        let root = operation.object_type().to_string();
        let members = self.data.members.get(&root).and_then(Value::as_object).unwrap_or(&self.data.empty);
        let root = Object { server: *self, type_name: root, members, representation: None };
        let response = Execution::new(schema, &document)
            .raw_variable_values(variables)
            .execute_sync(&root)
            .map_err(|error| error.message().to_string())?;
        serde_json::to_value(response).map_err(|error| error.to_string())
    }

    fn resolve(
        &self,
        value: &'d Value,
        info: &ResolveInfo<'_>,
        of: &Object<'d>,
    ) -> Result<ResolvedValue<'d>, FieldError> {
        let declared = info.field_definition().ty.inner_named_type().as_str();
        let object = |type_name: &str, members: &'d Map<String, Value>| {
            ResolvedValue::object(self.object(type_name, declared, members))
        };
        let computed = value.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
        match computed.map(|(name, value)| (name.as_str(), value)) {
            Some(("$error", message)) => Err(FieldError { message: text(message) }),
            Some(("$ref", wanted)) => {
                let (type_name, wanted) = wanted.as_object().unwrap().iter().next().unwrap();
                let found = self.data.find(type_name, wanted.as_object().unwrap());
                Ok(found.map_or(ResolvedValue::null(), |members| object(type_name, members)))
            }
            Some(("$by", type_name)) => {
                let wanted: Map<String, Value> =
                    serde_json::from_value(serde_json::to_value(info.arguments()).unwrap()).unwrap();
                let found = self.data.find(type_name.as_str().unwrap(), &wanted);
                Ok(found.map_or(ResolvedValue::null(), |members| object(type_name.as_str().unwrap(), members)))
            }
            Some(("$all", type_name)) => {
                let type_name = type_name.as_str().unwrap();
                let all = self.data.entities(type_name).iter().filter_map(Value::as_object);
                Ok(ResolvedValue::list(all.map(|members| object(type_name, members)).collect::<Vec<_>>()))
            }
            Some(("$join", names)) => {
                let parts = names.as_array().unwrap().iter().map(|name| of.text_of(name.as_str().unwrap()));
                Ok(ResolvedValue::leaf(parts.collect::<Vec<_>>().join("-")))
            }
            _ => match value {
                Value::Object(members) if self.is_composite(declared) => {
                    Ok(object(members.get("__typename").and_then(Value::as_str).unwrap_or(declared), members))
                }
                Value::Array(items) => {
                    let items: Vec<_> = items.iter().map(|item| self.resolve(item, info, of)).collect();
                    Ok(ResolvedValue::List(Box::new(items.into_iter())))
                }
                value => Ok(ResolvedValue::Leaf(serde_json_bytes::to_value(value).unwrap())),
            },
        }
    }

    fn is_composite(&self, type_name: &str) -> bool {
        matches!(
            self.schema.types.get(type_name),
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
        )
    }

    /// An object under the name that this server knows it by: an interface object goes by the interface's name.
    fn object(&self, type_name: &str, declared: &str, members: &'d Map<String, Value>) -> Object<'d> {
        let known = [type_name, declared].into_iter().find(|name| self.schema.get_object(name).is_some());
        let type_name = known.unwrap_or(type_name).to_owned();
        Object { server: *self, type_name, members, representation: None }
    }

    fn entity(&self, representation: &Value) -> Option<Object<'d>> {
        let representation = representation.as_object()?.clone();
        let type_name = representation.get("__typename")?.as_str()?;
        let subgraph = self.subgraph?;
        let keys = &subgraph.types.get(type_name)?.keys;
        // Of a representation, only a key counts to find the entity.
        let wanted = keys.iter().find_map(|key| {
            let names = key.fields.items.iter().map(|item| match item {
                weft::supergraph::field_set::FieldSetItem::Field { name, .. } => name.to_string(),
                _ => String::new(),
            });
            names.map(|name| Some((name.clone(), representation.get(&name)?.clone()))).collect::<Option<Map<_, _>>>()
        })?;
        let is_interface_object = subgraph.types.get(type_name).is_some_and(|of| of.is_interface_object);
        let mut types = vec![type_name];
        if is_interface_object || self.schema.get_object(type_name).is_none() {
            types = self.data.members.keys().map(String::as_str).collect();
        }
        let (concrete, members) =
            types.iter().find_map(|name| self.data.find(name, &wanted).map(|members| (*name, members)))?;
        Some(Object { representation: Some(representation.clone()), ..self.object(concrete, type_name, members) })
    }
}

impl Object<'_> {
    /// What `$join` sees of a member.
    fn text_of(&self, name: &str) -> String {
        let external = self
            .server
            .subgraph
            .and_then(|subgraph| subgraph.types.get(self.type_name.as_str())?.fields.iter().find(|(of, _)| *of == name))
            .is_some_and(|(_, field)| field.external);
        let value = match external {
            true => self.representation.as_ref().and_then(|representation| representation.get(name)),
            false => self.members.get(name),
        };
        match value {
            Some(Value::Object(members)) => {
                let mut members = members.clone();
                members.shift_remove("__typename");
                Value::Object(members).to_string()
            }
            Some(value) => text(value),
            None => "missing".to_owned(),
        }
    }
}

impl ObjectValue for Object<'_> {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        if info.field_name() == "_entities" {
            let arguments = serde_json::to_value(info.arguments()).unwrap();
            let representations = arguments["representations"].as_array().unwrap().clone();
            let entities: Vec<_> = representations
                .iter()
                .map(|representation| match self.server.entity(representation) {
                    Some(object) => ResolvedValue::object(object),
                    None => ResolvedValue::null(),
                })
                .collect();
            return Ok(ResolvedValue::list(entities));
        }
        let data = self.server.data;
        if !data.errors.is_empty() && data.errors.contains(&(self.type_name.clone(), info.field_name().to_owned())) {
            return Err(FieldError { message: data.message.to_owned() });
        }
        match self.members.get(info.field_name()) {
            Some(value) => self.server.resolve(value, info, self),
            None => Ok(ResolvedValue::null()),
        }
    }
}

/// `data` as one unsplit service would answer it.
pub(crate) fn oracle(
    graph: &Supergraph,
    data: &Data,
    query: &str,
    variables: &Map<String, Value>,
) -> Result<Value, String> {
    let server = Server { data, schema: &graph.api, subgraph: None };
    let variables: JsonMap = serde_json::from_value(Value::Object(variables.clone())).unwrap();
    server.execute(query, &variables).map(|mut response| response["data"].take())
}
