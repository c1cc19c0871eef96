//! Speaks with HTTP/JSON services, through connectors.
//!
//! In: a planned connector, arguments or keys. Out: calls; answers taken apart into one entry per key. An entry
//! is a range of the answer where the mapping only picks and renames (it is then read along the pick); otherwise it
//! is the mapped value, after the byte [`MAPPED`].
//! Answers are matched to keys by key, never by position. Deliberately absent: the mapping language itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use apollo_compiler::ast::{Type, Value as Literal};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::time::Instant;
use weft_loaders::{Answer, Call, Effect, Entry, LoadError, Protocol};

use super::graphql::{Note, invalid};
use super::json;
use crate::connect::mapping::{Environment, PickField};
use crate::connect::{
    self, Answer as Mapped, ConnectError, Connector, Inputs, LookupArgument, Pick, RequestError, RequiredArgument,
};
use crate::operation::Variables;
use crate::supergraph::{ConnectorId, ResolverVia, Subgraph};

/// Stands before the text of an entry that is mapped already.
pub(crate) const MAPPED: u8 = 1;

/// The message of a load that was skipped, because an input is null: its result is null, without an error.
const SKIPPED: &str = "nothing to ask for";

/// Whether a load was skipped.
pub(crate) fn is_skipped(error: &LoadError) -> bool {
    matches!(error, LoadError::Invalid(message) if message == SKIPPED)
}

/// A connector, and what its calls have in common.
#[derive(Clone, Copy)]
pub(crate) struct Connected<'c> {
    pub(crate) service: &'c Arc<str>,
    pub(crate) connector: &'c Connector,
    /// Replaces the source's.
    pub(crate) base_url: Option<&'c str>,
    /// The client's.
    pub(crate) headers: &'c HeaderMap,
    pub(crate) config: &'c Value,
    pub(crate) effect: Effect,
    pub(crate) deadline: Instant,
    pub(crate) timeout: Duration,
}

impl<'c> Connected<'c> {
    /// `given`: those of the arguments that the client gave itself.
    fn call(&self, args: &Map<String, Value>, given: &Map<String, Value>) -> Result<Call, LoadError> {
        let inputs = self.inputs(args);
        let request = connect::request(self.connector, self.base_url, &inputs).map_err(|error| match error {
            RequestError::Null => LoadError::Invalid(SKIPPED.to_owned()),
            RequestError::Invalid(unfit) => match unfit.arguments.iter().find(|name| given.contains_key(*name)) {
                Some(name) => refused(name, &unfit.message),
                None => LoadError::Invalid(format!("no call can be made: {}", unfit.message)),
            },
        })?;
        Ok(Call {
            service: Arc::clone(self.service),
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            effect: self.effect,
            deadline: self.deadline,
            timeout: self.timeout,
        })
    }

    fn inputs<'a>(&'a self, args: &'a Map<String, Value>) -> Inputs<'a> {
        Inputs { args, headers: self.headers, config: self.config }
    }

    /// The text of what the mapping gives: a range of the body, or the value itself.
    fn mapped(&self, args: &Map<String, Value>, answer: &Answer) -> Result<Text, ConnectError> {
        let inputs = self.inputs(args);
        match connect::response(self.connector, answer.status, &answer.headers, &answer.body, &inputs)? {
            Mapped::Value { value, .. } => Ok(Text::Mapped(value)),
            Mapped::Pick(pick) => {
                let path: Vec<&str> = pick.path.iter().map(String::as_str).collect();
                match pick_path(&answer.body, &path) {
                    Ok(Some(range)) => Ok(Text::Raw(answer.body.slice_ref(range))),
                    Ok(None) => self.evaluated(args, answer),
                    Err(_) => Err(ConnectError::Invalid("the answer is not valid JSON")),
                }
            }
        }
    }

    fn evaluated(&self, args: &Map<String, Value>, answer: &Answer) -> Result<Text, ConnectError> {
        let body =
            serde_json::from_slice(&answer.body).map_err(|_| ConnectError::Invalid("the answer is not valid JSON"))?;
        let environment = Environment {
            args,
            config: self.config,
            request_headers: self.headers,
            response_headers: Some(&answer.headers),
            status: Some(answer.status.as_u16()),
        };
        let value = self.connector.selection.evaluate(&body, &environment).value;
        Ok(Text::Mapped(value.unwrap_or(Value::Null)))
    }
}

