//! Makes one plan: every need of every position gets a source.
//!
//! Positions are worked off from the root downwards. At each, first everything that existing contexts can give is taken from
//! them; then, while something is missing, the need with the least freedom is chosen, and of the ways to get it the one
//! that costs the fewest new calls, then the earliest, then the one that gives most of what else is missing. Where more than one
//! way exists, that is a *choice*: the search in `search` makes other plans by deciding choices differently.
//! A composite field is not tied to one context: whatever its objects' fields need is read wherever they stand.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use apollo_compiler::Name;
use apollo_compiler::ast::OperationType;
use apollo_compiler::collections::{HashMap, HashSet, IndexMap};

use super::draft::{
    Args, Ctx, CtxId, Draft, Job, JobId, JobKind, Need, NeedId, Origin, Pos, PosId, Static, add_types, common, sorted,
};
use super::graph::{Graph, NodeId, ResolverMode, Sym};
use super::missing::Missing;
use super::policy;
use super::reach::{How, Label, State, entity_call, hash, root_call};
use crate::operation::{Field, Operation, SelectionSet};
use crate::supergraph::{FieldSet, FieldSetItem, SubgraphId, Supergraph};

/// Why no plan was made.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nothing can answer this field, in the way that was chosen.
    DeadEnd {
        /// The type.
        type_name: Name,
        /// The field.
        field: Name,
    },
    /// The search took too many steps.
    Budget,
}

/// How many ways of one choice are tried at the most.
const WAYS_MAX: usize = 4;
/// Fetches for one position, at the most: each round makes one.
const ROUNDS_MAX: usize = 1_000;
/// Keys that are collected for the sake of other keys.
const JUMPS_MAX: usize = 32;

/// See the module.
pub(super) struct Solver<'a, 's> {
    pub(super) draft: Draft<'a>,
    pub(super) operation: &'a Operation,
    /// What the search decided, in the order in which choices come up; beyond its end, the first way is taken.
    decisions: &'s [usize],
    /// How many ways each choice had.
    pub(super) choices: Vec<usize>,
    pub(super) missing: &'s mut Missing<'a>,
    steps_left: &'s Cell<u64>,
    /// (call class, step) of every job.
    pub(super) calls: HashSet<(u64, u32)>,
    /// Counts changes, so that estimates are not kept too long.
    pub(super) version: u32,
    pub(super) fronts: HashMap<(PosId, Sym, bool), (u32, Rc<[State]>)>,
    /// Jumps whose keys are being collected.
    jumping: Vec<(PosId, SubgraphId, ResolverMode, u32)>,
    queue: VecDeque<PosId>,
}

/// A way to get a field.
#[derive(Clone)]
struct Candidate {
    label: Label,
    way: Way,
    subgraph: SubgraphId,
    /// Behind a composite field.
    target: Option<NodeId>,
}

#[derive(Clone)]
enum Way {
    /// It is there without further ado.
    State(State),
    /// By this resolver of the type, with the field's requirement.
    Requires { resolver: usize, requires: Rc<FieldSet> },
    /// By this one of the field's connectors.
    Connected(usize),
}

impl<'a, 's> Solver<'a, 's> {
    pub(super) fn new(
        graph: &'a Graph,
        supergraph: &'a Supergraph,
        operation: &'a Operation,
        decisions: &'s [usize],
        missing: &'s mut Missing<'a>,
        steps_left: &'s Cell<u64>,
    ) -> Self {
        let draft = Draft {
            graph,
            supergraph,
            positions: Vec::new(),
            needs: Vec::new(),
            contexts: Vec::new(),
            sels: Vec::new(),
            jobs: Vec::new(),
        };
        Self {
            draft,
            operation,
            decisions,
            choices: Vec::new(),
            missing,
            steps_left,
            calls: HashSet::default(),
            version: 0,
            fronts: HashMap::default(),
            jumping: Vec::new(),
            queue: VecDeque::new(),
        }
    }

    pub(super) fn tick(&self, count: u64) -> Result<(), Stop> {
        let left = self.steps_left.get().checked_sub(count).ok_or(Stop::Budget)?;
        self.steps_left.set(left);
        Ok(())
    }

    /// Which of `ways` to go. Only counts as a choice where there are several.
    fn choose(&mut self, ways: usize) -> usize {
        let ways = ways.min(WAYS_MAX);
        if ways <= 1 {
            return 0;
        }
        let decided = self.decisions.get(self.choices.len()).copied().unwrap_or(0);
        self.choices.push(ways);
        decided.min(ways - 1)
    }

    fn dead_end(&self, object: Sym, field: Sym) -> Stop {
        let graph = self.draft.graph;
        Stop::DeadEnd { type_name: graph.name(object).clone(), field: graph.name(field).clone() }
    }

    /// Makes the plan.
    pub(super) fn solve(&mut self) -> Result<(), Stop> {
        let root = self.draft.graph.sym(&self.operation.root_type);
        let Some(root) = root else { return Ok(()) };
        self.draft.positions.push(Pos {
            parent: None,
            declared: root,
            is_object: true,
            list_depth: 0,
            types: vec![root],
            client: vec![&self.operation.selection],
            needs: Vec::new(),
            base: None,
            contexts: Vec::new(),
            derived: HashMap::default(),
            ordinal: 0,
        });
        self.root(PosId(0), root)?;
        while let Some(pos) = self.queue.pop_front() {
            self.position(pos)?;
        }
        Ok(())
    }

