//! The HTTP/JSON services of a case: one per fragment with connectors, read without the code that is tested.
//!
//! Such a service follows a convention, so that one server serves all of them. A field `Type.field` is called at a path that
//! begins with `/Type/field`; what follows are its arguments, as the template names them. Other arguments stand under their own names in the
//! query or in the body. A selection picks and renames, no more (`name: key { … }`), perhaps below one `$.result`.
//! An abstract object's `__typename` is picked from a property of any name.
//!
//! A service is strict: it takes no argument that it does not know, each of the right type, looks up no key that the data
//! does not have, and demands that what `@require` fills equals the data. It answers in no particular order, and more than is picked.
//! A field that fails is a value of the wrong type; a call that fails has status 500.

use std::collections::BTreeMap;

use apollo_compiler::Schema;
use apollo_compiler::ast::{Directive, FieldDefinition, Type, Value as Constant};
use apollo_compiler::schema::ExtendedType;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use weft_loaders::Call;

use super::fragment::{Fragment, text};
use super::world::{Entity, Run, sorted};

/// What `@connect`, `@lookup`, `@is` and `@require` say of a field.
#[derive(Debug)]
pub(crate) struct Connect {
    method: Method,
    /// Names of the arguments in the path, in order.
    in_path: Vec<String>,
    below_result: bool,
    selection: Vec<Pick>,
    is_lookup: bool,
    /// For an argument of a lookup: where its value stands in the entity. For others: what of the object fills it.
    bound: BTreeMap<String, Bound>,
}

/// `name: key { below }`.
#[derive(Debug)]
struct Pick {
    name: String,
    key: String,
    below: Vec<Pick>,
}

/// A field selection map: `path`, `{ name: path … }`, and perhaps a list of either.
#[derive(Debug)]
struct Bound {
    is_list: bool,
    /// Under `""`: the whole value.
    paths: Vec<(String, String)>,
}

impl Connect {
    pub(crate) fn read(field: &FieldDefinition) -> Option<Connect> {
        let connect = field.directives.get("connect")?;
        let Constant::Object(http) = &**connect.specified_argument_by_name("http")? else { return None };
        let (method, template) = http.iter().find_map(|(name, value)| {
            let method = Method::from_bytes(name.as_bytes()).ok()?;
            Some((method, value.as_str()?)).filter(|_| name.chars().all(|letter| letter.is_ascii_uppercase()))
        })?;
        let parameters = template.split('/').filter_map(|segment| segment.strip_prefix("{$args."));
        let selection = text(connect, "selection");
        let mut tokens = tokens(&selection);
        let below_result = tokens.first().is_some_and(|token| token == "$.result");
        if below_result {
            tokens.remove(0);
        }
        let mut tokens = tokens.into_iter().peekable();
        if below_result && tokens.peek().is_some_and(|token| token == "{") {
            tokens.next();
        }
        let is_lookup = field.directives.has("lookup");
        let bound = field.arguments.iter().filter_map(|argument| {
            let name = argument.name.to_string();
            let of = |directive: &Directive| Bound::read(&text(directive, "field"));
            let found = argument.directives.get("require").or(argument.directives.get("is")).map(|it| of(it));
            let default = is_lookup.then(|| Bound::read(&name));
            Some((name, found.or(default)?))
        });
        Some(Connect {
            method,
            in_path: parameters.map(|name| name.trim_end_matches('}').to_owned()).collect(),
            below_result,
            selection: picks(&mut tokens),
            is_lookup,
            bound: bound.collect(),
        })
    }
}

