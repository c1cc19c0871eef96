//! What access each field of each concrete type needs in the end.
//!
//! In: a [`Supergraph`]. Out: [`Guards`]: per concrete object type and field, which of the graph's distinct access rules have to
//! hold. Pure set work, done once for each version of the graph.
//!
//! A field of an object type needs what is declared on
//! - the field, and that field of every interface that the type implements;
//! - the type, and every interface that it implements;
//! - the field's own type (object, interface, scalar, enum), and every interface that this one implements;
//! - all that the field requires of its object in any subgraph (`@requires`, `@require`), likewise: else what is required could be
//!   read through what was made of it.
//!
//! So an object is never less protected than the way that leads to it, by whatever interface, union, fragment or alias it is selected.
//! Selections are kept per concrete type, so that a field of an interface is kept from a client for exactly those objects of
//! which it may not be seen. Keys are not counted: the gateway sends them between services, and clients do not see them unless
//! they select them.

use std::sync::Arc;

use apollo_compiler::collections::{HashMap, HashSet, IndexSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};

use super::access::{Access, Grants};
use super::field_set::{FieldSet, FieldSetItem};
use super::{Supergraph, possible_types};

/// Index of a distinct access rule of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GuardId(pub u32);

/// Which rules hold for which fields.
#[derive(Debug, Default)]
pub struct Guards {
    rules: Vec<Arc<Access>>,
    /// By concrete type.
    objects: HashMap<Name, ObjectGuards>,
    /// The root operation types: their `__typename` tells nothing.
    roots: HashSet<Name>,
}

/// The rules of one concrete type.
#[derive(Debug, Default)]
struct ObjectGuards {
    /// For any field of its objects, sorted.
    own: Box<[GuardId]>,
    /// For the fields that need more than that, sorted; `own` included.
    fields: HashMap<Name, Box<[GuardId]>>,
}

impl Guards {
    /// Derives them.
    pub fn new(supergraph: &Supergraph) -> Guards {
        if supergraph.access.is_empty() {
            return Guards::default();
        }
        let mut deriving = Deriving { supergraph, rules: IndexSet::default(), objects: HashMap::default() };
        let schema = &supergraph.schema;
        for object in schema.types.values().filter_map(ExtendedType::as_object) {
            deriving.object(&object.name);
        }
        deriving.requirements();
        let objects = deriving.objects.into_iter().map(|(name, found)| (name, found.finish()));
        let objects = objects.filter(|(_, guards)| !guards.own.is_empty() || !guards.fields.is_empty()).collect();
        let roots = schema.schema_definition.iter_root_operations().map(|(_, root)| root.name.clone()).collect();
        Guards { rules: deriving.rules.into_iter().collect(), objects, roots }
    }

    /// Whether nothing needs any.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether anything of a concrete type needs any.
    pub fn has(&self, object: &Name) -> bool {
        self.objects.contains_key(object)
    }

    /// The rules that a field of a concrete type needs, sorted. `__typename` needs those of its type; introspection is for everybody.
    pub fn of(&self, object: &Name, field: &Name) -> &[GuardId] {
        let Some(guards) = self.objects.get(object) else { return &[] };
        match field.as_str() {
            "__schema" | "__type" => &[],
            "__typename" if self.roots.contains(object) => &[],
            _ => guards.fields.get(field).unwrap_or(&guards.own),
        }
    }

    /// Whether a client meets a rule.
    pub fn is_granted(&self, id: GuardId, grants: &Grants) -> bool {
        self.rules.get(id.0 as usize).is_some_and(|rule| rule.is_granted(grants))
    }
}

/// Rules while they are collected.
#[derive(Default)]
struct Found {
    own: IndexSet<GuardId>,
    fields: HashMap<Name, IndexSet<GuardId>>,
}

impl Found {
    fn finish(self) -> ObjectGuards {
        let sorted = |set: IndexSet<GuardId>| {
            let mut ids: Vec<GuardId> = set.into_iter().collect();
            ids.sort();
            ids.into_boxed_slice()
        };
        let own = sorted(self.own);
        let fields = self.fields.into_iter().map(|(name, set)| (name, sorted(set)));
        ObjectGuards { fields: fields.filter(|(_, ids)| *ids != own).collect(), own }
    }
}

struct Deriving<'a> {
    supergraph: &'a Supergraph,
    rules: IndexSet<Arc<Access>>,
    objects: HashMap<Name, Found>,
}

