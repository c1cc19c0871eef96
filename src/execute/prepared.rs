//! A plan with everything that depends only on it, derived once and kept with it.
//!
//! In: a [`Plan`] and the graph. Out: [`Prepared`]: layouts of the answers, the constant parts of the
//! bodies, and which fetches wait for which.

use super::graphql;
use super::layout::Layout;
use crate::planner::Plan;
use crate::planner::plan::{Call, Fetch, FetchId, ShapeId};
use crate::supergraph::Supergraph;

/// A plan, ready to run.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) layout: Layout,
    fetches: Vec<PreparedFetch>,
}

/// What is derived of one fetch.
#[derive(Debug, Default)]
pub(crate) struct PreparedFetch {
    /// Those that wait for it.
    pub(crate) dependents: Vec<FetchId>,
    /// The start of a GraphQL body.
    pub(crate) head: Vec<u8>,
}

impl Prepared {
    /// Derives it.
    pub(crate) fn new(plan: Plan, supergraph: &Supergraph) -> Prepared {
        let _ = supergraph;
        let layout = Layout::new(&plan.shapes);
        let mut fetches: Vec<PreparedFetch> = plan
            .fetches
            .iter()
            .map(|fetch| match &fetch.call {
                Call::Root { operation, .. } | Call::Entities { operation, .. } => {
                    PreparedFetch { head: graphql::head(operation), ..PreparedFetch::default() }
                }
                _ => PreparedFetch::default(),
            })
            .collect();
        for (index, fetch) in plan.fetches.iter().enumerate() {
            for before in &fetch.after {
                fetches[before.0 as usize].dependents.push(FetchId(index as u32));
            }
        }
        Prepared { plan, layout, fetches }
    }

    pub(crate) fn fetch(&self, id: FetchId) -> (&Fetch, &PreparedFetch) {
        (&self.plan.fetches[id.0 as usize], &self.fetches[id.0 as usize])
    }

    pub(crate) fn shape_slots(&self, id: ShapeId) -> u32 {
        self.plan.shapes[id.0 as usize].slots
    }
}
