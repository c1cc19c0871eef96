//! Walks a plan: starts each fetch when those before it are done, and links what they answer.
//!
//! In: a prepared plan, variables, the client's headers and deadline. Out: the filled table. All fetches run in the
//! request's own task, so dropping the request drops them. Between two answers the table is changed by nobody else.
//! Deliberately absent: what is written of the answers; retries, which belong to the loaders.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use http::HeaderMap;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use weft_loaders::{Answer, Batch, Effect, Entry, LoadError, Loaders, Reuse};

use super::connect::{self, Arguments, Batched, Connected, Single};
use super::errors::{Code, Failure, FailureId, LoadId};
use super::graphql::{self, Endpoint, Note, PathSegment, ServiceError};
use super::json::{self, Fault};
use super::layout::NodeId;
use super::positions::{Typename, View};
use super::prepared::{Prepared, PreparedConnector, PreparedFetch};
use super::read::{AnswerReader, Mode, Unread};
use super::representation::{self, NotSent};
use super::slots::{Arena, Slot};
use crate::operation::{OperationType, Variables};
use crate::planner::plan::{Call, DownstreamOperation, EntityInput, Fetch, FetchId, ShapeId, SlotId};
use crate::supergraph::{CacheScope, ConnectorId, LookupArgument, RequiredArgument, Subgraph, Supergraph};

/// What a request runs with.
#[derive(Clone, Copy)]
pub(crate) struct Running<'r> {
    pub(crate) prepared: &'r Prepared,
    pub(crate) supergraph: &'r Supergraph,
    pub(crate) loaders: &'r Loaders,
    /// Coerced.
    pub(crate) variables: &'r Variables,
    /// The client's.
    pub(crate) headers: &'r HeaderMap,
    /// When the client stops waiting.
    pub(crate) deadline: Instant,
    /// Where a fetch has no bound of its own.
    pub(crate) timeout: Duration,
    /// Slots of all answers.
    pub(crate) values_max: usize,
    /// Which of the client's headers reach a GraphQL service.
    pub(crate) forwarded: &'r (dyn Fn(&str) -> Vec<http::HeaderName> + Sync),
    /// `$config` of a fragment's connectors.
    pub(crate) config: &'r (dyn Fn(&str) -> &'r Value + Sync),
}

/// All that was answered.
pub(crate) struct Answered {
    pub(crate) arena: Arena,
    /// By fetch: what a root fetch answered.
    pub(crate) roots: Vec<Slot>,
}

/// Runs all fetches.
pub(crate) async fn run(running: Running<'_>) -> Answered {
    let plan = &running.prepared.plan;
    let mut state = State {
        running,
        arena: Arena::new(running.values_max),
        roots: vec![Slot::Absent; plan.fetches.len()],
        in_flight: FuturesUnordered::new(),
    };
    let mut waiting: Vec<usize> = plan.fetches.iter().map(|fetch| fetch.after.len()).collect();
    let mut ready: Vec<FetchId> =
        (0..plan.fetches.len() as u32).map(FetchId).filter(|id| waiting[id.0 as usize] == 0).collect();
    loop {
        // A fetch that has nothing to ask is done at once.
        let mut done = Vec::new();
        for id in ready.drain(..) {
            match state.start(id) {
                Some(load) => state.in_flight.push(load),
                None => done.push(id),
            }
        }
        if done.is_empty() {
            let Some(loaded) = state.in_flight.next().await else { break };
            done.push(loaded.fetch);
            state.apply(loaded);
        }
        for id in done {
            for dependent in &running.prepared.fetch(id).1.dependents {
                let waiting = &mut waiting[dependent.0 as usize];
                *waiting -= 1;
                if *waiting == 0 {
                    ready.push(*dependent);
                }
            }
        }
    }
    Answered { arena: state.arena, roots: state.roots }
}

type Load<'r> = Pin<Box<dyn Future<Output = Loaded> + Send + 'r>>;

/// What one fetch loaded.
struct Loaded {
    fetch: FetchId,
    what: What,
}