    fn root(&mut self, pos: PosId, object: Sym) -> Result<(), Stop> {
        let is_mutation = self.operation.kind == OperationType::Mutation;
        let mut needs = Vec::new();
        if is_mutation {
            // Each response key runs by itself, even where two of them ask the same.
            for field in self.operation.selection.branches.iter().flat_map(|branch| &branch.fields) {
                if let Some(sym) = self.fetched_field(field) {
                    let client: Vec<&SelectionSet> = field.selection.iter().collect();
                    needs.push(self.add_need(pos, sym, field.arguments.clone().into(), vec![object], client));
                }
            }
        } else {
            needs = self.client_needs(pos)?;
        }
        // Fields that one subgraph alone has decide which fetches there are anyway.
        let mut by_freedom: Vec<NeedId> = needs.clone();
        if !is_mutation {
            by_freedom.sort_by_key(|need| self.draft.graph.holders(object, self.draft.need(*need).field).len().max(1));
        }
        for (index, need) in by_freedom.into_iter().enumerate() {
            self.root_need(pos, object, need, if is_mutation { index as u32 + 1 } else { 0 })?;
        }
        self.enqueue(&needs);
        Ok(())
    }

    /// The number of a field that a subgraph is asked for; `None` for what the gateway answers itself.
    fn fetched_field(&self, field: &Field) -> Option<Sym> {
        match field.name.as_str() {
            "__schema" | "__type" => None,
            _ => self.draft.graph.sym(&field.name).filter(|sym| *sym != self.draft.graph.typename),
        }
    }

    fn root_need(&mut self, pos: PosId, object: Sym, need: NeedId, ordinal: u32) -> Result<(), Stop> {
        let graph = self.draft.graph;
        let field = self.draft.need(need).field;
        // (cost, root node or connector)
        let mut ways: Vec<((usize, usize, usize), Result<NodeId, usize>)> = Vec::new();
        for root in graph.roots(self.operation.kind) {
            self.tick(1)?;
            let Some(edge) = graph.edge(*root, field) else { continue };
            let subgraph = graph.node(*root).subgraph;
            let below = edge.target.map_or(0, |target| self.missing_below(target, need));
            let timeout = policy::root_timeout(self.draft.supergraph, subgraph, graph.name(object), graph.name(field));
            let is_new = ordinal > 0 || self.root_context(*root, timeout).is_none();
            let coverage = self
                .draft
                .pos(pos)
                .needs
                .iter()
                .filter(|other| graph.edge(*root, self.draft.need(**other).field).is_some());
            let coverage = coverage.count();
            ways.push(((usize::from(is_new) + below, usize::MAX - coverage, ways.len()), Ok(*root)));
        }
        for (index, connected) in graph.connected(object, field).iter().enumerate() {
            let target = graph.edge(connected.node, field).and_then(|edge| edge.target);
            let below = target.map_or(0, |target| self.missing_below(target, need));
            ways.push(((1 + below, usize::MAX, ways.len()), Err(index)));
        }
        ways.sort_by_key(|(cost, _)| *cost);
        if ways.is_empty() {
            return Err(self.dead_end(object, field));
        }
        let chosen = self.choose(ways.len());
        let ctx = match ways[chosen].1 {
            Ok(root) => self.root_job(pos, object, root, field, ordinal),
            Err(index) => {
                let connected = graph.connected(object, field)[index].clone();
                let kind = JobKind::ConnectRoot { connector: connected.connector, need };
                let timeout = policy::root_timeout(
                    self.draft.supergraph,
                    connected.subgraph,
                    graph.name(object),
                    graph.name(field),
                );
                let call = hash(("connect", connected.subgraph, connected.connector, need));
                let shape = Static::Node(connected.node);
                self.add_job(
                    pos,
                    connected.subgraph,
                    kind,
                    vec![object],
                    shape,
                    Origin::Root,
                    1,
                    call,
                    timeout,
                    ordinal,
                )
            }
        };
        self.take(need, ctx);
        Ok(())
    }

    fn missing_below(&mut self, target: NodeId, need: NeedId) -> usize {
        let client = self.draft.need(need).client.clone();
        self.missing.count(self.draft.graph, target, &client)
    }

    fn root_context(&self, root: NodeId, timeout: Option<u64>) -> Option<CtxId> {
        self.draft.pos(PosId(0)).contexts.iter().copied().find(|ctx| {
            let job = self.draft.job(self.draft.ctx(*ctx).job);
            matches!(self.draft.ctx(*ctx).shape, Static::Node(node) if node == root)
                && job.kind == JobKind::Root
                && job.timeout_ms == timeout
        })
    }