fn refused(argument: &str, message: &str) -> LoadError {
    LoadError::Refused(format!("The argument `{argument}` cannot be sent: {message}."))
}

/// Refuses more keys than one call takes, where a client calls a lookup of many itself. (Joins are split into calls.)
pub(crate) fn check_batch(
    subgraph: &Subgraph,
    id: ConnectorId,
    connector: &Connector,
    given: &Map<String, Value>,
) -> Result<(), LoadError> {
    let Some(max) = connector.batch_max else { return Ok(()) };
    let bindings = subgraph.resolvers.iter().filter_map(|resolver| match &resolver.via {
        ResolverVia::Lookup { connector, arguments } if *connector == id => Some(arguments),
        _ => None,
    });
    for binding in bindings.flatten().filter(|binding| binding.from.is_list()) {
        let keys = given.get(binding.name.as_str()).and_then(Value::as_array).map_or(0, Vec::len);
        if keys > max {
            return Err(refused(&binding.name, &format!("{keys} keys, and {max} is the most that may be asked for")));
        }
    }
    Ok(())
}

/// The value under a path of objects, validated as a whole; `None` where the path does not lead through objects alone.
fn pick_path<'a>(body: &'a [u8], path: &[&str]) -> Result<Option<&'a [u8]>, json::Fault> {
    let mut reader = json::Reader::new(body)?;
    let whole = reader.skip()?;
    reader.finish()?;
    json::member(&body[whole], path)
}

/// What a mapping gave.
enum Text {
    /// A range of the answer, still to be picked from.
    Raw(Bytes),
    /// A value.
    Mapped(Value),
}

impl Text {
    fn into_entry(self) -> Entry {
        let data = match self {
            Self::Raw(text) => text,
            Self::Mapped(value) => mapped_entry(&value),
        };
        Entry { data, notes: Vec::new() }
    }
}

fn mapped_entry(value: &Value) -> Bytes {
    let mut data = vec![MAPPED];
    // Writing to memory cannot fail.
    drop(serde_json::to_writer(&mut data, value));
    data.into()
}

/// A service's failure: its own words are a note, everything else is a load error.
fn failed(error: &ConnectError) -> Result<Entry, LoadError> {
    match error {
        ConnectError::Invalid(message) => Err(LoadError::Invalid((*message).to_owned())),
        ConnectError::Failure { status, message: None, extensions: None } if !status.is_success() => {
            Err(LoadError::Status(status.as_u16()))
        }
        ConnectError::Failure { extensions, .. } => {
            let told = serde_json::json!({"message": error.to_string(), "extensions": extensions});
            let raw = serde_json::to_vec(&told).unwrap_or_default();
            Ok(Entry { data: Bytes::from_static(b"null"), notes: vec![Note::below_entity_itself(&raw)] })
        }
    }
}

/// A connector that is called once for each key: on a root field, on a field of an object, or a lookup of one entity.
pub(crate) struct Single<'c> {
    pub(crate) connected: Connected<'c>,
    /// Where the arguments come from.
    pub(crate) arguments: Arguments<'c>,
    /// A 404 means that there is no such object.
    pub(crate) is_missing_null: bool,
}

/// Where the arguments of a call come from.
pub(crate) enum Arguments<'c> {
    /// They are these.
    Given(&'c Map<String, Value>),
    /// These, and those that the object gives.
    Required(&'c Map<String, Value>, &'c [RequiredArgument]),
    /// The key gives them all.
    Key(&'c [LookupArgument]),
}

impl Single<'_> {
    fn arguments(&self, key: &[u8]) -> Result<Map<String, Value>, LoadError> {
        match self.arguments {
            Arguments::Given(arguments) => Ok(arguments.clone()),
            Arguments::Required(given, required) => {
                let object = parse(key)?;
                let mut arguments = given.clone();
                for argument in required {
                    let value = argument.from.bind(&object);
                    if value.is_null() && argument.non_null {
                        return Err(LoadError::Invalid(SKIPPED.to_owned()));
                    }
                    arguments.insert(argument.name.to_string(), value);
                }
                Ok(arguments)
            }
            Arguments::Key(bindings) => {
                let object = parse(key)?;
                let bind = |binding: &LookupArgument| (binding.name.to_string(), binding.from.bind(&object));
                Ok(bindings.iter().map(bind).collect())
            }
        }
    }
}