enum What {
    /// A root operation's whole answer.
    Root(LoadId, Result<Arc<Answer>, LoadError>),
    /// A root operation's `data`, perhaps from the cache.
    RootEntry(LoadId, Result<Entry, LoadError>),
    /// One entry per key.
    Entities(Gathered, Vec<Result<Entry, LoadError>>),
}

/// The keys of an entity fetch, each once, and where their entities are linked.
struct Gathered {
    keys: Vec<Bytes>,
    /// The input of each key.
    inputs: Vec<usize>,
    targets: Vec<Target>,
    /// By input.
    loads: Vec<LoadId>,
}

/// A link slot, and the key of what belongs there.
struct Target {
    slot: u32,
    key: usize,
}

struct State<'r> {
    running: Running<'r>,
    arena: Arena,
    roots: Vec<Slot>,
    in_flight: FuturesUnordered<Load<'r>>,
}

impl<'r> State<'r> {
    fn view(&self) -> View<'_> {
        View { plan: &self.running.prepared.plan, arena: &self.arena, roots: &self.roots }
    }

    /// Starts a fetch; `None` if it has nothing to ask.
    fn start(&mut self, id: FetchId) -> Option<Load<'r>> {
        let running = self.running;
        let (fetch, prepared) = running.prepared.fetch(id);
        let subgraph = running.supergraph.subgraph(fetch.subgraph);
        match &fetch.call {
            Call::Root { operation, .. } => Some(self.start_root(id, fetch, prepared, subgraph, operation)),
            Call::Entities { operation, inputs } => {
                self.start_entities(id, fetch, prepared, subgraph, operation, inputs)
            }
            Call::ConnectRoot { connector, arguments, .. } => {
                let connected = running.connected(fetch, subgraph, *connector);
                let arguments = connect::arguments(&subgraph.schema, connected.connector, arguments, running.variables);
                Some(self.start_connect_root(id, fetch, prepared, connected, arguments))
            }
            Call::ConnectField { connector, arguments, required, input } => {
                let connected = running.connected(fetch, subgraph, *connector);
                let arguments = connect::arguments(&subgraph.schema, connected.connector, arguments, running.variables);
                self.start_connect_field(id, fetch, prepared, connected, arguments, required, input)
            }
            Call::ConnectLookup { connector, bindings, input, .. } => {
                let connected = running.connected(fetch, subgraph, *connector);
                self.start_connect_lookup(id, fetch, prepared, connected, bindings, input)
            }
        }
    }

    fn start_root(
        &mut self,
        id: FetchId,
        fetch: &'r Fetch,
        prepared: &'r PreparedFetch,
        subgraph: &'r Subgraph,
        operation: &'r DownstreamOperation,
    ) -> Load<'r> {
        let running = self.running;
        let load = self.arena.failures.load(&subgraph.name, running.prepared.plan.projection.position);
        let variables = graphql::variables(operation, running.variables);
        let body = graphql::root_body(&prepared.head, &variables);
        let endpoint = match running.endpoint(fetch, subgraph) {
            Ok(endpoint) => endpoint,
            Err(error) => return Box::pin(async move { Loaded { fetch: id, what: What::Root(load, Err(error)) } }),
        };
        let reuse = running.reuse(fetch, prepared, &endpoint.url, &variables, &endpoint.headers);
        Box::pin(async move {
            let what = match reuse {
                None => What::Root(load, running.loaders.call(endpoint.call(body)).await),
                Some(reuse) => {
                    let protocol = graphql::Root { endpoint: &endpoint, body: &body };
                    let keys = [Bytes::new()];
                    let service = Arc::clone(&endpoint.service);
                    let batch = Batch { service, keys: &keys, keys_max: None, reuse: Some(reuse) };
                    let loaded = running.loaders.load(batch, &protocol).await.pop();
                    What::RootEntry(load, loaded.unwrap_or_else(|| Err(nothing_loaded())))
                }
            };
            Loaded { fetch: id, what }
        })
    }

    fn start_entities(
        &mut self,
        id: FetchId,
        fetch: &'r Fetch,
        prepared: &'r PreparedFetch,
        subgraph: &'r Subgraph,
        operation: &'r DownstreamOperation,
        inputs: &'r [EntityInput],
    ) -> Option<Load<'r>> {
        let running = self.running;
        let variable_names: Vec<&str> = inputs.iter().map(|input| input.variable.as_str()).collect();
        let several = inputs.len() > 1;
        let prefix = |input: usize, out: &mut Vec<u8>| {
            if several {
                graphql::write_key_prefix(input, out);
            }
        };
        let gathered = self.gather(&subgraph.name, inputs, prefix)?;
        let endpoint = match running.endpoint(fetch, subgraph) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                let results = vec![Err(error); gathered.keys.len()];
                return Some(Box::pin(async move { Loaded { fetch: id, what: What::Entities(gathered, results) } }));
            }
        };
        let variables = graphql::variables(operation, running.variables);
        let reuse = running.reuse(fetch, prepared, &endpoint.url, &variables, &endpoint.headers);
        Some(Box::pin(async move {
            let protocol = graphql::Entities {
                endpoint: &endpoint,
                head: &prepared.head,
                variables: &variables,
                inputs: &variable_names,
            };
            let service = Arc::clone(&endpoint.service);
            let batch = Batch { service, keys: &gathered.keys, keys_max: None, reuse };
            let results = running.loaders.load(batch, &protocol).await;
            Loaded { fetch: id, what: What::Entities(gathered, results) }
        }))
    }

    fn start_connect_root(
        &mut self,
        id: FetchId,
        fetch: &'r Fetch,
        prepared: &'r PreparedFetch,
        connected: Connected<'r>,
        arguments: Map<String, Value>,
    ) -> Load<'r> {
        let running = self.running;
        let load = self.arena.failures.load(connected.service, running.prepared.plan.projection.position);
        let reuse = running.reuse_connected(fetch, prepared, &connected, b"");
        let is_list = prepared.connector.as_ref().is_some_and(|connector| connector.is_list);
        let is_missing_null = !is_list && connected.effect == Effect::Read;
        Box::pin(async move {
            let key = serde_json::to_vec(&arguments).unwrap_or_default();
            let protocol = Single { connected, arguments: Arguments::Given(&arguments), is_missing_null };
            let keys = [Bytes::from(key)];
            let batch = Batch { service: Arc::clone(connected.service), keys: &keys, keys_max: Some(1), reuse };
            let loaded = running.loaders.load(batch, &protocol).await.pop();
            Loaded { fetch: id, what: What::RootEntry(load, loaded.unwrap_or_else(|| Err(nothing_loaded()))) }
        })
    }

    #[expect(clippy::too_many_arguments, reason = "what a fetch consists of, handed on once")]
    fn start_connect_field(
        &mut self,
        id: FetchId,
        fetch: &'r Fetch,
        prepared: &'r PreparedFetch,
        connected: Connected<'r>,
        arguments: Map<String, Value>,
        required: &'r [RequiredArgument],
        input: &'r EntityInput,
    ) -> Option<Load<'r>> {
        let running = self.running;
        let gathered = self.gather(connected.service, std::slice::from_ref(input), |_, _| {})?;
        let given = serde_json::to_vec(&arguments).unwrap_or_default();
        let reuse = running.reuse_connected(fetch, prepared, &connected, &given);
        let is_missing_null = prepared.connector.as_ref().is_some_and(|connector| !connector.is_list);
        Some(Box::pin(async move {
            let arguments = Arguments::Required(&arguments, required);
            let protocol = Single { connected, arguments, is_missing_null };
            let service = Arc::clone(connected.service);
            let batch = Batch { service, keys: &gathered.keys, keys_max: Some(1), reuse };
            let results = running.loaders.load(batch, &protocol).await;
            Loaded { fetch: id, what: What::Entities(gathered, results) }
        }))
    }

    fn start_connect_lookup(
        &mut self,
        id: FetchId,
        fetch: &'r Fetch,
        prepared: &'r PreparedFetch,
        connected: Connected<'r>,
        bindings: &'r [LookupArgument],
        input: &'r EntityInput,
    ) -> Option<Load<'r>> {
        let running = self.running;
        let gathered = self.gather(connected.service, std::slice::from_ref(input), |_, _| {})?;
        let reuse = running.reuse_connected(fetch, prepared, &connected, b"");
        let matches = prepared.connector.as_ref().map_or(&[][..], |connector| &connector.matches);
        let is_batch = bindings.iter().any(|binding| binding.from.is_list());
        Some(Box::pin(async move {
            let service = connected.service;
            let results = if is_batch {
                let protocol = Batched { connected, bindings, matches };
                // Keys that differ in what is no list travel apart.
                let mut parts: IndexMap<Vec<u8>, Vec<usize>> = IndexMap::new();
                for (index, key) in gathered.keys.iter().enumerate() {
                    parts.entry(connect::partition(bindings, key)).or_default().push(index);
                }
                let loads = parts.values().map(|part| {
                    let keys: Vec<Bytes> = part.iter().map(|index| gathered.keys[*index].clone()).collect();
                    let (protocol, reuse) = (&protocol, reuse.clone());
                    async move {
                        let keys_max = connected.connector.batch_max;
                        let batch = Batch { service: Arc::clone(service), keys: &keys, keys_max, reuse };
                        running.loaders.load(batch, protocol).await
                    }
                });
                let loaded = join_all(loads).await;
                let mut results = vec![Err(nothing_loaded()); gathered.keys.len()];
                for (part, loaded) in parts.values().zip(loaded) {
                    for (index, result) in part.iter().zip(loaded) {
                        results[*index] = result;
                    }
                }
                results
            } else {
                let protocol = Single { connected, arguments: Arguments::Key(bindings), is_missing_null: true };
                let batch = Batch { service: Arc::clone(service), keys: &gathered.keys, keys_max: Some(1), reuse };
                running.loaders.load(batch, &protocol).await
            };
            Loaded { fetch: id, what: What::Entities(gathered, results) }
        }))
    }

    /// Collects the keys of all objects that are to be asked for, and links at once what needs no asking.
    /// `None`: there is nothing to ask.
    fn gather(
        &mut self,
        service: &Arc<str>,
        inputs: &[EntityInput],
        prefix: impl Fn(usize, &mut Vec<u8>),
    ) -> Option<Gathered> {
        let mut gathered = Gathered {
            keys: Vec::new(),
            inputs: Vec::new(),
            targets: Vec::new(),
            loads: Vec::with_capacity(inputs.len()),
        };
        let mut known: HashMap<Bytes, usize> = HashMap::new();
        let mut key = Vec::new();
        for (number, input) in inputs.iter().enumerate() {
            gathered.loads.push(self.arena.failures.load(service, input.position));
            let mut decided = Vec::new();
            let view = self.view();
            for records in view.collect(input.position).iter() {
                let Slot::Object(base) = records[input.link.0.0 as usize] else { continue };
                let slot = base + input.link.1.0;
                key.clear();
                prefix(number, &mut key);
                match identify(view, input, records, &mut key) {
                    Ok(()) => {
                        let index = match known.get(key.as_slice()) {
                            Some(index) => *index,
                            None => {
                                let key = Bytes::copy_from_slice(&key);
                                gathered.keys.push(key.clone());
                                gathered.inputs.push(number);
                                known.insert(key, gathered.keys.len() - 1);
                                gathered.keys.len() - 1
                            }
                        };
                        gathered.targets.push(Target { slot, key: index });
                    }
                    Err(NotSent::OtherType) => {}
                    Err(NotSent::NullKey) => decided.push((slot, Slot::Null)),
                    Err(NotSent::Failed(failure)) => decided.push((slot, Slot::Failed(failure))),
                }
            }
            for (slot, value) in decided {
                self.arena.set(slot, value);
            }
        }
        (!gathered.keys.is_empty()).then_some(gathered)
    }

    /// Takes in what a fetch loaded.
    fn apply(&mut self, loaded: Loaded) {
        let running = self.running;
        let (fetch, prepared) = running.prepared.fetch(loaded.fetch);
        match (loaded.what, &fetch.call) {
            (What::Root(load, answer), Call::Root { shape, .. }) => {
                let root = match answer {
                    Ok(answer) => self.read_root(load, &answer, *shape),
                    Err(error) => Slot::Failed(self.arena.failures.add_load_error(load, &error)),
                };
                self.roots[loaded.fetch.0 as usize] = root;
            }
            (What::RootEntry(load, entry), Call::Root { shape, .. }) => {
                let root = match entry {
                    Ok(entry) => {
                        let data = self.read(load, &entry.data, NodeId(shape.0));
                        let errors = entry.notes.iter().filter_map(Note::read).collect();
                        self.place_root_errors(load, data, errors, *shape)
                    }
                    Err(error) => Slot::Failed(self.arena.failures.add_load_error(load, &error)),
                };
                self.roots[loaded.fetch.0 as usize] = root;
            }
            (What::RootEntry(load, entry), Call::ConnectRoot { .. }) => {
                let root = match entry {
                    Ok(entry) => self.connected(load, &entry, prepared.connector.as_ref(), b""),
                    Err(error) if connect::is_skipped(&error) => Slot::Null,
                    Err(error) => Slot::Failed(self.arena.failures.add_load_error(load, &error)),
                };
                self.roots[loaded.fetch.0 as usize] = root;
            }
            (What::Entities(gathered, results), Call::Entities { inputs, .. }) => {
                self.link(&gathered, results, |state, load, entry, key| {
                    let shape = inputs[gathered.inputs[key]].shape;
                    state.entity(load, entry, NodeId(shape.0))
                });
            }
            (What::Entities(gathered, results), _) => {
                self.link(&gathered, results, |state, load, entry, key| {
                    state.connected(load, entry, prepared.connector.as_ref(), &gathered.keys[key])
                });
            }
            // Each call loads what it is; nothing else can arrive.
            (What::Root(..) | What::RootEntry(..), _) => {}
        }
    }

    /// Reads an object; a text that is no JSON is a failure.
    fn read(&mut self, load: LoadId, text: &Bytes, node: NodeId) -> Slot {
        let mark = self.arena.len();
        let prepared = self.running.prepared;
        let read = AnswerReader::new(&mut self.arena, &prepared.plan.shapes, &prepared.layout, text, load, Mode::Shape)
            .map_err(Unread::from)
            .and_then(|reader| reader.object(node));
        read.unwrap_or_else(|unread| {
            self.arena.forget(mark);
            Slot::Failed(self.arena.failures.add(load, Code::InvalidResponse, &message(unread)))
        })
    }

    fn read_root(&mut self, load: LoadId, answer: &Answer, shape: ShapeId) -> Slot {
        let mark = self.arena.len();
        let prepared = self.running.prepared;
        let success = answer.status.is_success();
        let read = AnswerReader::new(
            &mut self.arena,
            &prepared.plan.shapes,
            &prepared.layout,
            &answer.body,
            load,
            Mode::Shape,
        )
        .map_err(Unread::from)
        .and_then(|reader| reader.graphql(NodeId(shape.0)));
        let invalid = match read {
            Err(Unread::Fault(Fault::Truncated)) if answer.body.is_empty() => "the answer is empty".to_owned(),
            Err(unread) => message(unread),
            Ok(read) => {
                let errors = match read.errors {
                    Some(errors) => graphql::read_errors(&answer.body, errors),
                    None => Ok(Vec::new()),
                };
                match (read.data, errors) {
                    (_, Err(LoadError::Invalid(message))) => message,
                    (None | Some(Slot::Null), Ok(errors)) if errors.is_empty() => "no data and no errors".to_owned(),
                    (Some(Slot::Failed(_)), _) if !success => String::new(),
                    (data, errors) => {
                        let errors = errors.unwrap_or_default();
                        let errors = errors.iter().map(|raw| {
                            let mut error = ServiceError::read(raw);
                            let path = std::mem::take(&mut error.path);
                            (error, Some(path))
                        });
                        return self.place_root_errors(load, data.unwrap_or(Slot::Null), errors.collect(), shape);
                    }
                }
            }
        };
        self.arena.forget(mark);
        let error = match success {
            true => LoadError::Invalid(invalid),
            false => LoadError::Status(answer.status.as_u16()),
        };
        Slot::Failed(self.arena.failures.add_load_error(load, &error))
    }

    /// Puts errors at the places that they name. Where there is no data, every field of the fetch has failed.
    fn place_root_errors(
        &mut self,
        load: LoadId,
        data: Slot,
        errors: Vec<(ServiceError, Option<Vec<PathSegment>>)>,
        shape: ShapeId,
    ) -> Slot {
        if errors.is_empty() {
            return data;
        }
        let (base, whole) = match data {
            Slot::Object(base) => (base, true),
            Slot::Failed(_) => return data,
            _ => match self.arena.record(self.running.prepared.shape_slots(shape)) {
                Ok(base) => (base, false),
                Err(fault) => {
                    return Slot::Failed(self.arena.failures.add(load, Code::InvalidResponse, &fault.to_string()));
                }
            },
        };
        let mut first = None;
        for (error, path) in errors {
            let failure = self.service_failure(load, error);
            first = first.or(Some(failure));
            if let Some(slot) = path.and_then(|path| self.place(NodeId(shape.0), base, &path)) {
                self.arena.put_error(slot, failure);
            }
        }
        if let (false, Some(first)) = (whole, first) {
            for slot in base..base + self.running.prepared.shape_slots(shape) {
                if self.arena.get(slot) == Slot::Absent {
                    self.arena.set(slot, Slot::Failed(first));
                }
            }
        }
        Slot::Object(base)
    }

    fn service_failure(&mut self, load: LoadId, error: ServiceError) -> FailureId {
        let ServiceError { message, extensions, .. } = error;
        self.arena.failures.push(Failure { load, code: Code::Downstream, message, downstream: extensions })
    }

    /// The slot that a path below a record names; a path that goes on below a null names that null.
    fn place(&self, node: NodeId, base: u32, path: &[PathSegment]) -> Option<u32> {
        let prepared = self.running.prepared;
        let (mut node, mut base) = (prepared.layout.node(node), base);
        let mut path = path.iter();
        let mut at = None;
        while let Some(segment) = path.next() {
            let PathSegment::Key(key) = segment else { return at };
            let Some((field, inner)) = node.find(key.as_bytes()).and_then(|member| node.members[member].field()) else {
                return at;
            };
            let mut slot = base + prepared.plan.shapes[node.shape.0 as usize].fields[field as usize].slot.0;
            loop {
                at = Some(slot);
                match self.arena.get(slot) {
                    Slot::List(start, len) => match path.next() {
                        Some(PathSegment::Index(index)) if *index < u64::from(len) => slot = start + *index as u32,
                        _ => return at,
                    },
                    Slot::Object(inner_base) => {
                        node = prepared.layout.node(inner);
                        base = inner_base;
                        break;
                    }
                    _ => return at,
                }
            }
        }
        at
    }

    /// Links the entities of a load to the objects that asked for them.
    fn link(
        &mut self,
        gathered: &Gathered,
        results: Vec<Result<Entry, LoadError>>,
        read: impl Fn(&mut Self, LoadId, &Entry, usize) -> Slot,
    ) {
        let mut last_error: Option<(LoadError, LoadId, FailureId)> = None;
        let mut values = Vec::with_capacity(results.len());
        for (key, (result, input)) in results.into_iter().zip(&gathered.inputs).enumerate() {
            let load = gathered.loads[*input];
            let value = match result {
                Ok(entry) => read(self, load, &entry, key),
                Err(error) if connect::is_skipped(&error) => Slot::Null,
                Err(error) => {
                    // The keys of a failed call have one failure.
                    let failure = match &last_error {
                        Some((last, of, failure)) if *last == error && *of == load => *failure,
                        _ => self.arena.failures.add_load_error(load, &error),
                    };
                    last_error = Some((error, load, failure));
                    Slot::Failed(failure)
                }
            };
            values.push(value);
        }
        for target in &gathered.targets {
            self.arena.set(target.slot, values.get(target.key).copied().unwrap_or(Slot::Null));
        }
    }

    /// Reads what a connector gave: a record with its field, or an entity.
    fn connected(&mut self, load: LoadId, entry: &Entry, of: Option<&PreparedConnector>, key: &[u8]) -> Slot {
        let Some(of) = of else { return Slot::Null };
        if let Some((error, _)) = entry.notes.iter().find_map(Note::read) {
            return Slot::Failed(self.service_failure(load, error));
        }
        let read = match entry.data.split_first() {
            Some((&connect::MAPPED, _)) => {
                self.read_connected(load, &entry.data.slice(1..), of, of.mapped, Mode::Shape)
            }
            _ => self.read_picked(load, &entry.data, of),
        };
        let value = read.unwrap_or_else(|unread| {
            Slot::Failed(self.arena.failures.add(load, Code::InvalidResponse, &message(unread)))
        });
        if let Slot::Object(base) = value {
            for (way, path) in &of.given {
                self.fill(base, way, path, key);
            }
        }
        value
    }

    /// Reads a raw answer along its pick; where it does not stand as the pick would have it, the pick is evaluated.
    fn read_picked(&mut self, load: LoadId, text: &Bytes, of: &PreparedConnector) -> Result<Slot, Unread> {
        if text[..] == b"null"[..] {
            return self.read_connected(load, text, of, of.mapped, Mode::Shape);
        }
        if let Some(raw) = of.raw {
            match self.read_connected(load, text, of, raw, Mode::Pick) {
                Err(Unread::NotPicked) => {}
                read => return read,
            }
        }
        let value = serde_json::from_slice(text).map_err(|_| Fault::Syntax)?;
        let picked = of.pick.as_ref().and_then(|pick| connect::pick(pick, &value)).ok_or(Unread::NotPicked)?;
        let mapped = serde_json::to_vec(&picked).map_err(|_| Fault::Syntax)?.into();
        self.read_connected(load, &mapped, of, of.mapped, Mode::Shape)
    }

    fn read_connected(
        &mut self,
        load: LoadId,
        text: &Bytes,
        of: &PreparedConnector,
        node: NodeId,
        mode: Mode,
    ) -> Result<Slot, Unread> {
        let mark = self.arena.len();
        let prepared = self.running.prepared;
        let reader = AnswerReader::new(&mut self.arena, &prepared.plan.shapes, &prepared.layout, text, load, mode);
        let read = reader.map_err(Unread::from).and_then(|reader| match of.only_field {
            Some(shape) => reader.only_field(shape, node),
            None => reader.object(node),
        });
        read.inspect_err(|_| self.arena.forget(mark))
    }

    /// What the key says counts as given where an answer leaves it out.
    fn fill(&mut self, mut base: u32, way: &[SlotId], path: &[String], key: &[u8]) {
        let Some((last, way)) = way.split_last() else { return };
        for slot in way {
            match self.arena.field(base, *slot) {
                Slot::Object(inner) => base = inner,
                _ => return,
            }
        }
        if self.arena.field(base, *last) != Slot::Absent {
            return;
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if let Ok(Some(text)) = json::member(key, &path)
            && text != b"null"
            && let Ok(value) = self.arena.rewrite(&[text])
        {
            self.arena.set(base + last.0, value);
        }
    }

    fn entity(&mut self, load: LoadId, entry: &Entry, node: NodeId) -> Slot {
        let mut value = self.read(load, &entry.data, node);
        for (error, path) in entry.notes.iter().filter_map(Note::read) {
            let failure = self.service_failure(load, error);
            match (value, path) {
                (Slot::Null, Some(_)) => value = Slot::Failed(failure),
                (Slot::Object(base), Some(path)) => {
                    if let Some(slot) = self.place(node, base, &path) {
                        self.arena.put_error(slot, failure);
                    }
                }
                _ => {}
            }
        }
        value
    }
}

