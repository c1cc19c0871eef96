//! Merges the fields of objects and interfaces: who resolves what, and of which type it is in all.

use apollo_compiler::ast::{Directive, DirectiveList, Value};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{Component, FieldDefinition, Type};
use apollo_compiler::{Name, Node};

use super::arguments::Holder;
use super::costs::keep_slicing_arguments;
use super::inputs::same_value;
use super::marks::{Element, inaccessible};
use super::objects::fields_by_name;
use super::overrides::Role;
use super::types::unite;
use super::{Merger, TypeSources, component, directive, show, string};
use crate::compose::directives::Known;
use crate::compose::facts::Application;
use crate::diagnostic::Diagnostic;

/// A field in one subgraph.
#[derive(Clone, Copy)]
pub(super) struct FieldSource<'a> {
    pub(super) subgraph: usize,
    pub(super) definition: &'a Component<FieldDefinition>,
    /// Declared there and resolved elsewhere, other than where a `@provides` leads to it.
    pub(super) external: bool,
}

impl<'a> Merger<'a> {
    pub(super) fn merge_fields(
        &mut self,
        name: &Name,
        sources: &TypeSources<'a>,
    ) -> IndexMap<Name, Component<FieldDefinition>> {
        let mut merged = IndexMap::default();
        for (field, definitions) in fields_by_name(sources) {
            let all: Vec<FieldSource<'a>> = definitions
                .into_iter()
                .map(|(subgraph, definition)| FieldSource {
                    subgraph,
                    definition,
                    external: self.subgraphs[subgraph].facts.external.contains(&(name.clone(), field.clone())),
                })
                .collect();
            let roles = self.override_roles(name, &field, &all);
            let (overridden, kept): (Vec<_>, Vec<_>) =
                all.into_iter().zip(roles).partition(|(_, role)| *role == Role::Overridden);
            let (kept, roles): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
            let overridden: Vec<_> = overridden.into_iter().map(|(source, _)| source).collect();
            let merged_field = self.merge_field(name, &field, &kept, &roles, &overridden, sources);
            if let Some(definition) = merged_field {
                merged.insert(field, definition);
            }
        }
        merged
    }

    fn merge_field(
        &mut self,
        name: &Name,
        field: &Name,
        sources: &[FieldSource<'a>],
        roles: &[Role],
        overridden: &[FieldSource<'a>],
        of_type: &TypeSources<'a>,
    ) -> Option<Component<FieldDefinition>> {
        let coordinate = format!("{name}.{field}");
        let mut bases: Vec<FieldSource<'a>> = sources.iter().filter(|s| !s.external).copied().collect();
        if bases.is_empty() {
            // An interface object may resolve what an implementation only declares.
            bases = self.interface_object_sources(name, field);
        }
        if bases.is_empty() {
            self.external_everywhere(&coordinate, sources);
            return None;
        }
        self.check_sharing(name, field, sources, roles);
        let ty = self.merge_output_type(&coordinate, &bases)?;
        let holder = |s: &FieldSource<'a>| Holder {
            subgraph: s.subgraph,
            arguments: &s.definition.arguments,
            at: self.subgraphs[s.subgraph].at_name(&s.definition.name),
        };
        let holders: Vec<Holder<'a>> = bases.iter().map(holder).collect();
        let arguments = self.merge_arguments(&coordinate, &holders)?;
        self.check_externals(&coordinate, sources, &ty, &arguments);

        let element = |s: &FieldSource<'a>, overridden| Element {
            subgraph: s.subgraph,
            description: s.definition.description.as_ref(),
            directives: &s.definition.directives,
            overridden,
        };
        let elements: Vec<_> = sources
            .iter()
            .map(|source| element(source, false))
            .chain(overridden.iter().map(|source| element(source, true)))
            .collect();
        let description = self.description(&format!("`{coordinate}`"), &elements);
        let mut directives = DirectiveList::new();
        for join in self.field_joins(name, sources, roles, &ty, of_type) {
            directives.push(join);
        }
        for source in sources {
            self.carried_by_field(name, source).into_iter().for_each(|d| directives.push(d));
        }
        let marks = self.marks(&format!("`{coordinate}`"), &elements);
        let hidden = marks.iter().any(|d| d.name == "inaccessible");
        marks.into_iter().for_each(|d| directives.push(d));
        let internal = |s: &FieldSource<'_>| self.subgraphs[s.subgraph].has(&s.definition.directives, Known::Internal);
        if !hidden && sources.iter().all(internal) {
            directives.push(inaccessible());
        }
        let mut definition = FieldDefinition { description, name: field.clone(), arguments, ty, directives };
        keep_slicing_arguments(&mut definition);
        Some(component(bases[0].definition.same_location(definition)))
    }

