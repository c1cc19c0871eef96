//! What can be reached from some places of an object: subgraphs that can be entered, fields that can be resolved.
//!
//! Doors open when their key can be had, fields with requirements are granted when those can be had, and either may help
//! the other, of the same object or of another one inside of a key. What is asked for starts with nothing and grows until
//! nothing changes, so circles are followed as long as they make progress, in a number of steps that is bounded by
//! what there is to open and to grant.

use std::collections::BTreeSet;
use std::rc::Rc;

use apollo_compiler::Name;
use apollo_compiler::collections::{HashMap, IndexMap};

use super::places::{PlaceId, Places, Purpose};
use crate::supergraph::{FieldSet, FieldSetItem, Supergraph};

/// Where an object can be had, in normal form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reached {
    /// Sorted; without those that an open door leads to as well.
    base: Vec<PlaceId>,
    /// Which of the type's doors are open, in their order.
    open: Vec<bool>,
    /// Fields whose requirements can be had. What the others say decides it, so that equal states have equal ones.
    granted: BTreeSet<(PlaceId, Name)>,
}

impl Reached {
    /// Whether it is more than one place and what can be entered anyway.
    pub(super) fn has_several_places(&self) -> bool {
        self.base.len() > 1
    }
}

/// Entity resolvers of one type that ask for the same.
struct Door {
    key: FieldSet,
    by: DoorName,
    leads_to: Vec<PlaceId>,
}

/// By which name an object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum DoorName {
    /// That of its concrete type, which must be known.
    Own,
    /// That of an interface, which stands for it there.
    InterfaceObject,
    /// That of an interface, to learn its concrete type: only where its places do not tell it.
    Interface,
    /// None: it is the query root.
    None,
}

/// The ways into a concrete type.
#[derive(Default)]
struct Doors {
    doors: Vec<Door>,
    /// Field → the doors behind which it may be, each with the places there.
    by_field: HashMap<Name, Vec<(usize, Vec<PlaceId>)>>,
    /// Place → the doors that lead to it.
    behind: HashMap<PlaceId, Vec<usize>>,
    /// Fields behind doors that require something: the door, the place, the field.
    requiring: Vec<(usize, PlaceId, Name)>,
}

/// Some places of objects of one type, sorted.
type Asked = (Name, Vec<PlaceId>);

impl Doors {
    fn new(groups: IndexMap<(FieldSet, DoorName), Vec<PlaceId>>, supergraph: &Supergraph, places: &Places<'_>) -> Self {
        let mut of_type = Self::default();
        for (index, ((key, by), leads_to)) in groups.into_iter().enumerate() {
            for place in &leads_to {
                let behind = of_type.behind.entry(*place).or_default();
                if behind.last() != Some(&index) {
                    behind.push(index);
                }
                let at = places.get(*place);
                let facts = supergraph.subgraphs[at.subgraph].types.get(&at.ty);
                for (field, facts) in facts.into_iter().flat_map(|facts| &facts.fields) {
                    if facts.requires.is_some() {
                        of_type.requiring.push((index, *place, field.clone()));
                    }
                    let behind = of_type.by_field.entry(field.clone()).or_default();
                    match behind.last_mut() {
                        Some((door, places)) if *door == index => places.push(*place),
                        _ => behind.push((index, vec![*place])),
                    }
                }
            }
            of_type.doors.push(Door { key, by, leads_to });
        }
        of_type
    }
}

