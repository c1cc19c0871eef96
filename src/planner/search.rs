//! The search over choices: limited discrepancies, the most promising plan first.
//!
//! A plan is made by a vector of decisions, one per choice that came up; what is beyond the vector is decided greedily. The
//! search starts with the greedy plan and looks at the plans that differ from a known one in one further choice, taking
//! the cheapest known plan first. Where choices are few this visits all plans; where they are many, the
//! budget ends it, and the best plan so far is the answer.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use apollo_compiler::collections::HashSet;

use super::graph::Graph;
use super::merge::{self, Group};
use super::missing::Missing;
use super::resolve::{Solver, Stop};
use super::{Plan, PlanError, assemble, cost};
use crate::operation::{Field, Operation, OperationType, SelectionSet};
use crate::supergraph::Supergraph;

/// What a search may take. Steps are counted, not timed, so that an operation is planned alike on every machine; a
/// step takes some tens of nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Steps of the search for a better plan.
    pub steps: u64,
    /// Steps of the first plan; beyond that the operation is refused.
    pub steps_max: u64,
    /// How many plans are compared at the most.
    pub plans: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: 100_000, steps_max: 5_000_000, plans: 200 }
    }
}

/// (cost, number, decisions, ways of each choice).
type Tried = (u64, usize, Vec<usize>, Vec<usize>);

/// A plan that is known.
struct Known<'a> {
    cost: u64,
    draft: super::draft::Draft<'a>,
    groups: Vec<Group>,
    /// How many ways each choice had.
    choices: Vec<usize>,
}

/// Plans an operation.
/// Errors: see [`PlanError`].
pub fn plan(graph: &Graph, supergraph: &Supergraph, operation: &Operation, budget: &Budget) -> Result<Plan, PlanError> {
    if operation.kind == OperationType::Subscription {
        return Err(PlanError::NotServed(operation.kind));
    }
    let below = operation.selection.branches.iter().flat_map(|branch| &branch.fields);
    let mut seen = HashSet::default();
    for set in below.filter(|field| !is_introspection(field)).filter_map(|field| field.selection.as_ref()) {
        no_introspection(set, &mut seen)?;
    }
    let mut missing = Missing::default();
    let writing = projection(&operation.selection);
    let steps_max = budget.steps_max.checked_sub(writing).ok_or(PlanError::TooComplex)?;
    let steps = Cell::new(steps_max);
    let first = attempt(graph, supergraph, operation, &[], &mut missing, &steps);
    let spent = steps_max - steps.get();
    // A hard operation must not take long just because it has few choices.
    steps.set(budget.steps.saturating_sub(spent));
    let mut best = search(graph, supergraph, operation, budget, first, &mut missing, &steps)?;
    assemble::plan(&mut best.draft, operation, &best.groups).map_err(|_| PlanError::TooComplex)
}

fn is_introspection(field: &Field) -> bool {
    matches!(field.name.as_str(), "__schema" | "__type")
}

/// Below the root the gateway does not answer for itself. The recursion follows the operation, whose depth is limited.
fn no_introspection<'a>(set: &'a SelectionSet, seen: &mut HashSet<&'a SelectionSet>) -> Result<(), PlanError> {
    if !seen.insert(set) {
        return Ok(());
    }
    for field in set.branches.iter().flat_map(|branch| &branch.fields) {
        if is_introspection(field) {
            return Err(PlanError::IntrospectionBelowRoot(field.name.clone()));
        }
        if let Some(inner) = &field.selection {
            no_introspection(inner, seen)?;
        }
    }
    Ok(())
}

/// Steps that it takes to lay out what is written: once per set, however many fields share it.
fn projection(selection: &SelectionSet) -> u64 {
    let mut steps: u64 = 0;
    let mut seen = HashSet::default();
    let mut pending = vec![selection];
    while let Some(set) = pending.pop() {
        if !seen.insert(set) {
            continue;
        }
        for branch in &set.branches {
            steps = steps.saturating_add((branch.types.len() * (1 + branch.fields.len())) as u64);
            pending.extend(branch.fields.iter().filter_map(|field| field.selection.as_ref()));
        }
    }
    steps
}

fn search<'a>(
    graph: &'a Graph,
    supergraph: &'a Supergraph,
    operation: &'a Operation,
    budget: &Budget,
    first: Result<Known<'a>, Failed>,
    missing: &mut Missing<'a>,
    steps: &Cell<u64>,
) -> Result<Known<'a>, PlanError> {
    let mut frontier: BinaryHeap<Reverse<Tried>> = BinaryHeap::new();
    let mut error = None;
    let mut best = None;
    let mut made = 1;
    match first {
        Ok(known) => {
            frontier.push(Reverse((known.cost, 0, Vec::new(), known.choices.clone())));
            best = Some(known);
        }
        Err(failed) => {
            // A way that leads nowhere was taken: look at the others.
            error = Some(failed.stop);
            frontier.push(Reverse((u64::MAX, 0, Vec::new(), failed.choices)));
        }
    }
    'search: while let Some(Reverse((_, _, decisions, choices))) = frontier.pop() {
        for (index, ways) in choices.iter().enumerate().skip(decisions.len()) {
            for way in 1..*ways {
                if made >= budget.plans {
                    break 'search;
                }
                made += 1;
                let mut other = decisions.clone();
                other.resize(index, 0);
                other.push(way);
                match attempt(graph, supergraph, operation, &other, missing, steps) {
                    Ok(known) => {
                        frontier.push(Reverse((known.cost, made, other, known.choices.clone())));
                        if best.as_ref().is_none_or(|best: &Known<'a>| known.cost < best.cost) {
                            best = Some(known);
                        }
                    }
                    Err(Failed { stop: Stop::Budget, .. }) if best.is_some() => break 'search,
                    Err(failed) => frontier.push(Reverse((u64::MAX, made, other, failed.choices))),
                }
            }
        }
    }
    best.ok_or(match error {
        Some(Stop::DeadEnd { type_name, field }) => PlanError::Unreachable { type_name, field },
        _ => PlanError::TooComplex,
    })
}

/// An attempt that led nowhere, and the choices that came up until then.
struct Failed {
    stop: Stop,
    choices: Vec<usize>,
}

fn attempt<'a>(
    graph: &'a Graph,
    supergraph: &'a Supergraph,
    operation: &'a Operation,
    decisions: &[usize],
    missing: &mut Missing<'a>,
    steps: &Cell<u64>,
) -> Result<Known<'a>, Failed> {
    let mut solver = Solver::new(graph, supergraph, operation, decisions, missing, steps);
    let solved = solver.solve();
    let (draft, choices) = (solver.draft, solver.choices);
    if let Err(stop) = solved {
        return Err(Failed { stop, choices });
    }
    let groups = merge::groups(&draft);
    let fields = draft.sels.iter().map(|sel| sel.entries.len()).sum();
    let steps = groups.iter().map(|group| group.level).max().unwrap_or(0);
    let cost = cost::of(groups.len(), steps, fields);
    Ok(Known { cost, draft, groups, choices })
}
