//! What can be reached from some places of an object: subgraphs that can be entered, fields that can be resolved.

use std::rc::Rc;

use apollo_compiler::Name;
use apollo_compiler::collections::{HashMap, HashSet, IndexMap};

use super::places::{PlaceId, Places, Purpose};
use crate::supergraph::{FieldSet, FieldSetItem, SubgraphField, Supergraph};

/// How deep keys may be looked for inside of other keys' fields.
const DEPTH_MAX: usize = 24;

/// Where an object can be had, in normal form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reached {
    /// Sorted; without those that an open door leads to as well.
    base: Vec<PlaceId>,
    /// Which of the type's doors are open, in their order.
    open: Vec<bool>,
}

/// Entity resolvers of one type that ask for the same.
struct Door {
    key: FieldSet,
    /// The concrete type must be known to go through, because the representation carries it.
    needs_typename: bool,
    leads_to: Vec<PlaceId>,
}

/// The ways into a concrete type.
#[derive(Default)]
struct Doors {
    doors: Vec<Door>,
    /// Field → the places behind doors that may have it, each with its door.
    by_field: HashMap<Name, Vec<(usize, PlaceId)>>,
    /// Place → the doors that lead to it.
    behind: HashMap<PlaceId, Vec<usize>>,
}

pub(super) struct Reach<'a> {
    supergraph: &'a Supergraph,
    places: Places<'a>,
    doors: HashMap<Name, Rc<Doors>>,
    /// Fields with a connector of their own need no entry into their subgraph: type and field → the places of that type there.
    connected: HashMap<(Name, Name), Vec<PlaceId>>,
    known: HashMap<(Name, Vec<PlaceId>), Reached>,
    /// What is being computed: asked again meanwhile, only the places themselves count.
    underway: HashSet<(Name, Vec<PlaceId>)>,
    /// Requirements that are being followed: circles are no way to get anything.
    requiring: Vec<(PlaceId, Name)>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(supergraph: &'a Supergraph, mut places: Places<'a>) -> Self {
        let mut doors: HashMap<Name, Rc<Doors>> = HashMap::default();
        for (ty, resolvers) in places.resolvers() {
            let mut groups: IndexMap<(FieldSet, bool), Vec<PlaceId>> = IndexMap::default();
            for (subgraph, index) in resolvers {
                let of = &supergraph.subgraphs[subgraph];
                let resolver = &of.resolvers[index];
                let Some(place) = places.entered(subgraph, &resolver.type_name, &resolver.via, &ty) else { continue };
                // By an interface's key any of its objects can be asked for, whatever its concrete type.
                let needs_typename = resolver.type_name == ty;
                groups.entry((resolver.key.clone(), needs_typename)).or_default().push(place);
            }
            let mut of_type = Doors::default();
            for (index, ((key, needs_typename), leads_to)) in groups.into_iter().enumerate() {
                for place in &leads_to {
                    let behind = of_type.behind.entry(*place).or_default();
                    if behind.last() != Some(&index) {
                        behind.push(index);
                    }
                    let at = places.get(*place);
                    let facts = supergraph.subgraphs[at.subgraph].types.get(&at.ty);
                    for field in facts.into_iter().flat_map(|facts| facts.fields.keys()) {
                        of_type.by_field.entry(field.clone()).or_default().push((index, *place));
                    }
                }
                of_type.doors.push(Door { key, needs_typename, leads_to });
            }
            doors.insert(ty, Rc::new(of_type));
        }
        let connected = places.connected();
        Self {
            supergraph,
            places,
            doors,
            connected,
            known: HashMap::default(),
            underway: HashSet::default(),
            requiring: Vec::new(),
        }
    }

    /// A root type in all subgraphs that have it.
    pub(super) fn roots(&mut self, ty: &Name) -> Vec<PlaceId> {
        (0..self.supergraph.subgraphs.len()).filter_map(|subgraph| self.places.root(subgraph, ty)).collect()
    }

    fn doors_of(&self, ty: &Name) -> Rc<Doors> {
        self.doors.get(ty).cloned().unwrap_or_default()
    }

    /// Opens all doors of a type that can be opened from these places.
    pub(super) fn reach(&mut self, ty: &Name, mut base: Vec<PlaceId>) -> Reached {
        // The query root can be asked anew in each subgraph.
        if ty == "Query" {
            base.extend(self.roots(ty));
        }
        base.sort_unstable();
        base.dedup();
        let asked = (ty.clone(), base);
        if let Some(known) = self.known.get(&asked) {
            return known.clone();
        }
        let doors = self.doors_of(ty);
        let mut reached = Reached { base: asked.1.clone(), open: vec![false; doors.doors.len()] };
        if self.underway.len() >= DEPTH_MAX || !self.underway.insert(asked.clone()) {
            return reached;
        }
        loop {
            let mut progress = false;
            for (index, door) in doors.doors.iter().enumerate() {
                if reached.open[index] || (door.needs_typename && !self.knows_typename_with(&reached, &doors)) {
                    continue;
                }
                if self.can_select(ty, &reached, &door.key) {
                    reached.open[index] = true;
                    progress = true;
                }
            }
            if !progress {
                break;
            }
        }
        reached.base.retain(|place| {
            let behind = doors.behind.get(place);
            !behind.is_some_and(|doors| doors.iter().any(|door| reached.open[*door]))
        });
        self.underway.remove(&asked);
        // A result that was found while something else was under way may lack what that will add.
        if self.underway.is_empty() && self.requiring.is_empty() {
            self.known.insert(asked, reached.clone());
        }
        reached
    }

    /// Whether any place knows the concrete type.
    pub(super) fn knows_typename(&self, ty: &Name, reached: &Reached) -> bool {
        self.knows_typename_with(reached, &self.doors_of(ty))
    }

    fn knows_typename_with(&self, reached: &Reached, doors: &Doors) -> bool {
        let knows = |place: &PlaceId| !self.places.is_interface_object(*place);
        reached.base.iter().any(knows)
            || doors.doors.iter().zip(&reached.open).any(|(door, open)| *open && door.leads_to.iter().any(knows))
    }

    /// The places of a field's value; empty for a scalar. `None`: nobody can be asked for the field.
    pub(super) fn resolve(&mut self, ty: &Name, reached: &Reached, field: &Name) -> Option<Vec<PlaceId>> {
        self.resolve_for(ty, reached, field, Purpose::Client)
    }

    fn resolve_for(&mut self, ty: &Name, reached: &Reached, field: &Name, purpose: Purpose) -> Option<Vec<PlaceId>> {
        let mut found = false;
        let mut next = Vec::new();
        for place in self.having(ty, reached, field) {
            let Some(facts) = self.places.field(place, field, purpose) else { continue };
            if !self.can_require(ty, reached, place, field, facts) {
                continue;
            }
            found = true;
            match self.places.follow(place, field, facts) {
                Some(value) => next.push(value),
                // A scalar: one place is as good as another.
                None => break,
            }
        }
        found.then_some(next)
    }

    /// Whether what a field requires can be had without the field itself.
    fn can_require(
        &mut self,
        ty: &Name,
        reached: &Reached,
        place: PlaceId,
        field: &Name,
        facts: &'a SubgraphField,
    ) -> bool {
        let Some(requires) = &facts.requires else { return true };
        let here = (place, field.clone());
        if self.requiring.contains(&here) || self.requiring.len() >= DEPTH_MAX {
            return false;
        }
        self.requiring.push(here);
        let can = self.can_select(ty, reached, requires);
        self.requiring.pop();
        can
    }

    /// The places that may have a field: those at hand, those behind open doors, and where a connector fetches it alone.
    fn having(&self, ty: &Name, reached: &Reached, field: &Name) -> Vec<PlaceId> {
        let mut places = reached.base.clone();
        if let Some(doors) = self.doors.get(ty) {
            let behind = doors.by_field.get(field).into_iter().flatten();
            places.extend(behind.filter(|(door, _)| reached.open[*door]).map(|(_, place)| *place));
        }
        if !self.connected.is_empty() {
            places.extend(self.connected.get(&(ty.clone(), field.clone())).into_iter().flatten());
        }
        places
    }

    /// Whether everything that a field set selects can be had of an object.
    fn can_select(&mut self, ty: &Name, reached: &Reached, fields: &FieldSet) -> bool {
        fields.items.iter().all(|item| match item {
            FieldSetItem::Inline { type_condition, selection } => {
                !self.places.applies(ty, type_condition) || self.can_select(ty, reached, selection)
            }
            FieldSetItem::Field { name, .. } if name == "__typename" => self.knows_typename(ty, reached),
            FieldSetItem::Field { name, selection, .. } => {
                let Some(next) = self.resolve_for(ty, reached, name, Purpose::Internal) else { return false };
                selection.is_empty() || self.can_select_each(next, selection)
            }
        })
    }

    /// The same of the values of a field, of each type that they can have.
    fn can_select_each(&mut self, places: Vec<PlaceId>, fields: &FieldSet) -> bool {
        self.by_concrete_type(&places).into_iter().all(|(ty, base)| {
            let at_hand = Reached { open: vec![false; self.doors_of(&ty).doors.len()], base };
            if self.can_select(&ty, &at_hand, fields) {
                return true;
            }
            let reached = self.reach(&ty, at_hand.base);
            self.can_select(&ty, &reached, fields)
        })
    }

    /// Places by the concrete types that objects can have there.
    pub(super) fn by_concrete_type(&mut self, places: &[PlaceId]) -> IndexMap<Name, Vec<PlaceId>> {
        let mut by_type: IndexMap<Name, Vec<PlaceId>> = IndexMap::default();
        for place in places {
            for (ty, place) in self.places.concrete(*place) {
                by_type.entry(ty).or_default().push(place);
            }
        }
        by_type
    }

    /// The subgraphs in which an object is at hand or can be asked for.
    pub(super) fn subgraphs(&self, ty: &Name, reached: &Reached) -> Vec<usize> {
        let mut found: Vec<usize> = reached.base.iter().map(|place| self.places.get(*place).subgraph).collect();
        if let Some(doors) = self.doors.get(ty) {
            let open = doors.doors.iter().zip(&reached.open).filter(|(_, open)| **open);
            found.extend(open.flat_map(|(door, _)| &door.leads_to).map(|place| self.places.get(*place).subgraph));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The keys by which a subgraph could be entered for a type.
    pub(super) fn keys_into(&self, ty: &Name, subgraph: usize) -> Vec<&FieldSet> {
        let doors = self.doors.get(ty).map(|doors| doors.doors.as_slice()).unwrap_or_default();
        let leads = |door: &&Door| door.leads_to.iter().any(|place| self.places.get(*place).subgraph == subgraph);
        doors.iter().filter(leads).map(|door| &door.key).collect()
    }
}
