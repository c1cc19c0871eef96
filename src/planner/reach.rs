//! What it would take to get a field: estimates, without changing the draft.
//!
//! For the objects of one concrete type at a position, a [`State`] is a node where they can be had, and a [`Label`] the fetches
//! that this takes. States start with the contexts that exist (and, if asked, with what the positions above could still fetch),
//! and are closed under entity resolvers: one can be used once each of its key fields can be had from some state. That is
//! the shortest path problem of an and/or graph; labels hold sets of fetches, so that what two key fields share is
//! counted once. Requirements are followed into their own fields the same way, in circles as long as these make progress;
//! so are keys whose fields lie behind other keys.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use apollo_compiler::ast::OperationType;

use super::draft::{CtxId, JobKind, Origin, PosId};
use super::graph::{NodeId, Resolver, ResolverMode, Sym};
use super::resolve::{Solver, Stop};
use crate::supergraph::{FieldSet, FieldSetItem, SubgraphId};

/// One fetch of an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    /// Which fetch it is.
    id: u64,
    /// With which others it can travel, if they run at the same step.
    pub(super) call: u64,
    pub(super) step: u32,
}

/// The fetches that something takes beside those that the draft has, and when it is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Label {
    hops: Rc<[Hop]>,
    pub(super) step: u32,
}

/// How a state is reached.
#[derive(Clone, Debug)]
pub(super) enum How {
    /// It exists.
    Ctx(CtxId),
    /// By a new fetch on a root.
    Root(NodeId),
    /// By this one of the type's resolvers.
    Jump(usize),
    /// By fetching this at the position above.
    Lift(Rc<State>),
    /// By fetching the field that leads here once more, by this one of its connectors.
    LiftConnected(usize),
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// For the concrete type in question.
    pub(super) node: NodeId,
    /// The concrete type can be learned there.
    pub(super) trusted: bool,
    pub(super) label: Label,
    pub(super) how: How,
}

/// What is being estimated, so that circles end.
pub(super) type Guard = Vec<Asked>;

/// Keys inside keys that are followed; more is not looked for, because the stack is finite.
const KEYS_MAX: usize = 32;

/// One thing that an estimate needs before it can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The requirement of this type's field in this subgraph.
    Requirement(Sym, SubgraphId, Sym),
    /// The key of this one of a type's resolvers, for objects that can be had at these nodes.
    Key(Sym, usize, Vec<NodeId>),
}

impl Label {
    pub(super) fn at(step: u32) -> Self {
        Self { hops: Rc::default(), step }
    }

    /// All of both.
    pub(super) fn and(&self, other: &Self) -> Self {
        let step = self.step.max(other.step);
        if other.hops.is_empty() {
            return Self { hops: Rc::clone(&self.hops), step };
        }
        if self.hops.is_empty() {
            return Self { hops: Rc::clone(&other.hops), step };
        }
        let mut hops = self.hops.to_vec();
        for hop in other.hops.iter() {
            match hops.iter_mut().find(|known| known.id == hop.id) {
                Some(known) => known.step = known.step.max(hop.step),
                None => hops.push(*hop),
            }
        }
        Self { hops: hops.into(), step }
    }

    /// And one more fetch, after all of it.
    pub(super) fn then(&self, id: u64, call: u64) -> Self {
        let step = self.step + 1;
        let mut hops = self.hops.to_vec();
        hops.push(Hop { id, call, step });
        Self { hops: hops.into(), step }
    }

    fn has(&self, id: u64) -> bool {
        self.hops.iter().any(|hop| hop.id == id)
    }
}

/// A number for something, the same in every run.
pub(super) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What root fetches of one subgraph have in common.
pub(super) fn root_call(subgraph: SubgraphId) -> u64 {
    hash(("root", subgraph))
}

/// What entity fetches of one subgraph have in common, or lookups through one connector.
pub(super) fn entity_call(resolver: &Resolver) -> u64 {
    match resolver.lookup {
        None => hash(("entities", resolver.subgraph)),
        Some(connector) => hash(("lookup", resolver.subgraph, connector)),
    }
}

