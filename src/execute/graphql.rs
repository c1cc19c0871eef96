//! Speaks with GraphQL services: root operations and `_entities`.
//!
//! In: the planned operation, variables, representations. Out: bodies of calls; answers taken apart into one entry per
//! representation, each with the errors that belong to it as notes. An answer that is no GraphQL is a load error.
//! Source: GraphQL over HTTP, "Response"; Apollo Federation subgraph specification, `_entities`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::Instant;
use weft_loaders::{Answer, Call, Effect, Entry, LoadError, Protocol};

use super::json::{self, Fault, Reader};
use super::service_errors::{self, Note, PathSegment, ServiceError};
use crate::operation::Variables;
use crate::planner::plan::{AskedFor, DownstreamOperation, EntityInput};

/// Says that an answer is JSON and nothing more.
pub(crate) const NO_RESPONSE: &str = "the answer is not a GraphQL response";

/// Whom a fetch asks, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) service: Arc<str>,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) effect: Effect,
    pub(crate) deadline: Instant,
    pub(crate) timeout: Duration,
}

impl Endpoint {
    pub(crate) fn call(&self, body: Vec<u8>) -> Call {
        Call {
            service: Arc::clone(&self.service),
            method: Method::POST,
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: body.into(),
            effect: self.effect,
            deadline: self.deadline,
            timeout: self.timeout,
        }
    }
}

/// Headers that belong to one connection or to one body: never forwarded, whatever the configuration says.
const NOT_FORWARDED: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The headers of a call to a GraphQL service: those of the client's that are forwarded, and what the body is.
pub(crate) fn headers<'h>(client: &HeaderMap, forwarded: impl Iterator<Item = &'h HeaderName>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in forwarded.filter(|name| !NOT_FORWARDED.contains(&name.as_str())) {
        for value in client.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, application/graphql-response+json"));
    headers
}

/// `{"query":…,"operationName":…,"variables":{`: what the requests of a fetch have in common.
pub(crate) fn head(operation: &DownstreamOperation) -> Vec<u8> {
    let mut out = b"{\"query\":".to_vec();
    json::write_string(&operation.text, &mut out);
    if let Some(name) = &operation.name {
        out.extend_from_slice(b",\"operationName\":");
        json::write_string(name, &mut out);
    }
    out.extend_from_slice(b",\"variables\":{");
    out
}

/// `"name":value,…`: the client's variables that an operation uses. An absent one stays absent.
pub(crate) fn variables(operation: &DownstreamOperation, values: &Variables) -> Vec<u8> {
    let mut out = Vec::new();
    for variable in &operation.variables {
        let Some(value) = values.get(variable.name.as_str()) else { continue };
        if !out.is_empty() {
            out.push(b',');
        }
        json::write_string(&variable.name, &mut out);
        out.push(b':');
        // Writing to memory cannot fail.
        drop(serde_json::to_writer(&mut out, value));
    }
    out
}

/// The body of a root operation.
pub(crate) fn root_body(head: &[u8], variables: &[u8]) -> Vec<u8> {
    [head, variables, b"}}"].concat()
}

/// Loads entities, and the query root below objects. A key is a representation (an empty one of the root), with the
/// number of its input before it where there are several (`1:{…}`).
pub(crate) struct Entities<'e> {
    pub(crate) endpoint: &'e Endpoint,
    pub(crate) head: &'e [u8],
    pub(crate) variables: &'e [u8],
    pub(crate) inputs: &'e [EntityInput],
}

/// What stands before a representation in its key, where there are several inputs: see [`Entities`].
pub(crate) fn write_key_prefix(input: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(input.to_string().as_bytes());
    out.push(b':');
}

/// The response key of the entities of an input, of so many.
pub(crate) fn entities_alias(input: usize, inputs: usize) -> Cow<'static, str> {
    if inputs < 2 { Cow::Borrowed("_entities") } else { Cow::Owned(format!("_e{input}")) }
}

impl Entities<'_> {
    /// The input of a key, and its representation.
    fn parse_key<'k>(&self, key: &'k [u8]) -> (usize, &'k [u8]) {
        if self.inputs.len() < 2 {
            return (0, key);
        }
        let colon = key.iter().position(|byte| *byte == b':').unwrap_or(0);
        let input = std::str::from_utf8(&key[..colon]).ok().and_then(|digits| digits.parse().ok());
        (input.unwrap_or(0), &key[(colon + 1).min(key.len())..])
    }

    fn alias(&self, input: usize) -> Cow<'static, str> {
        entities_alias(input, self.inputs.len())
    }

    /// The keys of each input, as indices.
    fn by_input(&self, keys: &[Bytes]) -> Vec<Vec<usize>> {
        let mut by_input = vec![Vec::new(); self.inputs.len().max(1)];
        for (index, key) in keys.iter().enumerate() {
            if let Some(keys) = by_input.get_mut(self.parse_key(key).0) {
                keys.push(index);
            }
        }
        by_input
    }
}

