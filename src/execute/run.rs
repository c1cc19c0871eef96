//! Walks a plan: starts each fetch when those before it are done, and links what they answer.
//!
//! In: a prepared plan, variables, the client's headers and deadline. Out: the filled table. All fetches run in the
//! request's own task, so dropping the request drops them. Between two answers the table is changed by nobody else.
//! Deliberately absent: what is written of the answers; retries, which belong to the loaders.

use std::borrow::Cow;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apollo_compiler::Name;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use http::HeaderMap;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use weft_loaders::{Answer, Batch, Effect, LoadError, Outcome, Partition, Protocol, Reuse};

use super::batch::{self, Batched, Given, Keys, Match};
use super::connect::{Arguments, Connected, Single};
use super::errors::LoadId;
use super::gather::{Gathered, Part};
use super::graphql::{self, Endpoint};
use super::positions::View;
use super::prepared::{PreparedFetch, connector_of};
use super::slots::{Arena, Slot};
use super::without::without;
use super::{Execution, arguments};
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
    /// What a client asked a lookup of many for: which of the outcomes stands where, `None` for null.
    RootList(LoadId, Vec<Option<usize>>, Vec<Outcome>),
    /// One outcome per key.
    Entities(Gathered, Vec<Outcome>),
}

pub(super) struct State<'r> {
    pub(super) running: Execution<'r>,
    pub(super) arena: Arena,
    pub(super) roots: Vec<Slot>,
    in_flight: FuturesUnordered<Load<'r>>,
}

impl<'r> State<'r> {
    pub(super) fn view(&self) -> View<'_> {
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
                let arguments = arguments::given(&subgraph.schema, connected.connector, arguments, running.variables);
                let is_list = prepared.connector.as_ref().is_some_and(|of| of.of_list.is_some());
                let is_read = connected.effect != Effect::Write;
                let list = batch::list_argument(subgraph, *connector).filter(|_| is_list && is_read);
                Some(match list.and_then(|list| Given::new(list, &arguments)) {
                    Some(given) => self.start_connect_list(id, fetch, prepared, connected, given),
                    None => self.start_connect_root(id, fetch, prepared, connected, arguments),
                })
            }
            Call::ConnectField { connector, arguments, required, inputs } => {
                let connected = running.connected(fetch, subgraph, *connector);
                let arguments = arguments::given(&subgraph.schema, connected.connector, arguments, running.variables);
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
            Err(error) => return loaded(id, async move { What::Root(load, Err(error)) }),
        };
        let reuse = running.reuse(fetch, &prepared.partition, &endpoint.url, &variables, &endpoint.headers);
        loaded(id, async move {
            match reuse {
                None => What::Root(load, running.loaders.call(endpoint.call(body)).await),
                Some(reuse) => {
                    let protocol = graphql::Root { endpoint: &endpoint, body: &body };
                    let whole = [Bytes::new()];
                    let batch = batch(&endpoint.service, &whole, None, Some(reuse));
                    What::RootEntry(load, running.load_one(batch, &protocol).await)
                }
            }
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
                let outcomes = vec![Outcome::from(Err(error)); gathered.keys.len()];
                return Some(loaded(id, async move { What::Entities(gathered, outcomes) }));
            }
        };
        let asked: Vec<Asked> = gathered
            .parts
            .iter()
            .map(|part| running.asked(fetch, prepared, operation, inputs, part, &endpoint))
            .collect();
        Some(loaded(id, async move {
            let (endpoint, asked) = (&endpoint, &asked);
            let outcomes = in_parts(
                &gathered.keys,
                |key, _| gathered.part_of[key],
                |part, keys| async move {
                    let Asked { head, variables, reuse } = &asked[part];
                    let protocol = graphql::Entities { endpoint, head, variables, inputs };
                    running.loaders.load(batch(&endpoint.service, &keys, None, reuse.clone()), &protocol).await
                },
            );
            let outcomes = outcomes.await;
            What::Entities(gathered, outcomes)
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
        let is_missing_null = !is_list && connected.effect != Effect::Write;
        loaded(id, async move {
            let key = Bytes::from(serde_json::to_vec(&arguments).unwrap_or_default());
            let protocol = Single { connected, arguments: Arguments::Given(&arguments), is_missing_null };
            let batch = batch(connected.service, std::slice::from_ref(&key), Some(1), reuse);
            What::RootEntry(load, running.load_one(batch, &protocol).await)
        })
    }

    /// A client asks a lookup of many itself: its keys travel as those of objects do.
    fn start_connect_list(
        &mut self,
        id: FetchId,
        fetch: &'r Fetch,
        prepared: &'r PreparedFetch,
        connected: Connected<'r>,
        given: Given<'r>,
    ) -> Load<'r> {
        let running = self.running;
        let load = self.arena.failures.load(connected.service, running.prepared.plan.projection.position);
        let others = serde_json::to_vec(&given.others).unwrap_or_default();
        let reuse = running.reuse_connected(fetch, prepared, &connected, &[b"given ", others.as_slice()].concat());
        let matches = prepared.connector.as_ref().map_or(&[][..], |connector| &connector.matches);
        loaded(id, async move {
            let protocol = Batched { connected, keys: Keys::Given(given.list, &given.others), matches };
            let batch = batch(connected.service, &given.keys, connected.connector.batch_max, reuse);
            let outcomes = running.loaders.load(batch, &protocol).await;
            What::RootList(load, given.order, outcomes)
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
        Some(loaded(id, async move {
            let protocol = Single { connected, arguments: Arguments::Required(&arguments, required), is_missing_null };
            let batch = batch(connected.service, &gathered.keys, Some(1), reuse);
            let outcomes = running.loaders.load(batch, &protocol).await;
            What::Entities(gathered, outcomes)
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
        Some(loaded(id, async move {
            let outcomes = if is_batch {
                running.load_batch(connected, bindings, matches, &gathered.keys, reuse).await
            } else {
                let protocol = Single { connected, arguments: Arguments::Key(bindings), is_missing_null: true };
                running.loaders.load(batch(connected.service, &gathered.keys, Some(1), reuse), &protocol).await
            };
            What::Entities(gathered, outcomes)
        }))
    }
}

/// A fetch under way.
fn loaded<'r>(fetch: FetchId, load: impl Future<Output = What> + Send + 'r) -> Load<'r> {
    Box::pin(async move { Loaded { fetch, what: load.await } })
}

fn batch<'k>(service: &Arc<str>, keys: &'k [Bytes], keys_max: Option<usize>, reuse: Option<Reuse>) -> Batch<'k> {
    Batch { service: Arc::clone(service), keys, keys_max, reuse }
}

/// Loads keys that cannot all travel in one call, each part by itself, side by side: one outcome per key, in their order.
async fn in_parts<P, L>(
    keys: &[Bytes],
    part_of: impl Fn(usize, &Bytes) -> P,
    load: impl Fn(P, Vec<Bytes>) -> L,
) -> Vec<Outcome>
where
    P: Clone + Hash + Eq,
    L: Future<Output = Vec<Outcome>>,
{
    let mut parts: IndexMap<P, Vec<usize>> = IndexMap::new();
    for (index, key) in keys.iter().enumerate() {
        parts.entry(part_of(index, key)).or_default().push(index);
    }
    let loads = parts.iter().map(|(part, indices)| {
        let keys = indices.iter().map(|index| keys[*index].clone()).collect();
        load(part.clone(), keys)
    });
    let loaded = join_all(loads).await;
    let mut outcomes = vec![nothing_loaded(); keys.len()];
    for (indices, loaded) in parts.values().zip(loaded) {
        for (index, outcome) in indices.iter().zip(loaded) {
            outcomes[*index] = outcome;
        }
    }
    outcomes
}

fn nothing_loaded() -> Outcome {
    Err(LoadError::Invalid("nothing was loaded".into())).into()
}

/// What is sent with the entities of one part.
struct Asked<'r> {
    head: Cow<'r, [u8]>,
    variables: Vec<u8>,
    reuse: Option<Reuse>,
}

