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
use weft_loaders::{Answer, Batch, Effect, LoadError, Outcome, Reuse};

use super::Execution;
use super::connect::{self, Arguments, Batched, Connected, Single};
use super::errors::LoadId;
use super::graphql::{self, Endpoint};
use super::positions::{Typename, View};
use super::prepared::{PreparedFetch, connector_of};
use super::representation::{self, NotSent};
use super::slots::{Arena, Slot};
use crate::operation::OperationType;
use crate::planner::plan::{Call, DownstreamOperation, EntityInput, Fetch, FetchId};
use crate::supergraph::{CacheScope, ConnectorId, LookupArgument, RequiredArgument, Subgraph};

/// All that was answered.
pub(crate) struct Answered {
    pub(crate) arena: Arena,
    /// By fetch: what a root fetch answered.
    pub(crate) roots: Vec<Slot>,
}

/// Runs all fetches.
pub(crate) async fn run(running: Execution<'_>) -> Answered {
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
pub(super) struct Loaded {
    pub(super) fetch: FetchId,
    pub(super) what: What,
}

pub(super) enum What {
    /// A root operation's whole answer.
    Root(LoadId, Result<Arc<Answer>, LoadError>),
    /// A root operation's `data`, perhaps from the cache.
    RootEntry(LoadId, Outcome),
    /// One outcome per key.
    Entities(Gathered, Vec<Outcome>),
}

/// The keys of an entity fetch, each once, and where their entities are linked.
pub(super) struct Gathered {
    pub(super) keys: Vec<Bytes>,
    /// Each once.
    pub(super) wanted: Vec<Wanted>,
    pub(super) targets: Vec<Target>,
    /// By input.
    pub(super) loads: Vec<LoadId>,
}

/// An entity as one input wants it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) key: usize,
    pub(super) input: usize,
}

/// A link slot, and which of those wanted belongs there.
pub(super) struct Target {
    pub(super) slot: u32,
    pub(super) wanted: usize,
}

pub(super) struct State<'r> {
    pub(super) running: Execution<'r>,
    pub(super) arena: Arena,
    pub(super) roots: Vec<Slot>,
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
                let allowed = connect::check_batch(subgraph, *connector, connected.connector, &arguments);
                Some(self.start_connect_root(id, fetch, prepared, connected, arguments, allowed))
            }
            Call::ConnectField { connector, arguments, required, inputs } => {
                let connected = running.connected(fetch, subgraph, *connector);
                let arguments = connect::arguments(&subgraph.schema, connected.connector, arguments, running.variables);
                self.start_connect_field(id, fetch, prepared, connected, arguments, required, inputs)
            }
            Call::ConnectLookup { connector, bindings, inputs, .. } => {
                let connected = running.connected(fetch, subgraph, *connector);
                self.start_connect_lookup(id, fetch, prepared, connected, bindings, inputs)
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
                    What::RootEntry(load, loaded.unwrap_or_else(nothing_loaded))
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
                let results = vec![Outcome::from(Err(error)); gathered.keys.len()];
                return Some(Box::pin(async move { Loaded { fetch: id, what: What::Entities(gathered, results) } }));
            }
        };
        let variables = graphql::variables(operation, running.variables);
        let reuse = running.reuse(fetch, prepared, &endpoint.url, &variables, &endpoint.headers);
        Some(Box::pin(async move {
            let protocol =
                graphql::Entities { endpoint: &endpoint, head: &prepared.head, variables: &variables, inputs };
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
        allowed: Result<(), LoadError>,
    ) -> Load<'r> {
        let running = self.running;
        let load = self.arena.failures.load(connected.service, running.prepared.plan.projection.position);
        let reuse = running.reuse_connected(fetch, prepared, &connected, b"");
        let is_list = prepared.connector.as_ref().is_some_and(|connector| connector.is_list);
        let is_missing_null = !is_list && connected.effect == Effect::Read;
        Box::pin(async move {
            if let Err(error) = allowed {
                return Loaded { fetch: id, what: What::RootEntry(load, Err(error).into()) };
            }
            let key = serde_json::to_vec(&arguments).unwrap_or_default();
            let protocol = Single { connected, arguments: Arguments::Given(&arguments), is_missing_null };
            let keys = [Bytes::from(key)];
            let batch = Batch { service: Arc::clone(connected.service), keys: &keys, keys_max: Some(1), reuse };
            let loaded = running.loaders.load(batch, &protocol).await.pop();
            Loaded { fetch: id, what: What::RootEntry(load, loaded.unwrap_or_else(nothing_loaded)) }
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
        inputs: &'r [EntityInput],
    ) -> Option<Load<'r>> {
        let running = self.running;
        let gathered = self.gather(connected.service, inputs, |_, _| {})?;
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
        inputs: &'r [EntityInput],
    ) -> Option<Load<'r>> {
        let running = self.running;
        let gathered = self.gather(connected.service, inputs, |_, _| {})?;
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
                let mut results = vec![nothing_loaded(); gathered.keys.len()];
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
            wanted: Vec::new(),
            targets: Vec::new(),
            loads: Vec::with_capacity(inputs.len()),
        };
        let mut known: HashMap<Bytes, usize> = HashMap::new();
        let mut known_wanted: HashMap<Wanted, usize> = HashMap::new();
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
                                known.insert(key, gathered.keys.len() - 1);
                                gathered.keys.len() - 1
                            }
                        };
                        let wanted = Wanted { key: index, input: number };
                        let index = *known_wanted.entry(wanted).or_insert_with(|| {
                            gathered.wanted.push(wanted);
                            gathered.wanted.len() - 1
                        });
                        gathered.targets.push(Target { slot, wanted: index });
                    }
                    Err(NotSent::OtherType) => {}
                    Err(NotSent::NullKey) => decided.push((slot, Slot::Null)),
                    Err(NotSent::Failed(failure)) => decided.push((slot, Slot::Failed(failure))),
                }
            }
            for (slot, value) in decided {
                let value = match value {
                    Slot::Failed(failure) => Slot::Failed(self.arena.failures.of_requirement(failure)),
                    value => value,
                };
                self.arena.set(slot, value);
            }
        }
        (!gathered.keys.is_empty()).then_some(gathered)
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

fn nothing_loaded() -> Outcome {
    Err(LoadError::Invalid("nothing was loaded".into())).into()
}

impl<'r> Execution<'r> {
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
            connector: connector_of(subgraph, connector),
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
        let is_private = fetch.cache.is_some_and(|reuse| reuse.scope == CacheScope::Private);
        if is_private || self.effect(fetch) == Effect::Write || (fetch.cache.is_none() && fetch.stale_ms.is_none()) {
            return None;
        }
        let max_age = fetch.cache.map_or(Duration::ZERO, |reuse| Duration::from_secs(u64::from(reuse.max_age_s)));
        let stale = fetch.stale_ms.map_or(Duration::ZERO, Duration::from_millis);
        let partition = prepared.partition.clone().with(url.as_bytes()).with(given).with_headers(headers);
        Some(Reuse { partition, max_age, stale })
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
