//! `@fallback(value:)`: what stands in for a field is a value that the field could have.
//!
//! It is checked against the graph, not against the fragment: a client may select any field of it.

use std::fmt::Write;

use apollo_compiler::ast::Value;
use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::{ExtendedType, Type};
use apollo_compiler::{Name, Node, Schema};

use crate::compose::directives::Known;
use crate::compose::findings::Soundness;
use crate::compose::subgraph::{Subgraph, fields_of};
use crate::diagnostic::Diagnostic;

pub(super) fn check(subgraphs: &[Subgraph], document: &Schema, out: &mut Vec<Diagnostic>) {
    let mut graph = Graph { document, possible: None };
    for subgraph in subgraphs {
        for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
            for (field_name, field) in fields_of(ty).into_iter().flatten() {
                let Some(applied) = subgraph.first(&field.directives, Known::Fallback) else { continue };
                let Some(value) = applied.specified_argument_by_name("value") else { continue };
                let merged = document.types.get(name).and_then(fields_of).and_then(|fields| fields.get(field_name));
                let Some(merged) = merged else { continue };
                let mut wrong = Vec::new();
                graph.value(value, &merged.ty, &mut String::new(), &mut wrong);
                tell(subgraph, &format!("{name}.{field_name}"), &merged.ty, wrong, out);
            }
        }
    }
}

/// What can be told of sound fragments where there is no graph: a value of a built-in scalar is none in any graph.
///
/// Whether null will do is left out: another fragment may weaken the type.
pub(super) fn check_alone(subgraphs: &[Subgraph], out: &mut Vec<Diagnostic>) {
    for subgraph in subgraphs.iter().filter(|subgraph| subgraph.soundness == Soundness::Sound) {
        let mut graph = Graph { document: &subgraph.schema, possible: None };
        for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
            for (field_name, field) in fields_of(ty).into_iter().flatten() {
                let inner = subgraph.schema.types.get(field.ty.inner_named_type());
                if !inner.is_some_and(|ty| ty.is_scalar() && ty.is_built_in()) {
                    continue;
                }
                let Some(applied) = subgraph.first(&field.directives, Known::Fallback) else { continue };
                let Some(value) = applied.specified_argument_by_name("value") else { continue };
                let mut wrong = Vec::new();
                graph.value(value, &field.ty, &mut String::new(), &mut wrong);
                wrong.retain(|(node, _)| !node.is_null());
                tell(subgraph, &format!("{name}.{field_name}"), &field.ty, wrong, out);
            }
        }
    }
}

fn tell(subgraph: &Subgraph, field: &str, ty: &Type, wrong: Wrong, out: &mut Vec<Diagnostic>) {
    for (node, problem) in wrong {
        let message = format!("The fallback of `{field}` is no `{ty}`: {problem}.");
        let error = Diagnostic::error("INVALID_FALLBACK", message).at(subgraph.at(&node), "");
        out.push(error.help("It must be a whole value of the field's type, by the names of the schema."));
    }
}

struct Graph<'a> {
    document: &'a Schema,
    /// Interface → its objects; made when first asked for.
    possible: Option<HashMap<Name, Vec<Name>>>,
}

type Wrong = Vec<(Node<Value>, String)>;

