//! `@authenticated`, `@requiresScopes` and `@policy`: that they say something, where it means something, and that no
//! field passes on what its reader may not see.

use apollo_compiler::ast::Directive;
use apollo_compiler::{Name, Node, Schema};

use crate::compose::access::{alternatives, describe, implies, join_or_strengthen};
use crate::compose::directives::Known;
use crate::compose::facts::contexts_of;
use crate::compose::merge::asked_by;
use crate::compose::subgraph::{Applied, Subgraph, fields_of};
use crate::diagnostic::{Diagnostic, Span};
use crate::supergraph::{Access, FieldSet, FieldSetItem, Supergraph};

const GUARDS: [Known; 3] = [Known::Authenticated, Known::RequiresScopes, Known::Policy];

/// By the fragment alone.
pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        let stands_in = subgraph.has(ty.directives(), Known::InterfaceObject);
        let abstract_type = ty.is_interface() || stands_in;
        let what = if stands_in { "an `@interfaceObject`" } else { "an interface" };
        for applied in guards(subgraph, ty.directives()) {
            lists(subgraph, applied, out);
            if abstract_type {
                on_interface(subgraph, &format!("`{name}` is {what}"), applied, out);
            }
        }
        for (field_name, field) in fields_of(ty).into_iter().flatten() {
            for applied in guards(subgraph, &field.directives) {
                lists(subgraph, applied, out);
                if abstract_type {
                    on_interface(subgraph, &format!("`{name}.{field_name}` is a field of {what}"), applied, out);
                }
            }
        }
    }
}

fn guards<'a>(subgraph: &'a Subgraph, list: &'a impl Applied) -> impl Iterator<Item = &'a Node<Directive>> {
    list.nodes().filter(|d| subgraph.names.get(&d.name).is_some_and(|(known, _)| GUARDS.contains(&known)))
}

fn on_interface(subgraph: &Subgraph, what: &str, applied: &Node<Directive>, out: &mut Vec<Diagnostic>) {
    let message = format!("{what}, and has `@{}`: what is read through it is an object.", applied.name);
    out.push(
        Diagnostic::error("AUTH_REQUIREMENTS_APPLIED_ON_INTERFACE", message)
            .at(subgraph.at(applied), "")
            .help("Mark the implementations and their fields: the interface then asks for what all of them ask for."),
    );
}

fn lists(subgraph: &Subgraph, applied: &Node<Directive>, out: &mut Vec<Diagnostic>) {
    let argument = match subgraph.names.get(&applied.name) {
        Some((Known::RequiresScopes, _)) => "scopes",
        Some((Known::Policy, _)) => "policies",
        _ => return,
    };
    if applied.specified_argument_by_name(argument).is_some() && alternatives(applied, argument).is_none() {
        let message =
            format!("`@{}({argument}:)` is a list of lists of strings, none of which is empty.", applied.name);
        let help =
            "One of the inner lists is asked for, and all that is in it: `[[\"a\", \"b\"], [\"c\"]]` is a and b, or c.";
        out.push(Diagnostic::error("INVALID_ACCESS", message).at(subgraph.at(applied), "").help(help));
    }
}