impl Protocol for Entities<'_> {
    fn call(&self, keys: &[Bytes]) -> Result<Call, LoadError> {
        let size = keys.iter().map(|key| key.len() + 1).sum::<usize>();
        let mut body = Vec::with_capacity(self.head.len() + self.variables.len() + size + 32);
        body.extend_from_slice(self.head);
        body.extend_from_slice(self.variables);
        let mut is_first = self.variables.is_empty();
        for (input, of_input) in self.inputs.iter().zip(self.by_input(keys)) {
            if input.variable.is_empty() {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                body.push(b',');
            }
            body.push(b'"');
            body.extend_from_slice(input.variable.as_bytes());
            body.extend_from_slice(b"\":");
            if input.asked == AskedFor::Root {
                body.extend_from_slice(if of_input.is_empty() { b"false" } else { b"true" });
                continue;
            }
            body.push(b'[');
            for (position, key) in of_input.iter().enumerate() {
                if position > 0 {
                    body.push(b',');
                }
                body.extend_from_slice(self.parse_key(&keys[*key]).1);
            }
            body.push(b']');
        }
        body.extend_from_slice(b"}}");
        Ok(self.endpoint.call(body))
    }

    fn split(&self, keys: &[Bytes], answer: &Answer) -> Result<Vec<Result<Entry, LoadError>>, LoadError> {
        let envelope = Envelope::read(answer)?;
        let by_input = self.by_input(keys);
        let mut entries: Vec<Result<Entry, LoadError>> = vec![Ok(Entry::default()); keys.len()];
        let mut are_told_apart = vec![true; by_input.len()];
        for (input, of_input) in by_input.iter().enumerate() {
            if of_input.is_empty() {
                continue;
            }
            if self.is_root(input) {
                let entry = self.root(&envelope);
                of_input.iter().for_each(|index| entries[*index] = entry.clone());
                continue;
            }
            match self.entities(&envelope, input, of_input.len()) {
                Ok(entities) => {
                    for (index, data) in of_input.iter().zip(entities) {
                        entries[*index] = Ok(Entry { data, notes: Vec::new() });
                    }
                }
                // The service's own words say more of it.
                Err(LoadError::Invalid(_)) if !envelope.errors.is_empty() => {
                    are_told_apart[input] = false;
                    let null = || Ok(Entry { data: Bytes::from_static(b"null"), notes: Vec::new() });
                    of_input.iter().for_each(|index| entries[*index] = null());
                }
                Err(error) => of_input.iter().for_each(|index| entries[*index] = Err(error.clone())),
            }
        }
        self.attach(&envelope, &by_input, &are_told_apart, &mut entries);
        Ok(entries)
    }
}

impl Entities<'_> {
    fn is_root(&self, input: usize) -> bool {
        self.inputs.get(input).is_some_and(|input| input.asked == AskedFor::Root)
    }

    /// The whole `data`: what reads it finds its own keys.
    fn root(&self, envelope: &Envelope) -> Result<Entry, LoadError> {
        match &envelope.data {
            Some(data) if data[..] != b"null"[..] => Ok(Entry { data: data.clone(), notes: Vec::new() }),
            _ if envelope.errors.is_empty() => Err(LoadError::Invalid("no data and no errors".into())),
            _ => Ok(Entry { data: Bytes::from_static(b"null"), notes: Vec::new() }),
        }
    }

    /// Which input's a key of `data` is.
    fn input_of(&self, key: &str) -> Option<usize> {
        (0..self.inputs.len()).find(|input| {
            let alias = self.alias(*input);
            match (self.is_root(*input), self.inputs.len()) {
                (false, _) => alias == key,
                (true, 1) => true,
                (true, _) => key.strip_prefix(&*alias).is_some_and(|name| name.starts_with('_')),
            }
        })
    }

    /// The entities that were answered for an input: exactly as many as were asked for, since they are told apart by
    /// nothing but their place. All null where the service answered none, with errors.
    fn entities(&self, envelope: &Envelope, input: usize, len: usize) -> Result<Vec<Bytes>, LoadError> {
        let alias = self.alias(input);
        let list = match &envelope.data {
            Some(data) => json::member(data, &[&alias]).map_err(invalid)?.map(|list| data.slice_ref(list)),
            None => None,
        };
        match list {
            Some(list) if list[..] != b"null"[..] => {
                let ranges = json::elements(&list).map_err(invalid)?;
                let ranges = ranges.ok_or_else(|| LoadError::Invalid("`_entities` is not a list".into()))?;
                if ranges.len() != len {
                    return Err(LoadError::Invalid(format!("{} entities for {len} representations", ranges.len())));
                }
                Ok(ranges.into_iter().map(|range| list.slice(range)).collect())
            }
            _ if envelope.errors.is_empty() => Err(LoadError::Invalid("no entities and no errors".into())),
            _ => Ok(vec![Bytes::from_static(b"null"); len]),
        }
    }

    /// Hands each error to the entries that it belongs to. Where those of an input are not told apart, to all of them.
    fn attach(
        &self,
        envelope: &Envelope,
        by_input: &[Vec<usize>],
        are_told_apart: &[bool],
        entries: &mut [Result<Entry, LoadError>],
    ) {
        let mut unplaced = Vec::new();
        for (error, raw) in envelope.errors.iter().map(|raw| (ServiceError::read(raw), raw)) {
            let input = match error.path.first() {
                Some(PathSegment::Key(key)) => self.input_of(key),
                _ => None,
            };
            if let Some(input) = input.filter(|input| self.is_root(*input)) {
                // Nobody waits for an error of what was not wanted.
                for key in &by_input[input] {
                    if let Ok(entry) = &mut entries[*key] {
                        entry.notes.push(Note::of_root(raw));
                    }
                }
                continue;
            }
            let index = error.path.get(1).and_then(PathSegment::index).and_then(|index| usize::try_from(index).ok());
            let place = input.zip(index).filter(|(input, _)| are_told_apart[*input]);
            let key = place.and_then(|(input, index)| by_input[input].get(index));
            match key.map(|key| &mut entries[*key]) {
                Some(Ok(entry)) => entry.notes.push(Note::below_entity(raw)),
                _ => unplaced.push((input, raw)),
            }
        }
        if unplaced.is_empty() {
            return;
        }
        // What has no place of its own explains those entries that are null without a reason. It is told once at least.
        let mut told = vec![false; unplaced.len()];
        for (input, of_input) in by_input.iter().enumerate() {
            for key in of_input {
                let Ok(entry) = &mut entries[*key] else { continue };
                let reason = unplaced.iter().position(|(of, _)| of.is_none_or(|of| of == input));
                match reason {
                    Some(reason) if entry.notes.is_empty() && entry.data[..] == b"null"[..] => {
                        told[reason] = true;
                        entry.notes.push(Note::below_entity_itself(unplaced[reason].1));
                    }
                    // The answer was not whole: nothing of it is kept.
                    _ => entry.notes.push(Note::nothing()),
                }
            }
        }
        if let Some(Ok(first)) = entries.iter_mut().find(|entry| entry.is_ok()) {
            let others = unplaced.iter().zip(&told).filter(|(_, told)| !**told);
            first.notes.extend(others.map(|((_, raw), _)| Note::unplaced(raw)));
        }
    }
}

