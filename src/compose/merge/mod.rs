//! Merges valid fragments into one supergraph document: one merge per kind of type.
//!
//! In: subgraphs. Out: a [`Schema`] with join directives whose nodes keep the places of the fragments that they came
//! from, and diagnostics. Output types unite, input types intersect, enums do what their use asks for.
//! Deliberately absent: whether what was merged can be resolved (`satisfiability`).

mod arguments;
mod carried;
mod contexts;
mod costs;
mod custom;
mod document;
mod enums;
mod executable;
mod features;
mod fields;
mod guards;
mod hidden_inputs;
mod inputs;
mod marks;
mod objects;
mod overrides;
mod scalars;
mod sharing;
mod types;
mod unions;

use std::collections::BTreeSet;

use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::collections::{HashMap, IndexMap, IndexSet};
use apollo_compiler::schema::{Component, ExtendedType, Type};
use apollo_compiler::{Name, Node, Schema};

use self::custom::Customs;
pub(crate) use self::executable::is_executable;
pub(crate) use self::guards::asked_by;
use super::directives::Known;
use super::subgraph::{Subgraph, fields_of};
use crate::diagnostic::{Diagnostic, Severity};

/// A type in the subgraphs that define it.
pub(crate) type TypeSources<'a> = Vec<(usize, &'a ExtendedType)>;

/// Everything that merging one type must know of all others.
pub(crate) struct Merger<'a> {
    pub(crate) subgraphs: &'a [Subgraph],
    /// Every type, with its definitions, in the order of the fragments.
    pub(crate) types: IndexMap<Name, TypeSources<'a>>,
    /// Subgraphs by their names.
    by_name: HashMap<&'a str, usize>,
    /// Type → the interfaces that it implements somewhere.
    pub(crate) implements: HashMap<Name, IndexSet<Name>>,
    /// Union → its members anywhere.
    pub(crate) members: HashMap<Name, IndexSet<Name>>,
    /// How types are used.
    usage: HashMap<Name, Usage>,
    /// Interface → the subgraphs in which an object stands for it.
    pub(crate) interface_objects: HashMap<Name, Vec<usize>>,
    /// Somebody else's directives that stay.
    customs: Customs,
    /// Federation's directives that the document applies and that have specifications of their own, by name.
    used: BTreeSet<&'static str>,
    pub(crate) out: Vec<Diagnostic>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    input: bool,
    output: bool,
}

/// Merges all subgraphs. The document is `None` where a diagnostic is an error.
pub(crate) fn merge(subgraphs: &[Subgraph], out: &mut Vec<Diagnostic>) -> Option<Schema> {
    let mut merger = Merger::new(subgraphs);
    let mut document = document::preamble(subgraphs);
    for (name, sources) in std::mem::take(&mut merger.types) {
        if let Some(merged) = merger.merge_type(&name, &sources) {
            document.types.insert(name.clone(), merged);
        }
        merger.types.insert(name, sources);
    }
    merger.add_interface_object_fields(&mut document);
    merger.guard_interfaces(&mut document);
    document::name_roots(&mut document);
    hidden_inputs::hide(&mut document);
    features::link(&mut document, &merger.used);
    merger.define_customs(&mut document);
    merger.merge_executable_directives(&mut document);
    merger.mark_schema(&mut document);
    merger.carry_schema_directives(&mut document);
    let sound = merger.out.iter().all(|d| d.severity == Severity::Hint);
    out.append(&mut merger.out);
    sound.then_some(document)
}

