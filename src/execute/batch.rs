//! Lookups of many entities: their keys go out in one call, and what comes back is matched to them by key, never by position.
//!
//! In: a connector on a lookup with a list of keys; the keys that objects have, or those that a client gave itself. Out: calls,
//! and one entry per key. Deliberately absent: how many keys travel in one call, which the loaders see to.

use std::borrow::Cow;
use std::collections::HashMap;

use apollo_compiler::Name;
use bytes::Bytes;
use indexmap::IndexSet;
use serde_json::{Map, Value};
use weft_loaders::{Answer, Call, Entry, LoadError, Protocol};

use super::connect::{Connected, Text, failed, mapped_entry, parse};
use super::graphql::invalid;
use super::json;
use crate::connect::{KeyBinding, LookupArgument, Pick};
use crate::supergraph::{ConnectorId, ResolverVia, Subgraph};

/// A lookup of many entities.
pub(crate) struct Batched<'c> {
    pub(crate) connected: Connected<'c>,
    pub(crate) keys: Keys<'c>,
    pub(crate) matches: &'c [Match],
}

/// What the keys of a batch are.
#[derive(Clone, Copy)]
pub(crate) enum Keys<'c> {
    /// Objects from which the arguments are bound. All of one load agree in what is not listed: see [`partition`].
    Bound(&'c [LookupArgument]),
    /// Elements of this argument, which a client gave itself, beside these others.
    Given(&'c LookupArgument, &'c Map<String, Value>),
}

/// The argument of a lookup of many that is the list of keys; `None` for any other connector.
pub(crate) fn list_argument(subgraph: &Subgraph, id: ConnectorId) -> Option<&LookupArgument> {
    let bindings = subgraph.resolvers.iter().find_map(|resolver| match &resolver.via {
        ResolverVia::Lookup { connector, arguments } if *connector == id => Some(arguments),
        _ => None,
    });
    bindings?.iter().find(|binding| binding.from.is_list())
}

/// What a client gives a lookup of many itself.
pub(crate) struct Given<'c> {
    pub(crate) list: &'c LookupArgument,
    /// The other arguments.
    pub(crate) others: Map<String, Value>,
    /// The elements of the list, each once.
    pub(crate) keys: Vec<Bytes>,
    /// Which of them stands where; `None` for null.
    pub(crate) order: Vec<Option<usize>>,
}

impl<'c> Given<'c> {
    /// The arguments of a client, if a list of keys is among them; an empty one asks for nothing, and of nobody.
    pub(crate) fn new(list: &'c LookupArgument, arguments: &Map<String, Value>) -> Option<Given<'c>> {
        let elements = arguments.get(list.name.as_str())?.as_array()?;
        let mut keys = IndexSet::new();
        let order = elements.iter().map(|element| match element {
            Value::Null => None,
            element => {
                let mut element = element.clone();
                // Equal keys are one, in whatever order their members were written.
                element.sort_all_objects();
                Some(keys.insert_full(Bytes::from(element.to_string())).0)
            }
        });
        let order = order.collect();
        let mut others = arguments.clone();
        others.shift_remove(list.name.as_str());
        Some(Given { list, others, keys: keys.into_iter().collect(), order })
    }
}

/// How a part of the key is found in an answer.
#[derive(Debug)]
pub(crate) struct Match {
    /// Its path in the key, and in a mapped answer.
    pub(crate) path: Vec<String>,
    /// Its path in an element of the raw answer, where the mapping only picks.
    pub(crate) raw: Option<Vec<String>>,
    /// Its path in an element of the list that a client gives; `None` for what is no part of it.
    pub(crate) given: Option<Vec<String>>,
}

/// What keys must have in common to be asked for in one call: the arguments that are no lists.
pub(crate) fn partition(bindings: &[LookupArgument], key: &[u8]) -> Vec<u8> {
    let object: Value = serde_json::from_slice(key).unwrap_or(Value::Null);
    let values = bindings.iter().filter(|binding| !binding.from.is_list()).map(|binding| binding.from.bind(&object));
    serde_json::to_vec(&values.collect::<Vec<_>>()).unwrap_or_default()
}

impl Match {
    /// How the part at this path of a key is found, in what a pick gives and in what a client gives.
    pub(crate) fn new(path: &[Name], pick: Option<&Pick>, list: Option<&LookupArgument>) -> Match {
        let given = match list.map(|list| &list.from) {
            Some(KeyBinding::ListOfValues(from)) if from == path => Some(Vec::new()),
            Some(KeyBinding::ListOfObjects(fields)) => {
                fields.iter().find(|(_, from)| from == path).map(|(name, _)| vec![name.to_string()])
            }
            _ => None,
        };
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        Match { raw: Match::raw_path(pick, &path), path, given }
    }

