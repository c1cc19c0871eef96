//! `@cost` and `@listSize`: of several fragments' estimates the dearer one.
//!
//! Source: the Apollo Federation subgraph specification v2.9. They are carried in the document; nothing here counts by them.

use std::collections::BTreeSet;

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, FieldDefinition, Value};

use super::marks::AppliedIn;
use super::{Merger, directive, string};
use crate::diagnostic::Diagnostic;

impl Merger<'_> {
    /// The highest weight.
    pub(super) fn cost(&mut self, what: &str, applied: &[AppliedIn<'_>]) -> Option<Node<Directive>> {
        let weight = |directive: &Directive| directive.specified_argument_by_name("weight")?.to_i32();
        let (_, dearest) = applied.iter().max_by_key(|(_, directive)| weight(directive))?;
        let weight = dearest.specified_argument_by_name("weight")?.clone();
        self.used.insert("cost");
        let merged = directive("cost", vec![("weight", weight)]);
        self.merged_arguments(what, applied, &merged);
        Some(dearest.same_location(Directive::clone(&merged)))
    }

    /// The highest size that is assumed, everything that any fragment names, and the demand for one argument only where
    /// all who speak of it make it.
    pub(super) fn list_size(&mut self, what: &str, applied: &[AppliedIn<'_>]) -> Option<Node<Directive>> {
        let (_, first) = applied.first()?;
        let given = |name: &'static str| {
            let values = applied.iter().filter_map(move |(_, d)| d.specified_argument_by_name(name));
            values.filter(|value| !value.is_null())
        };
        let mut arguments = Vec::new();
        if let Some(size) = given("assumedSize").max_by_key(|size| size.to_i32()) {
            arguments.push(("assumedSize", size.clone()));
        }
        for name in ["slicingArguments", "sizedFields"] {
            let mut values = given(name).peekable();
            if values.peek().is_some() {
                let names: BTreeSet<&str> =
                    values.flat_map(|v| v.as_list().unwrap_or_default()).filter_map(|v| v.as_str()).collect();
                arguments.push((name, list(names.into_iter())));
            }
        }
        let mut demands = given("requireOneSlicingArgument").filter_map(|value| value.to_bool()).peekable();
        if demands.peek().is_some() {
            arguments.push(("requireOneSlicingArgument", Node::new(Value::Boolean(demands.all(|demand| demand)))));
        }
        self.used.insert("listSize");
        let merged = directive("listSize", arguments);
        self.merged_arguments(what, applied, &merged);
        Some(first.same_location(Directive::clone(&merged)))
    }

    fn merged_arguments(&mut self, what: &str, applied: &[AppliedIn<'_>], merged: &Directive) {
        let Some(((first, one), others)) = applied.split_first() else { return };
        let Some((index, other)) = others.iter().find(|(_, other)| !super::marks::same_arguments(other, one)) else {
            return;
        };
        let message = format!(
            "{what} has `@{}` with different arguments; the graph has `{}`.",
            merged.name,
            merged.serialize().no_indent()
        );
        let hint = Diagnostic::hint("MERGED_NON_REPEATABLE_DIRECTIVE_ARGUMENTS", message)
            .at(self.subgraphs[*index].at(other), "")
            .at(self.subgraphs[*first].at(one), "");
        self.out.push(hint);
    }
}

/// Arguments that the merged field does not have slice nothing.
pub(super) fn keep_slicing_arguments(field: &mut FieldDefinition) {
    let arguments: Vec<_> = field.arguments.iter().map(|argument| argument.name.clone()).collect();
    let Some(sized) = field.directives.0.iter_mut().find(|d| d.name == "listSize") else { return };
    let lacks = |value: &Node<Value>| value.as_str().is_some_and(|name| arguments.iter().all(|a| *a != name));
    let slicing = sized.specified_argument_by_name("slicingArguments").and_then(|value| value.as_list());
    if slicing.is_none_or(|names| !names.iter().any(lacks)) {
        return;
    }
    if let Some(value) = sized.make_mut().specified_argument_by_name_mut("slicingArguments") {
        let kept: Vec<String> = value
            .as_list()
            .into_iter()
            .flatten()
            .filter(|name| !lacks(name))
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect();
        *value = list(kept.iter().map(String::as_str));
    }
}

fn list<'s>(names: impl Iterator<Item = &'s str>) -> Node<Value> {
    Node::new(Value::List(names.map(string).collect()))
}