fn tokens(text: &str) -> Vec<String> {
    let spaced = text.replace('{', " { ").replace('}', " } ").replace(':', " : ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

fn picks(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>) -> Vec<Pick> {
    let mut found = Vec::new();
    while let Some(name) = tokens.next_if(|token| token != "}") {
        let key = match tokens.next_if(|token| token == ":") {
            Some(_) => tokens.next().expect("a key follows"),
            None => name.clone(),
        };
        let mut below = Vec::new();
        if tokens.next_if(|token| token == "{").is_some() {
            below = picks(tokens);
            tokens.next();
        }
        found.push(Pick { name, key, below });
    }
    found
}

impl Bound {
    fn read(text: &str) -> Bound {
        let text = text.trim();
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let is_list = inner.is_some();
        let text = inner.unwrap_or(text).trim();
        let Some(members) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
            return Bound { is_list, paths: vec![(String::new(), text.to_owned())] };
        };
        let mut tokens = tokens(members).into_iter().peekable();
        let paths = picks(&mut tokens).into_iter().map(|pick| (pick.name, pick.key)).collect();
        Bound { is_list, paths }
    }
}

/// The status and the body, or what must not be asked.
pub(crate) fn answer(run: &Run, server: &Fragment, call: &Call) -> Result<(StatusCode, String), String> {
    let url = call.url.strip_prefix("http://").and_then(|url| url.split_once('/'));
    let (host, rest) = url.ok_or_else(|| format!("{} is no address", call.url))?;
    if host != format!("{}.test", server.name) {
        return Err(format!("{} is another service", call.url));
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let segments: Vec<String> = path.split('/').map(decode).collect();
    let [type_name, field, in_path @ ..] = &segments[..] else { return Err(format!("{path} has no field")) };
    let connect = server.field(type_name, field).and_then(|facts| facts.connect.as_ref());
    let connect = connect.ok_or_else(|| format!("{type_name}.{field} is not connected"))?;
    let definition = server.schema.type_field(type_name, field).map_err(|_| "no such field".to_owned())?;
    if call.method != connect.method || in_path.len() != connect.in_path.len() {
        return Err(format!("{} {path} is not what {type_name}.{field} says", call.method));
    }
    let mut given = Map::new();
    for (name, value) in connect.in_path.iter().zip(in_path) {
        given.insert(name.clone(), value.clone().into());
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        match given.get_mut(&name) {
            None => drop(given.insert(name, value.into())),
            Some(Value::Array(items)) => items.push(value.into()),
            Some(first) => *first = vec![first.clone(), value.into()].into(),
        }
    }
    let arguments = arguments(&server.schema, definition, given, &call.body)?;
    let object = Answerer { run, server, connect };
    let value = match object.value(type_name, field, definition, &arguments)? {
        Found::Missing => return Ok((StatusCode::NOT_FOUND, String::new())),
        Found::Failed => return Ok((StatusCode::INTERNAL_SERVER_ERROR, json!({"error": "it failed"}).to_string())),
        Found::Value(value) => value,
    };
    let mut body = object.complete(&definition.ty, value, &connect.selection)?;
    if connect.below_result {
        body = json!({"took": 3, "result": body});
    }
    Ok((StatusCode::OK, body.to_string()))
}

fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    let pairs = format!("x={}", text.replace('&', "%26"));
    form_urlencoded::parse(pairs.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The arguments of a call: from its URL, where all is text, and from its body.
fn arguments(
    schema: &Schema,
    definition: &FieldDefinition,
    given: Map<String, Value>,
    body: &[u8],
) -> Result<Map<String, Value>, String> {
    let mut arguments = Map::new();
    for (name, value) in given {
        let argument = definition.argument_by_name(&name).ok_or_else(|| format!("the argument {name} is unknown"))?;
        arguments.insert(name, typed(&argument.ty, value));
    }
    if !body.is_empty() {
        let body: Value = serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))?;
        let Value::Object(body) = body else { return Err(format!("the body is {body}")) };
        for (name, value) in body {
            if definition.argument_by_name(&name).is_none() || arguments.insert(name.clone(), value).is_some() {
                return Err(format!("the argument {name} is unknown, or stands twice"));
            }
        }
    }
    for argument in &definition.arguments {
        match arguments.get(argument.name.as_str()) {
            Some(value) if !fits(schema, &argument.ty, value) => {
                return Err(format!("{value} is no {} for {}", argument.ty, argument.name));
            }
            None if argument.ty.is_non_null() => return Err(format!("{} was not sent", argument.name)),
            // A URL leaves out what is null.
            None if body.is_empty() => drop(arguments.insert(argument.name.to_string(), Value::Null)),
            _ => {}
        }
    }
    Ok(arguments)
}

/// What a text of a URL means.
fn typed(ty: &Type, value: Value) -> Value {
    match (ty.is_list(), value) {
        (true, Value::Array(items)) => items.into_iter().map(|item| typed(ty.item_type(), item)).collect(),
        (true, value) => vec![typed(ty.item_type(), value)].into(),
        (false, Value::String(text)) if matches!(ty.inner_named_type().as_str(), "Int" | "Float" | "Boolean") => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        (false, value) => value,
    }
}

fn fits(schema: &Schema, ty: &Type, value: &Value) -> bool {
    if value.is_null() {
        return !ty.is_non_null();
    }
    if ty.is_list() {
        return value.as_array().is_some_and(|items| items.iter().all(|item| fits(schema, ty.item_type(), item)));
    }
    match (ty.inner_named_type().as_str(), schema.types.get(ty.inner_named_type())) {
        ("Int", _) => value.is_i64(),
        ("Float", _) => value.is_number(),
        ("Boolean", _) => value.is_boolean(),
        ("String" | "ID", _) => value.is_string(),
        (_, Some(ExtendedType::Enum(ty))) => value.as_str().is_some_and(|value| ty.values.contains_key(value)),
        (_, Some(ExtendedType::InputObject(ty))) => value.as_object().is_some_and(|members| {
            let known = members.keys().all(|name| ty.fields.contains_key(name.as_str()));
            let fit = |(name, field): (&apollo_compiler::Name, &apollo_compiler::schema::Component<_>)| {
                let field: &apollo_compiler::ast::InputValueDefinition = field;
                members.get(name.as_str()).map_or(!field.ty.is_non_null(), |value| fits(schema, &field.ty, value))
            };
            known && ty.fields.iter().all(fit)
        }),
        _ => true,
    }
}

enum Found {
    Value(Value),
    Missing,
    Failed,
}

struct Answerer<'a> {
    run: &'a Run,
    server: &'a Fragment,
    connect: &'a Connect,
}

