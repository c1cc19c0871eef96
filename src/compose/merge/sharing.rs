//! Who may define a field: keys are shared, all else says `@shareable` in each fragment.

use apollo_compiler::Name;
use apollo_compiler::collections::HashSet;
use apollo_compiler::schema::{Component, FieldDefinition};

use super::Merger;
use super::fields::FieldSource;
use super::overrides::Role;
use crate::compose::directives::Known;
use crate::diagnostic::Diagnostic;

impl<'a> Merger<'a> {
    pub(super) fn check_sharing(&mut self, name: &Name, field: &Name, sources: &[FieldSource<'a>], roles: &[Role]) {
        let coordinate = (name.clone(), field.clone());
        // (subgraph, definition, whether it may be shared), of all who resolve the field.
        let mut resolvers: Vec<(usize, &'a Component<FieldDefinition>, bool)> = Vec::new();
        for (source, role) in sources.iter().zip(roles) {
            let subgraph = &self.subgraphs[source.subgraph];
            let is_object = subgraph.schema.get_object(name).is_some();
            if *role == Role::UsedOverridden || !is_object || subgraph.facts.fully_external(&coordinate) {
                continue;
            }
            resolvers.push((
                source.subgraph,
                source.definition,
                self.is_shareable(source.subgraph, name, source.definition),
            ));
        }
        for interface in self.implements.get(name).into_iter().flatten() {
            for index in self.interface_objects.get(interface).into_iter().flatten() {
                let subgraph = &self.subgraphs[*index];
                let Some(definition) = subgraph.fields(interface).and_then(|fields| fields.get(field)) else {
                    continue;
                };
                if !subgraph.facts.fully_external(&(interface.clone(), field.clone())) {
                    resolvers.push((*index, definition, self.is_shareable(*index, interface, definition)));
                }
            }
        }
        if name == "Subscription" && self.refuse_shared_subscription(&coordinate.1, &resolvers) {
            return;
        }
        if resolvers.len() < 2 {
            return;
        }
        if resolvers.iter().all(|(.., shareable)| *shareable) {
            let definitions: Vec<_> = resolvers.iter().map(|(index, definition, _)| (*index, *definition)).collect();
            return self.check_runtime_types(&format!("{name}.{field}"), &definitions);
        }
        let unshared: Vec<usize> = resolvers.iter().filter(|(.., shareable)| !shareable).map(|(i, ..)| *i).collect();
        let message = format!(
            "`{name}.{field}` is resolved by {}, and not shareable in {}.",
            self.list(resolvers.iter().map(|(i, ..)| *i)),
            self.list(unshared.into_iter())
        );
        let mut error = Diagnostic::error("INVALID_FIELD_SHARING", message).help(
            "Mark it `@shareable` in each fragment if all give the same value; otherwise rename it or use `@override`.",
        );
        resolvers.sort_by_key(|(.., shareable)| *shareable);
        for (index, definition, shareable) in resolvers {
            let text = if shareable { "shareable here" } else { "" };
            error = error.at(self.subgraphs[index].at_name(&definition.name), text);
        }
        self.out.push(error);
    }

    /// All who resolve a field give the same object, so its type is one that all of them know.
    fn check_runtime_types(&mut self, coordinate: &str, resolvers: &[(usize, &'a Component<FieldDefinition>)]) {
        let subgraphs = self.subgraphs;
        let known = |(index, definition): &(usize, &'a Component<FieldDefinition>)| {
            let subgraph = &subgraphs[*index];
            let name = definition.ty.inner_named_type();
            let ty = subgraph.schema.types.get(name)?;
            let stands_in = subgraph.has(ty.directives(), Known::InterfaceObject);
            let objects: HashSet<Name> = subgraph.facts.possible(&subgraph.schema, name).into_iter().collect();
            (!stands_in && !objects.is_empty()).then_some((ty.is_object(), objects))
        };
        let first = resolvers.iter().position(|resolver| known(resolver).is_some_and(|(is_object, _)| !is_object));
        // Objects and scalars are the same everywhere, or a type mismatch.
        let Some(first) = first else { return };
        let Some((_, mut common)) = known(&resolvers[first]) else { return };
        let mut differs = None;
        for resolver in resolvers {
            let Some((_, objects)) = known(resolver) else { continue };
            if differs.is_none() && objects != common {
                differs = Some(resolver);
            }
            common.retain(|object| objects.contains(object));
        }
        let Some((other, definition)) = differs else { return };
        let (index, base) = resolvers[first];
        let (message, code) = if common.is_empty() {
            let message = format!(
                "`{coordinate}` is shared, and no type of object is one that all its fragments can answer with."
            );
            (message, "SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES")
        } else {
            let message =
                format!("`{coordinate}` is shared, and its fragments can answer with different types of objects.");
            (message, "INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN")
        };
        let diagnostic =
            if common.is_empty() { Diagnostic::error(code, message) } else { Diagnostic::hint(code, message) };
        self.out.push(
            diagnostic
                .at(subgraphs[*other].at_name(&definition.name), "")
                .at(subgraphs[index].at_name(&base.name), "")
                .help("Each fragment gives the same object, so all of them know its type: define it in each."),
        );
    }

    fn refuse_shared_subscription(
        &mut self,
        field: &Name,
        resolvers: &[(usize, &'a Component<FieldDefinition>, bool)],
    ) -> bool {
        let Some((index, definition, _)) = resolvers.iter().find(|(.., shareable)| *shareable) else { return false };
        let message = format!("`Subscription.{field}` is shareable: a subscription has one source of events.");
        self.out.push(
            Diagnostic::error("INVALID_FIELD_SHARING", message)
                .at(self.subgraphs[*index].at_name(&definition.name), "")
                .help("Remove `@shareable`, and define the field in one fragment."),
        );
        true
    }

    fn is_shareable(&self, index: usize, name: &Name, definition: &Component<FieldDefinition>) -> bool {
        let subgraph = &self.subgraphs[index];
        let coordinate = (name.clone(), definition.name.clone());
        if subgraph.facts.key_fields.contains(&coordinate) || subgraph.facts.provided.contains(&coordinate) {
            return true;
        }
        if subgraph.has(&definition.directives, Known::Shareable) {
            return true;
        }
        // On a type it covers the fields of the same block: `extend type` has its own.
        let on_type = subgraph.schema.types.get(name).map(|ty| ty.directives());
        on_type.into_iter().flat_map(|list| list.iter()).any(|applied| {
            let is_it = subgraph.names.get(&applied.name).is_some_and(|(known, _)| known == Known::Shareable);
            is_it && applied.origin == definition.origin
        })
    }
}