    fn root_job(&mut self, pos: PosId, object: Sym, root: NodeId, field: Sym, ordinal: u32) -> CtxId {
        let graph = self.draft.graph;
        let subgraph = graph.node(root).subgraph;
        let timeout = policy::root_timeout(self.draft.supergraph, subgraph, graph.name(object), graph.name(field));
        if ordinal == 0
            && let Some(ctx) = self.root_context(root, timeout)
        {
            return ctx;
        }
        let (call, shape) = (root_call(subgraph), Static::Node(root));
        self.add_job(pos, subgraph, JobKind::Root, vec![object], shape, Origin::Root, 1, call, timeout, ordinal)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a job, in one place")]
    fn add_job(
        &mut self,
        pos: PosId,
        subgraph: SubgraphId,
        kind: JobKind,
        types: Vec<Sym>,
        shape: Static,
        origin: Origin,
        step: u32,
        call: u64,
        timeout_ms: Option<u64>,
        ordinal: u32,
    ) -> CtxId {
        let job = JobId(self.draft.jobs.len() as u32);
        let ctx = CtxId(self.draft.contexts.len() as u32);
        self.draft.contexts.push(Ctx { pos, job, shape, origin, sel: None });
        let requires = Vec::new();
        self.draft.jobs.push(Job { subgraph, kind, pos, ctx, types, step, requires, timeout_ms, ordinal });
        self.draft.positions[pos.index()].contexts.push(ctx);
        self.calls.insert((call, step));
        self.version += 1;
        ctx
    }

    /// Takes a root field from its context.
    fn take(&mut self, need: NeedId, ctx: CtxId) {
        let types = self.draft.need(need).types.clone();
        if self.draft.need(need).is_composite {
            let ordinal = self.draft.job(self.draft.ctx(ctx).job).ordinal;
            self.add_child(need, ordinal);
        } else {
            self.draft.take_leaf(ctx, need, &types);
        }
    }

    fn add_child(&mut self, need: NeedId, ordinal: u32) {
        if self.draft.need(need).child.is_some() {
            return;
        }
        let Need { pos, field, types, client, .. } = self.draft.need(need);
        let graph = self.draft.graph;
        let Some(info) = types.first().and_then(|object| graph.field_info(*object, *field)) else { return };
        let declared = info.named;
        let parent = Some((*pos, need));
        let Some(type_info) = graph.type_info(declared) else { return };
        let position = Pos {
            parent,
            declared,
            is_object: type_info.is_object,
            list_depth: info.list_depth,
            types: type_info.possible.to_vec(),
            client: client.clone(),
            needs: Vec::new(),
            base: None,
            contexts: Vec::new(),
            derived: HashMap::default(),
            ordinal,
        };
        let child = PosId(self.draft.positions.len() as u32);
        self.draft.positions.push(position);
        self.draft.needs[need.index()].child = Some(child);
    }

    fn enqueue(&mut self, needs: &[NeedId]) {
        let children: Vec<PosId> = needs.iter().filter_map(|need| self.draft.need(*need).child).collect();
        self.queue.extend(children);
    }

    fn add_need(
        &mut self,
        pos: PosId,
        field: Sym,
        args: Args,
        types: Vec<Sym>,
        client: Vec<&'a SelectionSet>,
    ) -> NeedId {
        let id = NeedId(self.draft.needs.len() as u32);
        let info = types.first().and_then(|object| self.draft.graph.field_info(*object, field));
        let is_composite = info.is_some_and(|info| info.leaf.is_none());
        let (child, sources) = (None, Vec::new());
        self.draft.needs.push(Need { pos, field, args, types, client, is_composite, child, sources });
        self.draft.positions[pos.index()].needs.push(id);
        id
    }

    /// The needs of what the client selects at a position.
    fn client_needs(&mut self, pos: PosId) -> Result<Vec<NeedId>, Stop> {
        type ByType<'a> = IndexMap<Sym, Vec<&'a SelectionSet>>;
        let graph = self.draft.graph;
        let types = self.draft.pos(pos).types.clone();
        let mut wanted: IndexMap<(Sym, Args), ByType<'a>> = IndexMap::default();
        for set in self.draft.pos(pos).client.clone() {
            for branch in &set.branches {
                let objects: Vec<Sym> = branch.types.iter().filter_map(|name| graph.sym(name)).collect();
                let objects = common(&types, &objects);
                for field in &branch.fields {
                    self.tick(1)?;
                    let Some(sym) = self.fetched_field(field) else { continue };
                    let by_type = wanted.entry((sym, field.arguments.clone().into())).or_default();
                    for object in &objects {
                        by_type.entry(*object).or_default().extend(field.selection.as_ref());
                    }
                }
            }
        }
        let mut needs = Vec::new();
        for ((field, args), by_type) in wanted {
            // Types of which the same is wanted share a need, and with it a position.
            let mut groups: IndexMap<Vec<&'a SelectionSet>, Vec<Sym>> = IndexMap::default();
            for (object, sets) in by_type {
                groups.entry(sets).or_default().push(object);
            }
            for (sets, mut objects) in groups {
                objects.sort();
                if !objects.is_empty() {
                    needs.push(self.add_need(pos, field, Rc::clone(&args), objects, sets));
                }
            }
        }
        Ok(needs)
    }

    /// Whether the client asks for the concrete type, or for different things of different types.
    fn depends_on_type(&self, pos: PosId) -> bool {
        let graph = self.draft.graph;
        let position = self.draft.pos(pos);
        let visible = graph.type_info(position.declared).map_or(0, |info| info.visible.len());
        position.client.iter().any(|set| match set.branches.as_slice() {
            [] => false,
            [only] => only.types.len() != visible || only.fields.iter().any(|field| field.name == "__typename"),
            _ => true,
        })
    }

    /// Resolves everything that the client wants at a position.
    fn position(&mut self, pos: PosId) -> Result<(), Stop> {
        self.base(pos)?;
        if self.depends_on_type(pos) {
            self.typename(pos)?;
        }
        let mut pending = self.client_needs(pos)?;
        let mut done = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let mut open = Vec::new();
            for need in std::mem::take(&mut pending) {
                self.take_free(need, &mut done, &mut open)?;
            }
            if open.is_empty() {
                done.sort();
                if done.iter().any(|need| self.draft.need(*need).types.len() < self.draft.pos(pos).types.len()) {
                    self.typename(pos)?;
                }
                self.enqueue(&done);
                return Ok(());
            }
            open.sort();
            self.take_one(pos, &open)?;
            pending = open;
        }
        Err(Stop::Budget)
    }

