//! Merges object types and interfaces: their fields and implementations unite.

use apollo_compiler::ast::Directive;
use apollo_compiler::collections::{IndexMap, IndexSet};
use apollo_compiler::schema::{
    Component, ComponentName, DirectiveList, ExtendedType, FieldDefinition, InterfaceType, ObjectType,
};
use apollo_compiler::{Name, Node, Schema};

use super::scalars::elements;
use super::{Merger, TypeSources, component, directive, string};
use crate::compose::directives::Known;
use crate::compose::facts::Application;
use crate::compose::subgraph::fields_of;
use crate::diagnostic::Diagnostic;
use apollo_compiler::ast::Value;

/// What objects and interfaces have in common.
struct Composite {
    description: Option<Node<str>>,
    directives: DirectiveList,
    interfaces: IndexSet<ComponentName>,
    fields: IndexMap<Name, Component<FieldDefinition>>,
}

impl<'a> Merger<'a> {
    pub(super) fn merge_object(&mut self, name: &Name, sources: &TypeSources<'a>) -> ExtendedType {
        self.entity_hint(name, sources);
        let c = self.merge_composite(name, sources);
        ExtendedType::Object(located(
            sources,
            ObjectType {
                description: c.description,
                name: name.clone(),
                implements_interfaces: c.interfaces,
                directives: c.directives,
                fields: c.fields,
            },
        ))
    }

    pub(super) fn merge_interface(&mut self, name: &Name, sources: &TypeSources<'a>) -> ExtendedType {
        let c = self.merge_composite(name, sources);
        ExtendedType::Interface(located(
            sources,
            InterfaceType {
                description: c.description,
                name: name.clone(),
                implements_interfaces: c.interfaces,
                directives: c.directives,
                fields: c.fields,
            },
        ))
    }

    fn merge_composite(&mut self, name: &Name, sources: &TypeSources<'a>) -> Composite {
        let elements = elements(sources);
        let description = self.description(&format!("`{name}`"), &elements);
        let mut directives = Vec::new();
        let mut interfaces = IndexSet::default();
        for (index, ty) in sources {
            let implemented = match ty {
                ExtendedType::Object(t) => &t.implements_interfaces,
                ExtendedType::Interface(t) => &t.implements_interfaces,
                _ => continue,
            };
            for interface in implemented {
                interfaces.insert(ComponentName::from(interface.name.clone()));
                let graph = ("graph", self.graph_value(*index));
                let interface = ("interface", string(interface.name.as_str()));
                directives.push(component(directive("join__implements", vec![graph, interface])));
            }
        }
        directives.extend(self.type_joins(sources));
        for (index, ty) in sources {
            directives.extend(self.carried_by_type(*index, ty).into_iter().map(component));
        }
        directives.extend(self.marks(&format!("`{name}`"), &elements).into_iter().map(component));
        self.value_type_hints(name, sources);
        let fields = self.merge_fields(name, sources);
        Composite { description, directives: DirectiveList(directives), interfaces, fields }
    }

    /// `@join__type`: one per subgraph and key.
    pub(super) fn type_joins(&self, sources: &TypeSources<'a>) -> Vec<Component<Directive>> {
        let mut joins = Vec::new();
        for (index, ty) in sources {
            let subgraph = &self.subgraphs[*index];
            let stands_in = subgraph.has(ty.directives(), Known::InterfaceObject);
            let mut join = |key: Option<&Application>| {
                let mut arguments = vec![("graph", self.graph_value(*index))];
                if let Some((key, Ok(fields))) = key.map(|k| (k, &k.parsed)) {
                    arguments.push(("key", key_value(key, fields.canonical())));
                    if !key.resolvable {
                        arguments.push(("resolvable", Node::new(Value::Boolean(false))));
                    }
                    if subgraph.is_extension(ty) {
                        arguments.push(("extension", Node::new(Value::Boolean(true))));
                    }
                }
                if stands_in {
                    arguments.push(("isInterfaceObject", Node::new(Value::Boolean(true))));
                }
                joins.push(component(directive("join__type", arguments)));
            };
            let mut keys = subgraph.facts.keys_of(ty.name()).peekable();
            if keys.peek().is_none() {
                join(None);
            }
            keys.for_each(|key| join(Some(key)));
        }
        joins
    }

    /// An entity here and a plain value there is allowed, and often a slip.
    fn entity_hint(&mut self, name: &Name, sources: &TypeSources<'a>) {
        let is_entity =
            |(index, _): &&(usize, &ExtendedType)| self.subgraphs[*index].facts.keys_of(name).next().is_some();
        let with = sources.iter().filter(is_entity).count();
        if with == 0 || with == sources.len() {
            return;
        }
        if let Some((index, ty)) = sources.iter().find(|s| !is_entity(s)) {
            let message = format!("`{name}` has a `@key` in other fragments, and none in `{}`.", self.called(*index));
            let hint =
                Diagnostic::hint("INCONSISTENT_ENTITY", message).at(self.subgraphs[*index].at_name(ty.name()), "");
            self.out.push(hint);
        }
    }