    /// Where a mapped path stands in the raw element that a pick reads.
    fn raw_path(pick: Option<&Pick>, mapped: &[String]) -> Option<Vec<String>> {
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

impl Batched<'_> {
    fn arguments(&self, keys: &[Bytes]) -> Result<Map<String, Value>, LoadError> {
        let values: Vec<Value> = keys.iter().map(|key| parse(key)).collect::<Result<_, _>>()?;
        let bindings = match self.keys {
            Keys::Bound(bindings) => bindings,
            Keys::Given(list, others) => {
                let mut arguments = others.clone();
                arguments.insert(list.name.to_string(), Value::Array(values));
                return Ok(arguments);
            }
        };
        let first = values.first().unwrap_or(&Value::Null);
        let bind = |binding: &LookupArgument| {
            let value = match binding.from.is_list() {
                true => values.iter().map(|object| binding.from.bind(object)).collect(),
                false => binding.from.bind(first),
            };
            (binding.name.to_string(), value)
        };
        Ok(bindings.iter().map(bind).collect())
    }

    /// The parts of the key that tell entities of one call apart.
    fn listed(&self) -> impl Iterator<Item = &Match> {
        self.matches.iter().filter(|part| match self.keys {
            // What the arguments that are no lists gave counts as given in the answer.
            Keys::Bound(bindings) => {
                let mut given = bindings.iter().filter(|binding| !binding.from.is_list());
                !given.any(|binding| {
                    binding.from.paths().iter().any(|path| path.iter().map(Name::as_str).eq(part.path.iter()))
                })
            }
            Keys::Given(..) => part.given.is_some(),
        })
    }

    fn asked(&self, key: &[u8]) -> Result<Identity, LoadError> {
        self.identity(key, |part| match self.keys {
            Keys::Bound(_) => Some(&part.path),
            Keys::Given(..) => part.given.as_ref(),
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

/// A part of a key as text: `1`, `1.0` and `"1"` are the same. `None`: it is null, or no text.
fn scalar(text: &[u8]) -> Option<Vec<u8>> {
    match text.first()? {
        b'"' => {
            let token = json::Reader::new(text).string().ok()?;
            json::unescape(text, &token).map(Cow::into_owned)
        }
        b'n' => None,
        b'{' | b'[' => Some(serde_json::from_slice::<Value>(text).ok()?.to_string().into_bytes()),
        _ => Some(json::whole_number(text).map_or_else(|| text.to_vec(), |number| number.to_string().into_bytes())),
    }
}

impl Protocol for Batched<'_> {
    fn call(&self, keys: &[Bytes]) -> Result<Call, LoadError> {
        let arguments = self.arguments(keys)?;
        match self.keys {
            Keys::Bound(_) => self.connected.call(&arguments, &Map::new()),
            Keys::Given(..) => self.connected.call(&arguments, &arguments),
        }
    }

    fn split(&self, keys: &[Bytes], answer: &Answer) -> Result<Vec<Result<Entry, LoadError>>, LoadError> {
        let arguments = self.arguments(keys)?;
        let text = match self.connected.mapped(&arguments, answer) {
            Ok(text) => text,
            Err(error) => return Ok(vec![failed(&error); keys.len()]),
        };
        let asked = keys.iter().map(|key| self.asked(key));
        let asked = asked.collect::<Result<Vec<Identity>, LoadError>>()?;
        let mut found: HashMap<&Identity, Option<Bytes>> = asked.iter().map(|identity| (identity, None)).collect();
        let mut has_strangers = false;
        let mut keep = |identity: Identity, entry: &dyn Fn() -> Bytes| match (&identity, found.get_mut(&identity)) {
            (Identity::Null, _) => {}
            // Of one that comes twice, the first counts.
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
            Text::Mapped(mut mapped) => {
                let Value::Array(elements) = mapped.value.take() else { return Err(not_a_list()) };
                for element in elements {
                    let element = mapped_entry(&mapped.with(element));
                    keep(self.identity(&element[1..], |part| Some(&part.path))?, &|| element.clone());
                }
            }
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
