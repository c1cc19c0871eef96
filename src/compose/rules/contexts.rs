//! `@context` and `@fromContext`: a context has a name and is set somewhere, and what is taken of it is one value that
//! fits, wherever it is set.

use apollo_compiler::Name;
use apollo_compiler::ast::Selection;
use apollo_compiler::schema::Type;

use crate::compose::directives::Known;
use crate::compose::facts::{ContextUse, contexts_of};
use crate::compose::links::nearest;
use crate::compose::selection::{Problem, Selections, walk};
use crate::compose::subgraph::{Subgraph, fields_of};
use crate::diagnostic::{Diagnostic, Span};

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for (_, ty) in &subgraph.schema.types {
        for applied in subgraph.all(ty.directives(), Known::Context) {
            let name = applied.specified_argument_by_name("name").and_then(|value| value.as_str()).unwrap_or_default();
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(|c| c.is_ascii_alphanumeric())
            {
                let message = format!("A context cannot be named \"{name}\".");
                out.push(
                    Diagnostic::error("CONTEXT_NAME_INVALID", message)
                        .at(subgraph.at(applied), "")
                        .help("A letter comes first, and then letters and digits."),
                );
            }
        }
    }
    for used in &subgraph.facts.contexts {
        Rule { subgraph, used, what: format!("`{}.{}({}:)`", used.type_name, used.field, used.argument.name), out }
            .check();
    }
}

struct Rule<'a, 'o> {
    subgraph: &'a Subgraph,
    used: &'a ContextUse,
    what: String,
    out: &'o mut Vec<Diagnostic>,
}

