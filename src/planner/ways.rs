//! Ways to get a field that no context gives: which there are, and which is taken.

use std::rc::Rc;

use super::draft::{NeedId, PosId};
use super::graph::{NodeId, Sym};
use super::reach::{Asked, How, Label, State, entity_call, hash};
use super::resolve::{Solver, Stop};
use crate::supergraph::{FieldSet, SubgraphId};

/// A way to get a field.
#[derive(Clone)]
pub(super) struct Candidate {
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

/// What decides which of the open needs is fetched first.
type Rank = (bool, usize, usize, usize);

impl Solver<'_, '_> {
    /// Fetches one of the open needs: the one with the least freedom.
    pub(super) fn take_one(&mut self, pos: PosId, open: &[NeedId]) -> Result<(), Stop> {
        let mut best: Option<(Rank, NeedId, Sym, Vec<Candidate>)> = None;
        for need in open {
            let Some(object) = self.first_open_type(*need) else { continue };
            let candidates = self.candidates(pos, *need, object, open)?;
            if candidates.is_empty() {
                return Err(self.dead_end(object, self.draft.need(*need).field));
            }
            // A requirement first: what it fetches may give the rest on its way.
            let requires = candidates.iter().all(|c| !matches!(c.way, Way::State(_)));
            // Then what is forced, and of that the shortest: it may be on the way of a longer one.
            let calls = candidates.first().map_or(0, |best| self.cost(&best.label).0);
            let rank = (!requires, candidates.len(), calls, need.index());
            if best.as_ref().is_none_or(|(known, ..)| rank < *known) {
                best = Some((rank, *need, object, candidates));
            }
        }
        let Some((_, need, object, candidates)) = best else { return Ok(()) };
        let chosen = self.choose(candidates.len());
        let compared = self.draft.need(need).types.len() * self.draft.graph.resolvers(object).len();
        self.tick(compared as u64)?;
        let types = self.alike(need, object);
        self.perform(pos, need, &types, object, &candidates[chosen])
    }

    pub(super) fn first_open_type(&self, need: NeedId) -> Option<Sym> {
        let need = self.draft.need(need);
        let is_taken = |object: &Sym| need.sources.iter().any(|(_, types)| types.contains(object));
        need.types.iter().copied().find(|object| !is_taken(object))
    }

    /// The open types of a need for which the same subgraphs have the field in the same way.
    pub(super) fn alike(&self, need: NeedId, object: Sym) -> Vec<Sym> {
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
    pub(super) fn candidates(
        &mut self,
        pos: PosId,
        need: NeedId,
        object: Sym,
        open: &[NeedId],
    ) -> Result<Vec<Candidate>, Stop> {
        let graph = self.draft.graph;
        let field = self.draft.need(need).field;
        for lift in [false, true] {
            let states = self.states(pos, object, lift)?;
            self.tick(states.len() as u64)?;
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
            let mut guard = vec![Asked::Requirement(object, resolver.subgraph, field)];
            let label = self.requirement_label(object, states, resolver, requires, place, &mut guard)?;
            let Some(label) = label else { continue };
            let label = label.then(hash((place, resolver.subgraph, requires)), entity_call(resolver));
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
            let mut guard = vec![Asked::Requirement(object, connected.subgraph, field)];
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
    pub(super) fn perform(
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
            Way::Connected(index) => self.connect(pos, need, types, object, *index).map(|_| ()),
        }
    }
}
