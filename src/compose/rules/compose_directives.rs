//! `@composeDirective`: names a directive that is there, that a linked specification defines, and that is nobody else's business.

use apollo_compiler::Node;
use apollo_compiler::ast::Directive;

use crate::compose::directives::Known;
use crate::compose::links::{Feature, nearest};
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::Diagnostic;

const CODE: &str = "DIRECTIVE_COMPOSITION_ERROR";

/// Directives of GraphQL itself.
const BUILT_IN: [&str; 5] = ["deprecated", "specifiedBy", "skip", "include", "oneOf"];

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for applied in subgraph.all(&subgraph.schema.schema_definition.directives, Known::ComposeDirective) {
        if let Err(problem) = composed(subgraph, applied) {
            let mut diagnostic = match problem.hint {
                true => Diagnostic::hint("DIRECTIVE_COMPOSITION_INFO", problem.message),
                false => Diagnostic::error(CODE, problem.message),
            }
            .at(subgraph.at(applied), "");
            diagnostic.help = problem.help;
            out.push(diagnostic);
        }
    }
}

/// Why a directive is not composed.
pub(crate) struct Problem {
    message: String,
    help: Option<String>,
    /// It does no harm.
    hint: bool,
}

/// The directive that an application names: what the fragment calls it, its specification, and its name there.
pub(crate) fn composed<'s>(
    subgraph: &'s Subgraph,
    applied: &'s Node<Directive>,
) -> Result<(&'s str, &'s Feature, &'s str), Problem> {
    let problem = |message: String, help: Option<String>| Err(Problem { message, help, hint: false });
    // GraphQL's own validation tells of an argument that is missing, or is no string.
    let name = applied.specified_argument_by_name("name").and_then(|value| value.as_str()).unwrap_or_default();
    let Some(local) = name.strip_prefix('@') else {
        let message = format!("`@composeDirective(name: \"{name}\")` names no directive.");
        return problem(message, Some(format!("A directive's name starts with its sign: \"@{name}\".")));
    };
    if let Some((known, canonical)) = subgraph.names.get(local) {
        use Known::{Authenticated, Context, Cost, Inaccessible, ListSize, Policy, RequiresScopes, Tag};
        let merged =
            matches!(known, Authenticated | Context | Cost | Inaccessible | ListSize | Policy | RequiresScopes | Tag);
        let message = if merged {
            format!("`@{canonical}` is in the graph anyway: `@composeDirective` is not needed.")
        } else {
            format!("`@{canonical}` tells the composition something, and cannot be composed itself.")
        };
        return Err(Problem { message, help: None, hint: merged });
    }
    if BUILT_IN.contains(&local) {
        return problem(format!("`@{local}` is GraphQL's own, and cannot be composed."), None);
    }
    let Some(definition) = subgraph.schema.directive_definitions.get(local) else {
        let known = subgraph.schema.directive_definitions.values().filter(|d| !d.is_built_in());
        let help = nearest(local, known.map(|d| d.name.as_str()));
        let message = format!("There is no directive `@{local}` in this fragment.");
        return problem(message, help.map(|near| format!("Did you mean `@{near}`?")));
    };
    if definition.locations.iter().all(|location| super::super::merge::is_executable(*location)) {
        let message = format!("`@{local}` stands in operations only, and has no place in a schema.");
        return problem(message, Some("Such a directive is in the graph when every fragment defines it.".to_owned()));
    }
    let of = subgraph.names.features.iter().find_map(|feature| Some((feature, feature.canonical(local)?)));
    let Some((feature, canonical)) = of else {
        let message = format!("`@{local}` belongs to no specification that this fragment links.");
        let help = format!(
            "Add `@link(url: \"https://specs.example.com/{local}/v1.0\", import: [\"@{local}\"])`, with an address of your own."
        );
        return problem(message, Some(help));
    };
    Ok((definition.name.as_str(), feature, canonical))
}