impl<'a> Merger<'a> {
    fn new(subgraphs: &'a [Subgraph]) -> Self {
        let mut merger = Self {
            subgraphs,
            types: IndexMap::default(),
            by_name: subgraphs.iter().enumerate().map(|(i, s)| (s.name.as_str(), i)).collect(),
            implements: HashMap::default(),
            members: HashMap::default(),
            usage: HashMap::default(),
            interface_objects: HashMap::default(),
            customs: Customs::default(),
            used: BTreeSet::new(),
            out: Vec::new(),
        };
        merger.customs = Customs::of(subgraphs, &mut merger.out);
        for (name, executable) in merger.customs.argument_types(subgraphs) {
            let usage = merger.usage.entry(name.clone()).or_default();
            *(if executable { &mut usage.input } else { &mut usage.output }) = true;
        }
        for (index, subgraph) in subgraphs.iter().enumerate() {
            for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
                merger.types.entry(name.clone()).or_default().push((index, ty));
                merger.note(index, name, ty);
            }
        }
        merger
    }

    /// Takes down what other types will ask about this one.
    fn note(&mut self, index: usize, name: &Name, ty: &ExtendedType) {
        let interfaces = match ty {
            ExtendedType::Object(t) => &t.implements_interfaces,
            ExtendedType::Interface(t) => &t.implements_interfaces,
            ExtendedType::Union(t) => {
                self.members.entry(name.clone()).or_default().extend(t.members.iter().map(|m| m.name.clone()));
                return;
            }
            ExtendedType::InputObject(t) => {
                for field in t.fields.values() {
                    self.usage.entry(field.ty.inner_named_type().clone()).or_default().input = true;
                }
                return;
            }
            _ => return,
        };
        if !interfaces.is_empty() {
            self.implements.entry(name.clone()).or_default().extend(interfaces.iter().map(|i| i.name.clone()));
        }
        if self.subgraphs[index].has(ty.directives(), Known::InterfaceObject) {
            self.interface_objects.entry(name.clone()).or_default().push(index);
        }
        for field in fields_of(ty).into_iter().flat_map(|fields| fields.values()) {
            self.usage.entry(field.ty.inner_named_type().clone()).or_default().output = true;
            for argument in &field.arguments {
                self.usage.entry(argument.ty.inner_named_type().clone()).or_default().input = true;
            }
        }
    }

    fn merge_type(&mut self, name: &Name, sources: &TypeSources<'a>) -> Option<ExtendedType> {
        if !self.one_kind(name, sources) {
            return None;
        }
        match self.kind(name, sources) {
            Kind::Scalar => Some(self.merge_scalar(name, sources)),
            Kind::Object => Some(self.merge_object(name, sources)),
            Kind::Interface => Some(self.merge_interface(name, sources)),
            Kind::Union => Some(self.merge_union(name, sources)),
            Kind::Enum => self.merge_enum(name, sources),
            Kind::InputObject => self.merge_input(name, sources),
        }
    }

    fn kind(&self, name: &Name, sources: &TypeSources<'a>) -> Kind {
        // An interface object stands for an interface, also where nobody defines that interface: a rule tells of it.
        if self.interface_objects.contains_key(name) {
            return Kind::Interface;
        }
        sources.first().map_or(Kind::Scalar, |(_, ty)| Kind::of(ty))
    }

    fn one_kind(&mut self, name: &Name, sources: &TypeSources<'a>) -> bool {
        let kind = |index: usize, ty: &ExtendedType| {
            let stands_in = self.subgraphs[index].has(ty.directives(), Known::InterfaceObject);
            if stands_in { Kind::Interface } else { Kind::of(ty) }
        };
        let Some(&(first, first_type)) = sources.first() else { return false };
        let expected = kind(first, first_type);
        let Some(&(other, other_type)) = sources.iter().find(|(i, ty)| kind(*i, ty) != expected) else { return true };
        let mut message = format!(
            "`{name}` is {} in `{}` and {} in `{}`.",
            expected.describe(),
            self.subgraphs[first].name,
            kind(other, other_type).describe(),
            self.subgraphs[other].name
        );
        if self.interface_objects.contains_key(name) {
            message.push_str(" An `@interfaceObject` counts as an interface.");
        }
        self.out.push(
            Diagnostic::error("TYPE_KIND_MISMATCH", message)
                .at(self.subgraphs[other].at_name(other_type.name()), "")
                .at(self.subgraphs[first].at_name(first_type.name()), "")
                .help("A type is of one kind everywhere: rename one of them, or make them agree."),
        );
        false
    }

    /// The name of a subgraph in messages.
    fn called(&self, index: usize) -> &'a str {
        &self.subgraphs[index].name
    }

    /// Several subgraphs, for a message: `` `a`, `b` and `c` ``.
    pub(crate) fn list(&self, indices: impl Iterator<Item = usize>) -> String {
        let names: Vec<String> = indices.map(|i| format!("`{}`", self.called(i))).collect();
        list_of(&names)
    }

    /// Whether a type's values are all values of another.
    pub(crate) fn is_subtype(&self, sub: &Name, of: &Name) -> bool {
        self.implements.get(sub).is_some_and(|i| i.contains(of))
            || self.members.get(of).is_some_and(|m| m.contains(sub))
    }

    fn graph_value(&self, index: usize) -> Node<Value> {
        Node::new(Value::Enum(self.subgraphs[index].graph.clone()))
    }
}

/// `a, b and c`.
pub(crate) fn list_of(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scalar,
    Object,
    Interface,
    Union,
    Enum,
    InputObject,
}

impl Kind {
    fn of(ty: &ExtendedType) -> Self {
        match ty {
            ExtendedType::Scalar(_) => Self::Scalar,
            ExtendedType::Object(_) => Self::Object,
            ExtendedType::Interface(_) => Self::Interface,
            ExtendedType::Union(_) => Self::Union,
            ExtendedType::Enum(_) => Self::Enum,
            ExtendedType::InputObject(_) => Self::InputObject,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Scalar => "a scalar",
            Self::Object => "an object type",
            Self::Interface => "an interface",
            Self::Union => "a union",
            Self::Enum => "an enum",
            Self::InputObject => "an input type",
        }
    }
}

/// A directive with these arguments.
pub(crate) fn directive(name: &'static str, arguments: Vec<(&'static str, Node<Value>)>) -> Node<Directive> {
    let mut directive = Directive::new(Name::new_static_unchecked(name));
    for (argument, value) in arguments {
        let name = Name::new_static_unchecked(argument);
        directive.arguments.push(Node::new(apollo_compiler::ast::Argument { name, value }));
    }
    Node::new(directive)
}

/// A string value.
pub(crate) fn string(text: impl Into<String>) -> Node<Value> {
    Node::new(Value::String(text.into()))
}

/// A component of a definition.
fn component<T>(node: Node<T>) -> Component<T> {
    Component::from(node)
}

/// A type as a message shows it.
fn show(ty: &Type) -> String {
    format!("`{ty}`")
}