    /// A value type that not all fragments define alike: whoever returns it cannot give what its definition lacks.
    fn value_type_hints(&mut self, name: &Name, sources: &TypeSources<'a>) {
        let subgraphs = self.subgraphs;
        let is_root = ["Query", "Mutation", "Subscription"].contains(&name.as_str());
        let has_key = |(index, ty): &(usize, &ExtendedType)| {
            let subgraph = &subgraphs[*index];
            subgraph.facts.keys_of(name).next().is_some() || subgraph.has(ty.directives(), Known::InterfaceObject)
        };
        if sources.len() < 2 || is_root || sources.iter().any(has_key) {
            return;
        }
        // Who has external fields only says nothing of what it knows.
        let gives = |(index, ty): &&(usize, &'a ExtendedType)| {
            let external = &subgraphs[*index].facts.external;
            fields_of(ty).into_iter().flatten().any(|(field, _)| !external.contains(&(name.clone(), field.clone())))
        };
        let sources: Vec<_> = sources.iter().filter(gives).collect();
        let is_interface = sources.first().is_some_and(|(_, ty)| ty.is_interface());
        let (code, so) = if is_interface {
            ("INCONSISTENT_INTERFACE_VALUE_TYPE_FIELD", "in the graph the interface has it".to_owned())
        } else {
            let so = format!("`{name}` has no key, so it cannot be asked for by itself");
            ("INCONSISTENT_OBJECT_VALUE_TYPE_FIELD", so)
        };
        let mut definers: IndexMap<&Name, Vec<(usize, &Component<FieldDefinition>)>> = IndexMap::default();
        for (index, ty) in &sources {
            for (field, definition) in fields_of(ty).into_iter().flatten() {
                definers.entry(field).or_default().push((*index, definition));
            }
        }
        for (field, have) in definers.iter().filter(|(_, have)| have.len() < sources.len()) {
            let message =
                format!("`{name}.{field}` is in {} only; {so}.", self.list(have.iter().map(|(index, _)| *index)));
            let mut hint = Diagnostic::hint(code, message);
            if let Some((index, definition)) = have.first() {
                hint = hint.at(subgraphs[*index].at_name(&definition.name), "");
            }
            let missing = sources.iter().find(|(index, _)| have.iter().all(|(h, _)| h != index));
            if let Some((index, ty)) = missing {
                hint = hint.at(subgraphs[*index].at_name(ty.name()), "missing here");
            }
            self.out.push(hint);
        }
    }

    /// What an interface object adds, every implementation of the interface has.
    pub(super) fn add_interface_object_fields(&mut self, document: &mut Schema) {
        let mut interfaces: Vec<&Name> = self.interface_objects.keys().collect();
        interfaces.sort_unstable();
        for interface in interfaces {
            let Some(ExtendedType::Interface(merged)) = document.types.get(interface).cloned() else { continue };
            let added: Vec<&Component<FieldDefinition>> = merged
                .fields
                .values()
                .filter(|field| {
                    let gives = |index: &usize| {
                        self.subgraphs[*index].fields(interface).is_some_and(|f| f.contains_key(&field.name))
                    };
                    self.interface_objects.get(interface).is_some_and(|indices| indices.iter().any(gives))
                })
                .collect();
            for ty in document.types.values_mut() {
                let (implements, fields) = match ty {
                    ExtendedType::Object(t) if t.implements_interfaces.contains(interface) => {
                        (true, &mut t.make_mut().fields)
                    }
                    ExtendedType::Interface(t) if t.implements_interfaces.contains(interface) => {
                        (true, &mut t.make_mut().fields)
                    }
                    _ => continue,
                };
                for field in added.iter().filter(|_| implements) {
                    if !fields.contains_key(&field.name) {
                        fields.insert(field.name.clone(), inherited(field));
                    }
                }
            }
        }
    }
}

/// The field of an interface object, as it stands on an implementation: no subgraph resolves it there.
fn inherited(field: &Component<FieldDefinition>) -> Component<FieldDefinition> {
    let mut field = field.clone();
    let definition = field.make_mut();
    definition.directives.0.retain(|d| !d.name.starts_with("join__"));
    definition.directives.0.insert(0, directive("join__field", Vec::new()));
    field
}

/// The key's text, at the author's place.
fn key_value(key: &Application, text: String) -> Node<Value> {
    match key.directive.specified_argument_by_name("fields") {
        Some(written) => written.same_location(Value::String(text)),
        None => string(text),
    }
}

/// A merged type, at the place of its first definition.
fn located<T>(sources: &TypeSources<'_>, ty: T) -> Node<T> {
    match sources.first() {
        Some((_, ExtendedType::Object(first))) => first.same_location(ty),
        Some((_, ExtendedType::Interface(first))) => first.same_location(ty),
        _ => Node::new(ty),
    }
}

/// The field of a type in the subgraphs that define it.
pub(super) fn fields_by_name<'a>(
    sources: &TypeSources<'a>,
) -> IndexMap<Name, Vec<(usize, &'a Component<FieldDefinition>)>> {
    let mut fields: IndexMap<Name, Vec<_>> = IndexMap::default();
    for (index, ty) in sources {
        for (name, definition) in fields_of(ty).into_iter().flatten() {
            fields.entry(name.clone()).or_default().push((*index, definition));
        }
    }
    fields
}
