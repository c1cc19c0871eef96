//! Federation 1 → Federation 2: what old documents say without saying it.
//!
//! In: all fragments, read. Out: the Federation 1 ones among them, changed so that Federation 2's rules fit:
//! key fields of extensions are plain, external fields that nothing uses are gone, `@provides` and `@requires` name external
//! fields only, and what several fragments define is shareable.
//! Source: the Apollo Federation 1 to 2 migration guide.

use apollo_compiler::ast::{Directive, Selection, Value};
use apollo_compiler::collections::{HashMap, HashSet, IndexMap, IndexSet};
use apollo_compiler::schema::{Component, ExtendedType, FieldDefinition};
use apollo_compiler::{Name, Node};

use super::directives::Known;
use super::facts::{Coordinate, Facts};
use super::links::Dialect;
use super::selection::write;
use super::subgraph::{Subgraph, fields_of};
use crate::diagnostic::Diagnostic;

/// The name that an upgraded document has for `@shareable`; no Federation 1 document can have written it.
pub(crate) const SHAREABLE: &str = "federation__shareable";

/// Upgrades the Federation 1 documents, and computes everybody's facts.
pub(crate) fn upgrade(subgraphs: &mut [Subgraph]) {
    for subgraph in subgraphs.iter_mut() {
        let old = subgraph.names.dialect == Dialect::Federation1;
        if old {
            join_lists(subgraph);
        }
        refresh(subgraph);
        if old {
            clean_interfaces(subgraph);
            refresh(subgraph);
            keep_external_selections(subgraph);
            refresh(subgraph);
            remove_unused_externals(subgraph);
            remove_fake_externals(subgraph);
            remove_marks_of_externals(subgraph);
            refresh(subgraph);
        }
    }
    share(subgraphs);
}

fn refresh(subgraph: &mut Subgraph) {
    subgraph.facts = Facts::of(subgraph);
    Facts::follow(subgraph);
}

/// In Federation 1 somebody must define what others extend. All fragments must be there.
pub(crate) fn check_bases(subgraphs: &[Subgraph], out: &mut Vec<Diagnostic>) {
    let roots = ["Query", "Mutation", "Subscription"];
    let mut defined: HashSet<&Name> = HashSet::default();
    for subgraph in subgraphs {
        for (name, ty) in &subgraph.schema.types {
            if subgraph.names.dialect == Dialect::Federation2 || !subgraph.is_extension(ty) {
                defined.insert(name);
            }
        }
    }
    for subgraph in subgraphs.iter().filter(|s| s.names.dialect == Dialect::Federation1) {
        for (name, ty) in &subgraph.schema.types {
            if subgraph.is_extension(ty) && !defined.contains(name) && !roots.contains(&name.as_str()) {
                out.push(
                    Diagnostic::error(
                        "EXTENSION_WITH_NO_BASE",
                        format!("`{name}` is extended, but no fragment defines it."),
                    )
                    .at(subgraph.at_name(ty.name()), "")
                    .help("Drop `extend` or `@extends` where the type is at home, or link Federation 2."),
                );
            }
        }
    }
}

/// Changes every field of the subgraph's objects and interfaces that `change` wants changed.
fn change_fields(
    subgraph: &mut Subgraph,
    change: impl Fn(&Subgraph, &Name, &FieldDefinition) -> Option<FieldDefinition>,
) {
    let mut changes: Vec<(Name, Name, FieldDefinition)> = Vec::new();
    for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        for (field_name, field) in fields_of(ty).into_iter().flatten() {
            if let Some(changed) = change(subgraph, name, field) {
                changes.push((name.clone(), field_name.clone(), changed));
            }
        }
    }
    for (name, field_name, changed) in changes {
        let fields = match subgraph.schema.types.get_mut(&name) {
            Some(ExtendedType::Object(t)) => &mut t.make_mut().fields,
            Some(ExtendedType::Interface(t)) => &mut t.make_mut().fields,
            _ => continue,
        };
        if let Some(field) = fields.get_mut(&field_name) {
            *field.make_mut() = changed;
        }
    }
}