/// A root operation, loaded as the one entry of an empty key: its `data`, and all errors as notes.
pub(crate) struct Root<'e> {
    pub(crate) endpoint: &'e Endpoint,
    pub(crate) body: &'e [u8],
}

impl Protocol for Root<'_> {
    fn call(&self, _: &[Bytes]) -> Result<Call, LoadError> {
        Ok(self.endpoint.call(self.body.to_vec()))
    }

    fn split(&self, keys: &[Bytes], answer: &Answer) -> Result<Vec<Result<Entry, LoadError>>, LoadError> {
        let envelope = Envelope::read(answer)?;
        let data = envelope.data.unwrap_or_else(|| Bytes::from_static(b"null"));
        if envelope.errors.is_empty() && data[..] == b"null"[..] {
            return Err(LoadError::Invalid("no data and no errors".into()));
        }
        let notes = envelope.errors.iter().map(|raw| Note::of_root(raw)).collect();
        Ok(vec![Ok(Entry { data, notes }); keys.len()])
    }
}

/// A GraphQL answer, taken apart but not read.
struct Envelope {
    /// `data`, if there is one.
    data: Option<Bytes>,
    /// The elements of `errors`.
    errors: Vec<Bytes>,
}

impl Envelope {
    /// Errors: the body is no GraphQL answer. Then the status, if that was no success, says more than the body.
    fn read(answer: &Answer) -> Result<Envelope, LoadError> {
        if answer.body.is_empty() && answer.status.is_success() {
            return Err(LoadError::Invalid("the answer is empty".into()));
        }
        Self::of_body(&answer.body).map_err(|error| match answer.status.is_success() {
            true => error,
            false => LoadError::Status(answer.status.as_u16()),
        })
    }

    fn of_body(body: &Bytes) -> Result<Envelope, LoadError> {
        let mut reader = Reader::new(body);
        let mut envelope = Envelope { data: None, errors: Vec::new() };
        if reader.peek().map_err(invalid)? != b'{' {
            reader.skip().and_then(|_| reader.finish()).map_err(invalid)?;
            return Err(LoadError::Invalid(NO_RESPONSE.into()));
        }
        reader.bump();
        let (mut errors, mut first) = (None, true);
        while let Some(key) = reader.next_key(first).map_err(invalid)? {
            first = false;
            let key = json::unescape(body, &key);
            let value = reader.skip().map_err(invalid)?.range;
            match key.as_deref() {
                Some(b"data") => envelope.data = Some(body.slice(value)),
                Some(b"errors") => errors = Some(value),
                _ => {}
            }
        }
        reader.finish().map_err(invalid)?;
        if let Some(errors) = errors {
            envelope.errors = service_errors::read(body, errors)?;
        }
        if envelope.data.is_none() && envelope.errors.is_empty() {
            return Err(LoadError::Invalid(NO_RESPONSE.into()));
        }
        Ok(envelope)
    }
}

pub(crate) fn invalid(fault: Fault) -> LoadError {
    LoadError::Invalid(fault.to_string())
}