/// Appends the key of an object.
fn identify(view: View<'_>, input: &EntityInput, records: &[Slot], key: &mut Vec<u8>) -> Result<(), NotSent> {
    let position = view.position(input.position);
    if !input.types.is_empty() {
        match view.typename(position, records) {
            Typename::Failed(failure) => return Err(NotSent::Failed(failure)),
            Typename::Known(name) if input.types.iter().any(|of| of.as_bytes() == name) => {}
            _ => return Err(NotSent::OtherType),
        }
    }
    representation::write(view, position, records, &input.representation, key)
}

fn message(unread: Unread) -> String {
    match unread {
        Unread::Fault(fault) => fault.to_string(),
        Unread::NotPicked => "the answer does not fit its mapping".to_owned(),
    }
}

fn nothing_loaded() -> LoadError {
    LoadError::Invalid("nothing was loaded".into())
}

impl<'r> Running<'r> {
    fn endpoint(&self, fetch: &Fetch, subgraph: &Subgraph) -> Result<Endpoint, LoadError> {
        let url = subgraph.url.clone().ok_or(LoadError::Unavailable("the service's address is not configured"))?;
        let (deadline, timeout) = self.bounds(fetch);
        let forwarded = (self.forwarded)(&subgraph.name);
        let headers = graphql::headers(self.headers, forwarded.iter());
        Ok(Endpoint {
            service: Arc::clone(&subgraph.name),
            url,
            headers,
            effect: self.effect(fetch),
            deadline,
            timeout,
        })
    }

