//! What `@key`, `@requires` and `@provides` have in common: a field set that must be one, on its type.

use apollo_compiler::Name;
use apollo_compiler::ast::Selection;

use crate::compose::facts::{Application, Coordinate};
use crate::compose::selection::{Problem, Selections, Step, walk};
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::{Diagnostic, Span};

/// The codes of one directive.
pub(super) struct Codes {
    pub(super) directive: &'static str,
    pub(super) not_a_string: &'static str,
    pub(super) invalid: &'static str,
    /// A directive is applied in the field set.
    pub(super) with_directive: &'static str,
}

/// Checks that a field set is a string, parses, and selects what there is; then calls `visit` for each field.
pub(super) fn check<'a>(
    subgraph: &'a Subgraph,
    application: &'a Application,
    codes: &Codes,
    out: &mut Vec<Diagnostic>,
    visit: &mut dyn FnMut(&Step<'a>, &mut Vec<Diagnostic>),
) {
    let what = describe(application, codes.directive);
    let Some(text) = &application.text else {
        let at = subgraph.at(&application.directive);
        let error = Diagnostic::error(codes.not_a_string, format!("{what} takes its `fields` as a string.")).at(at, "");
        return out.push(error.help("Write them like `fields: \"id organization { id }\"`."));
    };
    let mut problems: Vec<Problem> = Vec::new();
    match (&application.parsed, &application.on) {
        (Err(problem), _) => problems.push(problem.clone()),
        (Ok(selections), Some(on)) => {
            walk(subgraph, on, selections, &mut problems, &mut |step| visit(step, out));
        }
        (Ok(_), None) => {}
    }
    for problem in problems {
        let message =
            format!("{what} has no valid field set \"{}\": {}.", text.trim(), problem.message.trim_end_matches('.'));
        let code = if problem.directive { codes.with_directive } else { codes.invalid };
        let mut error = Diagnostic::error(code, message).at(inside(subgraph, application, problem.offset), "");
        error.help = problem.help;
        out.push(error);
    }
}

/// `` `@requires` on `Product.price` ``.
pub(super) fn describe(application: &Application, directive: &str) -> String {
    match &application.field {
        Some(field) => format!("`@{directive}` on `{}.{field}`", application.type_name),
        None => format!("`@{directive}` on `{}`", application.type_name),
    }
}

/// The place of a byte of the field set's text.
pub(super) fn inside(subgraph: &Subgraph, application: &Application, offset: usize) -> Option<Span> {
    let value = application.directive.specified_argument_by_name("fields")?;
    subgraph.places.inside_string(value.location(), offset)
}

/// Leaves of the field set that this fragment resolves itself, although another one should:
/// (type, field, offset).
pub(super) fn plain_leaves(subgraph: &Subgraph, application: &Application) -> Vec<(Name, Name, usize)> {
    let mut found = Vec::new();
    if let (Some(on), Ok(selections)) = (&application.on, &application.parsed) {
        leaves(subgraph, on, selections, &selections.items, &mut found);
    }
    found
}

/// Recursion is bounded by the parser's own limit on nesting.
fn leaves(subgraph: &Subgraph, on: &Name, all: &Selections, items: &[Selection], found: &mut Vec<(Name, Name, usize)>) {
    for item in items {
        match item {
            Selection::Field(field) => {
                let Some(definition) = subgraph.fields(on).and_then(|fields| fields.get(&field.name)) else { continue };
                // Below an external field all is external.
                if is_external(subgraph, &(on.clone(), field.name.clone())) {
                    continue;
                }
                if field.selection_set.is_empty() {
                    found.push((on.clone(), field.name.clone(), all.offset(item)));
                } else {
                    leaves(subgraph, definition.ty.inner_named_type(), all, &field.selection_set, found);
                }
            }
            Selection::InlineFragment(inline) => {
                let condition = inline.type_condition.as_ref().unwrap_or(on);
                leaves(subgraph, condition, all, &inline.selection_set, found);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Marked `@external`; for an interface's field: any implementation's.
fn is_external(subgraph: &Subgraph, coordinate: &Coordinate) -> bool {
    let facts = &subgraph.facts;
    let marked = |c: &Coordinate| facts.external.contains(c) || facts.fake_external.contains(c);
    let objects = facts.implementers.get(&coordinate.0).into_iter().flatten();
    marked(coordinate) || objects.into_iter().any(|object| marked(&(object.clone(), coordinate.1.clone())))
}
