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
use apollo_compiler::collections::{HashMap, HashSet, IndexMap};

use super::draft::{
    Args, Ctx, CtxId, Draft, Job, JobId, JobKind, Need, NeedId, Origin, Pos, PosId, Static, add_types, common,
};
use super::graph::{Graph, NodeId, ResolverMode, Sym};
use super::missing::Missing;
use super::reach::{How, State};
use crate::operation::{Field, Operation, SelectionSet};
use crate::supergraph::{SubgraphId, Supergraph};

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
const WAYS_MAX: usize = 8;
/// Fetches for one position, at the most: each round makes one.
pub(super) const ROUNDS_MAX: usize = 1_000;

/// States of a concrete type at a position, with what could be fetched above or without.
type Front = (PosId, Sym, bool);

/// Where a field of some type leads in each context, and how it is declared.
type Leads = (Vec<Option<NodeId>>, Option<(Sym, u32)>);

/// See the module.
pub(super) struct Solver<'a, 's> {
    pub(super) draft: Draft<'a>,
    pub(super) operation: &'a Operation,
    /// What the search decided, in the order in which choices come up; beyond its end, the first way is taken.
    pub(super) decisions: &'s [usize],
    /// How many ways each choice had.
    pub(super) choices: Vec<usize>,
    pub(super) missing: &'s mut Missing<'a>,
    pub(super) steps_left: &'s Cell<u64>,
    /// (call class, step) of every job.
    pub(super) calls: HashSet<(u64, u32)>,
    /// Counts changes, so that estimates are not kept too long.
    pub(super) version: u32,
    pub(super) fronts: HashMap<Front, (u32, Rc<[State]>)>,
    /// Jumps whose keys are being collected.
    pub(super) jumping: Vec<(PosId, SubgraphId, ResolverMode, u32, Option<Sym>)>,
    pub(super) queue: VecDeque<PosId>,
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
        let count = count + self.missing.steps.take();
        let left = self.steps_left.get().checked_sub(count).ok_or(Stop::Budget)?;
        self.steps_left.set(left);
        Ok(())
    }

    /// Which of `ways` to go. Only counts as a choice where there are several.
    pub(super) fn choose(&mut self, ways: usize) -> usize {
        let ways = ways.min(WAYS_MAX);
        if ways <= 1 {
            return 0;
        }
        let decided = self.decisions.get(self.choices.len()).copied().unwrap_or(0);
        self.choices.push(ways);
        decided.min(ways - 1)
    }

    pub(super) fn dead_end(&self, object: Sym, field: Sym) -> Stop {
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
        super::prune::idle_bases(&mut self.draft);
        super::prune::idle_jobs(&mut self.draft);
        Ok(())
    }

    /// The number of a field that a subgraph is asked for; `None` for what the gateway answers itself.
    pub(super) fn fetched_field(&self, field: &Field) -> Option<Sym> {
        match field.name.as_str() {
            _ if field.is_denied => None,
            "__schema" | "__type" => None,
            _ => self.draft.graph.sym(&field.name).filter(|sym| *sym != self.draft.graph.typename),
        }
    }

    pub(super) fn missing_below(&mut self, target: NodeId, need: NeedId) -> usize {
        let client = self.draft.need(need).client.clone();
        self.missing.count(self.draft.graph, target, &client)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a job, in one place")]
    pub(super) fn add_job(
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

    pub(super) fn add_child(&mut self, need: NeedId, ordinal: u32) {
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

    pub(super) fn enqueue(&mut self, needs: &[NeedId]) {
        let children: Vec<PosId> = needs.iter().filter_map(|need| self.draft.need(*need).child).collect();
        self.queue.extend(children);
    }

    pub(super) fn add_need(
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
        let is_twin = false;
        self.draft.needs.push(Need { pos, field, args, types, client, is_composite, is_twin, child, sources });
        self.draft.positions[pos.index()].needs.push(id);
        id
    }

    /// The needs of what the client selects at a position.
    pub(super) fn client_needs(&mut self, pos: PosId) -> Result<Vec<NeedId>, Stop> {
        type BySelection<'a> = IndexMap<Option<&'a SelectionSet>, Vec<Sym>>;
        let graph = self.draft.graph;
        let types = self.draft.pos(pos).types.clone();
        let mut wanted: IndexMap<(Sym, Args), BySelection<'a>> = IndexMap::default();
        for set in self.draft.pos(pos).client.clone() {
            for branch in &set.branches {
                let objects: Vec<Sym> = branch.types.iter().filter_map(|name| graph.sym(name)).collect();
                self.tick(objects.len() as u64)?;
                let objects = common(&types, &objects);
                for field in &branch.fields {
                    self.tick(1 + objects.len() as u64)?;
                    let Some(sym) = self.fetched_field(field) else { continue };
                    let by_selection = wanted.entry((sym, field.arguments.clone().into())).or_default();
                    // Types of which the same is wanted share a need, and with it a position.
                    add_types(by_selection.entry(field.selection.as_ref()).or_default(), &objects);
                }
            }
        }
        let mut needs = Vec::new();
        for ((field, args), by_selection) in wanted {
            for (selection, objects) in by_selection {
                match selection {
                    None => self.leaf_need(pos, field, &args, objects, &mut needs),
                    Some(selection) => self.object_need(pos, field, &args, objects, selection, &mut needs),
                }
            }
        }
        Ok(needs)
    }

    fn leaf_need(&mut self, pos: PosId, field: Sym, args: &Args, mut objects: Vec<Sym>, needs: &mut Vec<NeedId>) {
        // A key or a requirement may have wanted it before.
        for known in self.draft.needs_of(pos, field, args) {
            let covered = &self.draft.need(known).types;
            objects.retain(|object| !covered.contains(object));
            needs.push(known);
        }
        if !objects.is_empty() {
            needs.push(self.add_need(pos, field, Rc::clone(args), objects, Vec::new()));
        }
    }

    fn object_need(
        &mut self,
        pos: PosId,
        field: Sym,
        args: &Args,
        mut objects: Vec<Sym>,
        selection: &'a SelectionSet,
        needs: &mut Vec<NeedId>,
    ) {
        let mut twins = Vec::new();
        for known in self.draft.needs_of(pos, field, args) {
            let need = &mut self.draft.needs[known.index()];
            let both = common(&objects, &need.types);
            objects.retain(|object| !both.contains(object));
            // What only a key or a requirement wanted before can be the client's as well.
            if need.client.is_empty() && !both.is_empty() && both.len() == need.types.len() {
                need.client.push(selection);
                if let Some(child) = need.child {
                    self.draft.positions[child.index()].client.push(selection);
                }
                needs.push(known);
            } else {
                twins.extend(both);
            }
        }
        if !objects.is_empty() {
            needs.push(self.add_need(pos, field, Rc::clone(args), objects, vec![selection]));
        }
        if !twins.is_empty() {
            twins.sort();
            let twin = self.add_need(pos, field, Rc::clone(args), twins, vec![selection]);
            self.draft.needs[twin.index()].is_twin = true;
            needs.push(twin);
        }
    }

    /// Whether the client asks for the concrete type, or for different things of different types.
    pub(super) fn depends_on_type(&self, pos: PosId) -> bool {
        let graph = self.draft.graph;
        let position = self.draft.pos(pos);
        let visible = graph.type_info(position.declared).map_or(0, |info| info.visible.len());
        position.client.iter().any(|set| match &*set.branches {
            [] => false,
            [only] => only.types.len() != visible || only.fields.iter().any(|field| field.name == "__typename"),
            _ => true,
        })
    }

    /// Resolves everything that the client wants at a position.
    pub(super) fn position(&mut self, pos: PosId) -> Result<(), Stop> {
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
    pub(super) fn base(&mut self, pos: PosId) -> Result<CtxId, Stop> {
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
            self.tick(1 + wanted.len() as u64)?;
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
    pub(super) fn knows_type(&self, pos: PosId) -> bool {
        self.draft.pos(pos).is_object || !self.draft.needs_of(pos, self.draft.graph.typename, &[]).is_empty()
    }

    /// Sees to it that the concrete types at a position become known.
    pub(super) fn typename(&mut self, pos: PosId) -> Result<(), Stop> {
        let typename = self.draft.graph.typename;
        if self.knows_type(pos) {
            return Ok(());
        }
        let types = self.draft.pos(pos).types.clone();
        let client = self.draft.pos(pos).client.clone();
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
                    // Of those that know the type, the one that can tell more of what is wanted.
                    let mut best = None;
                    for state in states.iter().filter(|state| state.trusted && !matches!(state.how, How::Ctx(_))) {
                        let graph = self.draft.graph;
                        let resolver = match state.how {
                            How::Jump(index) => graph.resolvers(first).get(index),
                            _ => None,
                        };
                        // Who is asked by one type's name says nothing about objects of the others.
                        let is_blind = resolver.is_some_and(|resolver| resolver.mode == ResolverMode::Concrete);
                        let target = resolver.map_or(state.node, |resolver| resolver.target);
                        let (calls, step) = self.cost(&state.label);
                        let rank = (is_blind, calls + self.missing.count(graph, target, &client), step);
                        if best.as_ref().is_none_or(|known| rank < *known) {
                            best = Some(rank);
                            found = Some(state.clone());
                        }
                    }
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
    pub(super) fn take_free(
        &mut self,
        need: NeedId,
        done: &mut Vec<NeedId>,
        open: &mut Vec<NeedId>,
    ) -> Result<(), Stop> {
        let pos = self.draft.need(need).pos;
        let contexts = self.draft.contexts(pos);
        let base = self.draft.pos(pos).base;
        let Need { types, is_composite, .. } = self.draft.need(need);
        let types = types.clone();
        self.tick((contexts.len() * types.len().max(1)) as u64)?;
        if *is_composite {
            return self.split_free(need, &contexts, done, open);
        }
        let taken: Vec<Sym> = self.draft.need(need).sources.iter().flat_map(|(_, types)| types.clone()).collect();
        let mut by_ctx: IndexMap<CtxId, Vec<Sym>> = IndexMap::default();
        let mut is_open = false;
        for object in types.into_iter().filter(|object| !taken.contains(object)) {
            let best = contexts
                .iter()
                .filter(|ctx| self.draft.edge_for(**ctx, object, need).is_some())
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
    pub(super) fn split_free(
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
        let mut groups: IndexMap<Leads, Vec<Sym>> = IndexMap::default();
        for object in types.clone() {
            self.tick(contexts.len() as u64)?;
            let targets = contexts.iter().map(|ctx| self.draft.edge_for(*ctx, object, need)?.target).collect();
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
                let Need { client, is_twin, .. } = self.draft.need(need);
                let (client, is_twin) = (client.clone(), *is_twin);
                let part = self.add_need(pos, field, args, objects, client);
                self.draft.needs[part.index()].is_twin = is_twin;
                part
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
}