/// A field that is given others (by `@requires`, by `@require` arguments, or from a context) asks for all that these ask
/// for: its value may tell theirs.
pub(super) fn check_requirements(
    supergraph: &Supergraph,
    document: &Schema,
    subgraphs: &[Subgraph],
    out: &mut Vec<Diagnostic>,
) {
    if supergraph.access.is_empty() {
        return;
    }
    for (view, subgraph) in supergraph.subgraphs.iter().zip(subgraphs) {
        let rule = Rule { document, subgraphs };
        for (type_name, ty) in &view.types {
            for (field, facts) in &ty.fields {
                let Some(required) = &facts.requires else { continue };
                let Some(definition) = subgraph.fields(type_name).and_then(|fields| fields.get(field)) else {
                    continue;
                };
                let on_arguments =
                    definition.arguments.iter().find_map(|a| subgraph.first(&a.directives, Known::Require));
                let applied = subgraph.first(&definition.directives, Known::Requires).or(on_arguments);
                let at = applied.map_or_else(|| subgraph.at_name(&definition.name), |d| subgraph.at(d));
                rule.given((type_name, field), type_name, required, at, out);
            }
        }
        for used in &subgraph.facts.contexts {
            let (Some(context), Ok(selections)) = (&used.context, &used.parsed) else { continue };
            let Ok(taken) = FieldSet::parse(&selections.canonical()) else { continue };
            for on in contexts_of(subgraph, context) {
                rule.given((&used.type_name, &used.field), on, &taken, subgraph.at(&used.directive), out);
            }
        }
    }
}

struct Rule<'a> {
    /// In which an interface asks for what its implementations ask for.
    document: &'a Schema,
    subgraphs: &'a [Subgraph],
}

impl Rule<'_> {
    /// A field is given a selection on a type.
    fn given(
        &self,
        (type_name, field): (&Name, &Name),
        on: &Name,
        given: &FieldSet,
        at: Option<Span>,
        out: &mut Vec<Diagnostic>,
    ) {
        let mut own = Access::default();
        add_type(self.document, &mut own, type_name);
        add_field(self.document, &mut own, type_name, field);
        let mut walk = Walk { document: self.document, own: &own, lacking: Vec::new() };
        walk.selection(on, given);
        for (of_type, of_field, asked) in walk.lacking {
            let message = format!(
                "`{type_name}.{field}` is given `{of_type}.{of_field}`, and does not ask its reader for what that asks for: {}.",
                describe(&asked)
            );
            let mut error = Diagnostic::error("MISSING_TRANSITIVE_AUTH_REQUIREMENTS", message).at(at.clone(), "");
            for other in self.subgraphs {
                let directives = other.fields(&of_type).and_then(|fields| Some(&fields.get(&of_field)?.directives));
                if let Some(guard) = directives.and_then(|list| guards(other, list).next()) {
                    error = error.at(other.at(guard), "asked for here");
                }
            }
            out.push(error.help(format!("Put it on `{type_name}.{field}` as well.")));
        }
    }
}

/// What a type asks for. What has too many alternatives together is an error of the merge.
fn add_type(document: &Schema, access: &mut Access, type_name: &Name) {
    if let Some(ty) = document.types.get(type_name) {
        join_or_strengthen(access, &asked_by(ty.directives().nodes()));
    }
}

/// What a field asks for, and the type that it returns.
fn add_field(document: &Schema, access: &mut Access, type_name: &Name, field: &Name) -> Option<Name> {
    let definition = fields_of(document.types.get(type_name)?)?.get(field)?;
    join_or_strengthen(access, &asked_by(definition.directives.nodes()));
    let returned = definition.ty.inner_named_type();
    add_type(document, access, returned);
    Some(returned.clone())
}

struct Walk<'a> {
    document: &'a Schema,
    own: &'a Access,
    /// Type, field, and what the field that is given them lacks.
    lacking: Vec<(Name, Name, Access)>,
}

impl Walk<'_> {
    /// Recursion is bounded by the nesting of a field set.
    fn selection(&mut self, type_name: &Name, fields: &FieldSet) {
        for item in &fields.items {
            match item {
                FieldSetItem::Field { name, selection, .. } => {
                    let mut asked = Access::default();
                    let returned = add_field(self.document, &mut asked, type_name, name);
                    if !implies(self.own, &asked) {
                        self.lacking.push((type_name.clone(), name.clone(), asked));
                    } else if let Some(returned) = returned {
                        self.selection(&returned, selection);
                    }
                }
                FieldSetItem::Inline { type_condition, selection } => self.selection(type_condition, selection),
            }
        }
    }
}