/// `fields: ["a", "b"]`, which old servers took, is `fields: "a b"`.
fn join_lists(subgraph: &mut Subgraph) {
    let joined = |directive: &Node<Directive>| -> Option<Node<Directive>> {
        let list = directive.specified_argument_by_name("fields")?.as_list()?;
        let texts: Option<Vec<&str>> = list.iter().map(|v| v.as_str()).collect();
        let mut changed = directive.clone();
        let value = changed.make_mut().specified_argument_by_name_mut("fields")?;
        *value = value.same_location(Value::String(texts?.join(" ")));
        Some(changed)
    };
    for ty in subgraph.schema.types.values_mut().filter(|ty| !ty.is_built_in()) {
        let (directives, fields) = match ty {
            ExtendedType::Object(t) => {
                let t = t.make_mut();
                (&mut t.directives, &mut t.fields)
            }
            ExtendedType::Interface(t) => {
                let t = t.make_mut();
                (&mut t.directives, &mut t.fields)
            }
            _ => continue,
        };
        for directive in directives.0.iter_mut() {
            if let Some(changed) = joined(&directive.node) {
                directive.node = changed;
            }
        }
        for field in fields.values_mut() {
            if field.directives.iter().any(|d| joined(d).is_some()) {
                for directive in field.make_mut().directives.0.iter_mut() {
                    if let Some(changed) = joined(directive) {
                        *directive = changed;
                    }
                }
            }
        }
    }
}

/// Federation 1 ignored `@key`, and its relatives, on interfaces and their fields.
fn clean_interfaces(subgraph: &mut Subgraph) {
    let ignored = |names: &super::links::Names, name: &Name| {
        use Known::{External, Key, Provides, Requires};
        names.get(name).is_some_and(|(known, _)| matches!(known, Key | External | Requires | Provides))
    };
    let names = &subgraph.names;
    for ty in subgraph.schema.types.values_mut() {
        if let ExtendedType::Interface(interface) = ty {
            let interface = interface.make_mut();
            interface.directives.0.retain(|d| !ignored(names, &d.name));
            for field in interface.fields.values_mut() {
                if field.directives.iter().any(|d| ignored(names, &d.name)) {
                    field.make_mut().directives.0.retain(|d| !ignored(names, &d.name));
                }
            }
        }
    }
}

/// `@provides` and `@requires` of fields that are not external had no effect: what remains of them is the external part.
fn keep_external_selections(subgraph: &mut Subgraph) {
    let mut kept: HashMap<(Name, Name, Name), Option<String>> = HashMap::default();
    let facts = &subgraph.facts;
    for application in facts.requires.iter().chain(&facts.provides) {
        let (Some(on), Ok(selections), Some(field)) = (&application.on, &application.parsed, &application.field) else {
            continue;
        };
        let items = external_part(subgraph, on, &selections.items);
        let mut text = String::new();
        write(&items, &mut text);
        if text != selections.canonical() {
            let place = (application.type_name.clone(), field.clone(), application.directive.name.clone());
            kept.insert(place, (!items.is_empty()).then_some(text));
        }
    }
    change_fields(subgraph, |_, type_name, field| {
        let key = |d: &Node<Directive>| (type_name.clone(), field.name.clone(), d.name.clone());
        if !field.directives.iter().any(|d| kept.contains_key(&key(d))) {
            return None;
        }
        let mut changed = field.clone();
        changed.directives.0.retain_mut(|directive| match kept.get(&key(directive)) {
            None => true,
            Some(None) => false,
            Some(Some(text)) => {
                if let Some(value) = directive.make_mut().specified_argument_by_name_mut("fields") {
                    *value = value.same_location(Value::String(text.clone()));
                }
                true
            }
        });
        Some(changed)
    });
}

/// Recursion is bounded by the parser's own limit on nesting.
fn external_part(subgraph: &Subgraph, on: &Name, items: &[Selection]) -> Vec<Selection> {
    let mut kept = Vec::new();
    for item in items {
        match item {
            Selection::Field(field) => {
                // What the fragment does not have at all stays, so that a rule can tell of it.
                let Some(definition) = subgraph.fields(on).and_then(|f| f.get(&field.name)) else {
                    kept.push(item.clone());
                    continue;
                };
                let coordinate: Coordinate = (on.clone(), field.name.clone());
                let external = subgraph.facts.external.contains(&coordinate);
                if external {
                    kept.push(item.clone());
                } else if !field.selection_set.is_empty() {
                    let nested = external_part(subgraph, definition.ty.inner_named_type(), &field.selection_set);
                    if !nested.is_empty() {
                        let mut field = field.clone();
                        field.make_mut().selection_set = nested;
                        kept.push(Selection::Field(field));
                    }
                }
            }
            Selection::InlineFragment(inline) => {
                let condition = inline.type_condition.as_ref().unwrap_or(on);
                let nested = external_part(subgraph, condition, &inline.selection_set);
                if !nested.is_empty() {
                    let mut inline = inline.clone();
                    inline.make_mut().selection_set = nested;
                    kept.push(Selection::InlineFragment(inline));
                }
            }
            Selection::FragmentSpread(_) => kept.push(item.clone()),
        }
    }
    kept
}