pub(super) struct Reach<'a> {
    supergraph: &'a Supergraph,
    places: Places<'a>,
    doors: HashMap<Name, Rc<Doors>>,
    /// Fields with a connector of their own need no entry into their subgraph: type and field → the places of that type
    /// there.
    connected: HashMap<(Name, Name), Vec<PlaceId>>,
    /// The same, of those that require something, by type.
    connected_requiring: HashMap<Name, Vec<(PlaceId, Name)>>,
    /// What is known so far; what is in `growing` may still grow.
    known: HashMap<Asked, Reached>,
    growing: Vec<Asked>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(supergraph: &'a Supergraph, mut places: Places<'a>) -> Self {
        let mut doors: HashMap<Name, Rc<Doors>> = HashMap::default();
        // Nothing need be known to ask a query root, wherever it stands. A mutation runs where it stands, and nowhere else.
        let root = Name::new_static_unchecked("Query");
        let groups = [((FieldSet::default(), DoorName::None), places.roots(&root))];
        doors.insert(root, Rc::new(Doors::new(groups.into_iter().collect(), supergraph, &places)));
        for (ty, resolvers) in places.resolvers() {
            let mut groups: IndexMap<(FieldSet, DoorName), Vec<PlaceId>> = IndexMap::default();
            for (subgraph, index) in resolvers {
                let of = &supergraph.subgraphs[subgraph];
                let resolver = &of.resolvers[index];
                let Some(place) = places.entered(subgraph, &resolver.type_name, &resolver.via, &ty) else { continue };
                let by = match of.types.get(&resolver.type_name).is_some_and(|facts| facts.is_interface_object) {
                    true => DoorName::InterfaceObject,
                    false if resolver.type_name == ty => DoorName::Own,
                    false => DoorName::Interface,
                };
                // Sent by the interface's name, an object can be any of its types.
                if by == DoorName::Interface && !places.knows_all(subgraph, &resolver.type_name) {
                    continue;
                }
                groups.entry((resolver.key.clone(), by)).or_default().push(place);
            }
            doors.insert(ty, Rc::new(Doors::new(groups, supergraph, &places)));
        }
        let connected = places.connected();
        let mut connected_requiring: HashMap<Name, Vec<(PlaceId, Name)>> = HashMap::default();
        for ((ty, field), at) in &connected {
            let requires = |place: &&PlaceId| {
                places.field(**place, field, Purpose::Internal).is_some_and(|facts| facts.requires.is_some())
            };
            for place in at.iter().filter(requires) {
                connected_requiring.entry(ty.clone()).or_default().push((*place, field.clone()));
            }
        }
        let (known, growing) = (HashMap::default(), Vec::new());
        Self { supergraph, places, doors, connected, connected_requiring, known, growing }
    }

    /// A root type in every subgraph that has it.
    pub(super) fn roots(&mut self, root: &Name) -> Vec<PlaceId> {
        self.places.roots(root)
    }

    fn doors_of(&self, ty: &Name) -> Rc<Doors> {
        self.doors.get(ty).cloned().unwrap_or_default()
    }

    /// Opens all doors of a type that can be opened from these places.
    pub(super) fn reach(&mut self, ty: &Name, mut base: Vec<PlaceId>) -> Reached {
        base.sort_unstable();
        base.dedup();
        let asked = (ty.clone(), base);
        self.so_far(&asked);
        self.grow();
        let mut reached = self.so_far(&asked);
        let doors = self.doors_of(ty);
        reached.base.retain(|place| {
            let behind = doors.behind.get(place);
            !behind.is_some_and(|doors| doors.iter().any(|door| reached.open[*door]))
        });
        reached
    }

    /// What is known of some places; unknown ones start with themselves, and will grow.
    fn so_far(&mut self, asked: &Asked) -> Reached {
        if let Some(known) = self.known.get(asked) {
            return known.clone();
        }
        let open = vec![false; self.doors_of(&asked.0).doors.len()];
        let reached = Reached { base: asked.1.clone(), open, granted: BTreeSet::new() };
        self.known.insert(asked.clone(), reached.clone());
        self.growing.push(asked.clone());
        reached
    }

    /// Lets everything grow that may, until nothing does.
    fn grow(&mut self) {
        loop {
            let mut progress = false;
            let mut index = 0;
            // More may be asked for on the way.
            while let Some(asked) = self.growing.get(index).cloned() {
                progress |= self.grow_one(&asked);
                index += 1;
            }
            if !progress {
                break;
            }
        }
        self.growing.clear();
    }

    fn grow_one(&mut self, asked: &Asked) -> bool {
        let ty = &asked.0;
        let doors = self.doors_of(ty);
        let mut reached = self.so_far(asked);
        let candidates = self.requiring_at(ty, &reached.base);
        let mut grown = false;
        loop {
            let mut progress = false;
            for (index, door) in doors.doors.iter().enumerate() {
                let is_shut = match door.by {
                    DoorName::Own => !self.knows_typename_with(&reached, &doors),
                    DoorName::Interface => self.is_told(&reached.base),
                    DoorName::InterfaceObject | DoorName::None => false,
                };
                if reached.open[index] || is_shut {
                    continue;
                }
                if self.can_select(ty, &reached, &door.key) {
                    reached.open[index] = true;
                    progress = true;
                }
            }
            let behind = doors.requiring.iter().filter(|(door, ..)| reached.open[*door]);
            let behind: Vec<_> = behind.map(|(_, place, field)| (*place, field.clone())).collect();
            for candidate in candidates.iter().chain(&behind) {
                if !reached.granted.contains(candidate) && self.can_grant(ty, &reached, candidate) {
                    reached.granted.insert(candidate.clone());
                    progress = true;
                }
            }
            if !progress {
                break;
            }
            grown = true;
        }
        if grown {
            self.known.insert(asked.clone(), reached);
        }
        grown
    }

    /// Fields with requirements at places that need no door.
    fn requiring_at(&self, ty: &Name, base: &[PlaceId]) -> Vec<(PlaceId, Name)> {
        let mut found = self.connected_requiring.get(ty).cloned().unwrap_or_default();
        for place in base {
            let at = self.places.get(*place);
            let facts = self.supergraph.subgraphs[at.subgraph].types.get(&at.ty);
            let requiring = facts.into_iter().flat_map(|facts| &facts.fields).filter(|(_, f)| f.requires.is_some());
            found.extend(requiring.map(|(field, _)| (*place, field.clone())));
        }
        found
    }

    fn can_grant(&mut self, ty: &Name, reached: &Reached, (place, field): &(PlaceId, Name)) -> bool {
        let facts = self.places.field(*place, field, Purpose::Internal);
        let requires = facts.and_then(|facts| facts.requires.as_ref());
        requires.is_some_and(|requires| self.can_select(ty, reached, requires))
    }

    /// Whether one of some places tells the concrete type.
    fn is_told(&self, base: &[PlaceId]) -> bool {
        base.iter().any(|place| !self.places.is_interface_object(*place))
    }

    /// Whether any place knows the concrete type.
    pub(super) fn knows_typename(&self, ty: &Name, reached: &Reached) -> bool {
        self.knows_typename_with(reached, &self.doors_of(ty))
    }

    fn knows_typename_with(&self, reached: &Reached, doors: &Doors) -> bool {
        let knows = |place: &PlaceId| !self.places.is_interface_object(*place);
        self.is_told(&reached.base)
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
            if facts.requires.is_some() && !reached.granted.contains(&(place, field.clone())) {
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

    /// The places that may have a field: those at hand, those behind open doors, and where a connector fetches it alone.
    fn having(&self, ty: &Name, reached: &Reached, field: &Name) -> Vec<PlaceId> {
        let mut places = reached.base.clone();
        if let Some(doors) = self.doors.get(ty) {
            let behind = doors.by_field.get(field).into_iter().flatten();
            places.extend(behind.filter(|(door, _)| reached.open[*door]).flat_map(|(_, places)| places));
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
            let open = vec![false; self.doors_of(&ty).doors.len()];
            let at_hand = Reached { open, base, granted: BTreeSet::new() };
            if self.can_select(&ty, &at_hand, fields) {
                return true;
            }
            let mut base = at_hand.base;
            base.sort_unstable();
            base.dedup();
            let reached = self.so_far(&(ty.clone(), base));
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

    /// The keys by which a subgraph could be entered for a type, if they could be had.
    pub(super) fn keys_into(&self, ty: &Name, reached: &Reached, subgraph: usize) -> Vec<&FieldSet> {
        let doors = self.doors.get(ty).map(|doors| doors.doors.as_slice()).unwrap_or_default();
        let leads = |door: &&Door| door.leads_to.iter().any(|place| self.places.get(*place).subgraph == subgraph);
        let is_own = |door: &&Door| door.by != DoorName::Interface || !self.knows_typename(ty, reached);
        doors.iter().filter(leads).filter(is_own).map(|door| &door.key).collect()
    }
}
