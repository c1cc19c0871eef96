//! What a node cannot answer of a selection by itself: the measure by which ways to get an object are compared.

use std::cell::Cell;
use std::rc::Rc;

use apollo_compiler::collections::{HashMap, HashSet};

use super::graph::{Graph, NodeId};
use crate::operation::SelectionSet;
use crate::supergraph::SubgraphId;

/// Subgraphs of which one will have to be asked besides.
type Class = Vec<SubgraphId>;

/// Remembers what was found, for all plans that one search makes.
#[derive(Default)]
pub(super) struct Missing<'a> {
    known: HashMap<(NodeId, &'a SelectionSet), Rc<[Class]>>,
    /// Steps that were taken since somebody last counted them.
    pub(super) steps: Cell<u64>,
}

impl<'a> Missing<'a> {
    /// At least how many more fetches it takes to answer `sets` when the objects are had at `node`.
    pub(super) fn count(&mut self, graph: &Graph, node: NodeId, sets: &[&'a SelectionSet]) -> usize {
        let mut classes: Vec<Class> = Vec::new();
        for set in sets {
            add(&mut classes, &self.classes(graph, node, set));
        }
        // Whoever must ask one of a few can take the rest from there.
        let is_implied = |class: &Class| {
            let subset = |other: &&Class| *other != class && other.iter().all(|subgraph| class.contains(subgraph));
            classes.iter().any(|other| subset(&other))
        };
        classes.iter().filter(|class| !is_implied(class)).count()
    }

    fn classes(&mut self, graph: &Graph, node: NodeId, set: &'a SelectionSet) -> Rc<[Class]> {
        let key = (node, set);
        if let Some(known) = self.known.get(&key) {
            return Rc::clone(known);
        }
        let mut classes = Vec::new();
        for branch in &set.branches {
            let mut seen = HashSet::default();
            self.steps.set(self.steps.get() + (branch.types.len() + branch.fields.len()) as u64);
            for object in branch.types.iter().filter_map(|name| graph.sym(name)) {
                let Some(concrete) = graph.concrete(node, object) else { continue };
                if !seen.insert(concrete) {
                    continue;
                }
                self.steps.set(self.steps.get() + branch.fields.len() as u64);
                for field in branch.fields.iter().filter(|field| !field.is_denied) {
                    let Some(sym) = graph.sym(&field.name) else { continue };
                    if sym == graph.typename {
                        if !graph.node(node).trusted {
                            // Nobody in particular, but somebody else.
                            add(&mut classes, &[Vec::new()]);
                        }
                        continue;
                    }
                    match graph.edge(concrete, sym) {
                        Some(edge) if edge.requires.is_none() => {
                            if let (Some(target), Some(selection)) = (edge.target, &field.selection) {
                                let below = self.classes(graph, target, selection);
                                add(&mut classes, &below);
                            }
                        }
                        _ => {
                            let mut class = graph.holders(object, sym).to_vec();
                            class.extend(graph.connected(object, sym).iter().map(|connected| connected.subgraph));
                            class.sort();
                            class.dedup();
                            add(&mut classes, &[class]);
                        }
                    }
                }
            }
        }
        let classes: Rc<[Class]> = classes.into();
        self.known.insert(key, Rc::clone(&classes));
        classes
    }
}

fn add(to: &mut Vec<Class>, classes: &[Class]) {
    for class in classes {
        if !to.contains(class) {
            to.push(class.clone());
        }
    }
}
