//! What the directives of one fragment say, parsed once: keys, external fields and who uses them.
//!
//! In: a subgraph's schema and names. Out: [`Facts`]. Field sets that do not parse stay in [`Application::parsed`]
//! as problems; `rules` tells them.

use apollo_compiler::ast::{Directive, InputValueDefinition};
use apollo_compiler::collections::{HashMap, HashSet, IndexMap};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};

use super::directives::Known;
use super::selection::{Problem, Selections, walk};
use super::subgraph::{Applied, Subgraph, fields_of};

/// A type and one of its fields.
pub(crate) type Coordinate = (Name, Name);

/// Facts about a fragment.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) keys: Vec<Application>,
    pub(crate) requires: Vec<Application>,
    pub(crate) provides: Vec<Application>,
    /// Indices into `keys`, by type.
    pub(crate) keys_of: HashMap<Name, Vec<usize>>,
    /// Fields that are `@external`, by themselves or with their type, and are really resolved elsewhere.
    pub(crate) external: HashSet<Coordinate>,
    /// Key fields of extensions that are marked `@external`, as Federation 1 asks for: they are known here all the same.
    pub(crate) fake_external: HashSet<Coordinate>,
    pub(crate) key_fields: HashSet<Coordinate>,
    pub(crate) provided: HashSet<Coordinate>,
    pub(crate) required: HashSet<Coordinate>,
    /// Arguments that are filled from a context.
    pub(crate) contexts: Vec<ContextUse>,
    /// Interface → the objects that implement it here.
    pub(crate) implementers: HashMap<Name, Vec<Name>>,
}

/// One `@key`, `@requires` or `@provides`.
#[derive(Debug)]
pub(crate) struct Application {
    /// The type that it is on, or whose field it is on.
    pub(crate) type_name: Name,
    /// The field that it is on; `None` for a key.
    pub(crate) field: Option<Name>,
    pub(crate) directive: Node<Directive>,
    /// The type that the field set selects on; `None` for a `@provides` on a field of another kind of type.
    pub(crate) on: Option<Name>,
    /// As written; `None` where it is no string.
    pub(crate) text: Option<String>,
    pub(crate) parsed: Result<Selections, Problem>,
    /// Of a key.
    pub(crate) resolvable: bool,
}

/// One `@fromContext`.
#[derive(Debug)]
pub(crate) struct ContextUse {
    pub(crate) type_name: Name,
    pub(crate) field: Name,
    pub(crate) argument: Node<InputValueDefinition>,
    pub(crate) directive: Node<Directive>,
    /// Without its sign; `None` where none is named.
    pub(crate) context: Option<String>,
    /// What is taken of it. A problem without a message: nothing.
    pub(crate) parsed: Result<Selections, Problem>,
    /// Bytes of the text before the selection.
    pub(crate) shift: usize,
}

impl ContextUse {
    fn new(type_name: &Name, field: &Name, argument: &Node<InputValueDefinition>, directive: &Node<Directive>) -> Self {
        let text = directive.specified_argument_by_name("field").and_then(|value| value.as_str()).unwrap_or_default();
        let start = text.len() - text.trim_start().len();
        let rest = text[start..].strip_prefix('$').unwrap_or_default();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let context = (length > 0).then(|| rest[..length].to_owned());
        let selection = &rest[length..];
        let parsed = match selection.trim() {
            "" => Err(Problem::new(0, "")),
            _ => Selections::parse(selection),
        };
        Self {
            type_name: type_name.clone(),
            field: field.clone(),
            argument: argument.clone(),
            directive: directive.clone(),
            context,
            parsed,
            shift: start + 1 + length,
        }
    }
}

/// The types that set a context of that name.
pub(crate) fn contexts_of<'s>(subgraph: &'s Subgraph, context: &'s str) -> impl Iterator<Item = &'s Name> {
    let sets = move |ty: &&ExtendedType| {
        let mut applied = subgraph.all(ty.directives(), Known::Context);
        applied.any(|d| d.specified_argument_by_name("name").and_then(|v| v.as_str()) == Some(context))
    };
    subgraph.schema.types.values().filter(sets).map(|ty| ty.name())
}

impl Facts {
    /// Computes them. The schema may be incomplete, but is consistent.
    pub(crate) fn of(subgraph: &Subgraph) -> Self {
        let mut facts = Self::default();
        facts.collect_applications(subgraph);
        for (index, key) in facts.keys.iter().enumerate() {
            facts.keys_of.entry(key.type_name.clone()).or_default().push(index);
        }
        for ty in subgraph.schema.types.values() {
            if let ExtendedType::Object(object) = ty {
                for interface in &object.implements_interfaces {
                    facts.implementers.entry(interface.name.clone()).or_default().push(object.name.clone());
                }
            }
        }
        facts
    }

