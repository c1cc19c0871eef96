//! `@override`: a field moves from one fragment to another.

use apollo_compiler::Name;

use super::Merger;
use super::fields::FieldSource;
use crate::compose::directives::Known;
use crate::compose::links::nearest;
use crate::diagnostic::Diagnostic;

/// What `@override` makes of a field in one subgraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing.
    Plain,
    /// It takes the field over from the named fragment.
    Overriding(String),
    /// Taken over, but the fragment's own keys, requirements or interfaces need it.
    UsedOverridden,
    /// Taken over.
    Overridden,
}

impl<'a> Merger<'a> {
    /// One role per source. Wrong uses are told, and have no effect.
    pub(super) fn override_roles(&mut self, name: &Name, field: &Name, sources: &[FieldSource<'a>]) -> Vec<Role> {
        let mut roles = vec![Role::Plain; sources.len()];
        let coordinate = format!("{name}.{field}");
        for (position, source) in sources.iter().enumerate() {
            let subgraph = &self.subgraphs[source.subgraph];
            let Some(applied) = subgraph.first(&source.definition.directives, Known::Override) else { continue };
            // Labels are refused by a rule before anything is merged.
            let Some(from) = applied.specified_argument_by_name("from").and_then(|v| v.as_str()) else { continue };
            let at = subgraph.at(applied);
            if from == subgraph.name {
                let message = format!("`{coordinate}` overrides itself.");
                self.out.push(
                    Diagnostic::error("OVERRIDE_FROM_SELF_ERROR", message)
                        .at(at, "")
                        .help("`from` names the other fragment, which the field moves away from."),
                );
                continue;
            }
            roles[position] = Role::Overriding(from.to_owned());
            let Some(source_index) = self.by_name.get(from).copied() else {
                let message = format!("`{coordinate}` overrides `{from}`, and there is no fragment of that name.");
                let mut hint = Diagnostic::hint("FROM_SUBGRAPH_DOES_NOT_EXIST", message).at(at, "");
                let near = nearest(from, self.by_name.keys().copied());
                hint.help = near.map(|near| format!("Did you mean `{near}`?"));
                self.out.push(hint);
                continue;
            };
            let Some(other_position) = sources.iter().position(|s| s.subgraph == source_index) else {
                let message = format!("`{from}` has no `{coordinate}` any more: the `@override` can go.");
                self.out.push(Diagnostic::hint("OVERRIDE_DIRECTIVE_CAN_BE_REMOVED", message).at(at, ""));
                continue;
            };
            let other = sources[other_position];
            let of_other = &self.subgraphs[other.subgraph];
            if of_other.has(&other.definition.directives, Known::Override) {
                // Both want it, so neither counts as sharing it besides.
                roles[other_position] = Role::UsedOverridden;
                let message = format!("`{coordinate}` overrides `{from}`, which overrides it as well.");
                self.out.push(
                    Diagnostic::error("OVERRIDE_SOURCE_HAS_OVERRIDE", message)
                        .at(at, "")
                        .at(of_other.at_name(&other.definition.name), "")
                        .help("Keep `@override` in the fragment that the field moves to."),
                );
                continue;
            }
            if let Some((at_other, name)) = self.collision(&other) {
                roles[other_position] = Role::UsedOverridden;
                let message = format!("`{coordinate}` of `{from}` has `@{name}`, and cannot be overridden.");
                self.out.push(
                    Diagnostic::error("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", message)
                        .at(at, "")
                        .at(at_other, "")
                        .help("Remove the field there first, or the directive."),
                );
                continue;
            }
            let message = format!("`{coordinate}` of `{from}` is not asked any more: the field can go.");
            let used = self.is_used_at_home(name, field, &other);
            if !used {
                let at_other = of_other.at_name(&other.definition.name);
                self.out.push(Diagnostic::hint("OVERRIDDEN_FIELD_CAN_BE_REMOVED", message).at(at_other, ""));
            }
            roles[other_position] = if used { Role::UsedOverridden } else { Role::Overridden };
        }
        roles
    }

    /// A directive of the overridden field that tells a different story.
    fn collision(&self, source: &FieldSource<'a>) -> Option<(Option<crate::diagnostic::Span>, &'static str)> {
        let subgraph = &self.subgraphs[source.subgraph];
        [(Known::External, "external"), (Known::Provides, "provides"), (Known::Requires, "requires")]
            .into_iter()
            .find_map(|(known, name)| Some((subgraph.at(subgraph.first(&source.definition.directives, known)?), name)))
    }

    fn is_used_at_home(&self, name: &Name, field: &Name, source: &FieldSource<'a>) -> bool {
        let subgraph = &self.subgraphs[source.subgraph];
        let coordinate = (name.clone(), field.clone());
        let facts = &subgraph.facts;
        let selected =
            [&facts.key_fields, &facts.required, &facts.provided].iter().any(|set| set.contains(&coordinate));
        let interfaces = subgraph.schema.get_object(name).map(|t| &t.implements_interfaces);
        selected
            || interfaces
                .into_iter()
                .flatten()
                .any(|i| subgraph.fields(i).is_some_and(|fields| fields.contains_key(field)))
    }
}
