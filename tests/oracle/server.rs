//! The services of a case, executed by apollo-compiler: the unsplit one, and one per fragment behind a [`Transport`].
//!
//! A subgraph is strict and honest. It accepts only operations that are valid against its fragment, resolves only fields that
//! the fragment says it resolves (external ones where `@provides` brings them), demands of a representation a whole
//! resolvable key and what `@requires` names, all equal to the data, and calls an interface object by its interface's name.
//! What it must not be asked is noted as a violation in [`Run`], so that no answer can hide it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use apollo_compiler::ast::{Selection, Type};
use apollo_compiler::executable::OperationType;
use apollo_compiler::resolvers::{Execution, FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::{ExecutionResponse, JsonMap};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use weft_loaders::{Answer, Call, Effect, Exchange, LoadError, Transport};

use super::fragment::Fragment;
use super::world::{Entity, Run, sorted};

/// Executes an operation on the unsplit schema.
pub(crate) fn unsplit(
    run: &Arc<Run>,
    schema: &Valid<Schema>,
    document: &Valid<ExecutableDocument>,
    variables: &JsonMap,
) -> Result<ExecutionResponse, String> {
    execute(run, &Arc::new(Side::Unsplit), schema, document, None, variables)
}

/// As [`unsplit`], where every field fails for which a failing subgraph may have been asked: the least that must be answered.
/// What survives is what one working subgraph alone gives from the root on.
pub(crate) fn unsplit_at_worst(
    run: &Arc<Run>,
    fragments: &[Arc<Fragment>],
    schema: &Valid<Schema>,
    document: &Valid<ExecutableDocument>,
    variables: &JsonMap,
) -> Result<ExecutionResponse, String> {
    let alone = Side::Alone { fragments: fragments.to_vec(), subgraph: None };
    execute(run, &Arc::new(alone), schema, document, None, variables)
}

/// Who answers.
#[derive(Debug)]
enum Side {
    Unsplit,
    /// See [`unsplit_at_worst`]: the subgraph that gave the object; `None` for a root.
    Alone {
        fragments: Vec<Arc<Fragment>>,
        subgraph: Option<String>,
    },
    Subgraph(Arc<Fragment>),
}

impl Side {
    fn server(&self) -> Option<&Arc<Fragment>> {
        match self {
            Side::Subgraph(fragment) => Some(fragment),
            _ => None,
        }
    }

    /// Who answers below a field. `None`: it fails.
    fn below(self: &Arc<Self>, type_name: &str, field: &str, failing: &[String]) -> Option<Arc<Side>> {
        let Side::Alone { fragments, subgraph } = &**self else { return Some(Arc::clone(self)) };
        let holds = |fragment: &&Arc<Fragment>| {
            fragment.field(type_name, field).is_some_and(|facts| !facts.external && !facts.overridden)
        };
        let holders: Vec<&Arc<Fragment>> = fragments.iter().filter(holds).collect();
        let holder = match (subgraph, &holders[..]) {
            (None, [only]) => only,
            (Some(known), holders) => holders.iter().find(|fragment| fragment.name == *known)?,
            _ => return None,
        };
        let facts = holder.field(type_name, field)?;
        let is_plain = facts.requires.is_none() && (subgraph.is_none() || facts.connect.is_none());
        if !is_plain || failing.contains(&holder.name) {
            return None;
        }
        // What an interface object is is told by another subgraph.
        let inner = holder.schema.type_field(type_name, field).ok()?.ty.inner_named_type();
        if holder.types.get(inner.as_str()).is_some_and(|facts| facts.is_interface_object) {
            return None;
        }
        // An HTTP/JSON service's answer need not hold every field of an object.
        if holder.is_http && subgraph.is_some() {
            return None;
        }
        let alone = Side::Alone { fragments: fragments.clone(), subgraph: Some(holder.name.clone()) };
        Some(Arc::new(alone))
    }
}

fn execute(
    run: &Arc<Run>,
    side: &Arc<Side>,
    schema: &Valid<Schema>,
    document: &Valid<ExecutableDocument>,
    operation: Option<&str>,
    variables: &JsonMap,
) -> Result<ExecutionResponse, String> {
    let operation = document.operations.get(operation).map_err(|error| error.message().to_string())?;
    let kind = match operation.operation_type {
        OperationType::Mutation => "Mutation",
        _ => "Query",
    };
    let root = Object {
        run: Arc::clone(run),
        side: Arc::clone(side),
        type_name: operation.object_type().to_string(),
        data: run.world.root(kind),
        root: Some(kind),
        representation: None,
        provided: Vec::new(),
    };
    let execution = Execution::new(schema, document).operation(operation).enable_schema_introspection(true);
    let response = execution.raw_variable_values(variables).execute_sync(&root);
    response.map_err(|error| error.message().to_string())
}

/// All subgraphs of a case, in process.
#[derive(Debug)]
pub(crate) struct Subgraphs {
    /// Replaced before each operation.
    pub(crate) run: Mutex<Arc<Run>>,
    pub(crate) fragments: Vec<Arc<Fragment>>,
}

impl Transport for Subgraphs {
    fn exchange<'a>(&'a self, call: &'a Call) -> Exchange<'a> {
        let run = Arc::clone(&self.run.lock().unwrap());
        let step = run.steps.lock().unwrap().begin();
        let answer = self.answer(call, step);
        Box::pin(async move {
            // Whatever can begin now does so before the first answer is there.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            run.steps.lock().unwrap().end(step);
            answer.map(|(status, body)| Answer { status, headers: HeaderMap::new(), body: body.into() })
        })
    }
}

impl Subgraphs {
    fn answer(&self, call: &Call, step: usize) -> Result<(StatusCode, String), LoadError> {
        let service = &*call.service;
        let run = Arc::clone(&self.run.lock().unwrap());
        let refuse = |message: String| {
            run.violation(format!("{service}: {message}"));
            Ok((StatusCode::OK, json!({"errors": [{"message": message}]}).to_string()))
        };
        let Some(fragment) = self.fragments.iter().find(|fragment| fragment.name == service) else {
            return refuse("there is no such subgraph".into());
        };
        if fragment.is_http {
            let told = format!("{} {} {}", call.method, call.url, String::from_utf8_lossy(&call.body));
            run.calls.lock().unwrap().entry(service.to_owned()).or_default().push(told.clone());
            if call.effect == Effect::Read && !run.steps.lock().unwrap().is_new(step, service, told.clone()) {
                return refuse(format!("asked twice in one step: {told}"));
            }
            if run.failing.iter().any(|name| name == service) {
                return Ok((StatusCode::INTERNAL_SERVER_ERROR, String::new()));
            }
            return super::http::answer(&run, fragment, call).or_else(refuse);
        }
        let body: Value = serde_json::from_slice(&call.body).map_err(|error| LoadError::Invalid(error.to_string()))?;
        let text = body["query"].as_str().unwrap_or_default();
        run.calls.lock().unwrap().entry(service.to_owned()).or_default().push(format!("{text} {}", body["variables"]));
        let document = match ExecutableDocument::parse_and_validate(&fragment.schema, text, "downstream") {
            Ok(document) => document,
            Err(errors) => return refuse(format!("the downstream operation is not valid: {text}\n{errors}")),
        };
        let variables: JsonMap = match serde_json::from_value(body["variables"].clone()) {
            Ok(variables) => variables,
            Err(error) => return refuse(format!("the variables are not valid: {error}")),
        };
        let representations = body["variables"].as_object().into_iter().flatten();
        let representations = representations.filter_map(|(_, value)| value.as_array()).flatten();
        // One call may ask for an object at two places.
        let asked: HashSet<String> =
            representations.filter(|it| it.get("__typename").is_some()).map(ToString::to_string).collect();
        for asked in asked {
            if !run.steps.lock().unwrap().is_new(step, service, asked.clone()) {
                run.violation(format!("{service}: asked twice in one step: {asked}"));
            }
        }
        // (Query roots that objects hold may have to be asked apart, so that one of them cannot make another null; and where something that
        // is required failed, objects are asked apart without what requires it.)
        let is_whole = call.effect == Effect::Read && text.contains("_entities") && run.failing.is_empty();
        if is_whole && !run.steps.lock().unwrap().is_new(step, service, "a call".into()) {
            run.violation(format!("{service}: called twice in one step"));
        }
        if run.failing.iter().any(|name| name == service) {
            let failed = "{\"errors\": [{\"message\": \"the service fails\"}]}";
            return Ok(match text.len() % 3 {
                0 => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
                1 => (StatusCode::OK, failed.to_owned()),
                _ => (StatusCode::OK, failed.replace("}]", "}], \"data\": null")),
            });
        }
        let name = body["operationName"].as_str();
        match execute(
            &run,
            &Arc::new(Side::Subgraph(Arc::clone(fragment))),
            &fragment.schema,
            &document,
            name,
            &variables,
        ) {
            Ok(response) => Ok((StatusCode::OK, serde_json::to_string(&response).expect("a response is JSON"))),
            Err(message) => refuse(message),
        }
    }
}

struct Object {
    run: Arc<Run>,
    side: Arc<Side>,
    /// As this service calls it.
    type_name: String,
    data: Arc<Entity>,
    /// The kind of root, if it is one.
    root: Option<&'static str>,
    /// What it was entered with, if it is an entity that was asked for.
    representation: Option<Arc<Map<String, Value>>>,
    /// External fields that the way here provides.
    provided: Vec<Selection>,
}

impl ObjectValue for Object {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let name = info.field_name();
        let arguments = serde_json::to_value(info.arguments()).expect("arguments are JSON");
        let Value::Object(arguments) = arguments else { unreachable!("arguments are a map") };
        if self.side.server().is_some() && self.root == Some("Query") && name == "_entities" {
            return Ok(self.entities(&arguments));
        }
        if self.root == Some("Mutation") {
            self.run.log.lock().unwrap().push(format!("{name}{}", sorted(&Value::Object(arguments.clone()))));
        }
        let (allowed, provided) = self.may_resolve(info.schema(), name);
        allowed.map_err(|message| {
            let server = self.side.server().map_or("", |server| &server.name);
            let message = format!("{server}: {}.{name}: {message}", self.type_name);
            self.run.violation(message.clone());
            FieldError { message }
        })?;
        let below = self.side.below(&self.type_name, name, &self.run.failing);
        let below = below.ok_or_else(|| FieldError { message: "it may be lost".into() })?;
        let value = self.run.value(self.data.fields.get(name), &arguments);
        let value = value.map_err(|message| FieldError { message })?;
        self.complete(info.schema(), &info.field_definition().ty, value, &provided, &below)
    }
}