impl Solver<'_, '_> {
    /// (calls that the draft does not have, when it is there): what is compared.
    pub(super) fn cost(&self, label: &Label) -> (usize, u32) {
        let mut new: Vec<(u64, u32)> = Vec::new();
        for hop in label.hops.iter() {
            let call = (hop.call, hop.step);
            if !self.calls.contains(&call) && !new.contains(&call) {
                new.push(call);
            }
        }
        (new.len(), label.step)
    }

    /// Where objects of a concrete type at a position can be had. With `lift`, also by fetching more at the positions above.
    pub(super) fn states(&mut self, pos: PosId, object: Sym, lift: bool) -> Result<Rc<[State]>, Stop> {
        if let Some((version, states)) = self.fronts.get(&(pos, object, lift))
            && *version == self.version
        {
            return Ok(Rc::clone(states));
        }
        let mut states = Vec::new();
        for ctx in self.draft.contexts(pos) {
            self.tick(1)?;
            if self.draft.fetched_for(ctx).is_some() {
                continue;
            }
            if let Some(node) = self.draft.concrete(ctx, object) {
                let label = Label::at(self.draft.step(ctx));
                states.push(State { node, trusted: self.draft.is_trusted(ctx), label, how: How::Ctx(ctx) });
            }
        }
        match self.draft.pos(pos).parent {
            None if lift && self.operation.kind == OperationType::Query => {
                for root in self.draft.graph.roots(OperationType::Query) {
                    let subgraph = self.draft.graph.node(*root).subgraph;
                    let label = Label::default().then(hash(("root", root)), root_call(subgraph));
                    if !states.iter().any(|state| state.node == *root) {
                        states.push(State { node: *root, trusted: true, label, how: How::Root(*root) });
                    }
                }
            }
            Some((above, need)) if lift => {
                let (object_above, field) = (self.draft.need(need).types.first().copied(), self.draft.need(need).field);
                if let Some(object_above) = object_above {
                    for state in self.states(above, object_above, true)?.iter() {
                        self.tick(1)?;
                        let edge = self.draft.graph.edge(state.node, field).filter(|edge| edge.requires.is_none());
                        let Some(target) = edge.and_then(|edge| edge.target) else { continue };
                        let Some(node) = self.draft.graph.concrete(target, object) else { continue };
                        if !matches!(state.how, How::Ctx(_)) && !states.iter().any(|known: &State| known.node == node) {
                            let trusted = self.draft.graph.node(target).trusted;
                            let (label, how) = (state.label.clone(), How::Lift(Rc::new(state.clone())));
                            states.push(State { node, trusted, label, how });
                        }
                    }
                    self.lift_connected(above, object_above, field, object, &mut states)?;
                }
            }
            _ => {}
        }
        // At the root of the operation nothing is entered: every root is asked for itself.
        if self.draft.pos(pos).parent.is_some() {
            let is_object = self.draft.pos(pos).is_object;
            self.close(object, is_object, &mut states, hash(("pos", pos)), &mut Vec::new())?;
        }
        let states: Rc<[State]> = states.into();
        self.fronts.insert((pos, object, lift), (self.version, Rc::clone(&states)));
        Ok(states)
    }

    /// Adds where connectors of the field that leads to a position give its objects. A mutation runs only once.
    fn lift_connected(
        &mut self,
        above: PosId,
        object_above: Sym,
        field: Sym,
        object: Sym,
        states: &mut Vec<State>,
    ) -> Result<(), Stop> {
        let graph = self.draft.graph;
        let is_root = self.draft.pos(above).parent.is_none();
        if is_root && self.operation.kind != OperationType::Query {
            return Ok(());
        }
        for (index, connected) in graph.connected(object_above, field).iter().enumerate() {
            self.tick(1)?;
            let target = graph.edge(connected.node, field).and_then(|edge| edge.target);
            let Some((target, node)) = target.and_then(|target| Some((target, graph.concrete(target, object)?))) else {
                continue;
            };
            if states.iter().any(|known| known.node == node) {
                continue;
            }
            let place = hash(("pos", above));
            let label = if is_root {
                Some(Label::default())
            } else {
                let states_above = self.states(above, object_above, true)?;
                let mut guard = vec![Asked::Requirement(object_above, connected.subgraph, field)];
                let requires = connected.requires.as_deref();
                self.connected_label(object_above, &states_above, requires, place, &mut guard)?
            };
            let Some(label) = label else { continue };
            let id = hash(("connected", connected.subgraph, connected.connector, place));
            let trusted = graph.node(target).trusted;
            states.push(State { node, trusted, label: label.then(id, id), how: How::LiftConnected(index) });
        }
        Ok(())
    }

