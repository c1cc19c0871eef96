//! What clients do not see of a random graph: fields, members of abstract types, enum values.

use std::collections::BTreeSet;

use super::super::rng::Rng;
use super::{Graph, Inner};

impl Graph {
    pub(super) fn hide(&mut self, rng: &mut Rng) {
        let silent: BTreeSet<usize> = self.http.union(&self.old).copied().collect();
        for entity in &mut self.entities {
            for field in &mut entity.fields {
                let can_say = field.owners.iter().any(|owner| !silent.contains(owner));
                field.is_hidden = field.name.starts_with('f') && can_say && rng.percent(8);
            }
        }
        if rng.percent(25) {
            let candidates: Vec<usize> = (0..self.entities.len()).filter(|entity| self.may_hide(*entity)).collect();
            if !candidates.is_empty() {
                self.hidden_entity = Some(*rng.pick(&candidates));
            }
        }
    }

    /// Whether clients only ever meet an entity behind an abstract type that has other members too.
    fn may_hide(&self, entity: usize) -> bool {
        let fields = self.entities.iter().flat_map(|entity| &entity.fields).chain(self.values.iter().flatten());
        let mut fields = fields.chain(&self.roots).chain(&self.mutations);
        let abstracts = || self.interfaces.iter().chain(&self.unions).filter(|it| !it.known.is_empty());
        let has_others = |known: &BTreeSet<usize>| known.iter().any(|member| *member != entity);
        !fields.any(|field| field.inner == Inner::Entity(entity))
            && abstracts().any(|it| it.known.values().flatten().any(|member| *member == entity))
            && abstracts().all(|it| has_others(&it.known.values().flatten().copied().collect()))
            && self.entities[entity].views.keys().any(|home| self.may_say_inaccessible(*home))
    }

    /// Whether the subgraph is the one that says so: the first that can.
    pub(super) fn hides(&self, subgraph: usize, homes: &[usize]) -> bool {
        homes.iter().find(|home| self.may_say_inaccessible(**home)) == Some(&subgraph)
    }

    pub(super) fn may_say_inaccessible(&self, subgraph: usize) -> bool {
        !self.http.contains(&subgraph) && !self.old.contains(&subgraph)
    }
}
