//! Type extensions folded into their definitions, so that everything made from a document prints each type once.

use apollo_compiler::Schema;
use apollo_compiler::collections::{IndexMap, IndexSet};
use apollo_compiler::schema::{Component, ComponentName, ComponentOrigin, DirectiveList, ExtendedType};

/// The document without extensions. `None` if there are none.
pub(super) fn flatten(document: &Schema) -> Option<Schema> {
    let extended = |ty: &ExtendedType| ty.iter_origins().any(|origin| origin.extension_id().is_some());
    let schema_extended = document.schema_definition.iter_origins().any(|origin| origin.extension_id().is_some());
    if !schema_extended && !document.types.values().any(extended) {
        return None;
    }
    let mut flat = document.clone();
    let schema = flat.schema_definition.make_mut();
    directives(&mut schema.directives);
    for root in [&mut schema.query, &mut schema.mutation, &mut schema.subscription].into_iter().flatten() {
        root.origin = ComponentOrigin::Definition;
    }
    for ty in flat.types.values_mut().filter(|ty| extended(ty)) {
        match ty {
            ExtendedType::Scalar(ty) => directives(&mut ty.make_mut().directives),
            ExtendedType::Object(ty) => {
                let ty = ty.make_mut();
                directives(&mut ty.directives);
                names(&mut ty.implements_interfaces);
                components(&mut ty.fields);
            }
            ExtendedType::Interface(ty) => {
                let ty = ty.make_mut();
                directives(&mut ty.directives);
                names(&mut ty.implements_interfaces);
                components(&mut ty.fields);
            }
            ExtendedType::Union(ty) => {
                let ty = ty.make_mut();
                directives(&mut ty.directives);
                names(&mut ty.members);
            }
            ExtendedType::Enum(ty) => {
                let ty = ty.make_mut();
                directives(&mut ty.directives);
                components(&mut ty.values);
            }
            ExtendedType::InputObject(ty) => {
                let ty = ty.make_mut();
                directives(&mut ty.directives);
                components(&mut ty.fields);
            }
        }
    }
    Some(flat)
}

fn directives(list: &mut DirectiveList) {
    list.0.iter_mut().for_each(|directive| directive.origin = ComponentOrigin::Definition);
}

fn components<K, T>(map: &mut IndexMap<K, Component<T>>) {
    map.values_mut().for_each(|component| component.origin = ComponentOrigin::Definition);
}

fn names(set: &mut IndexSet<ComponentName>) {
    *set = std::mem::take(set).into_iter().map(|name| ComponentName::from(name.name)).collect();
}