impl<'a> Deriving<'a> {
    /// What is declared of a concrete type and its fields, requirements aside.
    fn object(&mut self, name: &Name) {
        let (schema, access) = (&self.supergraph.schema, &self.supergraph.access);
        let Some(ExtendedType::Object(object)) = schema.types.get(name) else { return };
        let mut found = Found::default();
        self.of_type(name, &mut found.own);
        for (field_name, field) in &object.fields {
            let mut ids = found.own.clone();
            let declared = interfaces(schema, name).chain([name]).filter_map(|of| access.of_field(of, field_name));
            for rule in declared {
                ids.insert(self.id(rule));
            }
            self.of_type(field.ty.inner_named_type(), &mut ids);
            found.fields.insert(field_name.clone(), ids);
        }
        self.objects.insert(name.clone(), found);
    }

    /// What a type and its interfaces declare.
    fn of_type(&mut self, name: &Name, into: &mut IndexSet<GuardId>) {
        let (schema, access) = (&self.supergraph.schema, &self.supergraph.access);
        for rule in interfaces(schema, name).chain([name]).filter_map(|of| access.of_type(of)) {
            into.insert(self.id(rule));
        }
    }

    fn id(&mut self, rule: &Arc<Access>) -> GuardId {
        GuardId(self.rules.insert_full(Arc::clone(rule)).0 as u32)
    }

    /// Adds what required fields need, and what these require, and so on.
    fn requirements(&mut self) {
        let mut required: HashMap<(Name, Name), IndexSet<(Name, Name)>> = HashMap::default();
        for subgraph in &self.supergraph.subgraphs {
            for (type_name, facts) in &subgraph.types {
                for (field, facts) in &facts.fields {
                    let Some(fields) = &facts.requires else { continue };
                    // An interface object gives the field to every implementation.
                    for object in possible_types(&self.supergraph.schema, type_name) {
                        let into = required.entry((object.clone(), field.clone())).or_default();
                        self.selected(&object, fields, &mut HashSet::default(), into);
                    }
                }
            }
        }
        let mut more: Vec<((Name, Name), IndexSet<GuardId>)> = Vec::new();
        for start in required.keys() {
            let mut ids = IndexSet::default();
            let mut seen: IndexSet<&(Name, Name)> = required[start].iter().collect();
            let mut next = 0;
            while let Some(place) = seen.get_index(next).copied() {
                next += 1;
                let found = self.objects.get(&place.0).and_then(|found| found.fields.get(&place.1));
                ids.extend(found.into_iter().flatten().copied());
                seen.extend(required.get(place).into_iter().flatten());
            }
            if !ids.is_empty() {
                more.push((start.clone(), ids));
            }
        }
        for ((object, field), ids) in more {
            if let Some(found) = self.objects.get_mut(&object).and_then(|found| found.fields.get_mut(&field)) {
                found.extend(ids);
            }
        }
    }

    /// The fields of concrete types that a requirement selects. The recursion follows the text of the field set, whose depth is bounded.
    /// `seen` keeps abstract types, which many levels may go through, from multiplying.
    fn selected(
        &self,
        object: &Name,
        fields: &FieldSet,
        seen: &mut HashSet<(Name, *const FieldSet)>,
        into: &mut IndexSet<(Name, Name)>,
    ) {
        if !seen.insert((object.clone(), std::ptr::from_ref(fields))) {
            return;
        }
        let schema = &self.supergraph.schema;
        for item in &fields.items {
            match item {
                FieldSetItem::Field { name, selection, .. } => {
                    into.insert((object.clone(), name.clone()));
                    let ty = schema.type_field(object, name).ok().map(|field| field.ty.inner_named_type());
                    let Some(ty) = ty.filter(|_| !selection.items.is_empty()) else { continue };
                    for below in possible_types(schema, ty) {
                        self.selected(&below, selection, seen, into);
                    }
                }
                FieldSetItem::Inline { type_condition, selection } => {
                    if possible_types(schema, type_condition).contains(object) {
                        self.selected(object, selection, seen, into);
                    }
                }
            }
        }
    }
}

/// The interfaces that an object or interface type implements.
fn interfaces<'s>(schema: &'s Schema, name: &Name) -> impl Iterator<Item = &'s Name> {
    let implemented = match schema.types.get(name) {
        Some(ExtendedType::Object(ty)) => Some(&ty.implements_interfaces),
        Some(ExtendedType::Interface(ty)) => Some(&ty.implements_interfaces),
        _ => None,
    };
    implemented.into_iter().flatten().map(|interface| &interface.name)
}

#[cfg(test)]
mod tests;
