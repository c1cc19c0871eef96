//! Field sets as authors write them, with places: parse, check against a type, and walk.
//!
//! In: the text of a `fields:` argument. Out: its selections, or what is wrong with them and where.
//! [`crate::supergraph::FieldSet`] is the same without places, for those who come after composition.

use std::fmt::Write;

use apollo_compiler::Name;
use apollo_compiler::ast::{self, Definition, Document, Selection};
use apollo_compiler::schema::{ExtendedType, FieldDefinition};

use super::links::nearest;
use super::subgraph::{Subgraph, fields_of};
use crate::diagnostic::syntax_sentence;

/// What is wrong with a field set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Bytes into the text.
    pub(crate) offset: usize,
    pub(crate) message: String,
    /// How to mend it.
    pub(crate) help: Option<String>,
    /// A directive is applied in it.
    pub(crate) directive: bool,
}

impl Problem {
    pub(crate) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), help: None, directive: false }
    }
}

/// A parsed field set.
#[derive(Clone, Debug)]
pub(crate) struct Selections {
    pub(crate) items: Vec<Selection>,
    /// How many bytes of the parsed text stand before the author's.
    shift: usize,
}

impl Selections {
    /// Parses a field set; the outer braces may be there.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let braced = text.trim_start().starts_with('{');
        let (query, shift) = if braced { (text.to_owned(), 0) } else { (format!("{{{text}\n}}"), 1) };
        let document = Document::parse(query, "fields").map_err(|failed| {
            let first = failed.errors.iter().next().map(|e| {
                use apollo_compiler::diagnostic::ToCliReport;
                let offset = e.error.location().map_or(0, |l| l.offset().saturating_sub(shift));
                let offset = offset.min(text.len());
                let message = syntax_sentence(&e.error.to_string(), text.get(offset..).unwrap_or_default());
                Problem::new(offset, message.replace("the file ends", "the text ends"))
            });
            first.unwrap_or_else(|| Problem::new(0, "it does not parse"))
        })?;
        match document.definitions.as_slice() {
            [Definition::OperationDefinition(operation)]
                if operation.name.is_none() && operation.variables.is_empty() =>
            {
                Ok(Self { items: operation.selection_set.clone(), shift })
            }
            _ => Err(Problem::new(0, "it is not a selection of fields")),
        }
    }

    /// One of the items by itself.
    pub(crate) fn only(&self, item: &Selection) -> Self {
        Self { items: vec![item.clone()], shift: self.shift }
    }

    /// As it stands in the supergraph: one line, without outer braces.
    pub(crate) fn canonical(&self) -> String {
        let mut text = String::new();
        write(&self.items, &mut text);
        text
    }

    /// Where a selection stands in the author's text.
    pub(crate) fn offset(&self, selection: &Selection) -> usize {
        selection.location().map_or(0, |l| l.offset().saturating_sub(self.shift))
    }
}

/// One line, without outer braces.
pub(crate) fn write(items: &[Selection], text: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        let nested = match item {
            Selection::Field(field) => {
                text.push_str(&field.name);
                for (index, argument) in field.arguments.iter().enumerate() {
                    text.push_str(if index == 0 { "(" } else { ", " });
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{}: {}", argument.name, argument.value.serialize().no_indent());
                }
                if !field.arguments.is_empty() {
                    text.push(')');
                }
                &field.selection_set
            }
            Selection::InlineFragment(inline) => {
                text.push_str("...");
                if let Some(condition) = &inline.type_condition {
                    text.push_str(" on ");
                    text.push_str(condition);
                }
                &inline.selection_set
            }
            Selection::FragmentSpread(_) => continue,
        };
        if !nested.is_empty() {
            text.push_str(" { ");
            write(nested, text);
            text.push_str(" }");
        }
    }
}

/// One field of a field set, on its type.
pub(crate) struct Step<'a> {
    /// The type that the field is selected on.
    pub(crate) parent: &'a Name,
    pub(crate) definition: &'a FieldDefinition,
    pub(crate) field: &'a ast::Field,
    /// Bytes into the author's text.
    pub(crate) offset: usize,
}