impl Answerer<'_> {
    fn value(
        &self,
        type_name: &str,
        field: &str,
        definition: &FieldDefinition,
        arguments: &Map<String, Value>,
    ) -> Result<Found, String> {
        let is_root = |kind: &str| {
            let root = match kind {
                "Query" => &self.server.schema.schema_definition.query,
                _ => &self.server.schema.schema_definition.mutation,
            };
            root.as_ref().is_some_and(|root| root.name == type_name)
        };
        let kind = ["Query", "Mutation"].into_iter().find(|kind| is_root(kind));
        let data = match kind {
            Some(_) if self.connect.is_lookup => return self.look_up(definition, arguments),
            Some("Mutation") => {
                self.run.log.lock().unwrap().push(format!("{field}{}", sorted(&Value::Object(arguments.clone()))));
                self.run.world.root("Mutation")
            }
            Some(kind) => self.run.world.root(kind),
            None => {
                let bound: Vec<(&Bound, &Value)> = self
                    .connect
                    .bound
                    .iter()
                    .map(|(name, bound)| (bound, arguments.get(name).unwrap_or(&Value::Null)))
                    .collect();
                match self.find(type_name, &bound)? {
                    Some((_, data)) => data,
                    None => return Ok(Found::Value(Value::Null)),
                }
            }
        };
        let mut own = arguments.clone();
        own.retain(|name, _| !self.connect.bound.contains_key(name));
        Ok(match self.run.value(data.fields.get(field), &own) {
            Ok(value) => Found::Value(value),
            Err(_) => Found::Failed,
        })
    }

    fn look_up(&self, definition: &FieldDefinition, arguments: &Map<String, Value>) -> Result<Found, String> {
        let type_name = definition.ty.inner_named_type();
        let (lists, single): (Vec<_>, Vec<_>) = self
            .connect
            .bound
            .iter()
            .map(|(name, bound)| (bound, arguments.get(name).unwrap_or(&Value::Null)))
            .partition(|(bound, _)| bound.is_list);
        let Some((bound, keys)) = lists.first() else {
            return Ok(match self.find(type_name, &single)? {
                Some((reference, _)) => Found::Value(reference),
                None => Found::Missing,
            });
        };
        let mut found = Vec::new();
        let mut seen = Vec::new();
        for key in keys.as_array().into_iter().flatten() {
            if seen.contains(&key) {
                return Err(format!("{key} is looked up twice in one call"));
            }
            seen.push(key);
            let one: Vec<(&Bound, &Value)> = single.iter().copied().chain([(*bound, key)]).collect();
            found.extend(self.find(type_name, &one)?.map(|(reference, _)| reference));
        }
        if seen.is_empty() {
            return Err("nothing is looked up".into());
        }
        found.reverse();
        Ok(Found::Value(found.into()))
    }

    /// The entity of which all that is so. `None`: this service lacks it.
    fn find(
        &self,
        type_name: &str,
        wanted: &[(&Bound, &Value)],
    ) -> Result<Option<(Value, std::sync::Arc<Entity>)>, String> {
        let is_it = |entity: &Entity| {
            wanted.iter().all(|(bound, value)| {
                bound.paths.iter().all(|(name, path)| {
                    let value = if name.is_empty() { Some(*value) } else { value.get(name) };
                    value.is_some_and(|value| same(value, &self.read(&Value::Object(entity.fields.clone()), path)))
                })
            })
        };
        for (concrete, entities) in &self.run.world.entities {
            if !self.run.world.is_a(concrete, type_name) {
                continue;
            }
            if let Some((id, entity)) = entities.iter().find(|(_, entity)| is_it(entity)) {
                let found = (Value::String(format!("@{concrete}/{id}")), std::sync::Arc::clone(entity));
                return Ok((!entity.is_missing_in(&self.server.name)).then_some(found));
            }
        }
        let wanted: Vec<String> = wanted.iter().map(|(bound, value)| format!("{:?} = {value}", bound.paths)).collect();
        Err(format!("no such entity: {type_name} with {}", wanted.join(", ")))
    }

    /// The value at `a.b`, `a[b]`; through lists, the list of them.
    fn read(&self, data: &Value, path: &str) -> Value {
        let path = path.replace('[', ".").replace([']', ' '], "");
        let (first, rest) = path.split_once('.').map_or((path.as_str(), None), |(first, rest)| (first, Some(rest)));
        let data = match data {
            Value::Array(items) => return items.iter().map(|item| self.read(item, &path)).collect(),
            Value::String(_) => match self.run.world.object(data, "") {
                Ok(entity) => Value::Object(entity.fields.clone()),
                Err(_) => return Value::Null,
            },
            other => other.clone(),
        };
        let value = self.run.value(data.get(first), &Map::new()).unwrap_or_default();
        match rest {
            Some(rest) if !value.is_null() => self.read(&value, rest),
            _ => value,
        }
    }

    /// What stands in the body.
    fn complete(&self, ty: &Type, value: Value, picks: &[Pick]) -> Result<Value, String> {
        let inner = ty.inner_named_type();
        match value {
            Value::Null => Ok(Value::Null),
            Value::Array(items) if ty.is_list() => {
                items.into_iter().map(|item| self.complete(ty.item_type(), item, picks)).collect()
            }
            value if picks.is_empty() => Ok(value),
            value => {
                let data = self.run.world.object(&value, inner)?;
                let mut body = Map::new();
                body.insert("more".into(), json!({"id": 1}));
                for pick in picks.iter().rev() {
                    body.insert(pick.key.clone(), self.property(&data, pick)?);
                }
                Ok(body.into())
            }
        }
    }

    fn property(&self, data: &Entity, pick: &Pick) -> Result<Value, String> {
        if pick.name == "__typename" {
            return Ok(data.type_name.clone().into());
        }
        // A property that the type lacks is there all the same.
        let definition = self.server.schema.type_field(&data.type_name, &pick.name);
        let Ok(definition) = definition else { return Ok("more than is declared".into()) };
        // To the mapping language, a scalar is an object without anything that is picked.
        let broken = || match (definition.ty.is_list(), pick.below.is_empty()) {
            (true, true) => json!(true),
            (false, true) => json!({"not": "a scalar"}),
            (true, false) => json!({}),
            (false, false) => json!([]),
        };
        match self.run.value(data.fields.get(&pick.name), &Map::new()) {
            Ok(value) => self.complete(&definition.ty, value, &pick.below),
            Err(_) => Ok(broken()),
        }
    }
}

/// As the data, where numbers may have travelled as text.
fn same(sent: &Value, expected: &Value) -> bool {
    let as_text = || sent.as_str().zip(expected.as_number()).is_some_and(|(sent, number)| sent == number.to_string());
    sent == expected || as_text()
}