impl Protocol for Single<'_> {
    fn call(&self, keys: &[Bytes]) -> Result<Call, LoadError> {
        let arguments = self.arguments(only(keys))?;
        match self.arguments {
            Arguments::Given(given) | Arguments::Required(given, _) => self.connected.call(&arguments, given),
            Arguments::Key(_) => self.connected.call(&arguments, &Map::new()),
        }
    }

    fn split(&self, keys: &[Bytes], answer: &Answer) -> Result<Vec<Result<Entry, LoadError>>, LoadError> {
        let arguments = self.arguments(only(keys))?;
        let entry = match self.connected.mapped(&arguments, answer) {
            Ok(text) => Ok(text.into_entry()),
            Err(error) if self.is_missing_null && error.is_not_found() => {
                Ok(Entry { data: Bytes::from_static(b"null"), notes: Vec::new() })
            }
            Err(error) => failed(&error),
        };
        Ok(vec![entry; keys.len()])
    }
}

fn only(keys: &[Bytes]) -> &[u8] {
    keys.first().map_or(b"", |key| key)
}

fn parse(key: &[u8]) -> Result<Value, LoadError> {
    serde_json::from_slice(key).map_err(|_| LoadError::Invalid("a key is not valid".into()))
}

/// A lookup of many entities. All keys of a load agree in what is not listed: see [`partition`].
pub(crate) struct Batched<'c> {
    pub(crate) connected: Connected<'c>,
    pub(crate) bindings: &'c [LookupArgument],
    pub(crate) matches: &'c [Match],
}

/// How a part of the key is found in an answer.
#[derive(Debug)]
pub(crate) struct Match {
    /// Its path in the key, and in a mapped answer.
    pub(crate) path: Vec<String>,
    /// Its path in an element of the raw answer, where the mapping only picks.
    pub(crate) raw: Option<Vec<String>>,
}

/// What keys must have in common to be asked for in one call: the arguments that are no lists.
pub(crate) fn partition(bindings: &[LookupArgument], key: &[u8]) -> Vec<u8> {
    let object: Value = serde_json::from_slice(key).unwrap_or(Value::Null);
    let values = bindings.iter().filter(|binding| !binding.from.is_list()).map(|binding| binding.from.bind(&object));
    serde_json::to_vec(&values.collect::<Vec<_>>()).unwrap_or_default()
}

impl Batched<'_> {
    fn arguments(&self, keys: &[Bytes]) -> Result<Map<String, Value>, LoadError> {
        let objects: Vec<Value> = keys.iter().map(|key| parse(key)).collect::<Result<_, _>>()?;
        let first = objects.first().unwrap_or(&Value::Null);
        let bind = |binding: &LookupArgument| {
            let value = match binding.from.is_list() {
                true => objects.iter().map(|object| binding.from.bind(object)).collect(),
                false => binding.from.bind(first),
            };
            (binding.name.to_string(), value)
        };
        Ok(self.bindings.iter().map(bind).collect())
    }

    /// The parts of the key that tell entities of one call apart.
    fn listed(&self) -> impl Iterator<Item = &Match> {
        self.matches.iter().filter(|part| {
            // What the arguments that are no lists gave counts as given in the answer.
            let mut given = self.bindings.iter().filter(|binding| !binding.from.is_list());
            !given.any(|binding| {
                binding.from.paths().iter().any(|path| path.iter().map(Name::as_str).eq(part.path.iter()))
            })
        })
    }

    /// The identity of an element.
    fn identity<'m>(
        &'m self,
        text: &[u8],
        path: impl Fn(&'m Match) -> Option<&'m Vec<String>>,
    ) -> Result<Identity, LoadError> {
        if text == b"null" {
            return Ok(Identity::Null);
        }
        let mut identity = Vec::new();
        for part in self.listed() {
            let Some(path) = path(part) else { return Ok(Identity::None) };
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            match json::member(text, &path).map_err(invalid)? {
                None => return Ok(Identity::None),
                Some(b"null") => return Ok(Identity::Null),
                Some(text) => match scalar(text) {
                    Some(text) => identity.push(text),
                    None => return Ok(Identity::None),
                },
            }
        }
        Ok(Identity::Of(identity))
    }
}

