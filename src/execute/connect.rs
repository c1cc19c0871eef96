//! Speaks with HTTP/JSON services, through connectors.
//!
//! In: a planned connector, arguments or keys. Out: calls, and what their answers give. That is a range of the answer where
//! the mapping only picks and renames (it is then read along the pick); otherwise it is the mapped value, after the byte [`MAPPED`].
//! Deliberately absent: the mapping language itself; lookups of many, which are in `batch`.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::time::Instant;
use weft_loaders::{Answer, Call, Effect, Entry, LoadError, Protocol};

use super::json;
use super::service_errors::Note;
use super::values::{self, Parsed};
use crate::connect::mapping::Environment;
use crate::connect::{
    self, Answer as Mapped, ConnectError, Connector, Inputs, LookupArgument, RequestError, RequiredArgument,
};

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
    pub(super) fn call(&self, args: &Map<String, Value>, given: &Map<String, Value>) -> Result<Call, LoadError> {
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
    pub(super) fn mapped(&self, args: &Map<String, Value>, answer: &Answer) -> Result<Text, ConnectError> {
        let inputs = self.inputs(args);
        let has_marks = Cell::new(false);
        let parse = |body: &[u8]| {
            let parsed = values::parse(body).ok()?;
            has_marks.set(parsed.has_marks);
            Some(parsed.value)
        };
        match connect::response(self.connector, answer.status, &answer.headers, &answer.body, &inputs, &parse)? {
            Mapped::Value { value, .. } => Ok(Text::Mapped(Parsed { value, has_marks: has_marks.get() })),
            Mapped::Pick(pick) => {
                let path: Vec<&str> = pick.path.iter().map(String::as_str).collect();
                match pick_path(&answer.body, &path) {
                    Ok(Some(range)) => Ok(Text::Raw(answer.body.slice_ref(range))),
                    Ok(None) => self.evaluated(args, answer),
                    Err(_) => Err(NOT_JSON),
                }
            }
        }
    }

    fn evaluated(&self, args: &Map<String, Value>, answer: &Answer) -> Result<Text, ConnectError> {
        let body = values::parse(&answer.body).map_err(|_| NOT_JSON)?;
        let environment = Environment {
            args,
            config: self.config,
            request_headers: self.headers,
            response_headers: Some(&answer.headers),
            status: Some(answer.status.as_u16()),
        };
        let value = self.connector.selection.evaluate(&body.value, &environment).value;
        Ok(Text::Mapped(body.with(value.unwrap_or(Value::Null))))
    }
}

const NOT_JSON: ConnectError = ConnectError::Invalid("the answer is not valid JSON");

fn refused(argument: &str, message: &str) -> LoadError {
    LoadError::Refused(format!("The argument `{argument}` cannot be sent: {message}."))
}

/// The value under a path of objects, validated as a whole; `None` where the path does not lead through objects alone.
fn pick_path<'a>(body: &'a [u8], path: &[&str]) -> Result<Option<&'a [u8]>, json::Fault> {
    let mut reader = json::Reader::new(body);
    let whole = reader.skip()?.range;
    reader.finish()?;
    json::member(&body[whole], path)
}

/// What a mapping gave.
pub(super) enum Text {
    /// A range of the answer, still to be picked from.
    Raw(Bytes),
    /// A value.
    Mapped(Parsed),
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

pub(super) fn mapped_entry(value: &Parsed) -> Bytes {
    let mut data = vec![MAPPED];
    value.write(&mut data);
    data.into()
}

/// A service's failure: its own words are a note, everything else is a load error.
pub(super) fn failed(error: &ConnectError) -> Result<Entry, LoadError> {
    match error {
        ConnectError::Invalid(message) => Err(LoadError::Invalid((*message).to_owned())),
        ConnectError::Failure { status, message: None, extensions: None } if !status.is_success() => {
            Err(LoadError::Status(status.as_u16()))
        }
        ConnectError::Failure { extensions, .. } => {
            let told = serde_json::json!({"message": error.to_string(), "extensions": extensions});
            let raw = values::for_people(&serde_json::to_vec(&told).unwrap_or_default());
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

pub(super) fn parse(key: &[u8]) -> Result<Value, LoadError> {
    serde_json::from_slice(key).map_err(|_| LoadError::Invalid("a key is not valid".into()))
}