impl Graph<'_> {
    /// Recursion is bounded by the parser's own limit on nesting.
    fn value(&mut self, value: &Node<Value>, ty: &Type, path: &mut String, wrong: &mut Wrong) {
        let mut problem = |text: &str| wrong.push((value.clone(), at(path, text)));
        match (&**value, ty) {
            (Value::Null, _) if ty.is_non_null() => problem("it is null, and the type is not"),
            (Value::Null, _) => {}
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                for (index, element) in items.iter().enumerate() {
                    let len = path.len();
                    // Writing to a string cannot fail.
                    let _ = write!(path, "[{index}]");
                    self.value(element, item, path, wrong);
                    path.truncate(len);
                }
            }
            (_, Type::List(_) | Type::NonNullList(_)) => problem("it is no list"),
            (_, Type::Named(name) | Type::NonNullNamed(name)) => self.named(value, name, path, wrong),
        }
    }

    fn named(&mut self, value: &Node<Value>, name: &Name, path: &mut String, wrong: &mut Wrong) {
        let document = self.document;
        match (document.types.get(name), &**value) {
            (Some(ExtendedType::Scalar(_)), given) => {
                if let Some(expected) = expected_scalar(name, given) {
                    wrong.push((value.clone(), at(path, expected)));
                }
            }
            (Some(ExtendedType::Enum(ty)), given) => {
                let text = given.as_enum().map(|n| n.as_str()).or(given.as_str());
                let known = text.and_then(|text| ty.values.get(text));
                if known.is_none_or(|v| v.directives.has("inaccessible")) {
                    wrong.push((value.clone(), at(path, &format!("it is no value of `{name}` that clients know"))));
                }
            }
            (Some(ExtendedType::Object(_)), Value::Object(members)) => self.object(value, members, name, path, wrong),
            (Some(ExtendedType::Interface(_) | ExtendedType::Union(_)), Value::Object(members)) => {
                let typename = members.iter().find(|(key, _)| key == "__typename").and_then(|(_, v)| v.as_str());
                let concrete = self.possible(name).into_iter().find(|p| Some(p.as_str()) == typename);
                match concrete {
                    Some(concrete) => self.object(value, members, &concrete, path, wrong),
                    None => {
                        let text = format!("its `__typename` must name one of the types of `{name}`");
                        wrong.push((value.clone(), at(path, &text)));
                    }
                }
            }
            _ => wrong.push((value.clone(), at(path, "it is no object"))),
        }
    }

    fn object(
        &mut self,
        value: &Node<Value>,
        members: &[(Name, Node<Value>)],
        name: &Name,
        path: &mut String,
        wrong: &mut Wrong,
    ) {
        let document = self.document;
        let Some(fields) = document.types.get(name).and_then(fields_of) else { return };
        for (key, member) in members.iter().filter(|(key, _)| key != "__typename") {
            match fields.get(key).filter(|f| !f.directives.has("inaccessible")) {
                Some(field) => {
                    let len = path.len();
                    let _ = write!(path, "{}{key}", if len == 0 { "" } else { "." });
                    self.value(member, &field.ty, path, wrong);
                    path.truncate(len);
                }
                None => wrong.push((member.clone(), at(path, &format!("`{name}` has no field `{key}`")))),
            }
        }
        for field in fields.values().filter(|f| f.ty.is_non_null() && !f.directives.has("inaccessible")) {
            if !members.iter().any(|(key, _)| *key == field.name) {
                wrong.push((value.clone(), at(path, &format!("`{name}.{}` is non-null, and is missing", field.name))));
            }
        }
    }

    fn possible(&mut self, name: &Name) -> Vec<Name> {
        if let Some(union) = self.document.get_union(name) {
            return union.members.iter().map(|m| m.name.clone()).collect();
        }
        let document = self.document;
        let possible = self.possible.get_or_insert_with(|| {
            let mut map: HashMap<Name, Vec<Name>> = HashMap::default();
            for (object, ty) in &document.types {
                for interface in ty.as_object().into_iter().flat_map(|t| &t.implements_interfaces) {
                    map.entry(interface.name.clone()).or_default().push(object.clone());
                }
            }
            map
        });
        possible.get(name).cloned().unwrap_or_default()
    }
}

fn at(path: &str, problem: &str) -> String {
    if path.is_empty() { problem.to_owned() } else { format!("at `{path}` {problem}") }
}

/// What a built-in scalar expects and did not get.
fn expected_scalar(name: &str, given: &Value) -> Option<&'static str> {
    let fits = match name {
        "Int" => given.to_i32().is_some() && matches!(given, Value::Int(_)),
        "Float" => matches!(given, Value::Int(_) | Value::Float(_)),
        "String" => matches!(given, Value::String(_)),
        "Boolean" => matches!(given, Value::Boolean(_)),
        "ID" => matches!(given, Value::String(_) | Value::Int(_)),
        _ => true,
    };
    (!fits).then_some(match name {
        "Int" => "it is no whole number of 32 bits",
        "Float" => "it is no number",
        "Boolean" => "it is neither true nor false",
        _ => "it is no string",
    })
}