/// What tells an element of a batch's answer apart from the others.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    /// The listed parts of its key.
    Of(Vec<Vec<u8>>),
    /// It is null, or its key is: there is no such object.
    Null,
    /// It has no key that can be read.
    None,
}

/// A scalar as text: `1` and `"1"` are the same key. Null is none.
fn scalar(text: &[u8]) -> Option<Vec<u8>> {
    match text.first()? {
        b'"' => Some(json::unescape(text).into_owned()),
        b'n' => None,
        b'{' | b'[' => serde_json::from_slice::<Value>(text).ok()?.to_string().into_bytes().into(),
        _ => Some(text.to_vec()),
    }
}

impl Protocol for Batched<'_> {
    fn call(&self, keys: &[Bytes]) -> Result<Call, LoadError> {
        self.connected.call(&self.arguments(keys)?, &Map::new())
    }

    fn split(&self, keys: &[Bytes], answer: &Answer) -> Result<Vec<Result<Entry, LoadError>>, LoadError> {
        let arguments = self.arguments(keys)?;
        let text = match self.connected.mapped(&arguments, answer) {
            Ok(text) => text,
            Err(error) => return Ok(vec![failed(&error); keys.len()]),
        };
        let asked = keys.iter().map(|key| self.identity(key, |part| Some(&part.path)));
        let asked = asked.collect::<Result<Vec<Identity>, LoadError>>()?;
        let mut found: HashMap<&Identity, Option<Bytes>> = asked.iter().map(|identity| (identity, None)).collect();
        let mut has_strangers = false;
        let mut keep = |identity: Identity, entry: &dyn Fn() -> Bytes| match (&identity, found.get_mut(&identity)) {
            (Identity::Null, _) => {}
            (Identity::Of(_), Some(place)) => {
                place.get_or_insert_with(entry);
            }
            _ => has_strangers = true,
        };
        match text {
            Text::Raw(text) => {
                let elements = json::elements(&text).map_err(invalid)?.ok_or_else(not_a_list)?;
                for element in elements {
                    let element = text.slice(element);
                    keep(self.identity(&element, |part| part.raw.as_ref())?, &|| element.clone());
                }
            }
            Text::Mapped(Value::Array(elements)) => {
                for element in elements {
                    let element = mapped_entry(&element);
                    keep(self.identity(&element[1..], |part| Some(&part.path))?, &|| element.clone());
                }
            }
            Text::Mapped(_) => return Err(not_a_list()),
        }
        let entry = |identity: &Identity| match found.get(identity).and_then(Option::as_ref) {
            Some(data) => Ok(Entry { data: data.clone(), notes: Vec::new() }),
            // What stands in its place may be what was asked for, with its key spoilt: nobody can say that there is none.
            None if has_strangers => Err(LoadError::Invalid("not what was asked for: its key is missing".into())),
            None => Ok(Entry { data: Bytes::from_static(b"null"), notes: Vec::new() }),
        };
        Ok(asked.iter().map(entry).collect())
    }
}

fn not_a_list() -> LoadError {
    LoadError::Invalid("not a list".into())
}

/// What a pick gives of a value that does not stand as the pick would have it: lists on the way are gone through.
/// The recursion is bounded by the depth of the value, which its parser limits.
pub(crate) fn pick(pick: &Pick, value: &Value) -> Option<Value> {
    walk(&pick.path, pick, value)
}

fn walk(path: &[String], pick: &Pick, value: &Value) -> Option<Value> {
    match (path.split_first(), value) {
        (None, value) => select(pick, value),
        (Some((key, rest)), Value::Object(members)) => walk(rest, pick, members.get(key)?),
        (Some(_), Value::Array(items)) => {
            Some(items.iter().map(|item| walk(path, pick, item).unwrap_or(Value::Null)).collect())
        }
        _ => None,
    }
}

