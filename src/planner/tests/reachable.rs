//! Whether an operation can be answered at all, decided without costs: all places where an object can be had are followed at once.
//! A planner that refuses what this accepts has overlooked a way.

use apollo_compiler::collections::HashSet;

use crate::operation::{OperationType, SelectionSet};
use crate::planner::graph::{Graph, NodeId, ResolverMode, Sym};
use crate::supergraph::{FieldSet, FieldSetItem};

/// Where objects of one concrete type can be had.
type Nodes = HashSet<NodeId>;
/// Requirements that are being looked at.
type Guard = Vec<(Sym, NodeId, Sym)>;

pub(super) fn is_answerable(graph: &Graph, root: Sym, selection: &SelectionSet) -> bool {
    let roots: HashSet<NodeId> = graph.roots(OperationType::Query).iter().copied().collect();
    selection_is(graph, root, &roots, selection)
}

/// `places`: where objects of the declared type can be had.
fn selection_is(graph: &Graph, declared: Sym, places: &HashSet<NodeId>, selection: &SelectionSet) -> bool {
    let is_object = graph.type_info(declared).is_some_and(|info| info.is_object);
    selection.branches.iter().all(|branch| {
        branch.types.iter().filter_map(|name| graph.sym(name)).all(|object| {
            let nodes = close(graph, object, is_object, places, &mut Vec::new());
            nodes.is_empty()
                || branch.fields.iter().filter(|field| !field.name.starts_with("__")).all(|field| {
                    let Some(sym) = graph.sym(&field.name) else { return false };
                    match (below(graph, object, &nodes, sym, &mut Vec::new()), &field.selection) {
                        (None, _) => false,
                        (Some(_), None) => true,
                        (Some(targets), Some(inner)) => {
                            let named = graph.field_info(object, sym).unwrap().named;
                            selection_is(graph, named, &targets, inner)
                        }
                    }
                })
        })
    })
}

fn close(graph: &Graph, object: Sym, is_object: bool, places: &HashSet<NodeId>, guard: &mut Guard) -> Nodes {
    let mut nodes: Nodes = places.iter().filter_map(|place| graph.concrete(*place, object)).collect();
    let mut is_known =
        is_object || places.iter().any(|place| graph.node(*place).trusted && graph.concrete(*place, object).is_some());
    if nodes.is_empty() {
        return nodes;
    }
    let was_known = is_known;
    loop {
        let mut has_changed = false;
        for resolver in graph.resolvers(object) {
            let Some(node) = graph.concrete(resolver.target, object) else { continue };
            let adds = !nodes.contains(&node) || (matches!(resolver.mode, ResolverMode::Interface(_)) && !is_known);
            if adds
                && (is_known || !matches!(resolver.mode, ResolverMode::Concrete | ResolverMode::Root))
                && !(was_known && matches!(resolver.mode, ResolverMode::Interface(_)))
                && reads(graph, object, &nodes, &resolver.key, guard)
            {
                nodes.insert(node);
                is_known |= matches!(resolver.mode, ResolverMode::Interface(_)) && graph.node(resolver.target).trusted;
                has_changed = true;
            }
        }
        if !has_changed {
            return nodes;
        }
    }
}

fn reads(graph: &Graph, object: Sym, nodes: &Nodes, fields: &FieldSet, guard: &mut Guard) -> bool {
    fields.items.iter().all(|item| match item {
        FieldSetItem::Inline { type_condition, selection } => {
            let condition = graph.sym(type_condition).unwrap();
            !graph.is_a(object, condition) || reads(graph, object, nodes, selection, guard)
        }
        FieldSetItem::Field { name, selection, .. } => {
            let field = graph.sym(name).unwrap();
            let Some(targets) = below(graph, object, nodes, field, guard) else { return false };
            if selection.is_empty() {
                return true;
            }
            let named = graph.field_info(object, field).unwrap().named;
            let info = graph.type_info(named).unwrap();
            info.possible.iter().all(|inner| {
                let nodes = close(graph, *inner, info.is_object, &targets, guard);
                nodes.is_empty() || reads(graph, *inner, &nodes, selection, guard)
            })
        }
    })
}

/// Where a field leads; `None` if nobody can be asked for it.
fn below(graph: &Graph, object: Sym, nodes: &Nodes, field: Sym, guard: &mut Guard) -> Option<HashSet<NodeId>> {
    let mut targets = HashSet::default();
    let mut is_found = false;
    for node in nodes {
        let Some(edge) = graph.edge(*node, field) else { continue };
        if let Some(requires) = &edge.requires {
            let step = (object, *node, field);
            if guard.contains(&step) {
                continue;
            }
            guard.push(step);
            // The subgraph is entered anew with what it requires.
            let enters = graph.resolvers(object).iter().any(|resolver| {
                graph.concrete(resolver.target, object).is_some_and(|target| {
                    graph.edge(target, field).is_some() && graph.node(target).subgraph == graph.node(*node).subgraph
                }) && reads(graph, object, nodes, &resolver.key, &mut guard.clone())
            });
            let can = enters && reads(graph, object, nodes, requires, guard);
            guard.pop();
            if !can {
                continue;
            }
        }
        is_found = true;
        targets.extend(edge.target);
    }
    is_found.then_some(targets)
}