impl<'a> Rule<'a, '_> {
    fn check(mut self) {
        let (subgraph, used) = (self.subgraph, self.used);
        self.check_place();
        let Some(context) = &used.context else {
            let message = format!("{} names no context.", self.what);
            let help = "Write the context with its sign, then one field: `\"$user { name }\"`.";
            return self.error("NO_CONTEXT_REFERENCED", message, Some(help));
        };
        let set_on: Vec<&Name> = contexts_of(subgraph, context).collect();
        if set_on.is_empty() {
            let message = format!("{} takes a value of the context `{context}`, which no type sets.", self.what);
            let all = subgraph.schema.types.values().flat_map(|ty| subgraph.all(ty.directives(), Known::Context));
            let names = all.filter_map(|d| d.specified_argument_by_name("name")?.as_str());
            let help = match nearest(context, names) {
                Some(near) => format!("Did you mean `${near}`?"),
                None => format!("Put `@context(name: \"{context}\")` on the type whose value is meant."),
            };
            return self.error("CONTEXT_NOT_SET", message, Some(&help));
        }
        match &used.parsed {
            Err(problem) if problem.message.is_empty() => {
                let message = format!("{} takes nothing of the context `{context}`.", self.what);
                self.error(
                    "NO_SELECTION_FOR_CONTEXT",
                    message,
                    Some("Write one field behind it: `\"$user { name }\"`."),
                );
            }
            Err(problem) => self.invalid(problem.offset, &problem.message, problem.help.as_deref()),
            Ok(selections) => {
                for on in set_on {
                    self.check_selection(on, selections);
                }
            }
        }
    }

    /// The argument itself, and the field that it is on.
    fn check_place(&mut self) {
        let (subgraph, used) = (self.subgraph, self.used);
        let argument = &used.argument;
        if argument.default_value.is_some() {
            let message = format!("{} is filled from a context, and has a default.", self.what);
            self.error("CONTEXT_NOT_SET", message, Some("Remove the default: it would never be used."));
        }
        let Some(ty) = subgraph.schema.types.get(&used.type_name) else { return };
        let promised = ty.as_object().into_iter().flat_map(|t| &t.implements_interfaces).find(|interface| {
            let field = subgraph.fields(interface).and_then(|fields| fields.get(&used.field));
            field.is_some_and(|field| field.argument_by_name(&argument.name).is_some())
        });
        if ty.is_interface() || promised.is_some() {
            let message = format!("{} belongs to an interface, and cannot be filled from a context.", self.what);
            self.error("CONTEXT_NOT_SET", message, Some("Leave the argument out of the interface."));
        }
        if !subgraph.facts.keys_of(&used.type_name).any(|key| key.resolvable) {
            let message = format!(
                "{} is filled from a context, and `{}` has no key by which this fragment can be entered.",
                self.what, used.type_name
            );
            self.error("CONTEXT_NO_RESOLVABLE_KEY", message, Some("Give the type a resolvable `@key`."));
        }
    }

    /// On one of the types that set the context.
    fn check_selection(&mut self, on: &'a Name, selections: &'a Selections) {
        let chosen: Vec<&Selection> = selections.items.iter().filter(|item| self.applies(on, item)).collect();
        let [item] = chosen.as_slice() else {
            let problem = match chosen.len() {
                0 => format!("it takes nothing of `{on}`, which sets the context too"),
                _ => format!("of `{on}` it takes more than one value"),
            };
            return self.invalid(0, &problem, None);
        };
        let (parent, item) = match item {
            Selection::InlineFragment(inline) => {
                let condition = inline.type_condition.as_ref().unwrap_or(on);
                match inline.selection_set.as_slice() {
                    [one] => (condition, one),
                    _ => return self.invalid(selections.offset(item), "it takes more than one value", None),
                }
            }
            other => (on, *other),
        };
        let mut problems: Vec<Problem> = Vec::new();
        // The walk is told of the one item that is meant for this type.
        let one = selections.only(item);
        walk(self.subgraph, parent, &one, &mut problems, &mut |_| {});
        for problem in &problems {
            self.invalid(problem.offset, &problem.message, problem.help.as_deref());
        }
        if !problems.is_empty() {
            return;
        }
        match self.taken(parent, item) {
            Err(problem) => self.invalid(selections.offset(item), problem, None),
            Ok(None) => {}
            Ok(Some(ty)) => {
                let own = &self.used.argument.ty;
                if !fits(&ty, own) {
                    let problem = format!("it is `{ty}` of `{on}`, and the argument is `{own}`");
                    let help = "The argument is nullable, and of the type of the field that fills it.";
                    self.invalid(selections.offset(item), &problem, Some(help));
                }
            }
        }
    }

    fn applies(&self, on: &Name, item: &Selection) -> bool {
        let Selection::InlineFragment(inline) = item else { return true };
        let Some(condition) = &inline.type_condition else { return true };
        let possible = |name: &Name| self.subgraph.facts.possible(&self.subgraph.schema, name);
        condition == on || possible(on).iter().any(|object| possible(condition).contains(object))
    }

    /// The type of the one value at the end, nullable where the way there is. `None` where the schema is not sound.
    /// Recursion is bounded by the parser's own limit on nesting.
    fn taken(&self, parent: &Name, item: &Selection) -> Result<Option<Type>, &'static str> {
        let Selection::Field(field) = item else { return Err("it does not end at one field") };
        let Some(definition) = self.subgraph.fields(parent).and_then(|fields| fields.get(&field.name)) else {
            return Ok(None);
        };
        if !field.arguments.is_empty() || !definition.arguments.is_empty() {
            return Err("fields of a context have no arguments");
        }
        let inner = definition.ty.inner_named_type();
        if self.subgraph.schema.types.get(inner).is_some_and(|ty| fields_of(ty).is_none() && !ty.is_union()) {
            return Ok(Some(definition.ty.clone()));
        }
        let [one] = field.selection_set.as_slice() else { return Err("it takes more than one value") };
        let Some(below) = self.taken(inner, one)? else { return Ok(None) };
        Ok(Some(match &definition.ty {
            Type::Named(_) => below.nullable(),
            Type::NonNullNamed(_) => below,
            list => wrapped(list, below),
        }))
    }

    fn invalid(&mut self, offset: usize, problem: &str, help: Option<&str>) {
        let message = format!("{} cannot be filled from the context: {}.", self.what, problem.trim_end_matches('.'));
        let at = self.inside(offset);
        let mut error = Diagnostic::error("CONTEXT_INVALID_SELECTION", message).at(at, "");
        error.help = help.map(str::to_owned);
        self.out.push(error);
    }

    fn inside(&self, offset: usize) -> Option<Span> {
        let value = self.used.directive.specified_argument_by_name("field")?;
        self.subgraph.places.inside_string(value.location(), self.used.shift + offset)
    }

    fn error(&mut self, code: &'static str, message: String, help: Option<&str>) {
        let mut error = Diagnostic::error(code, message).at(self.subgraph.at(&self.used.directive), "");
        error.help = help.map(str::to_owned);
        self.out.push(error);
    }
}

/// The same lists around another type.
fn wrapped(list: &Type, item: Type) -> Type {
    match list {
        Type::List(inner) => Type::List(Box::new(wrapped(inner, item))),
        Type::NonNullList(inner) => Type::NonNullList(Box::new(wrapped(inner, item))),
        Type::Named(_) => item.nullable(),
        Type::NonNullNamed(_) => item,
    }
}

/// Whether a value of one type always is one of the argument's. The argument is nullable, since nobody may have set the context.
fn fits(value: &Type, argument: &Type) -> bool {
    fn within(value: &Type, argument: &Type) -> bool {
        match (value, argument) {
            (Type::NonNullNamed(v), Type::Named(a) | Type::NonNullNamed(a)) | (Type::Named(v), Type::Named(a)) => {
                v == a
            }
            (Type::NonNullList(v), Type::List(a) | Type::NonNullList(a)) | (Type::List(v), Type::List(a)) => {
                within(v, a)
            }
            _ => false,
        }
    }
    !argument.is_non_null() && within(value, argument)
}