fn select(picked: &Pick, value: &Value) -> Option<Value> {
    match (&picked.fields, value) {
        (None, value) => Some(value.clone()),
        (Some(_), Value::Null) => Some(Value::Null),
        (Some(_), Value::Array(items)) => {
            Some(items.iter().map(|item| select(picked, item).unwrap_or(Value::Null)).collect())
        }
        (Some(fields), Value::Object(_)) => {
            let member = |field: &PickField| Some((field.name.clone(), pick(&field.pick, value)?));
            Some(Value::Object(fields.iter().filter_map(member).collect()))
        }
        (Some(_), _) => None,
    }
}

impl Match {
    /// Where a mapped path stands in the raw element that a pick reads.
    pub(crate) fn raw_path(pick: Option<&Pick>, mapped: &[String]) -> Option<Vec<String>> {
        let mut fields = pick?.fields.as_deref();
        let mut raw = Vec::new();
        for name in mapped {
            match fields {
                None => raw.push(name.clone()),
                Some(picked) => {
                    let field = picked.iter().find(|field| field.name == *name)?;
                    raw.extend(field.pick.path.iter().cloned());
                    fields = field.pick.fields.as_deref();
                }
            }
        }
        Some(raw)
    }
}

/// The arguments of a connected field, as the client gave them: coerced to their declared types, and those left out
/// left out.
pub(crate) fn arguments(
    schema: &Schema,
    connector: &Connector,
    literals: &[(Name, Node<Literal>)],
    variables: &Variables,
) -> Map<String, Value> {
    let definition = schema.type_field(&connector.type_name, &connector.field_name).ok();
    let mut arguments = Map::new();
    for (name, literal) in literals {
        let argument = definition.and_then(|field| field.argument_by_name(name));
        let ty = argument.map(|argument| &*argument.ty);
        let given = coerce(schema, ty, literal, variables);
        // A variable that was left out leaves the argument out.
        let default = || coerce(schema, ty, argument?.default_value.as_ref()?, variables);
        if let Some(value) = given.or_else(default) {
            arguments.insert(name.to_string(), value);
        }
    }
    arguments
}

/// A literal as JSON; `None` for a variable that has no value. The recursion is bounded by the operation's text.
fn coerce(schema: &Schema, ty: Option<&Type>, literal: &Literal, variables: &Variables) -> Option<Value> {
    if let Literal::Variable(name) = literal {
        return variables.get(name.as_str()).cloned();
    }
    if let Some(Type::List(item) | Type::NonNullList(item)) = ty
        && !matches!(literal, Literal::List(_) | Literal::Null)
    {
        // One item stands for a list of it.
        return Some(Value::Array(vec![coerce(schema, Some(item), literal, variables)?]));
    }
    let is_id = ty.is_some_and(|ty| ty.inner_named_type() == "ID");
    Some(match literal {
        Literal::Null | Literal::Variable(_) => Value::Null,
        Literal::Enum(name) => Value::String(name.to_string()),
        Literal::String(text) => Value::String(text.clone()),
        Literal::Boolean(value) => Value::Bool(*value),
        Literal::Int(number) if is_id => Value::String(number.as_str().to_owned()),
        Literal::Int(number) => serde_json::from_str(number.as_str()).unwrap_or(Value::Null),
        Literal::Float(number) => serde_json::from_str(number.as_str()).unwrap_or(Value::Null),
        Literal::List(items) => {
            let item_type = ty.map(Type::item_type);
            let item = |item: &Node<Literal>| coerce(schema, item_type, item, variables).unwrap_or(Value::Null);
            Value::Array(items.iter().map(item).collect())
        }
        Literal::Object(fields) => {
            let input = ty.and_then(|ty| match schema.types.get(ty.inner_named_type()) {
                Some(ExtendedType::InputObject(input)) => Some(input),
                _ => None,
            });
            let mut object = Map::new();
            for (name, value) in fields {
                let ty = input.and_then(|input| input.fields.get(name)).map(|field| &*field.ty);
                if let Some(value) = coerce(schema, ty, value, variables) {
                    object.insert(name.to_string(), value);
                }
            }
            for field in input.iter().flat_map(|input| input.fields.values()) {
                if let Some(default) = &field.default_value
                    && !object.contains_key(field.name.as_str())
                    && let Some(value) = coerce(schema, Some(&field.ty), default, variables)
                {
                    object.insert(field.name.to_string(), value);
                }
            }
            Value::Object(object)
        }
    })
}