impl<'r> Execution<'r> {
    async fn load_one(&self, batch: Batch<'_>, protocol: &dyn Protocol) -> Outcome {
        self.loaders.load(batch, protocol).await.pop().unwrap_or_else(nothing_loaded)
    }

    /// Loads entities through a lookup of many. Keys that differ in what is no list travel apart.
    async fn load_batch(
        &self,
        connected: Connected<'_>,
        bindings: &[LookupArgument],
        matches: &[Match],
        keys: &[Bytes],
        reuse: Option<Reuse>,
    ) -> Vec<Outcome> {
        let protocol = Batched { connected, keys: Keys::Bound(bindings), matches };
        let (protocol, reuse) = (&protocol, &reuse);
        let load = |_, keys: Vec<Bytes>| async move {
            let keys_max = connected.connector.batch_max;
            self.loaders.load(batch(connected.service, &keys, keys_max, reuse.clone()), protocol).await
        };
        in_parts(keys, |_, key| batch::partition(bindings, key), load).await
    }

    /// What is asked of the entities of a part: all, or what does not require what they lack.
    fn asked(
        &self,
        fetch: &Fetch,
        prepared: &'r PreparedFetch,
        operation: &DownstreamOperation,
        inputs: &[EntityInput],
        part: &Part,
        endpoint: &Endpoint,
    ) -> Asked<'r> {
        let smaller = (!part.requirements.is_empty()).then(|| {
            let input = &inputs[part.input];
            let fields = &self.prepared.plan.shapes[input.shape.0 as usize].fields;
            let left_out = part.requirements.iter().flat_map(|index| &input.requirements[*index].fields);
            let left_out: Vec<&Name> = left_out.map(|field| &fields[*field].key).collect();
            without(operation, &graphql::entities_alias(part.input, inputs.len()), &left_out)
        });
        let (head, partition, variables) = match smaller.flatten() {
            None => {
                let variables = graphql::variables(operation, self.variables);
                (Cow::Borrowed(&prepared.head[..]), prepared.partition.clone(), variables)
            }
            Some(smaller) => {
                let head = graphql::head(&smaller);
                let partition = prepared.partition.clone().with(&head);
                (Cow::Owned(head), partition, graphql::variables(&smaller, self.variables))
            }
        };
        let reuse = self.reuse(fetch, &partition, &endpoint.url, &variables, &endpoint.headers);
        Asked { head, variables, reuse }
    }

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
            // The client wants to see what it has written.
            OperationType::Mutation => Effect::ReadAnew,
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
        partition: &Partition,
        url: &str,
        given: &[u8],
        headers: &HeaderMap,
    ) -> Option<Reuse> {
        let is_private = fetch.cache.is_some_and(|reuse| reuse.scope == CacheScope::Private);
        let effect = self.effect(fetch);
        if is_private || effect == Effect::Write || (fetch.cache.is_none() && fetch.stale_ms.is_none()) {
            return None;
        }
        let max_age = fetch.cache.map_or(Duration::ZERO, |reuse| Duration::from_secs(u64::from(reuse.max_age_s)));
        let stale = fetch.stale_ms.map_or(Duration::ZERO, Duration::from_millis);
        let partition = partition.clone().with(url.as_bytes()).with(given).with_headers(headers);
        Some(Reuse { partition, max_age, stale, from_kept: effect == Effect::Read })
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
        self.reuse(fetch, &prepared.partition, url, given, &headers)
    }
}
