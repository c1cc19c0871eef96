//! Leaving out parts of a case's schema, of all its fragments, and of its data.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use apollo_compiler::Node;
use apollo_compiler::ast::{Definition, DirectiveList, Document, FieldDefinition, Value as AstValue};
use serde_json::Value;

use crate::oracle::case::Case;

/// One thing to leave out everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Edit {
    Fragment(String),
    Type(String),
    /// In every fragment, with its data.
    Field(String, String),
    /// In one fragment.
    FieldOf(String, String, String),
    Implements(String, String),
    Member(String, String),
    Argument(String, String, String),
    /// Directive number so-and-so of a fragment, types and fields counted through.
    Directive(String, usize),
    Instance(String, String),
    /// One field's data.
    Datum(String, String, String),
}

/// All that could be left out, the large things first.
pub(super) fn all(case: &Case) -> Vec<Edit> {
    let mut edits = BTreeSet::new();
    let texts = case.fragments.iter().map(|(name, text)| (Some(name), text)).chain([(None, &case.schema)]);
    for (fragment, text) in texts {
        let Ok(mut document) = Document::parse(text.as_str(), "case.graphql") else { continue };
        edits.extend(fragment.map(|name| Edit::Fragment(name.clone())));
        let mut directives = 0;
        for definition in &mut document.definitions {
            let Some(name) = definition.name().map(ToString::to_string) else { continue };
            edits.insert(Edit::Type(name.clone()));
            for field in fields(definition).into_iter().flatten() {
                edits.insert(Edit::Field(name.clone(), field.name.to_string()));
                edits.extend(fragment.map(|of| Edit::FieldOf(of.clone(), name.clone(), field.name.to_string())));
                let arguments = field.arguments.iter().map(|argument| argument.name.to_string());
                edits.extend(arguments.map(|argument| Edit::Argument(name.clone(), field.name.to_string(), argument)));
            }
            let implemented = implements(definition).into_iter().flatten();
            edits.extend(implemented.map(|interface| Edit::Implements(name.clone(), interface.to_string())));
            let members = members(definition).into_iter().flatten();
            edits.extend(members.map(|member| Edit::Member(name.clone(), member.to_string())));
            lists(definition, &mut |list| directives += list.0.len());
        }
        edits.extend(fragment.into_iter().flat_map(|of| (0..directives).map(|at| Edit::Directive(of.clone(), at))));
    }
    for (type_name, instances) in case.data.as_object().into_iter().flatten() {
        for (id, value) in instances.as_object().into_iter().flatten() {
            edits.insert(Edit::Instance(type_name.clone(), id.clone()));
            for field in value.as_object().into_iter().flatten().map(|(field, _)| field) {
                edits.insert(Edit::Datum(type_name.clone(), id.clone(), field.clone()));
            }
        }
    }
    let mut edits: Vec<Edit> = edits.into_iter().collect();
    // Counted from the end, so that what was left out does not move those that follow.
    edits.sort_by_key(|edit| if let Edit::Directive(_, at) = edit { usize::MAX - at } else { 0 });
    edits
}

impl Edit {
    /// `None`: there is nothing to leave out (any more).
    pub(super) fn apply(&self, case: &Case) -> Option<Case> {
        let mut new = case.clone();
        match self {
            Edit::Fragment(name) => new.fragments.retain(|(known, _)| known != name),
            Edit::Instance(type_name, id) => {
                new.data.get_mut(type_name)?.as_object_mut()?.shift_remove(id)?;
            }
            Edit::Datum(type_name, id, field) => {
                new.data.get_mut(type_name)?.get_mut(id)?.as_object_mut()?.shift_remove(field)?;
            }
            Edit::FieldOf(of, ..) | Edit::Directive(of, _) => {
                let (_, text) = new.fragments.iter_mut().find(|(name, _)| name == of)?;
                *text = self.rewrite(text)?;
            }
            _ => {
                let mut changed = false;
                for text in new.fragments.iter_mut().map(|(_, text)| text).chain([&mut new.schema]) {
                    if let Some(rewritten) = self.rewrite(text) {
                        *text = rewritten;
                        changed = true;
                    }
                }
                if !changed {
                    return None;
                }
                self.forget(&mut new.data);
            }
        }
        new.fragments.retain(|(_, text)| text.contains('{'));
        Some(new)
    }

    fn forget(&self, data: &mut Value) {
        let Some(types) = data.as_object_mut() else { return };
        match self {
            Edit::Type(name) => {
                types.shift_remove(name);
            }
            Edit::Field(type_name, field) if matches!(type_name.as_str(), "Query" | "Mutation") => {
                types.get_mut(type_name).and_then(Value::as_object_mut).map(|fields| fields.shift_remove(field));
            }
            Edit::Field(type_name, field) => {
                let instances = types.get_mut(type_name).and_then(Value::as_object_mut);
                for fields in instances.into_iter().flat_map(|it| it.values_mut()).filter_map(Value::as_object_mut) {
                    fields.shift_remove(field);
                }
            }
            _ => {}
        }
    }