    /// Adds what entity resolvers lead to. `is_object`: the concrete type is known from the schema.
    pub(super) fn close(
        &self,
        object: Sym,
        is_object: bool,
        states: &mut Vec<State>,
        place: u64,
        guard: &mut Guard,
    ) -> Result<(), Stop> {
        let resolvers = self.draft.graph.resolvers(object);
        // Each round reaches at least one node more, or one of them more cheaply.
        for _ in 0..=resolvers.len() {
            let mut has_changed = false;
            for (index, resolver) in resolvers.iter().enumerate() {
                self.tick(1)?;
                let Some(node) = self.draft.graph.concrete(resolver.target, object) else { continue };
                let known = states.iter().position(|state| state.node == node);
                if known.is_some_and(|known| matches!(states[known].how, How::Ctx(_) | How::Root(_))) {
                    continue;
                }
                let mut key = Ok(None);
                if !is_nested(&resolver.key) {
                    key = self.key_label(object, is_object, states, resolver, place, guard);
                } else if let Some(asked) = follow_key(object, index, states, guard) {
                    guard.push(asked);
                    key = self.key_label(object, is_object, states, resolver, place, guard);
                    guard.pop();
                }
                let Some(key) = key? else { continue };
                let id = jump_id(resolver, place);
                if key.has(id) {
                    continue;
                }
                let label = key.then(id, entity_call(resolver));
                let trusted = match resolver.mode {
                    ResolverMode::Concrete => true,
                    _ => self.draft.graph.node(resolver.target).trusted,
                };
                let state = State { node, trusted, label, how: How::Jump(index) };
                match known {
                    None => states.push(state),
                    Some(known) if self.cost(&state.label) < self.cost(&states[known].label) => states[known] = state,
                    Some(_) => continue,
                }
                has_changed = true;
            }
            if !has_changed {
                break;
            }
        }
        Ok(())
    }

    /// What it takes to know an object's key.
    pub(super) fn key_label(
        &self,
        object: Sym,
        is_object: bool,
        states: &[State],
        resolver: &Resolver,
        place: u64,
        guard: &mut Guard,
    ) -> Result<Option<Label>, Stop> {
        // An entity cannot be asked for before anything is known of it.
        let Some(first) = self.cheapest(states.iter().map(|state| &state.label)) else { return Ok(None) };
        let mut label = Label::at(first.step);
        match resolver.mode {
            ResolverMode::Concrete | ResolverMode::Root if !is_object => {
                let trusted = states.iter().filter(|state| state.trusted).map(|state| &state.label);
                let Some(typename) = self.cheapest(trusted) else { return Ok(None) };
                label = label.and(typename);
            }
            // Only where the type is not known: few services answer for an interface, and one that lets a type not be
            // entered by its own name must not be entered by another.
            ResolverMode::Interface(_) if is_object || states.iter().any(|state| self.tells_type(state)) => {
                return Ok(None);
            }
            _ => {}
        }
        let key = self.items_label(object, states, &resolver.key, place, guard)?;
        Ok(key.map(|key| label.and(&key)))
    }

    /// Whether the concrete type is known where the objects come from, without asking anybody by their interface's name.
    /// Several may be asked so at the same step, as none of them needs to wait for what another one tells.
    fn tells_type(&self, state: &State) -> bool {
        let is_told = match state.how {
            How::Root(_) => true,
            How::Ctx(ctx) => {
                let context = self.draft.ctx(ctx);
                let kind = &self.draft.job(context.job).kind;
                let is_asked = matches!(kind, JobKind::Entities { mode: ResolverMode::Interface(_), .. });
                !(is_asked && context.origin == Origin::Jump)
            }
            How::Jump(_) | How::Lift(_) | How::LiftConnected(_) => false,
        };
        state.trusted && is_told
    }