/// Walks a field set along a subgraph's types, parents before children; what is wrong goes to `problems`.
pub(crate) fn walk<'a>(
    subgraph: &'a Subgraph,
    on: &'a Name,
    selections: &'a Selections,
    problems: &mut Vec<Problem>,
    visit: &mut dyn FnMut(&Step<'a>),
) {
    Walk { subgraph, selections, problems, visit }.items(on, &selections.items);
}

struct Walk<'a, 'v> {
    subgraph: &'a Subgraph,
    selections: &'a Selections,
    problems: &'v mut Vec<Problem>,
    visit: &'v mut dyn FnMut(&Step<'a>),
}

impl<'a> Walk<'a, '_> {
    fn problem(&mut self, at: &Selection, message: String) {
        self.problems.push(Problem::new(self.selections.offset(at), message));
    }

    fn directive(&mut self, at: &Selection) {
        let problem = Problem::new(self.selections.offset(at), "directives have no place here");
        self.problems.push(Problem { directive: true, ..problem });
    }

    /// Recursion is bounded by the parser's own limit on nesting.
    fn items(&mut self, on: &'a Name, items: &'a [Selection]) {
        for item in items {
            match item {
                Selection::Field(field) => self.field(on, item, field),
                Selection::InlineFragment(inline) => {
                    if !inline.directives.is_empty() {
                        self.directive(item);
                    }
                    let condition = inline.type_condition.as_ref().unwrap_or(on);
                    match self.subgraph.schema.types.get_key_value(condition) {
                        Some((condition, ty)) if fields_of(ty).is_some() || ty.is_union() => {
                            if !self.overlaps(on, condition) {
                                self.problem(item, format!("no `{on}` can be a `{condition}`"));
                            }
                            self.items(condition, &inline.selection_set);
                        }
                        _ => self
                            .problem(item, format!("there is no object type, interface or union `{condition}` here")),
                    }
                }
                Selection::FragmentSpread(_) => self.problem(item, "named fragments have no place here".to_owned()),
            }
        }
    }

    fn field(&mut self, on: &'a Name, item: &'a Selection, field: &'a ast::Field) {
        if field.name == "__typename" {
            return;
        }
        if let Some(alias) = &field.alias {
            self.problem(item, format!("the alias `{alias}` has no place here"));
        }
        if !field.directives.is_empty() {
            self.directive(item);
        }
        let Some(definition) = self.subgraph.fields(on).and_then(|fields| fields.get(&field.name)) else {
            let message = format!("`{on}` has no field `{}` in this fragment", field.name);
            let known = self.subgraph.fields(on).into_iter().flat_map(|fields| fields.keys()).map(|n| n.as_str());
            let help = match nearest(&field.name, known) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => "If another fragment resolves it, add it here with `@external`.".to_owned(),
            };
            let problem = Problem { help: Some(help), ..Problem::new(self.selections.offset(item), message) };
            return self.problems.push(problem);
        };
        for argument in &field.arguments {
            if definition.argument_by_name(&argument.name).is_none() {
                self.problem(item, format!("`{on}.{}` has no argument `{}`", field.name, argument.name));
            }
        }
        for argument in definition.arguments.iter().filter(|a| a.is_required()) {
            if !field.arguments.iter().any(|a| a.name == argument.name) {
                self.problem(item, format!("`{on}.{}` needs the argument `{}`", field.name, argument.name));
            }
        }
        (self.visit)(&Step { parent: on, definition, field, offset: self.selections.offset(item) });
        let inner = definition.ty.inner_named_type();
        let Some((inner, ty)) = self.subgraph.schema.types.get_key_value(inner) else { return };
        let composite = matches!(ty, ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_));
        match (composite, field.selection_set.is_empty()) {
            (true, true) => self
                .problem(item, format!("`{on}.{}` is of type `{inner}`, of which fields must be selected", field.name)),
            (false, false) => {
                self.problem(item, format!("`{on}.{}` is of type `{inner}`, which has no fields", field.name))
            }
            _ => self.items(inner, &field.selection_set),
        }
    }

    fn overlaps(&self, a: &Name, b: &Name) -> bool {
        if a == b {
            return true;
        }
        let members = |name: &Name| self.subgraph.facts.possible(&self.subgraph.schema, name);
        let of_a = members(a);
        members(b).iter().any(|m| of_a.contains(m))
    }
}