    /// Root fetches of a mutation do something; what hangs below them only reads.
    pub(crate) fn effect(&self, fetch: &Fetch) -> Effect {
        let is_root = matches!(fetch.call, Call::Root { .. } | Call::ConnectRoot { .. });
        match self.prepared.plan.kind {
            OperationType::Mutation if is_root => Effect::Write,
            _ => Effect::Read,
        }
    }

    /// When a fetch must be done, and the bound that people know.
    pub(crate) fn bounds(&self, fetch: &Fetch) -> (tokio::time::Instant, Duration) {
        let timeout = fetch.timeout_ms.map_or(self.timeout, Duration::from_millis);
        let now = Instant::now();
        let timeout = timeout.min(self.deadline.saturating_duration_since(now));
        (tokio::time::Instant::now() + timeout, timeout)
    }

    fn connected(&self, fetch: &Fetch, subgraph: &'r Subgraph, connector: ConnectorId) -> Connected<'r> {
        let (deadline, timeout) = self.bounds(fetch);
        Connected {
            service: &subgraph.name,
            connector: subgraph.connector(connector),
            base_url: subgraph.url.as_deref(),
            headers: self.headers,
            config: (self.config)(&subgraph.name),
            effect: self.effect(fetch),
            deadline,
            timeout,
        }
    }

    /// Under what entries are kept. What is one user's alone, and what does something, is not.
    fn reuse(
        &self,
        fetch: &Fetch,
        prepared: &PreparedFetch,
        url: &str,
        given: &[u8],
        headers: &HeaderMap,
    ) -> Option<Reuse> {
        let reuse = fetch.cache.filter(|reuse| reuse.scope == CacheScope::Public)?;
        if self.effect(fetch) == Effect::Write {
            return None;
        }
        let partition = prepared.partition.clone().with(url.as_bytes()).with(given).with_headers(headers);
        Some(Reuse { partition, max_age: Duration::from_secs(u64::from(reuse.max_age_s)) })
    }

    fn reuse_connected(
        &self,
        fetch: &Fetch,
        prepared: &PreparedFetch,
        connected: &Connected<'_>,
        given: &[u8],
    ) -> Option<Reuse> {
        // Not only what is sent counts, but whatever the mapping reads of the client's headers.
        let mut headers = HeaderMap::new();
        for name in connected.connector.forwarded_headers() {
            let Ok(name) = http::HeaderName::try_from(name) else { continue };
            for value in self.headers.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let url = connected.base_url.unwrap_or(&connected.connector.source.base_url);
        self.reuse(fetch, prepared, url, given, &headers)
    }
}
