//! What access each field of each concrete type needs in the end.
//!
//! In: a [`Supergraph`]. Out: [`Guards`]: per object and interface type and field, which of the graph's distinct access rules have to
//! hold. Pure set work, done once for each version of the graph.
//!
//! A field of an object needs what is declared on
//! - the field and the object's type;
//! - the interface that it is selected through, if it is, and that interface's field;
//! - the field's own type (object, interface, scalar, enum);
//! - all that the field requires of its object in any subgraph (`@requires`, `@require`), likewise: else what is required could be
//!   read through what was made of it.
//!
//! Because the object's own rules always count, neither interfaces, unions, fragments nor aliases open anything. An interface has rules
//! of its own only in documents of other composers. Keys are not counted: the gateway sends them
//! between services, and clients do not see them unless they select them.

use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::collections::{HashMap, HashSet, IndexMap, IndexSet};
use apollo_compiler::schema::{Component, ExtendedType};

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
    /// By object or interface type.
    types: HashMap<Name, TypeGuards>,
    /// The root operation types: their `__typename` tells nothing.
    roots: HashSet<Name>,
}

/// The rules of one type.
#[derive(Debug, Default)]
struct TypeGuards {
    /// For any of its fields, sorted.
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
        let mut deriving = Deriving { supergraph, rules: IndexSet::default(), types: HashMap::default() };
        let schema = &supergraph.schema;
        for (name, ty) in &schema.types {
            match ty {
                ExtendedType::Object(ty) => deriving.declared(name, &ty.fields),
                ExtendedType::Interface(ty) => deriving.declared(name, &ty.fields),
                _ => {}
            }
        }
        deriving.requirements();
        let types = deriving.types.into_iter().map(|(name, found)| (name, found.finish()));
        let types = types.filter(|(_, guards)| !guards.own.is_empty() || !guards.fields.is_empty()).collect();
        let roots = schema.schema_definition.iter_root_operations().map(|(_, root)| root.name.clone()).collect();
        Guards { rules: deriving.rules.into_iter().collect(), types, roots }
    }

    /// Whether nothing needs any.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether anything of an object or interface type needs any.
    pub fn has(&self, type_name: &Name) -> bool {
        self.types.contains_key(type_name)
    }

    /// The rules that a field of an object needs, or of anything that is selected through an interface, sorted. `__typename` needs
    /// those of its type; introspection is for everybody.
    pub fn of(&self, type_name: &Name, field: &Name) -> &[GuardId] {
        let Some(guards) = self.types.get(type_name) else { return &[] };
        match field.as_str() {
            "__schema" | "__type" => &[],
            "__typename" if self.roots.contains(type_name) => &[],
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
    fn finish(self) -> TypeGuards {
        let sorted = |set: IndexSet<GuardId>| {
            let mut ids: Vec<GuardId> = set.into_iter().collect();
            ids.sort();
            ids.into_boxed_slice()
        };
        let own = sorted(self.own);
        let fields = self.fields.into_iter().map(|(name, set)| (name, sorted(set)));
        TypeGuards { fields: fields.filter(|(_, ids)| *ids != own).collect(), own }
    }
}

struct Deriving<'a> {
    supergraph: &'a Supergraph,
    rules: IndexSet<Arc<Access>>,
    types: HashMap<Name, Found>,
}

impl<'a> Deriving<'a> {
    /// What is declared of a type and its fields, requirements aside.
    fn declared(&mut self, name: &Name, fields: &IndexMap<Name, Component<FieldDefinition>>) {
        let access = &self.supergraph.access;
        let mut found = Found::default();
        found.own.extend(access.of_type(name).map(|rule| self.id(rule)));
        for (field_name, field) in fields {
            let mut ids = found.own.clone();
            let rules = [access.of_field(name, field_name), access.of_type(field.ty.inner_named_type())];
            ids.extend(rules.into_iter().flatten().map(|rule| self.id(rule)));
            found.fields.insert(field_name.clone(), ids);
        }
        self.types.insert(name.clone(), found);
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
                let found = self.types.get(&place.0).and_then(|found| found.fields.get(&place.1));
                ids.extend(found.into_iter().flatten().copied());
                seen.extend(required.get(place).into_iter().flatten());
            }
            if !ids.is_empty() {
                more.push((start.clone(), ids));
            }
        }
        for ((object, field), ids) in more {
            if let Some(found) = self.types.get_mut(&object).and_then(|found| found.fields.get_mut(&field)) {
                found.extend(ids);
            }
        }
    }

    /// The fields that a requirement selects, of objects and through interfaces. The recursion follows the text of the field set, whose depth is bounded.
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
                    // What an interface itself asks for counts as well.
                    if schema.get_interface(ty).is_some() {
                        self.selected(ty, selection, seen, into);
                    }
                    for below in possible_types(schema, ty) {
                        self.selected(&below, selection, seen, into);
                    }
                }
                FieldSetItem::Inline { type_condition, selection } => {
                    // Never so for an interface: what is meant on it is looked at with its objects.
                    if !possible_types(schema, type_condition).contains(object) {
                        continue;
                    }
                    if schema.get_interface(type_condition).is_some() {
                        self.selected(type_condition, selection, seen, into);
                    }
                    self.selected(object, selection, seen, into);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