    /// The second half, which needs the first in place: where field sets lead.
    pub(crate) fn follow(subgraph: &mut Subgraph) {
        let facts = &subgraph.facts;
        let key_fields = coordinates(subgraph, &facts.keys);
        let provided = coordinates(subgraph, &facts.provides);
        let mut required = coordinates(subgraph, &facts.requires);
        required.extend(coordinates_of_contexts(subgraph));
        let mut external = HashSet::default();
        // On an interface's field it says nothing; a rule tells of it.
        for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| ty.is_object()) {
            let whole = subgraph.has(ty.directives(), Known::External);
            for (field, definition) in fields_of(ty).into_iter().flatten() {
                if whole || subgraph.has(&definition.directives, Known::External) {
                    external.insert((name.clone(), field.clone()));
                }
            }
        }
        let fake_external = fake_externals(subgraph, &external);
        external.retain(|c| !fake_external.contains(c));
        let facts = &mut subgraph.facts;
        facts.external = external;
        facts.fake_external = fake_external;
        facts.key_fields = key_fields;
        facts.provided = provided;
        facts.required = required;
    }

    /// The keys of a type.
    pub(crate) fn keys_of(&self, type_name: &str) -> impl Iterator<Item = &Application> {
        self.keys_of.get(type_name).into_iter().flatten().map(|index| &self.keys[*index])
    }

    /// The concrete types that a type's value can have here.
    pub(crate) fn possible(&self, schema: &Schema, name: &Name) -> Vec<Name> {
        match schema.types.get(name) {
            Some(ExtendedType::Object(_)) => vec![name.clone()],
            Some(ExtendedType::Union(union)) => union.members.iter().map(|m| m.name.clone()).collect(),
            Some(ExtendedType::Interface(_)) => self.implementers.get(name).cloned().unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// External here, and not brought along by any `@provides` either.
    pub(crate) fn fully_external(&self, coordinate: &Coordinate) -> bool {
        self.external.contains(coordinate) && !self.provided.contains(coordinate)
    }

    fn collect_applications(&mut self, subgraph: &Subgraph) {
        let application = |type_name: &Name, field: Option<&Name>, on: Option<&Name>, directive: &Node<Directive>| {
            let value = directive.specified_argument_by_name("fields");
            let text = value.and_then(|v| v.as_str()).map(str::to_owned);
            let parsed = match &text {
                Some(text) => Selections::parse(text),
                None => Err(Problem::new(0, "`fields` is not a string")),
            };
            let resolvable =
                directive.specified_argument_by_name("resolvable").and_then(|v| v.to_bool()) != Some(false);
            Application {
                type_name: type_name.clone(),
                field: field.cloned(),
                directive: directive.clone(),
                on: on.cloned(),
                text,
                parsed,
                resolvable,
            }
        };
        for (name, ty) in &subgraph.schema.types {
            let Some(fields) = fields_of(ty) else { continue };
            if ty.is_built_in() {
                continue;
            }
            for directive in subgraph.all(ty.directives(), Known::Key) {
                self.keys.push(application(name, None, Some(name), directive));
            }
            for (field_name, field) in fields {
                for argument in &field.arguments {
                    let applied = subgraph.all(&argument.directives, Known::FromContext);
                    self.contexts.extend(applied.map(|d| ContextUse::new(name, field_name, argument, d)));
                }
                for directive in field.directives.nodes() {
                    match subgraph.names.get(&directive.name) {
                        Some((Known::Requires, _)) => {
                            self.requires.push(application(name, Some(field_name), Some(name), directive));
                        }
                        Some((Known::Provides, _)) => {
                            let inner = field.ty.inner_named_type();
                            let composite = subgraph
                                .schema
                                .types
                                .get(inner)
                                .is_some_and(|t| fields_of(t).is_some() || t.is_union());
                            self.provides.push(application(
                                name,
                                Some(field_name),
                                composite.then_some(inner),
                                directive,
                            ));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Every field that the field sets select; one of an interface stands for those of its implementations too.
fn coordinates(subgraph: &Subgraph, applications: &[Application]) -> HashSet<Coordinate> {
    let mut found = HashSet::default();
    for application in applications {
        let (Some(on), Ok(selections)) = (&application.on, &application.parsed) else { continue };
        selected(subgraph, on, selections, &mut found);
    }
    found
}

/// Every field that is taken of a context, on each type that sets it.
fn coordinates_of_contexts(subgraph: &Subgraph) -> HashSet<Coordinate> {
    let mut found = HashSet::default();
    for used in &subgraph.facts.contexts {
        let (Some(context), Ok(selections)) = (&used.context, &used.parsed) else { continue };
        for on in contexts_of(subgraph, context) {
            selected(subgraph, on, selections, &mut found);
        }
    }
    found
}

fn selected(subgraph: &Subgraph, on: &Name, selections: &Selections, found: &mut HashSet<Coordinate>) {
    walk(subgraph, on, selections, &mut Vec::new(), &mut |step| {
        let field = &step.field.name;
        found.insert((step.parent.clone(), field.clone()));
        for object in subgraph.facts.implementers.get(step.parent).into_iter().flatten() {
            found.insert((object.clone(), field.clone()));
        }
    });
}

/// External fields that a key of an extension selects.
fn fake_externals(subgraph: &Subgraph, external: &HashSet<Coordinate>) -> HashSet<Coordinate> {
    let mut found: HashSet<Coordinate> = HashSet::default();
    let mut extensions: IndexMap<&Name, bool> = IndexMap::default();
    for key in &subgraph.facts.keys {
        let Some(ty) = subgraph.schema.types.get(&key.type_name) else { continue };
        let by_extension = *extensions.entry(&key.type_name).or_insert_with(|| subgraph.is_extension(ty));
        let key_of_extension =
            ty.directives().iter().any(|d| d.node.ptr_eq(&key.directive) && d.origin.extension_id().is_some());
        let Ok(selections) = &key.parsed else { continue };
        if by_extension || key_of_extension {
            walk(subgraph, &key.type_name, selections, &mut Vec::new(), &mut |step| {
                let coordinate = (step.parent.clone(), step.field.name.clone());
                if external.contains(&coordinate) {
                    found.insert(coordinate);
                }
            });
        }
    }
    found
}