    /// Decides which context says what objects there are.
    fn base(&mut self, pos: PosId) -> Result<CtxId, Stop> {
        if let Some(base) = self.draft.pos(pos).base {
            return Ok(base);
        }
        let graph = self.draft.graph;
        let contexts = self.draft.contexts(pos);
        let client = self.draft.pos(pos).client.clone();
        let wanted: Vec<Sym> = client
            .iter()
            .flat_map(|set| &set.branches)
            .flat_map(|branch| &branch.types)
            .filter_map(|name| graph.sym(name))
            .collect();
        let mut ranked = Vec::new();
        for (index, ctx) in contexts.iter().enumerate() {
            self.tick(1)?;
            let Static::Node(node) = self.draft.ctx(*ctx).shape else { continue };
            let missing = self.missing.count(graph, node, &client);
            let covered = wanted.iter().filter(|object| graph.concrete(node, **object).is_some()).count();
            let is_virtual = self.draft.ctx(*ctx).sel.is_none();
            ranked.push(((missing, usize::MAX - covered, self.draft.step(*ctx), is_virtual, index), *ctx, node));
        }
        ranked.sort_by_key(|(rank, _, _)| *rank);
        if ranked.is_empty() {
            let (above, need) = self.draft.pos(pos).parent.map_or((Sym(0), Sym(0)), |(_, need)| {
                let need = self.draft.need(need);
                (need.types.first().copied().unwrap_or(Sym(0)), need.field)
            });
            return Err(self.dead_end(above, need));
        }
        let chosen = self.choose(ranked.len());
        let (_, base, node) = ranked[chosen];
        let possible: Vec<Sym> = graph.node(node).possible.iter().map(|(object, _)| *object).collect();
        let position = &mut self.draft.positions[pos.index()];
        position.base = Some(base);
        position.types = common(&possible, &position.types);
        let is_object = position.is_object;
        self.draft.materialize(base);
        self.version += 1;
        if !is_object && self.draft.is_trusted(base) {
            self.typename(pos)?;
        }
        Ok(base)
    }

    /// Whether the concrete types at a position are known, at the latest when its fetches are made.
    fn knows_type(&self, pos: PosId) -> bool {
        self.draft.pos(pos).is_object || !self.draft.needs_of(pos, self.draft.graph.typename, &[]).is_empty()
    }