impl Object {
    /// Whether the fragment lets the field be resolved here, and what is provided below it.
    fn may_resolve(&self, schema: &Schema, name: &str) -> (Result<(), String>, Vec<Selection>) {
        let Some(server) = self.side.server() else { return (Ok(()), Vec::new()) };
        let mut provided = Vec::new();
        let is_provided = self.collect_provided(name, &self.provided, &mut provided);
        let Some(facts) = server.field(&self.type_name, name) else { return (Ok(()), provided) };
        provided.extend(facts.provides.iter().flatten().cloned());
        let key_was_sent = server.is_in_key(&self.type_name, name) && self.representation.is_some();
        if facts.external && !is_provided && !key_was_sent {
            return (Err("an external field that is not provided here".into()), provided);
        }
        if facts.overridden && !server.is_in_key(&self.type_name, name) {
            return (Err("a field that another subgraph took over".into()), provided);
        }
        let Some(requires) = &facts.requires else { return (Ok(()), provided) };
        let Some(representation) = &self.representation else {
            return (Err("its @requires needs a representation".into()), provided);
        };
        let matched = self.matches(schema, &self.type_name, requires, representation, &self.data);
        (matched.map_err(|message| format!("@requires: {message}")), provided)
    }

    fn collect_provided(&self, name: &str, items: &[Selection], below: &mut Vec<Selection>) -> bool {
        let mut found = false;
        for item in items {
            match item {
                Selection::Field(field) if field.name == name => {
                    found = true;
                    below.extend(field.selection_set.iter().cloned());
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.run.world.is_a(&self.data.type_name, condition)) {
                        found |= self.collect_provided(name, &fragment.selection_set, below);
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn complete<'r>(
        &self,
        schema: &Schema,
        ty: &Type,
        value: Value,
        provided: &[Selection],
        side: &Arc<Side>,
    ) -> Result<ResolvedValue<'r>, FieldError> {
        let inner = ty.inner_named_type();
        let is_leaf = matches!(schema.types.get(inner), Some(ExtendedType::Scalar(_) | ExtendedType::Enum(_)));
        match value {
            Value::Null => Ok(ResolvedValue::null()),
            Value::Array(items) if ty.is_list() => {
                let item = |value| self.complete(schema, ty.item_type(), value, provided, side);
                let items: Vec<_> = items.into_iter().map(item).collect();
                Ok(ResolvedValue::List(Box::new(items.into_iter())))
            }
            value if is_leaf => Ok(ResolvedValue::leaf(value)),
            value => {
                let data = self.run.world.object(&value, inner).map_err(|message| self.broken(message))?;
                let is_root = value.as_str() == Some("@Query");
                let type_name = match &schema.schema_definition.query {
                    Some(query) if is_root => query.name.to_string(),
                    _ => self.local_name(schema, inner, &data).map_err(|message| self.broken(message))?,
                };
                Ok(ResolvedValue::object(Object {
                    run: Arc::clone(&self.run),
                    side: Arc::clone(side),
                    type_name,
                    data,
                    root: is_root.then_some("Query"),
                    representation: None,
                    provided: provided.to_vec(),
                }))
            }
        }
    }

    /// The case itself is wrong.
    fn broken(&self, message: String) -> FieldError {
        self.run.violation(format!("the case is wrong: {message}"));
        FieldError { message }
    }

    /// What this service calls an object where that type is expected.
    fn local_name(&self, schema: &Schema, expected: &str, data: &Entity) -> Result<String, String> {
        let concrete = &data.type_name;
        let Some(server) = self.side.server() else { return Ok(concrete.clone()) };
        if schema.get_object(concrete).is_some() {
            return Ok(concrete.clone());
        }
        let stands_for = |name: &str| {
            server.types.get(name).is_some_and(|facts| facts.is_interface_object) && self.run.world.is_a(concrete, name)
        };
        if stands_for(expected) {
            return Ok(expected.to_owned());
        }
        let fallback = server.types.keys().find(|name| stands_for(name));
        fallback.cloned().ok_or_else(|| format!("{} answers a {concrete}, which it does not know", server.name))
    }

    fn entities<'r>(&self, arguments: &Map<String, Value>) -> ResolvedValue<'r> {
        let representations = arguments.get("representations").and_then(Value::as_array);
        let entities: Vec<_> = representations.into_iter().flatten().map(|it| Ok(self.entity(it))).collect();
        ResolvedValue::List(Box::new(entities.into_iter()))
    }

    fn entity<'r>(&self, representation: &Value) -> ResolvedValue<'r> {
        match self.find_entity(representation) {
            Ok(Some(object)) => ResolvedValue::object(object),
            Ok(None) => ResolvedValue::null(),
            Err(message) => {
                let server = self.side.server().map_or("", |server| &server.name);
                self.run.violation(format!("{server}: {representation}: {message}"));
                ResolvedValue::null()
            }
        }
    }

    fn find_entity(&self, representation: &Value) -> Result<Option<Object>, String> {
        let server = self.side.server().ok_or("not a subgraph")?;
        let representation = representation.as_object().ok_or("not an object")?;
        let type_name = representation.get("__typename").and_then(Value::as_str).ok_or("it has no __typename")?;
        let facts = server.types.get(type_name).ok_or("its type does not exist here")?;
        if self.run.world.is_only_interface(type_name) {
            return Err("the type of every object is known, but an interface is sent".into());
        }
        let known = |field: &String| field == "__typename" || facts.fields.contains_key(field);
        if let Some(unknown) = representation.keys().find(|field| !known(field)) {
            return Err(format!("{unknown} does not exist here"));
        }
        let mut why = "the type has no resolvable key".to_owned();
        let keys = || facts.keys.iter().filter(|(_, resolvable)| *resolvable).map(|(key, _)| key);
        for (concrete, entities) in &self.run.world.entities {
            if !self.run.world.is_a(concrete, type_name) {
                continue;
            }
            for entity in entities.values() {
                let matched = keys().map(|key| self.matches(&server.schema, type_name, key, representation, entity));
                let (good, bad): (Vec<_>, Vec<_>) = matched.partition(Result::is_ok);
                if good.is_empty() {
                    why = bad.into_iter().filter_map(Result::err).next_back().unwrap_or(why);
                    continue;
                }
                if entity.is_missing_in(&server.name) {
                    return Ok(None);
                }
                let type_name = match facts.is_interface_object {
                    true => type_name.to_owned(),
                    false => self.local_name(&server.schema, type_name, entity)?,
                };
                return Ok(Some(Object {
                    run: Arc::clone(&self.run),
                    side: Arc::clone(&self.side),
                    type_name,
                    data: Arc::clone(entity),
                    root: None,
                    representation: Some(Arc::new(representation.clone())),
                    provided: Vec::new(),
                }));
            }
        }
        Err(format!("no such entity, or not its whole key: {why}"))
    }

    /// Whether what was sent is whole, and equal to the data.
    fn matches(
        &self,
        schema: &Schema,
        type_name: &str,
        items: &[Selection],
        sent: &Map<String, Value>,
        data: &Entity,
    ) -> Result<(), String> {
        for item in items {
            match item {
                Selection::Field(field) if field.name == "__typename" => {}
                Selection::Field(field) => {
                    let found = sent.get(field.name.as_str()).ok_or_else(|| format!("{} was not sent", field.name))?;
                    let definition = schema.type_field(type_name, &field.name);
                    let definition = definition.map_err(|_| format!("{type_name} has no {}", field.name))?;
                    let mut arguments = Map::new();
                    for argument in &definition.arguments {
                        let given = field.arguments.iter().find(|given| given.name == argument.name);
                        let value = given.map(|given| &given.value).or(argument.default_value.as_ref());
                        if let Some(value) = value {
                            let value = coerced(schema, &argument.ty, constant(value));
                            arguments.insert(argument.name.to_string(), value);
                        }
                    }
                    let expected = self.run.value(data.fields.get(field.name.as_str()), &arguments);
                    let expected = expected.unwrap_or_default();
                    let inner = definition.ty.inner_named_type();
                    self.same(schema, inner, &field.selection_set, found, &expected)
                        .map_err(|message| format!("{}: {message}", field.name))?;
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref().map_or(type_name, |name| name.as_str());
                    if !self.run.world.is_a(&data.type_name, condition) {
                        continue;
                    }
                    if condition != type_name && sent.get("__typename").is_none() {
                        return Err("__typename was not sent, so that its type cannot be told".into());
                    }
                    self.matches(schema, condition, &fragment.selection_set, sent, data)?;
                }
                Selection::FragmentSpread(_) => return Err("a field set has a spread".into()),
            }
        }
        Ok(())
    }

    fn same(
        &self,
        schema: &Schema,
        type_name: &str,
        items: &[Selection],
        sent: &Value,
        expected: &Value,
    ) -> Result<(), String> {
        let different = || format!("{sent} was sent, the data has {expected}");
        match (sent, expected) {
            (Value::Array(sent), Value::Array(expected)) if !items.is_empty() || sent.len() != expected.len() => {
                if sent.len() != expected.len() {
                    return Err(different());
                }
                let mut pairs = sent.iter().zip(expected);
                pairs.try_for_each(|(sent, expected)| self.same(schema, type_name, items, sent, expected))
            }
            (sent, expected) if items.is_empty() => {
                if sent == expected {
                    Ok(())
                } else {
                    Err(different())
                }
            }
            (Value::Null, Value::Null) => Ok(()),
            (Value::Object(sent), expected) => {
                let data = self.run.world.object(expected, type_name).map_err(|_| different())?;
                self.matches(schema, type_name, items, sent, &data)
            }
            _ => Err(different()),
        }
    }
}

/// A value as an executor passes it on: with the defaults of input objects, and lists where lists are.
fn coerced(schema: &Schema, ty: &Type, value: Value) -> Value {
    match (ty.is_list(), value) {
        (_, Value::Null) => Value::Null,
        (true, Value::Array(items)) => items.into_iter().map(|item| coerced(schema, ty.item_type(), item)).collect(),
        (true, value) => vec![coerced(schema, ty.item_type(), value)].into(),
        (false, value) => match (ty.inner_named_type().as_str(), schema.types.get(ty.inner_named_type()), value) {
            (_, Some(ExtendedType::InputObject(input)), Value::Object(given)) => {
                let member = |(name, field): (&apollo_compiler::Name, &apollo_compiler::schema::Component<_>)| {
                    let field: &apollo_compiler::ast::InputValueDefinition = field;
                    let default = field.default_value.as_ref().map(|value| constant(value));
                    let value = given.get(name.as_str()).cloned().or(default)?;
                    Some((name.to_string(), coerced(schema, &field.ty, value)))
                };
                Value::Object(input.fields.iter().filter_map(member).collect())
            }
            ("ID", _, Value::Number(number)) => number.to_string().into(),
            (.., value) => value,
        },
    }
}

/// A constant of SDL as JSON.
fn constant(value: &apollo_compiler::ast::Value) -> Value {
    use apollo_compiler::ast::Value as Constant;
    match value {
        Constant::Null | Constant::Variable(_) => Value::Null,
        Constant::Enum(name) => name.as_str().into(),
        Constant::String(text) => text.as_str().into(),
        Constant::Float(number) => serde_json::from_str(number.as_str()).unwrap_or_default(),
        Constant::Int(number) => serde_json::from_str(number.as_str()).unwrap_or_default(),
        Constant::Boolean(value) => (*value).into(),
        Constant::List(items) => items.iter().map(|item| constant(item)).collect(),
        Constant::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.to_string(), constant(value))).collect())
        }
    }
}