    /// The field on the interface objects that stand for an object type.
    fn interface_object_sources(&self, name: &Name, field: &Name) -> Vec<FieldSource<'a>> {
        let interfaces = self.implements.get(name).into_iter().flatten();
        let standing =
            interfaces.flat_map(|i| self.interface_objects.get(i).into_iter().flatten().map(move |at| (i, *at)));
        let source = |(interface, index): (&Name, usize)| {
            let subgraph = &self.subgraphs[index];
            let external = subgraph.facts.external.contains(&(interface.clone(), field.clone()));
            let definition = subgraph.fields(interface)?.get(field)?;
            (!external).then_some(FieldSource { subgraph: index, definition, external })
        };
        standing.filter_map(source).collect()
    }

    fn external_everywhere(&mut self, coordinate: &str, sources: &[FieldSource<'a>]) {
        let message = format!(
            "`{coordinate}` is `@external` in {}, and nobody resolves it.",
            self.list(sources.iter().map(|s| s.subgraph))
        );
        let mut error = Diagnostic::error("EXTERNAL_MISSING_ON_BASE", message)
            .help("Define the field without `@external` in the fragment whose service knows it.");
        for source in sources {
            error = error.at(self.subgraphs[source.subgraph].at_name(&source.definition.name), "");
        }
        self.out.push(error);
    }

    fn merge_output_type(&mut self, coordinate: &str, bases: &[FieldSource<'a>]) -> Option<Type> {
        let first = bases.first()?;
        let mut ty = first.definition.ty.clone();
        for source in &bases[1..] {
            let Some(common) = unite(&ty, &source.definition.ty, &|sub, of| self.is_subtype(sub, of)) else {
                let message = format!(
                    "`{coordinate}` is {} in `{}` and {} in `{}`.",
                    show(&first.definition.ty),
                    self.called(first.subgraph),
                    show(&source.definition.ty),
                    self.called(source.subgraph)
                );
                self.out.push(
                    Diagnostic::error("FIELD_TYPE_MISMATCH", message)
                        .at(self.subgraphs[source.subgraph].at_name(&source.definition.name), "")
                        .at(self.subgraphs[first.subgraph].at_name(&first.definition.name), "")
                        .help("A field has one type everywhere; only nullability, and an interface or union for one of its types, may differ."),
                );
                return None;
            };
            ty = common;
        }
        if let Some(source) = bases.iter().find(|s| s.definition.ty != ty) {
            let message = format!(
                "`{coordinate}` is {} in `{}`, and {} in the graph.",
                show(&source.definition.ty),
                self.called(source.subgraph),
                show(&ty)
            );
            let hint = Diagnostic::hint("INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE", message)
                .at(self.subgraphs[source.subgraph].at_name(&source.definition.name), "");
            self.out.push(hint);
        }
        Some(ty)
    }

    /// What an external field repeats must be true.
    fn check_externals(
        &mut self,
        coordinate: &str,
        sources: &[FieldSource<'a>],
        ty: &Type,
        arguments: &[Node<apollo_compiler::ast::InputValueDefinition>],
    ) {
        for source in sources.iter().filter(|s| s.external) {
            let subgraph = &self.subgraphs[source.subgraph];
            let at = subgraph.at_name(&source.definition.name);
            let united = unite(ty, &source.definition.ty, &|sub, of| self.is_subtype(sub, of));
            // Narrower than what the owner promises would be untrue; wider is only modest.
            if united.is_none_or(|united| united != *ty && united != source.definition.ty) {
                let message = format!(
                    "`{coordinate}` is {} in `{}`, where it is `@external`, and {} where it is resolved.",
                    show(&source.definition.ty),
                    subgraph.name,
                    show(ty)
                );
                let error = Diagnostic::error("EXTERNAL_TYPE_MISMATCH", message).at(at.clone(), "");
                self.out.push(error.help("Repeat the type as its owner has it."));
            }
            for argument in arguments {
                let hidden = argument.directives.iter().any(|d| d.name == "inaccessible");
                let Some(own) = source.definition.argument_by_name(&argument.name) else {
                    if !hidden && argument.is_required() {
                        let message = format!(
                            "`{coordinate}` lacks the argument `{}` in `{}`, where it is `@external`.",
                            argument.name, subgraph.name
                        );
                        self.out.push(
                            Diagnostic::error("EXTERNAL_ARGUMENT_MISSING", message)
                                .at(at.clone(), "")
                                .help(format!("Add `{}: {}`.", argument.name, argument.ty)),
                        );
                    }
                    continue;
                };
                if own.ty.inner_named_type() != argument.ty.inner_named_type()
                    || own.ty.is_list() != argument.ty.is_list()
                {
                    let message = format!(
                        "`{coordinate}({}:)` is {} in `{}`, where it is `@external`, and {} where it is resolved.",
                        argument.name,
                        show(&own.ty),
                        subgraph.name,
                        show(&argument.ty)
                    );
                    let error = Diagnostic::error("EXTERNAL_ARGUMENT_TYPE_MISMATCH", message);
                    self.out.push(
                        error.at(subgraph.at_name(&own.name), "").help("Repeat the argument as its owner has it."),
                    );
                }
                let differ = own.default_value.as_ref().zip(argument.default_value.as_ref());
                if let Some((default, of_owner)) = differ.filter(|(a, b)| !same_value(a, b)) {
                    let message = format!(
                        "`{coordinate}({}:)` has the default `{}` in `{}`, where it is `@external`, and `{}` where it is resolved.",
                        argument.name,
                        default.serialize().no_indent(),
                        subgraph.name,
                        of_owner.serialize().no_indent()
                    );
                    let error = Diagnostic::error("EXTERNAL_ARGUMENT_DEFAULT_MISMATCH", message);
                    let help = "Repeat the default as its owner has it, or leave it out.";
                    self.out.push(error.at(subgraph.at_name(&own.name), "").help(help));
                }
            }
        }
    }

    /// `@join__field`, or nothing where every subgraph of the type resolves the field in the same plain way.
    fn field_joins(
        &self,
        name: &Name,
        sources: &[FieldSource<'a>],
        roles: &[Role],
        ty: &Type,
        of_type: &TypeSources<'a>,
    ) -> Vec<Node<Directive>> {
        let mut plain = sources.len() == of_type.len();
        let mut joins = Vec::new();
        for (source, role) in sources.iter().zip(roles) {
            let subgraph = &self.subgraphs[source.subgraph];
            let mut arguments = vec![("graph", self.graph_value(source.subgraph))];
            let field = &source.definition.name;
            let on_field = |a: &&Application| a.type_name == *name && a.field.as_ref() == Some(field);
            for (argument, known) in [("requires", Known::Requires), ("provides", Known::Provides)] {
                let Some(applied) = subgraph.first(&source.definition.directives, known) else { continue };
                let list = if known == Known::Requires { &subgraph.facts.requires } else { &subgraph.facts.provides };
                let found = list.iter().filter(on_field).find(|a| a.directive.ptr_eq(applied));
                if let (Some(Ok(fields)), Some(written)) =
                    (found.map(|a| &a.parsed), applied.specified_argument_by_name("fields"))
                {
                    arguments.push((argument, written.same_location(Value::String(fields.canonical()))));
                }
            }
            if source.definition.ty != *ty {
                arguments.push(("type", string(source.definition.ty.to_string())));
            }
            if source.external {
                arguments.push(("external", Node::new(Value::Boolean(true))));
            }
            if let Some(filled) = self.context_arguments(source) {
                arguments.push(("contextArguments", filled));
            }
            match role {
                Role::Overriding(from) => arguments.push(("override", string(from.as_str()))),
                Role::UsedOverridden => arguments.push(("usedOverridden", Node::new(Value::Boolean(true)))),
                Role::Plain | Role::Overridden => {}
            }
            plain &= arguments.len() == 1;
            let mut join = directive("join__field", arguments);
            if let Some(at) = source.definition.location() {
                join = Node::new_parsed((*join).clone(), at);
            }
            joins.push(join);
        }
        if plain { Vec::new() } else { joins }
    }
}