    /// Sees to it that the concrete types at a position become known.
    fn typename(&mut self, pos: PosId) -> Result<(), Stop> {
        let typename = self.draft.graph.typename;
        if self.knows_type(pos) {
            return Ok(());
        }
        let types = self.draft.pos(pos).types.clone();
        let Some(first) = types.first().copied() else { return Ok(()) };
        let need = self.add_need(pos, typename, Rc::new([]), types.clone(), Vec::new());
        let gives = |draft: &Draft<'_>, ctx: CtxId| {
            draft.is_trusted(ctx) && types.iter().all(|object| draft.concrete(ctx, *object).is_some())
        };
        let trusted = self.draft.contexts(pos).into_iter().find(|ctx| gives(&self.draft, *ctx));
        let ctx = match trusted {
            Some(ctx) => ctx,
            None => {
                let mut found = None;
                for lift in [false, true] {
                    let states = self.states(pos, first, lift)?;
                    let trusted = states.iter().filter(|state| state.trusted && !matches!(state.how, How::Ctx(_)));
                    found = trusted.min_by_key(|state| self.cost(&state.label)).cloned();
                    if found.is_some() {
                        break;
                    }
                }
                let Some(state) = found else { return Err(self.dead_end(self.draft.pos(pos).declared, typename)) };
                self.realize(pos, &types, first, &state)?
            }
        };
        self.draft.take_leaf(ctx, need, &types);
        Ok(())
    }

    /// Takes what existing contexts give. What is left goes to `open`.
    fn take_free(&mut self, need: NeedId, done: &mut Vec<NeedId>, open: &mut Vec<NeedId>) -> Result<(), Stop> {
        let pos = self.draft.need(need).pos;
        let contexts = self.draft.contexts(pos);
        let base = self.draft.pos(pos).base;
        self.tick(contexts.len() as u64)?;
        let Need { field, types, is_composite, .. } = self.draft.need(need);
        let (field, types) = (*field, types.clone());
        if *is_composite {
            return self.split_free(need, &contexts, done, open);
        }
        let taken: Vec<Sym> = self.draft.need(need).sources.iter().flat_map(|(_, types)| types.clone()).collect();
        let mut by_ctx: IndexMap<CtxId, Vec<Sym>> = IndexMap::default();
        let mut is_open = false;
        for object in types.into_iter().filter(|object| !taken.contains(object)) {
            let best = contexts
                .iter()
                .filter(|ctx| self.draft.edge(**ctx, object, field).is_some())
                .min_by_key(|ctx| (Some(**ctx) != base, self.draft.step(**ctx), self.draft.ctx(**ctx).sel.is_none()));
            match best {
                Some(ctx) => by_ctx.entry(*ctx).or_default().push(object),
                None => is_open = true,
            }
        }
        for (ctx, objects) in by_ctx {
            self.draft.take_leaf(ctx, need, &objects);
        }
        if is_open {
            open.push(need)
        } else {
            done.push(need)
        }
        Ok(())
    }

    /// As [`Self::take_free`], for objects: types whose field leads to different places part.
    fn split_free(
        &mut self,
        need: NeedId,
        contexts: &[CtxId],
        done: &mut Vec<NeedId>,
        open: &mut Vec<NeedId>,
    ) -> Result<(), Stop> {
        if self.draft.need(need).child.is_some() {
            done.push(need);
            return Ok(());
        }
        let graph = self.draft.graph;
        let Need { pos, field, types, .. } = self.draft.need(need);
        let (pos, field) = (*pos, *field);
        let mut groups: IndexMap<(Vec<Option<NodeId>>, Option<(Sym, u32)>), Vec<Sym>> = IndexMap::default();
        for object in types.clone() {
            self.tick(contexts.len() as u64)?;
            let targets = contexts.iter().map(|ctx| self.draft.edge(*ctx, object, field)?.target).collect();
            let declared = graph.field_info(object, field).map(|info| (info.named, info.list_depth));
            groups.entry((targets, declared)).or_default().push(object);
        }
        let mut is_first = true;
        for ((targets, _), objects) in groups {
            let id = if is_first {
                self.draft.needs[need.index()].types = objects;
                need
            } else {
                let args = Rc::clone(&self.draft.need(need).args);
                let client = self.draft.need(need).client.clone();
                self.add_need(pos, field, args, objects, client)
            };
            is_first = false;
            if targets.iter().any(Option::is_some) {
                let ordinal = self.draft.pos(pos).ordinal;
                self.add_child(id, ordinal);
                done.push(id);
            } else {
                open.push(id);
            }
        }
        Ok(())
    }

    /// Fetches one of the open needs: the one with the least freedom.
    fn take_one(&mut self, pos: PosId, open: &[NeedId]) -> Result<(), Stop> {
        let mut best: Option<((bool, usize, usize), NeedId, Sym, Vec<Candidate>)> = None;
        for need in open {
            let Some(object) = self.first_open_type(*need) else { continue };
            let candidates = self.candidates(pos, *need, object, open)?;
            if candidates.is_empty() {
                return Err(self.dead_end(object, self.draft.need(*need).field));
            }
            // A requirement first: what it fetches may give the rest on its way.
            let requires = candidates.iter().all(|c| !matches!(c.way, Way::State(_)));
            let rank = (!requires, candidates.len(), need.index());
            if best.as_ref().is_none_or(|(known, ..)| rank < *known) {
                best = Some((rank, *need, object, candidates));
            }
        }
        let Some((_, need, object, candidates)) = best else { return Ok(()) };
        let chosen = self.choose(candidates.len());
        let types = self.alike(need, object);
        self.perform(pos, need, &types, object, &candidates[chosen])
    }

    fn first_open_type(&self, need: NeedId) -> Option<Sym> {
        let need = self.draft.need(need);
        let is_taken = |object: &Sym| need.sources.iter().any(|(_, types)| types.contains(object));
        need.types.iter().copied().find(|object| !is_taken(object))
    }

    /// The open types of a need for which the same subgraphs have the field in the same way.
    fn alike(&self, need: NeedId, object: Sym) -> Vec<Sym> {
        let graph = self.draft.graph;
        let field = self.draft.need(need).field;
        let facts = |object: Sym| -> Vec<_> {
            let resolvers = graph.resolvers(object).iter().filter_map(|resolver| {
                let edge = graph.edge(graph.concrete(resolver.target, object)?, field)?;
                let (key, requires) = (&resolver.key, &edge.requires);
                Some((resolver.subgraph, resolver.mode, resolver.lookup, key, requires, &edge.ty, edge.target))
            });
            let connected = graph.connected(object, field).iter().map(|c| (c.subgraph, c.connector, &c.requires));
            vec![(resolvers.collect::<Vec<_>>(), connected.collect::<Vec<_>>())]
        };
        let wanted = self.draft.need(need);
        let is_taken = |object: &Sym| wanted.sources.iter().any(|(_, types)| types.contains(object));
        let expected = facts(object);
        let open = wanted.types.iter().copied().filter(|object| !is_taken(object));
        open.filter(|other| *other == object || facts(*other) == expected).collect()
    }

    /// Ways to get a field of objects of one concrete type, the best one first.
    fn candidates(&mut self, pos: PosId, need: NeedId, object: Sym, open: &[NeedId]) -> Result<Vec<Candidate>, Stop> {
        let graph = self.draft.graph;
        let field = self.draft.need(need).field;
        for lift in [false, true] {
            let states = self.states(pos, object, lift)?;
            let mut found: Vec<Candidate> = Vec::new();
            for state in states.iter().filter(|state| !matches!(state.how, How::Ctx(_))) {
                let Some(edge) = graph.edge(state.node, field).filter(|edge| edge.requires.is_none()) else { continue };
                let subgraph = graph.node(state.node).subgraph;
                let (label, way) = (state.label.clone(), Way::State(state.clone()));
                found.push(Candidate { label, way, subgraph, target: edge.target });
            }
            self.requiring(pos, object, field, &states, &mut found)?;
            if found.is_empty() {
                continue;
            }
            let mut ranked = Vec::new();
            for (index, candidate) in found.into_iter().enumerate() {
                let below = candidate.target.map_or(0, |target| self.missing_below(target, need));
                let (calls, step) = self.cost(&candidate.label);
                let coverage = self.coverage(candidate.subgraph, open);
                ranked.push(((calls + below, step, usize::MAX - coverage, index), candidate));
            }
            ranked.sort_by_key(|(rank, _)| *rank);
            return Ok(ranked.into_iter().map(|(_, candidate)| candidate).collect());
        }
        Ok(Vec::new())
    }

    /// Ways that send something along.
    fn requiring(
        &mut self,
        pos: PosId,
        object: Sym,
        field: Sym,
        states: &[State],
        found: &mut Vec<Candidate>,
    ) -> Result<(), Stop> {
        let graph = self.draft.graph;
        let place = hash(("pos", pos));
        for (index, resolver) in graph.resolvers(object).iter().enumerate() {
            let Some(node) = graph.concrete(resolver.target, object) else { continue };
            let Some(edge) = graph.edge(node, field) else { continue };
            let Some(requires) = &edge.requires else { continue };
            let mut guard = vec![(object, resolver.subgraph, field)];
            let label = self.requirement_label(object, states, resolver, requires, place, &mut guard)?;
            let Some(label) = label else { continue };
            let label = label.then(hash((place, resolver.subgraph, requires)), entity_call(resolver, place));
            // One way per subgraph: by the cheapest key.
            let known =
                found.iter().position(|c| c.subgraph == resolver.subgraph && matches!(c.way, Way::Requires { .. }));
            let way = Way::Requires { resolver: index, requires: Rc::new(FieldSet::clone(requires)) };
            let candidate = Candidate { label, way, subgraph: resolver.subgraph, target: edge.target };
            match known {
                Some(known) if self.cost(&candidate.label) < self.cost(&found[known].label) => {
                    found[known] = candidate;
                }
                Some(_) => {}
                None => found.push(candidate),
            }
        }
        for (index, connected) in graph.connected(object, field).iter().enumerate() {
            let mut guard = vec![(object, connected.subgraph, field)];
            let label = self.connected_label(object, states, connected.requires.as_deref(), place, &mut guard)?;
            let Some(label) = label else { continue };
            let id = hash(("connected", connected.subgraph, connected.connector, place));
            let target = graph.edge(connected.node, field).and_then(|edge| edge.target);
            let (label, way) = (label.then(id, id), Way::Connected(index));
            found.push(Candidate { label, way, subgraph: connected.subgraph, target });
        }
        Ok(())
    }

    /// How many of the open needs a subgraph has.
    fn coverage(&self, subgraph: SubgraphId, open: &[NeedId]) -> usize {
        let holds = |need: &&NeedId| {
            let need = self.draft.need(**need);
            let first = need.types.first();
            first.is_some_and(|object| self.draft.graph.holders(*object, need.field).contains(&subgraph))
        };
        open.iter().filter(holds).count()
    }

    /// Makes a candidate real for objects of some types, of which `object` is one.
    fn perform(
        &mut self,
        pos: PosId,
        need: NeedId,
        types: &[Sym],
        object: Sym,
        candidate: &Candidate,
    ) -> Result<(), Stop> {
        match &candidate.way {
            Way::State(state) => self.realize(pos, types, object, state).map(|_| ()),
            Way::Requires { resolver, requires } => {
                let requires = (self.draft.need(need).field, Rc::clone(requires));
                self.jump(pos, types, object, *resolver, Some(requires)).map(|_| ())
            }
            Way::Connected(index) => self.connect(pos, need, types, object, *index),
        }
    }

    /// Makes a state real: afterwards its context exists for (at least) the objects of type `object`.
    fn realize(&mut self, pos: PosId, types: &[Sym], object: Sym, state: &State) -> Result<CtxId, Stop> {
        match &state.how {
            How::Ctx(ctx) => Ok(*ctx),
            How::Root(root) => {
                let field = self.draft.graph.typename;
                Ok(self.root_job(pos, object, *root, field, 0))
            }
            How::Jump(index) => self.jump(pos, types, object, *index, None),
            How::Lift(above) => {
                let Some((parent, need)) = self.draft.pos(pos).parent else {
                    return Err(self.dead_end(object, self.draft.graph.typename));
                };
                let types_above = self.draft.need(need).types.clone();
                let Some(object_above) = types_above.first().copied() else {
                    return Err(self.dead_end(object, self.draft.graph.typename));
                };
                let ctx = self.realize(parent, &types_above, object_above, above)?;
                self.draft.contexts(pos);
                self.version += 1;
                self.draft
                    .pos(pos)
                    .derived
                    .get(&ctx)
                    .copied()
                    .ok_or_else(|| self.dead_end(object_above, self.draft.need(need).field))
            }
        }
    }

    /// Enters a subgraph by a resolver of `object`, for those of `types` that have the same one.
    fn jump(
        &mut self,
        pos: PosId,
        types: &[Sym],
        object: Sym,
        index: usize,
        requires: Option<(Sym, Rc<FieldSet>)>,
    ) -> Result<CtxId, Stop> {
        self.tick(1)?;
        let graph = self.draft.graph;
        let resolver = &graph.resolvers(object)[index];
        let attempt = (pos, resolver.subgraph, resolver.mode, resolver.index);
        // With a requirement it is another fetch, which may well need this one first.
        if requires.is_none() && self.jumping.contains(&attempt) {
            return Err(self.dead_end(object, graph.typename));
        }
        if self.jumping.len() > JUMPS_MAX {
            return Err(Stop::Budget);
        }
        // (type, its node there)
        let mut entered: Vec<(Sym, NodeId)> = Vec::new();
        let candidates = match resolver.mode {
            // While the type is not known, all are asked.
            ResolverMode::Interface(_) => self.draft.pos(pos).types.clone(),
            ResolverMode::InterfaceObject(_) if !self.knows_type(pos) => self.draft.pos(pos).types.clone(),
            _ => types.to_vec(),
        };
        for other in candidates {
            let same = graph.resolvers(other).iter().find(|r| {
                r.subgraph == resolver.subgraph
                    && r.mode == resolver.mode
                    && r.key == resolver.key
                    && r.lookup == resolver.lookup
            });
            if let Some(node) = same.and_then(|same| graph.concrete(same.target, other)) {
                entered.push((other, node));
            }
        }
        let objects: Vec<Sym> = entered.iter().map(|(object, _)| *object).collect();
        self.jumping.push(attempt);
        let made = self.jump_with(pos, &objects, entered, object, index, requires);
        self.jumping.pop();
        made
    }

    fn jump_with(
        &mut self,
        pos: PosId,
        objects: &[Sym],
        entered: Vec<(Sym, NodeId)>,
        object: Sym,
        index: usize,
        requires: Option<(Sym, Rc<FieldSet>)>,
    ) -> Result<CtxId, Stop> {
        let graph = self.draft.graph;
        let resolver = &graph.resolvers(object)[index];
        let base = self.base(pos)?;
        if resolver.mode == ResolverMode::Concrete {
            self.typename(pos)?;
        }
        if let Some((_, requires)) = &requires {
            self.ensure(pos, objects, requires)?;
        }
        self.ensure(pos, objects, &resolver.key)?;
        let mut sources = vec![base];
        self.draft.sources_of(pos, objects, &resolver.key, &mut sources);
        if let Some((_, requires)) = &requires {
            self.draft.sources_of(pos, objects, requires, &mut sources);
        }
        if resolver.mode == ResolverMode::Concrete && !self.draft.pos(pos).is_object {
            for need in self.draft.needs_of(pos, graph.typename, &[]) {
                sources.extend(self.draft.need(need).sources.iter().map(|(ctx, _)| *ctx));
            }
        }
        let ready = sources.iter().map(|ctx| self.draft.step(*ctx)).max().unwrap_or(0);
        let kind = match resolver.lookup {
            None => JobKind::Entities { key: resolver.key.clone(), mode: resolver.mode },
            Some(connector) => {
                JobKind::ConnectLookup { connector, key: resolver.key.clone(), resolver: resolver.index }
            }
        };
        // An earlier fetch of the same objects can carry it, if it runs after everything that this needs.
        let same = self.draft.pos(pos).contexts.iter().copied().find(|ctx| {
            let job = self.draft.job(self.draft.ctx(*ctx).job);
            self.draft.ctx(*ctx).origin == Origin::Jump
                && job.subgraph == resolver.subgraph
                && job.kind == kind
                && job.step > ready
        });
        let ctx = match same {
            Some(ctx) => {
                let job = self.draft.ctx(ctx).job;
                add_types(&mut self.draft.jobs[job.index()].types, objects);
                if let Static::Entities(known) = &mut self.draft.contexts[ctx.index()].shape {
                    for part in entered {
                        if !known.contains(&part) {
                            known.push(part);
                        }
                    }
                    known.sort();
                }
                self.version += 1;
                ctx
            }
            None => {
                let shape = match resolver.mode {
                    ResolverMode::Concrete => Static::Entities(entered),
                    _ => Static::Node(resolver.target),
                };
                let call = entity_call(resolver, hash(("pos", pos)));
                let timeout = policy::entity_timeout(
                    self.draft.supergraph,
                    resolver.subgraph,
                    graph.name(graph.node(resolver.target).type_name),
                    resolver.lookup,
                );
                let ordinal = self.draft.pos(pos).ordinal;
                let objects = objects.to_vec();
                let subgraph = resolver.subgraph;
                self.add_job(pos, subgraph, kind, objects, shape, Origin::Jump, ready + 1, call, timeout, ordinal)
            }
        };
        if let Some((field, fields)) = requires {
            let job = self.draft.ctx(ctx).job;
            let carried = &mut self.draft.jobs[job.index()].requires;
            match carried.iter_mut().find(|(f, _, known)| *f == field && *known == fields) {
                Some((_, types, _)) => add_types(types, objects),
                None => carried.push((field, objects.to_vec(), fields)),
            }
            self.version += 1;
        }
        Ok(ctx)
    }

    /// Fetches one field by its own connector.
    fn connect(&mut self, pos: PosId, need: NeedId, types: &[Sym], object: Sym, index: usize) -> Result<(), Stop> {
        let graph = self.draft.graph;
        let field = self.draft.need(need).field;
        let connected = graph.connected(object, field)[index].clone();
        let base = self.base(pos)?;
        let mut sources = vec![base];
        let mut requires = Vec::new();
        if types.len() < self.draft.pos(pos).types.len() {
            self.typename(pos)?;
        }
        if let Some(fields) = &connected.requires {
            self.ensure(pos, types, fields)?;
            self.draft.sources_of(pos, types, fields, &mut sources);
            requires.push((field, types.to_vec(), Rc::new(FieldSet::clone(fields))));
        }
        let ready = sources.iter().map(|ctx| self.draft.step(*ctx)).max().unwrap_or(0);
        let kind = JobKind::ConnectField { connector: connected.connector, need };
        let call = hash(("connected", connected.subgraph, connected.connector, hash(("pos", pos))));
        let timeout =
            policy::root_timeout(self.draft.supergraph, connected.subgraph, graph.name(object), graph.name(field));
        let ordinal = self.draft.pos(pos).ordinal;
        let mut nodes = Vec::new();
        for other in types {
            let same = graph
                .connected(*other, field)
                .iter()
                .find(|c| c.subgraph == connected.subgraph && c.connector == connected.connector);
            nodes.extend(same.map(|same| (*other, same.node)));
        }
        let shape = Static::Entities(nodes);
        let subgraph = connected.subgraph;
        let (objects, step) = (types.to_vec(), ready + 1);
        let ctx = self.add_job(pos, subgraph, kind, objects, shape, Origin::Jump, step, call, timeout, ordinal);
        let job = self.draft.ctx(ctx).job;
        self.draft.jobs[job.index()].requires = requires;
        Ok(())
    }

    /// Sees to it that a field set can be read of objects of some types at a position.
    fn ensure(&mut self, pos: PosId, types: &[Sym], fields: &FieldSet) -> Result<(), Stop> {
        let graph = self.draft.graph;
        for item in &fields.items {
            self.tick(1)?;
            match item {
                FieldSetItem::Inline { type_condition, selection } => {
                    let Some(condition) = graph.sym(type_condition) else { continue };
                    let types: Vec<Sym> =
                        types.iter().copied().filter(|object| graph.is_a(*object, condition)).collect();
                    if !types.is_empty() {
                        self.typename(pos)?;
                        self.ensure(pos, &types, selection)?;
                    }
                }
                FieldSetItem::Field { name, arguments, selection } => {
                    let Some(field) = graph.sym(name) else { continue };
                    if field == graph.typename {
                        self.typename(pos)?;
                        continue;
                    }
                    self.ensure_field(pos, types, field, sorted(arguments).into(), selection)?;
                }
            }
        }
        Ok(())
    }

    fn ensure_field(
        &mut self,
        pos: PosId,
        types: &[Sym],
        field: Sym,
        args: Args,
        selection: &FieldSet,
    ) -> Result<(), Stop> {
        let mut needs = self.draft.needs_of(pos, field, &args);
        needs.retain(|need| !common(&self.draft.need(*need).types, types).is_empty());
        let covered: Vec<Sym> = needs.iter().flat_map(|need| self.draft.need(*need).types.clone()).collect();
        let rest: Vec<Sym> = types.iter().copied().filter(|object| !covered.contains(object)).collect();
        if !rest.is_empty() {
            needs.push(self.add_need(pos, field, args, rest, Vec::new()));
        }
        let mut pending = needs;
        let mut done = Vec::new();
        for round in 0.. {
            let mut open = Vec::new();
            for need in std::mem::take(&mut pending) {
                self.take_free(need, &mut done, &mut open)?;
            }
            if open.is_empty() {
                break;
            }
            if round >= ROUNDS_MAX {
                return Err(Stop::Budget);
            }
            self.take_best(pos, &open)?;
            pending = open;
        }
        if selection.is_empty() {
            return Ok(());
        }
        for need in done {
            if let Some(child) = self.draft.need(need).child {
                self.base(child)?;
                let types = self.draft.pos(child).types.clone();
                self.ensure(child, &types, selection)?;
            }
        }
        Ok(())
    }

    /// Fetches the first of the open needs in the best way: what keys and requirements take is no choice.
    fn take_best(&mut self, pos: PosId, open: &[NeedId]) -> Result<(), Stop> {
        let Some(need) = open.first().copied() else { return Ok(()) };
        let Some(object) = self.first_open_type(need) else { return Ok(()) };
        let candidates = self.candidates(pos, need, object, open)?;
        let Some(best) = candidates.first() else {
            return Err(self.dead_end(object, self.draft.need(need).field));
        };
        let types = self.alike(need, object);
        self.perform(pos, need, &types, object, &best.clone())
    }
}
