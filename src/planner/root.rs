//! Root fields: which subgraph is asked for each.
//!
//! Fields of a query that go to one subgraph are one fetch, unless their owners gave them different time limits; a connector's
//! root field is a fetch of its own. Root fields of a mutation run in the client's order, each once, whoever else could run
//! them. Neighbours that one subgraph runs are one fetch, which it works off in their order, as long as nothing is left to be
//! fetched for the ones before.

use apollo_compiler::ast::OperationType;

use super::draft::{CtxId, Entry, JobKind, NeedId, Origin, PosId, Static};
use super::graph::{Connected, Edge, NodeId, Sym};
use super::policy;
use super::reach::{hash, root_call};
use super::resolve::{Solver, Stop};
use crate::operation::SelectionSet;

/// Who can answer a root field.
#[derive(Clone, Copy)]
enum RootWay {
    /// A GraphQL subgraph.
    Fetch(NodeId),
    /// This one of the field's connectors.
    Connected(usize),
}

impl Solver<'_, '_> {
    pub(super) fn root(&mut self, pos: PosId, object: Sym) -> Result<(), Stop> {
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
        let mut ordinal = 0;
        for (index, need) in by_freedom.into_iter().enumerate() {
            if is_mutation && index > 0 && self.joins(pos, object, needs[index - 1], need) {
                continue;
            }
            ordinal += u32::from(is_mutation);
            self.root_need(pos, object, need, ordinal)?;
            if is_mutation {
                self.ask_now(need);
            }
        }
        self.enqueue(&needs);
        Ok(())
    }

    /// Lets a field of a mutation travel with the one before it, where the service does with both what it would do with each.
    fn joins(&mut self, pos: PosId, object: Sym, before: NeedId, need: NeedId) -> bool {
        let Some(ctx) = self.draft.pos(pos).contexts.last().copied() else { return false };
        let job = self.draft.job(self.draft.ctx(ctx).job);
        let Static::Node(root) = self.draft.ctx(ctx).shape else { return false };
        let graph = self.draft.graph;
        let (field, last) = (self.draft.need(need).field, self.draft.need(before).field);
        let (Some(edge), Some(edge_before)) = (graph.edge(root, field), graph.edge(root, last)) else { return false };
        let is_alone = job.kind != JobKind::Root
            || job.timeout_ms
                != policy::root_timeout(self.draft.supergraph, job.subgraph, graph.name(object), graph.name(field));
        // A leaf is asked for once, however often it is wanted; but each of these is to run.
        let args = &self.draft.need(need).args;
        let same = |entry: &Entry| entry.sub.is_none() && entry.field == field && entry.args == *args;
        let runs_already = self.draft.ctx(ctx).sel.is_some_and(|sel| self.draft.sel(sel).entries.iter().any(same));
        // A null that only this service forbids would take the answers of the others with it.
        let is_stricter = |edge: &Edge, field| {
            let declared = self.draft.supergraph.schema.type_field(graph.name(object), graph.name(field));
            edge.ty.is_non_null() && !declared.is_ok_and(|declared| declared.ty.is_non_null())
        };
        if is_alone || runs_already || is_stricter(edge, field) || is_stricter(edge_before, last) {
            return false;
        }
        let left = edge_before.target.map_or(0, |target| self.missing_below(target, before));
        if left > 0 {
            return false;
        }
        self.take(need, ctx);
        self.ask_now(need);
        true
    }

    /// Asks for an object at once, so that fields stand in the order in which they are to run.
    fn ask_now(&mut self, need: NeedId) {
        let Some(child) = self.draft.need(need).child else { return };
        for ctx in self.draft.contexts(child) {
            self.draft.materialize(ctx);
        }
    }

    pub(super) fn root_need(&mut self, pos: PosId, object: Sym, need: NeedId, ordinal: u32) -> Result<(), Stop> {
        let graph = self.draft.graph;
        let field = self.draft.need(need).field;
        let mut ways: Vec<((usize, usize, usize), RootWay)> = Vec::new();
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
            ways.push(((usize::from(is_new) + below, usize::MAX - coverage, ways.len()), RootWay::Fetch(*root)));
        }
        for (index, connected) in graph.connected(object, field).iter().enumerate() {
            let target = graph.edge(connected.node, field).and_then(|edge| edge.target);
            let below = target.map_or(0, |target| self.missing_below(target, need));
            let is_new = ordinal > 0 || self.connected_context(connected, need).is_none();
            ways.push(((usize::from(is_new) + below, usize::MAX, ways.len()), RootWay::Connected(index)));
        }
        ways.sort_by_key(|(cost, _)| *cost);
        if ways.is_empty() {
            return Err(self.dead_end(object, field));
        }
        let chosen = self.choose(ways.len());
        let ctx = match ways[chosen].1 {
            RootWay::Fetch(root) => self.root_job(pos, object, root, field, ordinal),
            RootWay::Connected(index) => self.connect_root(pos, object, need, index, ordinal),
        };
        self.take(need, ctx);
        Ok(())
    }

    pub(super) fn root_context(&self, root: NodeId, timeout: Option<u64>) -> Option<CtxId> {
        self.draft.pos(PosId(0)).contexts.iter().copied().find(|ctx| {
            let job = self.draft.job(self.draft.ctx(*ctx).job);
            matches!(self.draft.ctx(*ctx).shape, Static::Node(node) if node == root)
                && job.kind == JobKind::Root
                && job.timeout_ms == timeout
        })
    }

    /// Asks for a root field by one of its connectors. Another selection of the same call is the same fetch.
    pub(super) fn connect_root(&mut self, pos: PosId, object: Sym, need: NeedId, index: usize, ordinal: u32) -> CtxId {
        let graph = self.draft.graph;
        let field = self.draft.need(need).field;
        let connected = graph.connected(object, field)[index].clone();
        if let Some(ctx) = self.connected_context(&connected, need).filter(|_| ordinal == 0) {
            return ctx;
        }
        let kind = JobKind::ConnectRoot { connector: connected.connector, need };
        let subgraph = connected.subgraph;
        let timeout = policy::root_timeout(self.draft.supergraph, subgraph, graph.name(object), graph.name(field));
        let call = hash(("connect", subgraph, connected.connector, need));
        let shape = Static::Node(connected.node);
        self.add_job(pos, subgraph, kind, vec![object], shape, Origin::Root, 1, call, timeout, ordinal)
    }

    /// A root context of the same connector with the same arguments.
    fn connected_context(&self, connected: &Connected, need: NeedId) -> Option<CtxId> {
        let same = |other: NeedId| {
            let (need, other) = (self.draft.need(need), self.draft.need(other));
            need.field == other.field && need.args == other.args
        };
        self.draft.pos(PosId(0)).contexts.iter().copied().find(|ctx| {
            let job = self.draft.job(self.draft.ctx(*ctx).job);
            job.subgraph == connected.subgraph
                && matches!(job.kind, JobKind::ConnectRoot { connector, need }
                    if connector == connected.connector && same(need))
        })
    }

    pub(super) fn root_job(&mut self, pos: PosId, object: Sym, root: NodeId, field: Sym, ordinal: u32) -> CtxId {
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

    /// Takes a root field from its context.
    pub(super) fn take(&mut self, need: NeedId, ctx: CtxId) {
        let types = self.draft.need(need).types.clone();
        if self.draft.need(need).is_composite {
            let ordinal = self.draft.job(self.draft.ctx(ctx).job).ordinal;
            self.add_child(need, ordinal);
        } else {
            self.draft.take_leaf(ctx, need, &types);
        }
    }
}