    fn rewrite(&self, text: &str) -> Option<String> {
        let mut document = Document::parse(text, "case.graphql").ok()?;
        let before = document.to_string();
        let is = |definition: &Definition, name: &String| definition.name().is_some_and(|it| it == name.as_str());
        let mut directive = 0;
        // Fields that are no more: what names them in a selection or in a field set goes too.
        let mut gone: Vec<String> = Vec::new();
        for definition in &mut document.definitions {
            match self {
                Edit::Type(name) => {
                    if let Some(implemented) = implements(definition) {
                        implemented.retain(|it| it != name.as_str());
                    }
                    if let Some(members) = members(definition) {
                        members.retain(|it| it != name.as_str());
                    }
                    if let Some(fields) = fields(definition) {
                        let is_of = |field: &Node<FieldDefinition>| field.ty.inner_named_type() == name.as_str();
                        gone.extend(fields.iter().filter(|field| is_of(field)).map(|field| field.name.to_string()));
                        fields.retain(|field| !is_of(field));
                    }
                }
                Edit::Field(name, field) | Edit::FieldOf(_, name, field) if is(definition, name) => {
                    fields(definition)?.retain(|it| it.name != field.as_str());
                    gone.push(field.clone());
                }
                Edit::Implements(name, interface) if is(definition, name) => {
                    implements(definition)?.retain(|it| it != interface.as_str());
                }
                Edit::Member(name, member) if is(definition, name) => {
                    members(definition)?.retain(|it| it != member.as_str());
                }
                Edit::Argument(name, field, argument) if is(definition, name) => {
                    for it in fields(definition)?.iter_mut().filter(|it| it.name == field.as_str()) {
                        it.make_mut().arguments.retain(|it| it.name != argument.as_str());
                    }
                }
                Edit::Directive(_, at) => lists(definition, &mut |list| {
                    let here = *at >= directive && *at < directive + list.0.len();
                    let index = at.wrapping_sub(directive);
                    directive += list.0.len();
                    if here {
                        list.0.remove(index);
                    }
                }),
                _ => {}
            }
        }
        for definition in &mut document.definitions {
            lists(definition, &mut |list| {
                for argument in list.0.iter_mut().flat_map(|directive| &mut directive.make_mut().arguments) {
                    let is_set = matches!(argument.name.as_str(), "selection" | "fields");
                    let Some(text) = argument.value.as_str().filter(|_| is_set) else { continue };
                    let text = gone.iter().fold(text.to_owned(), |text, name| without_pick(&text, name));
                    argument.make_mut().value = Node::new(AstValue::String(text));
                }
            });
        }
        let emptied = |definition: &mut Definition| {
            fields(definition).is_some_and(|fields| fields.is_empty())
                || members(definition).is_some_and(|members| members.is_empty())
        };
        document.definitions.retain_mut(|definition| {
            !(emptied(definition) || matches!(self, Edit::Type(name) if is(definition, name)))
        });
        let after = document.to_string();
        (after != before).then_some(after)
    }
}

/// A selection or a field set without a field, and without what holds nothing any more.
fn without_pick(text: &str, name: &str) -> String {
    let spaced = text.replace('{', " { ").replace('}', " } ").replace(':', " : ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if !words.contains(&name) {
        return text.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if words[at] != name || (at > 0 && words[at - 1] == ":") {
            kept.push(words[at]);
            at += 1;
            continue;
        }
        at += if words.get(at + 1) == Some(&":") { 3 } else { 1 };
        if words.get(at) == Some(&"{") {
            let mut depth = 0;
            while at < words.len() {
                depth += i32::from(words[at] == "{") - i32::from(words[at] == "}");
                at += 1;
                if depth == 0 {
                    break;
                }
            }
        }
    }
    kept.join(" ").replace(" : ", ": ")
}

fn fields(definition: &mut Definition) -> Option<&mut Vec<Node<FieldDefinition>>> {
    Some(match definition {
        Definition::ObjectTypeDefinition(ty) => &mut ty.make_mut().fields,
        Definition::ObjectTypeExtension(ty) => &mut ty.make_mut().fields,
        Definition::InterfaceTypeDefinition(ty) => &mut ty.make_mut().fields,
        Definition::InterfaceTypeExtension(ty) => &mut ty.make_mut().fields,
        _ => return None,
    })
}

fn implements(definition: &mut Definition) -> Option<&mut Vec<Name>> {
    Some(match definition {
        Definition::ObjectTypeDefinition(ty) => &mut ty.make_mut().implements_interfaces,
        Definition::ObjectTypeExtension(ty) => &mut ty.make_mut().implements_interfaces,
        Definition::InterfaceTypeDefinition(ty) => &mut ty.make_mut().implements_interfaces,
        Definition::InterfaceTypeExtension(ty) => &mut ty.make_mut().implements_interfaces,
        _ => return None,
    })
}

fn members(definition: &mut Definition) -> Option<&mut Vec<Name>> {
    match definition {
        Definition::UnionTypeDefinition(ty) => Some(&mut ty.make_mut().members),
        _ => None,
    }
}

/// The directives of a type and of its fields.
fn lists(definition: &mut Definition, each: &mut dyn FnMut(&mut DirectiveList)) {
    match definition {
        Definition::ObjectTypeDefinition(ty) => each(&mut ty.make_mut().directives),
        Definition::ObjectTypeExtension(ty) => each(&mut ty.make_mut().directives),
        Definition::InterfaceTypeDefinition(ty) => each(&mut ty.make_mut().directives),
        Definition::EnumTypeDefinition(ty) => each(&mut ty.make_mut().directives),
        Definition::UnionTypeDefinition(ty) => each(&mut ty.make_mut().directives),
        _ => return,
    }
    for field in fields(definition).into_iter().flatten() {
        each(&mut field.make_mut().directives);
    }
}
