//! Whether every query that a client may write can be answered.
//!
//! In: the composed model. Out: a `SATISFIABILITY_ERROR` for fields that cannot be resolved somewhere, with a query
//! that leads there and why it fails, per fragment. Fields of one type that fail for the same reasons are told together.
//!
//! A state is a concrete type together with the *places* where its objects can be had: (subgraph, type there, what of
//! it). From there every subgraph can be entered whose key can be collected from the places that are known already
//! (`reach`). Each field that clients see must be resolvable from there, and leads to further states. States are
//! remembered in a normal form in which places that can be entered anyway do not count, so that there are few.
//! Deliberately absent: the best way to get there; that is the planner's search.

mod places;
mod reach;
mod report;

use std::collections::VecDeque;

use apollo_compiler::Name;
use apollo_compiler::collections::{HashMap, HashSet};
use apollo_compiler::schema::ExtendedType;

use self::places::{PlaceId, Places};
use self::reach::{Reach, Reached};
use super::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;
use crate::supergraph::Supergraph;

/// Distinct states of one type with several places that are looked at. Those with one place are no more than there are
/// fields; of sets of places there could be exponentially many, in a schema made for it, which gets a hint.
const STATES_PER_TYPE_MAX: usize = 512;

/// How a state was reached.
struct Step {
    /// Index of the state before; `None` for a root.
    from: Option<usize>,
    /// The type on which the field is selected, and the field; empty for a root.
    field: Option<(Name, Name)>,
    /// The concrete type of this state.
    ty: Name,
}

/// Checks a graph. `subgraphs` are what it was composed from, for places in the fragments.
pub(crate) fn check(supergraph: &Supergraph, subgraphs: &[Subgraph], out: &mut Vec<Diagnostic>) {
    let places = Places::new(supergraph);
    let mut search = Search {
        reach: Reach::new(supergraph, places),
        supergraph,
        subgraphs,
        steps: Vec::new(),
        queue: VecDeque::new(),
        seen: HashMap::default(),
        told: HashSet::default(),
        out,
    };
    search.run();
}

struct Search<'a> {
    reach: Reach<'a>,
    supergraph: &'a Supergraph,
    subgraphs: &'a [Subgraph],
    steps: Vec<Step>,
    queue: VecDeque<(usize, Reached)>,
    /// States by type, and how many of them have several places.
    seen: HashMap<Name, (HashSet<Reached>, usize)>,
    /// Fields that were told: the shortest query is enough.
    told: HashSet<(Name, Name)>,
    out: &'a mut Vec<Diagnostic>,
}

impl Search<'_> {
    fn run(&mut self) {
        for root in ["Query", "Mutation", "Subscription"] {
            if self.supergraph.api.get_object(root).is_some() {
                let root = Name::new_static_unchecked(root);
                let roots = self.reach.roots(&root);
                self.enter(None, None, &root, roots);
            }
        }
        while let Some((step, reached)) = self.queue.pop_front() {
            self.look(step, &reached);
        }
    }

    /// Notes a state, if it is new.
    fn enter(&mut self, from: Option<usize>, field: Option<(Name, Name)>, ty: &Name, base: Vec<PlaceId>) {
        let reached = self.reach.reach(ty, base);
        let (seen, several) = self.seen.entry(ty.clone()).or_default();
        if seen.contains(&reached) {
            return;
        }
        *several += usize::from(reached.has_several_places());
        if *several > STATES_PER_TYPE_MAX {
            if self.told.insert((ty.clone(), Name::new_static_unchecked("__typename"))) {
                let message = format!(
                    "`{ty}` is reached in more than {STATES_PER_TYPE_MAX} different ways; not all were checked for fields that nobody can resolve."
                );
                self.out.push(Diagnostic::hint("SATISFIABILITY_INCOMPLETE", message));
            }
            return;
        }
        seen.insert(reached.clone());
        self.steps.push(Step { from, field, ty: ty.clone() });
        self.queue.push_back((self.steps.len() - 1, reached));
    }

    fn look(&mut self, step: usize, reached: &Reached) {
        let ty = self.steps[step].ty.clone();
        let Some(ExtendedType::Object(visible)) = self.supergraph.api.types.get(&ty) else { return };
        if !self.reach.knows_typename(&ty, reached) {
            return self.tell_typename(step, &ty, reached);
        }
        let mut unresolved: Vec<Name> = Vec::new();
        for field in visible.fields.keys() {
            let Some(next) = self.reach.resolve(&ty, reached, field) else {
                unresolved.push(field.clone());
                continue;
            };
            for (concrete, base) in self.reach.by_concrete_type(&next) {
                // Objects of a hidden type are null for clients.
                if self.supergraph.api.types.contains_key(&concrete) {
                    self.enter(Some(step), Some((ty.clone(), field.clone())), &concrete, base);
                }
            }
        }
        self.tell(step, &ty, unresolved, reached);
    }
}
