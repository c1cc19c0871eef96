//! Input types that only the gateway fills: those of internal lookups and of `@require` arguments. Clients do not see them.

use apollo_compiler::Name;
use apollo_compiler::Schema;
use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::collections::HashSet;
use apollo_compiler::schema::ExtendedType;

use super::component;
use super::marks::inaccessible;
use crate::compose::subgraph::fields_of;

/// Marks them `@inaccessible`.
pub(super) fn hide(document: &mut Schema) {
    let mut filled: Vec<Name> = Vec::new();
    let mut others: Vec<Name> = Vec::new();
    for field in document.types.values().filter_map(fields_of).flat_map(|fields| fields.values()) {
        let internal = carried(field, "internal").next().is_some();
        for argument in &field.arguments {
            let required = carried(field, "require").any(|of| of.is_some_and(|of| *argument.name == *of));
            let uses = if internal || required { &mut filled } else { &mut others };
            uses.push(argument.ty.inner_named_type().clone());
        }
    }
    if filled.is_empty() {
        return;
    }
    let filled = reachable(document, filled);
    // What nothing uses is nobody's, and stays.
    let inputs = document.types.iter().filter(|(name, ty)| ty.is_input_object() && !filled.contains(*name));
    others.extend(inputs.map(|(name, _)| name.clone()));
    let seen = reachable(document, others);
    for name in filled.difference(&seen) {
        if let Some(ExtendedType::InputObject(ty)) = document.types.get_mut(name)
            && !ty.directives.has("inaccessible")
        {
            ty.make_mut().directives.push(component(inaccessible()));
        }
    }
}

/// For each directive of that name that travels on the field: the argument that it was written on.
fn carried<'f>(field: &'f FieldDefinition, name: &'f str) -> impl Iterator<Item = Option<&'f str>> {
    let directives = field.directives.get_all("join__directive");
    directives.filter(move |d| d.specified_argument_by_name("name").and_then(|v| v.as_str()) == Some(name)).map(|d| {
        let args = d.specified_argument_by_name("args")?.as_object()?;
        args.iter().find(|(key, _)| key == "argument")?.1.as_str()
    })
}

/// These input types, and all that their fields lead to.
fn reachable(document: &Schema, from: Vec<Name>) -> HashSet<Name> {
    let mut found = HashSet::default();
    let mut open = from;
    while let Some(name) = open.pop() {
        let Some(ExtendedType::InputObject(ty)) = document.types.get(&name) else { continue };
        if found.insert(name) {
            open.extend(ty.fields.values().map(|field| field.ty.inner_named_type().clone()));
        }
    }
    found
}
