//! Who may define a field: keys are shared, all else says `@shareable` in each fragment.

use apollo_compiler::Name;
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
        if resolvers.len() < 2 || resolvers.iter().all(|(.., shareable)| *shareable) {
            return;
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
