//! `$args` in a connector's mappings: whether there are such arguments.

use apollo_compiler::Name;
use apollo_compiler::ast::Type;

use super::{Context, Field};
use crate::connect::mapping::{Variable, VariableUse, nearest};
use crate::connect::{Connector, HeaderValue, Mapping};
use crate::diagnostic::Diagnostic;

pub(super) fn check(context: &Context<'_>, out: &mut Vec<Diagnostic>) {
    for field in &context.fields {
        let Some(connector) = &field.connector else { continue };
        let mut used_anywhere = Vec::new();
        for (mapping, code) in mappings(connector) {
            for used in mapping.variables().iter().filter(|used| used.variable == Variable::Args) {
                used_anywhere.push(used.path.first().cloned());
                if let Some((message, help)) = wrong(context, field, used) {
                    let span = mapping.span(used.at.clone()).or_else(|| context.name_span(&field.definition.name));
                    let mut diagnostic = Diagnostic::error(code, message).at(span, "");
                    diagnostic.help = help;
                    out.push(diagnostic);
                }
            }
        }
        // Reading `$args` whole reads all of them.
        if used_anywhere.contains(&None) {
            continue;
        }
        for argument in &field.definition.arguments {
            let is_read = used_anywhere.iter().flatten().any(|name| *name == argument.name.as_str());
            if !is_read {
                let message = format!("`{}` never reads its argument `{}`.", field.coordinate(), argument.name);
                out.push(Diagnostic::hint("UNUSED_ARGUMENT", message).at(context.name_span(&argument.name), "").help(
                    format!("Read it in the URL, the query, the body or the selection: `$args.{}`.", argument.name),
                ));
            }
        }
    }
}

/// Every mapping of a connector (not of its source, which knows no arguments), and the code of errors in it.
fn mappings(connector: &Connector) -> Vec<(&Mapping, &'static str)> {
    let mut all: Vec<(&Mapping, &'static str)> = vec![(&connector.selection, "INVALID_SELECTION")];
    all.extend(connector.url.expressions().map(|mapping| (mapping, "INVALID_URL")));
    for header in &connector.headers {
        if let HeaderValue::Template(template) = &header.value {
            all.extend(template.expressions().map(|mapping| (mapping, "INVALID_HEADER")));
        }
    }
    let optional = [
        (&connector.path, "INVALID_PATH"),
        (&connector.query_params, "INVALID_QUERY_PARAMS"),
        (&connector.body, "INVALID_BODY"),
        (&connector.is_success, "INVALID_IS_SUCCESS"),
        (&connector.error_message, "INVALID_ERRORS"),
        (&connector.error_extensions, "INVALID_ERRORS"),
    ];
    all.extend(optional.into_iter().filter_map(|(mapping, code)| Some((mapping.as_ref()?, code))));
    all
}

/// What is wrong with one use of `$args`, and how to mend it.
fn wrong(context: &Context<'_>, field: &Field<'_>, used: &VariableUse) -> Option<(String, Option<String>)> {
    let (first, rest) = used.path.split_first()?;
    let arguments = &field.definition.arguments;
    let Some(argument) = arguments.iter().find(|argument| argument.name == first.as_str()) else {
        let names = arguments.iter().map(|argument| argument.name.as_str());
        let help = match (nearest(first, names.clone()), arguments.is_empty()) {
            (Some(near), _) => format!("Did you mean `$args.{near}`?"),
            (None, true) => format!("Declare it: `{}({first}: …)`.", field.definition.name),
            (None, false) => format!("It has: {}.", names.collect::<Vec<_>>().join(", ")),
        };
        return Some((format!("`{}` has no argument `{first}`.", field.coordinate()), Some(help)));
    };
    let mut ty: &Type = &argument.ty;
    for key in rest {
        let type_name: &Name = ty.inner_named_type();
        match context.fragment.schema.get_input_object(type_name) {
            Some(input) => match input.fields.get(key.as_str()) {
                Some(field) => ty = &field.ty,
                None => {
                    let near = nearest(key, input.fields.keys().map(Name::as_str));
                    let help = near.map(|near| format!("Did you mean `{near}`?"));
                    return Some((format!("The input type `{type_name}` has no field `{key}`."), help));
                }
            },
            None if crate::connect::lookup::is_built_in_scalar(type_name)
                || context.fragment.schema.get_enum(type_name).is_some() =>
            {
                return Some((format!("`{type_name}` is a scalar, and has no property `{key}`."), None));
            }
            // A custom scalar can hold anything.
            None => return None,
        }
    }
    None
}