/// An external field that nothing uses had no effect.
fn remove_unused_externals(subgraph: &mut Subgraph) {
    let facts = &subgraph.facts;
    let used =
        |c: &Coordinate| facts.key_fields.contains(c) || facts.provided.contains(c) || facts.required.contains(c);
    let mut unused: IndexSet<Coordinate> = facts.external.iter().filter(|c| !used(c)).cloned().collect();
    // What an interface asks of the object stays.
    unused.retain(|(type_name, field)| {
        let Some(ExtendedType::Object(object)) = subgraph.schema.types.get(type_name) else { return false };
        !object.implements_interfaces.iter().any(|i| subgraph.fields(i).is_some_and(|f| f.contains_key(field)))
    });
    let mut by_type: IndexMap<Name, HashSet<Name>> = IndexMap::default();
    for (type_name, field) in unused {
        by_type.entry(type_name).or_default().insert(field);
    }
    for (type_name, unused) in by_type {
        if let Some(ExtendedType::Object(object)) = subgraph.schema.types.get_mut(&type_name) {
            // A type without fields would be no type: the rule on unused externals tells of it instead.
            if unused.len() < object.fields.len() {
                object.make_mut().fields.retain(|field, _| !unused.contains(field));
            }
        }
    }
}

/// Key fields of extensions are plain fields in Federation 2.
fn remove_fake_externals(subgraph: &mut Subgraph) {
    change_fields(subgraph, |subgraph, type_name, field| {
        let fake = subgraph.facts.fake_external.contains(&(type_name.clone(), field.name.clone()));
        if !fake || !subgraph.has(&field.directives, Known::External) {
            return None;
        }
        let mut changed = field.clone();
        changed.directives.0.retain(|d| subgraph.names.get(&d.name).is_none_or(|(known, _)| known != Known::External));
        Some(changed)
    });
}

/// What is said of a field is said by whoever resolves it: Federation 1 took no offence at a mark that had no effect.
fn remove_marks_of_externals(subgraph: &mut Subgraph) {
    change_fields(subgraph, |subgraph, _, field| {
        let is_mark =
            |d: &Node<Directive>| matches!(subgraph.names.get(&d.name), Some((Known::Tag | Known::Inaccessible, _)));
        if !subgraph.has(&field.directives, Known::External) || !field.directives.iter().any(is_mark) {
            return None;
        }
        let mut changed = field.clone();
        changed.directives.0.retain(|d| !is_mark(d));
        Some(changed)
    });
}

/// What several fragments define was shared in Federation 1 without saying so.
fn share(subgraphs: &mut [Subgraph]) {
    let mut definers: HashMap<Coordinate, u32> = HashMap::default();
    for subgraph in subgraphs.iter() {
        for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| ty.is_object() && !ty.is_built_in()) {
            for field in fields_of(ty).into_iter().flatten().map(|(field, _)| field) {
                *definers.entry((name.clone(), field.clone())).or_default() += 1;
            }
        }
    }
    for subgraph in subgraphs.iter_mut().filter(|s| s.names.dialect == Dialect::Federation1) {
        let external = &subgraph.facts.external;
        for (name, ty) in subgraph.schema.types.iter_mut() {
            let ExtendedType::Object(object) = ty else { continue };
            let shared: Vec<Name> = object
                .fields
                .keys()
                .filter(|field| {
                    let coordinate = (name.clone(), (*field).clone());
                    definers.get(&coordinate).is_some_and(|n| *n > 1) && !external.contains(&coordinate)
                })
                .cloned()
                .collect();
            if shared.is_empty() {
                continue;
            }
            let object = object.make_mut();
            for field in shared {
                if let Some(field) = object.fields.get_mut(&field) {
                    let mut changed: FieldDefinition = (*field.node).clone();
                    changed.directives.push(Directive::new(Name::new_static_unchecked(SHAREABLE)));
                    *field = Component { origin: field.origin.clone(), node: field.node.same_location(changed) };
                }
            }
        }
        subgraph.names.define(SHAREABLE, Known::Shareable, "shareable");
    }
}
