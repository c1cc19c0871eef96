//! Views: which fields of a type can be read at a place, beyond what its subgraph resolves by itself.
//!
//! A view is a field set in a normal form: items sorted, equal ones merged, and whatever the subgraph resolves anyway left
//! out, so that equal views are one node.

use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};

use crate::supergraph::{FieldSet, FieldSetItem, Subgraph};

/// Beyond this depth of a `@provides`, nothing is followed: field sets are parsed with a limit far below.
const DEPTH_MAX: usize = 64;

/// What may be read on a type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum View {
    /// All that the subgraph resolves, and these fields.
    Default(FieldSet),
    /// These fields only.
    Only(FieldSet),
}

/// The concrete object types of a subgraph's own schema that can stand where `name` does, in schema order.
pub(super) fn possible_in(schema: &Schema, name: &Name) -> Vec<Name> {
    match schema.types.get(name) {
        Some(ExtendedType::Object(_)) => vec![name.clone()],
        Some(ExtendedType::Union(union)) => {
            union.members.iter().map(|member| member.name.clone()).filter(|m| schema.get_object(m).is_some()).collect()
        }
        Some(ExtendedType::Interface(_)) => schema
            .types
            .values()
            .filter_map(|ty| ty.as_object())
            .filter(|object| object.implements_interfaces.contains(name))
            .map(|object| object.name.clone())
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether the subgraph resolves the field wherever it meets the type: what another one took over, too, where it is part of a key.
pub(super) fn resolves(subgraph: &Subgraph, type_name: &Name, field: &Name) -> bool {
    let Some(facts) = subgraph.types.get(type_name) else { return false };
    let in_key = || facts.keys.iter().any(|key| key.fields.items.iter().any(|item| is_field(item, field)));
    facts.fields.get(field).is_some_and(|facts| !facts.external && (!facts.overridden || in_key()))
}

fn is_field(item: &FieldSetItem, field: &Name) -> bool {
    matches!(item, FieldSetItem::Field { name, .. } if name == field)
}

/// What `view` selects on an object of type `object`: conditions decided.
pub(super) fn on_object(schema: &Schema, view: &FieldSet, object: &Name) -> FieldSet {
    let mut items = Vec::new();
    collect_on_object(schema, view, object, &mut items);
    FieldSet { items }
}

fn collect_on_object(schema: &Schema, view: &FieldSet, object: &Name, into: &mut Vec<FieldSetItem>) {
    for item in &view.items {
        match item {
            FieldSetItem::Field { .. } => into.push(item.clone()),
            FieldSetItem::Inline { type_condition, selection } => {
                if type_condition == object || possible_in(schema, type_condition).contains(object) {
                    collect_on_object(schema, selection, object, into);
                }
            }
        }
    }
}

/// The selections of one field in a view of an object.
pub(super) fn below(view: &FieldSet, field: &Name) -> Option<FieldSet> {
    let mut found = None;
    for item in &view.items {
        if let FieldSetItem::Field { name, selection, .. } = item
            && name == field
        {
            found.get_or_insert_with(FieldSet::default).items.extend(selection.items.iter().cloned());
        }
    }
    found
}

/// The normal form of what is readable on `type_name` beyond the default.
pub(super) fn normal_form(subgraph: &Subgraph, type_name: &Name, view: &FieldSet) -> FieldSet {
    trim(subgraph, type_name, view, 0)
}

fn trim(subgraph: &Subgraph, type_name: &Name, view: &FieldSet, depth: usize) -> FieldSet {
    let mut items: Vec<FieldSetItem> = Vec::new();
    if depth > DEPTH_MAX {
        return FieldSet { items };
    }
    for item in &view.items {
        match item {
            FieldSetItem::Field { name, selection, .. } => {
                let objects = possible_in(&subgraph.schema, type_name);
                let resolved = !objects.is_empty() && objects.iter().all(|object| resolves(subgraph, object, name));
                let target = field_type(&subgraph.schema, type_name, name);
                let inner = target.map(|target| trim(subgraph, &target, selection, depth + 1)).unwrap_or_default();
                if !resolved || !inner.is_empty() {
                    insert(&mut items, name, inner);
                }
            }
            FieldSetItem::Inline { type_condition, selection } => {
                let inner = trim(subgraph, type_condition, selection, depth + 1);
                if !inner.is_empty() {
                    items.push(FieldSetItem::Inline { type_condition: type_condition.clone(), selection: inner });
                }
            }
        }
    }
    items.sort_by_cached_key(|item| FieldSet { items: vec![item.clone()] }.to_string());
    items.dedup();
    FieldSet { items }
}

/// Arguments do not matter for what is readable.
fn insert(items: &mut Vec<FieldSetItem>, field: &Name, inner: FieldSet) {
    for item in items.iter_mut() {
        if let FieldSetItem::Field { name, selection, .. } = item
            && name == field
        {
            for new in inner.items {
                if !selection.items.contains(&new) {
                    selection.items.push(new);
                }
            }
            selection.items.sort_by_cached_key(|item| FieldSet { items: vec![item.clone()] }.to_string());
            return;
        }
    }
    items.push(FieldSetItem::Field { name: field.clone(), arguments: Vec::new(), selection: inner });
}

/// The named type of a field in a subgraph's own schema.
pub(super) fn field_type(schema: &Schema, type_name: &Name, field: &Name) -> Option<Name> {
    schema.type_field(type_name, field).ok().map(|field| field.ty.inner_named_type().clone())
}
