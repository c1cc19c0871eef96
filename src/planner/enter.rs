//! Enters a subgraph: collects the key of the objects and what a field requires, and adds the fetch, or adds to one that there is.

use std::rc::Rc;

use super::draft::{Args, CtxId, Job, JobKind, NeedId, Origin, PosId, Static, add_types, common, sorted};
use super::graph::{NodeId, Resolver, ResolverMode, Sym};
use super::policy;
use super::reach::{How, State, entity_call, hash};
use super::resolve::{ROUNDS_MAX, Solver, Stop};
use crate::supergraph::{FieldSet, FieldSetItem};

/// Keys that are collected for the sake of other keys.
const JUMPS_MAX: usize = 32;

impl Solver<'_, '_> {
    /// Makes a state real: afterwards its context exists for (at least) the objects of type `object`.
    pub(super) fn realize(&mut self, pos: PosId, types: &[Sym], object: Sym, state: &State) -> Result<CtxId, Stop> {
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
                let ctx = match above.how {
                    How::Root(root) => self.root_job(parent, object_above, root, self.draft.need(need).field, 0),
                    _ => self.realize(parent, &types_above, object_above, above)?,
                };
                self.nested(pos, ctx)
            }
            How::LiftConnected(index) => {
                let Some((parent, need)) = self.draft.pos(pos).parent else {
                    return Err(self.dead_end(object, self.draft.graph.typename));
                };
                let types_above = self.draft.need(need).types.clone();
                let Some(object_above) = types_above.first().copied() else {
                    return Err(self.dead_end(object, self.draft.graph.typename));
                };
                let ctx = match self.draft.pos(parent).parent {
                    None => self.connect_root(parent, object_above, need, *index, 0),
                    Some(_) => self.connect(parent, need, &types_above, object_above, *index)?,
                };
                self.nested(pos, ctx)
            }
        }
    }

    /// What a context above gives at a position.
    fn nested(&mut self, pos: PosId, above: CtxId) -> Result<CtxId, Stop> {
        self.draft.contexts(pos);
        self.version += 1;
        let position = self.draft.pos(pos);
        let dead_end = || self.dead_end(position.declared, self.draft.graph.typename);
        position.derived.get(&above).copied().ok_or_else(dead_end)
    }

    /// Enters a subgraph by a resolver of `object`, for those of `types` that have the same one.
    pub(super) fn jump(
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
        // With a requirement it is another fetch, which may well need the one without first.
        let required_by = requires.as_ref().map(|(field, _)| *field);
        let attempt = (pos, resolver.subgraph, resolver.mode, resolver.index, required_by);
        if self.jumping.contains(&attempt) {
            return Err(self.dead_end(object, required_by.unwrap_or(graph.typename)));
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
                    && (r.mode != ResolverMode::Root || r.index == resolver.index)
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

    pub(super) fn jump_with(
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
        let is_filtered = objects.len() < self.draft.pos(pos).types.len();
        match resolver.mode {
            ResolverMode::Interface(_) => {}
            ResolverMode::InterfaceObject(_) if !is_filtered => {}
            ResolverMode::InterfaceObject(_) | ResolverMode::Concrete | ResolverMode::Root => self.typename(pos)?,
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
        let is_filtered = objects.len() < self.draft.pos(pos).types.len();
        match resolver.mode {
            ResolverMode::Interface(_) => {}
            ResolverMode::InterfaceObject(_) if !is_filtered => {}
            ResolverMode::InterfaceObject(_) | ResolverMode::Concrete | ResolverMode::Root => {
                self.typename_sources(pos, &mut sources);
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
                && requires.as_ref().is_none_or(|(_, new)| job.requires.iter().all(|(_, _, old)| !conflict(old, new)))
                && can_share(resolver.mode, objects, requires.is_some(), job)
                && (resolver.mode != ResolverMode::Root
                    || matches!(self.draft.ctx(*ctx).shape, Static::Node(node) if node == resolver.target))
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
                let call = entity_call(resolver);
                let timeout = self.timeout_of(resolver);
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

    /// The bound of a fetch by a resolver.
    fn timeout_of(&self, resolver: &Resolver) -> Option<u64> {
        let (graph, supergraph) = (self.draft.graph, self.draft.supergraph);
        let target = graph.node(resolver.target);
        let type_name = graph.name(target.type_name);
        match (resolver.mode, target.edges.keys().next()) {
            // All fields of a part of the query root have the same one.
            (ResolverMode::Root, Some(field)) => {
                policy::root_timeout(supergraph, resolver.subgraph, type_name, graph.name(*field))
            }
            _ => policy::entity_timeout(supergraph, resolver.subgraph, type_name, resolver.lookup),
        }
    }

    pub(super) fn typename_sources(&self, pos: PosId, into: &mut Vec<CtxId>) {
        for need in self.draft.needs_of(pos, self.draft.graph.typename, &[]) {
            into.extend(self.draft.need(need).sources.iter().map(|(ctx, _)| *ctx));
        }
    }

    /// Fetches one field by its own connector.
    pub(super) fn connect(
        &mut self,
        pos: PosId,
        need: NeedId,
        types: &[Sym],
        object: Sym,
        index: usize,
    ) -> Result<CtxId, Stop> {
        let graph = self.draft.graph;
        let field = self.draft.need(need).field;
        let connected = graph.connected(object, field)[index].clone();
        let base = self.base(pos)?;
        let mut sources = vec![base];
        let mut requires = Vec::new();
        if types.len() < self.draft.pos(pos).types.len() {
            self.typename(pos)?;
            self.typename_sources(pos, &mut sources);
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
        Ok(ctx)
    }

    /// Sees to it that a field set can be read of objects of some types at a position.
    pub(super) fn ensure(&mut self, pos: PosId, types: &[Sym], fields: &FieldSet) -> Result<(), Stop> {
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

    pub(super) fn ensure_field(
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

    /// Fetches the first of the open needs.
    pub(super) fn take_best(&mut self, pos: PosId, open: &[NeedId]) -> Result<(), Stop> {
        let Some(need) = open.first().copied() else { return Ok(()) };
        let Some(object) = self.first_open_type(need) else { return Ok(()) };
        let candidates = self.candidates(pos, need, object, open)?;
        if candidates.is_empty() {
            return Err(self.dead_end(object, self.draft.need(need).field));
        }
        let chosen = self.choose(candidates.len());
        let types = self.alike(need, object);
        self.perform(pos, need, &types, object, &candidates[chosen])
    }
}

/// Whether a fetch can also be for `objects`. An interface object is asked all fields of a fetch for every object that is sent:
/// what requires something may only be asked where all of them carry it.
fn can_share(mode: ResolverMode, objects: &[Sym], requires: bool, job: &Job) -> bool {
    let are_sent = objects.iter().all(|object| job.types.contains(object));
    match mode {
        ResolverMode::InterfaceObject(_) if requires => are_sent && job.types.len() == objects.len(),
        ResolverMode::InterfaceObject(_) => are_sent || job.requires.is_empty(),
        ResolverMode::Concrete | ResolverMode::Interface(_) | ResolverMode::Root => true,
    }
}

/// Whether one representation cannot carry both: it has room for one value per field, whatever the arguments.
fn conflict(a: &FieldSet, b: &FieldSet) -> bool {
    a.items.iter().any(|item| match item {
        FieldSetItem::Inline { selection, .. } => conflict(selection, b),
        FieldSetItem::Field { name, arguments, selection } => b.items.iter().any(|other| match other {
            FieldSetItem::Inline { selection, .. } => conflict(&FieldSet { items: vec![item.clone()] }, selection),
            FieldSetItem::Field { name: other, arguments: others, selection: below } => {
                name == other && (sorted(arguments) != sorted(others) || conflict(selection, below))
            }
        }),
    })
}