    pub(super) fn cheapest<'l>(&self, labels: impl Iterator<Item = &'l Label>) -> Option<&'l Label> {
        labels.min_by_key(|label| self.cost(label))
    }

    /// What it takes to read a field set. `None`: impossible from these states.
    pub(super) fn items_label(
        &self,
        object: Sym,
        states: &[State],
        fields: &FieldSet,
        place: u64,
        guard: &mut Guard,
    ) -> Result<Option<Label>, Stop> {
        let mut label = Label::default();
        for item in &fields.items {
            let part = match item {
                FieldSetItem::Inline { type_condition, selection } => {
                    let condition = self.draft.graph.sym(type_condition);
                    if !condition.is_some_and(|condition| self.draft.graph.is_a(object, condition)) {
                        continue;
                    }
                    self.items_label(object, states, selection, place, guard)?
                }
                FieldSetItem::Field { name, selection, .. } => {
                    let Some(field) = self.draft.graph.sym(name) else { return Ok(None) };
                    self.field_label(object, states, field, selection, place, guard)?
                }
            };
            match part {
                Some(part) => label = label.and(&part),
                None => return Ok(None),
            }
        }
        Ok(Some(label))
    }

    fn field_label(
        &self,
        object: Sym,
        states: &[State],
        field: Sym,
        selection: &FieldSet,
        place: u64,
        guard: &mut Guard,
    ) -> Result<Option<Label>, Stop> {
        self.tick(1)?;
        if field == self.draft.graph.typename {
            let trusted = states.iter().filter(|state| state.trusted).map(|state| &state.label);
            return Ok(self.cheapest(trusted).cloned());
        }
        let mut best: Option<Label> = None;
        let mut below: Vec<(NodeId, Label)> = Vec::new();
        for state in states {
            let edge = match state.how {
                How::Ctx(ctx) => self.draft.edge(ctx, object, field),
                _ => self.draft.graph.edge(state.node, field).filter(|edge| edge.requires.is_none()),
            };
            match edge {
                None => {}
                Some(edge) => match edge.target {
                    Some(target) => below.push((target, state.label.clone())),
                    None => self.keep_cheaper(&mut best, &state.label),
                },
            }
        }
        if best.is_none() && below.is_empty() {
            for (target, label) in self.requirements(object, states, field, place, guard)? {
                match target {
                    Some(target) => below.push((target, label)),
                    None => self.keep_cheaper(&mut best, &label),
                }
            }
        }
        if below.is_empty() {
            return Ok(best);
        }
        self.below_label(&below, selection, hash((place, field)), guard)
    }

    fn keep_cheaper(&self, best: &mut Option<Label>, label: &Label) {
        if best.as_ref().is_none_or(|known| self.cost(label) < self.cost(known)) {
            *best = Some(label.clone());
        }
    }

    /// Ways to a field for which something must be sent: the node behind it, and what it takes.
    fn requirements(
        &self,
        object: Sym,
        states: &[State],
        field: Sym,
        place: u64,
        guard: &mut Guard,
    ) -> Result<Vec<(Option<NodeId>, Label)>, Stop> {
        let mut found = Vec::new();
        for resolver in self.draft.graph.resolvers(object) {
            let Some(node) = self.draft.graph.concrete(resolver.target, object) else { continue };
            let Some(edge) = self.draft.graph.edge(node, field) else { continue };
            let Some(requires) = &edge.requires else { continue };
            let step = Asked::Requirement(object, resolver.subgraph, field);
            if guard.contains(&step) {
                continue;
            }
            guard.push(step);
            let label = self.requirement_label(object, states, resolver, requires, place, guard);
            guard.pop();
            if let Some(label) = label? {
                let id = hash((jump_id(resolver, place), requires));
                found.push((edge.target, label.then(id, entity_call(resolver))));
            }
        }
        for connected in self.draft.graph.connected(object, field) {
            let step = Asked::Requirement(object, connected.subgraph, field);
            if guard.contains(&step) {
                continue;
            }
            guard.push(step);
            let label = self.connected_label(object, states, connected.requires.as_deref(), place, guard);
            guard.pop();
            let target = self.draft.graph.edge(connected.node, field).and_then(|edge| edge.target);
            if let Some(label) = label? {
                let id = hash(("connected", connected.subgraph, connected.connector, place));
                found.push((target, label.then(id, id)));
            }
        }
        Ok(found)
    }

    /// Key and requirement of a field together.
    pub(super) fn requirement_label(
        &self,
        object: Sym,
        states: &[State],
        resolver: &Resolver,
        requires: &FieldSet,
        place: u64,
        guard: &mut Guard,
    ) -> Result<Option<Label>, Stop> {
        // Whether the type is known from the schema does not matter for what a state is worth here: where it must be
        // learned, every usable state is behind that.
        let Some(key) = self.key_label(object, true, states, resolver, place, guard)? else { return Ok(None) };
        let required = self.items_label(object, states, requires, place, guard)?;
        Ok(required.map(|required| key.and(&required)))
    }

    /// What a connected field requires.
    pub(super) fn connected_label(
        &self,
        object: Sym,
        states: &[State],
        requires: Option<&FieldSet>,
        place: u64,
        guard: &mut Guard,
    ) -> Result<Option<Label>, Stop> {
        let Some(first) = self.cheapest(states.iter().map(|state| &state.label)) else { return Ok(None) };
        match requires {
            None => Ok(Some(first.clone())),
            Some(requires) => {
                let label = self.items_label(object, states, requires, place, guard)?;
                Ok(label.map(|label| Label::at(first.step).and(&label)))
            }
        }
    }

    /// What it takes to read a selection of objects that can be had at several nodes.
    fn below_label(
        &self,
        nodes: &[(NodeId, Label)],
        selection: &FieldSet,
        place: u64,
        guard: &mut Guard,
    ) -> Result<Option<Label>, Stop> {
        let Some((first, label)) = nodes.iter().min_by_key(|(_, label)| self.cost(label)) else { return Ok(None) };
        let mut sum = label.clone();
        let possible = &self.draft.graph.node(*first).possible;
        for (object, _) in possible {
            self.tick(1)?;
            let mut states: Vec<State> = nodes
                .iter()
                .filter_map(|(target, label)| {
                    let node = self.draft.graph.concrete(*target, *object)?;
                    let trusted = self.draft.graph.node(*target).trusted;
                    // Which resolver led here does not matter: nothing is made of an estimate.
                    Some(State { node, trusted, label: label.clone(), how: How::Root(node) })
                })
                .collect();
            let mut part = self.items_label(*object, &states, selection, place, guard)?;
            if part.is_none() {
                self.close(*object, possible.len() == 1, &mut states, place, guard)?;
                part = self.items_label(*object, &states, selection, place, guard)?;
            }
            match part {
                Some(part) => sum = sum.and(&part),
                None => return Ok(None),
            }
        }
        Ok(Some(sum))
    }
}

/// Whether a field set leads to further objects, whose own keys may be needed.
fn is_nested(fields: &FieldSet) -> bool {
    fields.items.iter().any(|item| match item {
        FieldSetItem::Inline { .. } => true,
        FieldSetItem::Field { selection, .. } => !selection.is_empty(),
    })
}

/// The key to be followed, unless that would not end.
fn follow_key(object: Sym, index: usize, states: &[State], guard: &Guard) -> Option<Asked> {
    let asked = Asked::Key(object, index, states.iter().map(|state| state.node).collect());
    let depth = guard.iter().filter(|asked| matches!(asked, Asked::Key(..))).count();
    (depth < KEYS_MAX && !guard.contains(&asked)).then_some(asked)
}

/// Which fetch a resolver makes at a place.
fn jump_id(resolver: &Resolver, place: u64) -> u64 {
    hash((place, resolver.subgraph, resolver.mode, resolver.index))
}
