//! Which fields have a connector, and where directives may stand.

use apollo_compiler::ast::OperationType;
use apollo_compiler::schema::ExtendedType;

use super::{Context, Field};
use crate::connect::KeyBinding;
use crate::diagnostic::Diagnostic;

pub(super) fn check(context: &Context<'_>, out: &mut Vec<Diagnostic>) {
    types(context, out);
    for field in &context.fields {
        match field.root {
            Some(operation) => root_field(context, field, operation, out),
            None => nested_field(context, field, out),
        }
        if let [_, second, ..] = field.connects.as_slice() {
            let message = format!("`{}` has more than one `@connect`.", field.coordinate());
            out.push(
                Diagnostic::error("MULTIPLE_CONNECT", message)
                    .at(context.fragment.sources.span(second.location()), "")
                    .help("One call fetches a field; declare a field of its own for the other."),
            );
        }
        arguments(context, field, out);
    }
}

fn types(context: &Context<'_>, out: &mut Vec<Diagnostic>) {
    for (name, ty) in &context.fragment.schema.types {
        let applied = ty.directives().iter().map(|directive| &directive.node);
        if let Some(connect) = context.all(applied, "connect").first() {
            let message = format!("`@connect` on the type `{name}` does not exist in this dialect.");
            out.push(
                Diagnostic::error("CONNECT_ON_TYPE", message)
                    .at(context.fragment.sources.span(connect.location()), "")
                    .help(format!(
                        "Put it on a lookup: `{}sById(ids: [ID!]! @is(field: \"[id]\")): [{name}]! @lookup @internal @connect(…)`.",
                        name.to_lowercase()
                    )),
            );
        }
        if let ExtendedType::Interface(interface) = ty {
            for field in interface.fields.values() {
                if let Some(connect) = context.all(field.directives.iter(), "connect").first() {
                    let message =
                        format!("`{name}.{}` belongs to an interface, and cannot have a `@connect`.", field.name);
                    out.push(
                        Diagnostic::error("CONNECT_ON_INTERFACE", message)
                            .at(context.fragment.sources.span(connect.location()), "")
                            .help("Put it on the field of each type that implements the interface."),
                    );
                }
            }
        }
    }
}

fn root_field(context: &Context<'_>, field: &Field<'_>, operation: OperationType, out: &mut Vec<Diagnostic>) {
    let coordinate = field.coordinate();
    let span = context.name_span(&field.definition.name);
    if operation == OperationType::Subscription {
        let message = format!("`{coordinate}`: an HTTP/JSON service has no subscriptions.");
        out.push(Diagnostic::error("SUBSCRIPTION_IN_CONNECTORS", message).at(span, ""));
        return;
    }
    // Every subgraph may carry these two; they are not the author's.
    let is_machinery = matches!(field.definition.name.as_str(), "_entities" | "_service");
    if field.connects.is_empty() && !is_machinery && !context.has(&field.definition.directives, "external") {
        let code = match operation {
            OperationType::Mutation => "MUTATION_FIELD_MISSING_CONNECT",
            _ => "QUERY_FIELD_MISSING_CONNECT",
        };
        let message =
            format!("`{coordinate}` has no `@connect`, which every root field of an HTTP/JSON fragment needs.");
        out.push(
            Diagnostic::error(code, message)
                .at(span, "")
                .help("Add `@connect(source: \"…\", http: {GET: \"/…\"}, selection: \"…\")`."),
        );
    } else if field.is_lookup && operation == OperationType::Mutation {
        let message = format!("`{coordinate}` is a mutation, and cannot be a lookup.");
        out.push(Diagnostic::error("INVALID_LOOKUP", message).at(span, "").help("Move it to `Query`."));
    }
    for argument in &field.definition.arguments {
        if context.has(&argument.directives, "require") {
            let message = format!("`{coordinate}` belongs to no object that `@require` could read.");
            out.push(
                Diagnostic::error("INVALID_REQUIRE", message)
                    .at(context.name_span(&argument.name), "")
                    .help("Move the field to the type whose fields it needs, or use `@lookup` and `@is`."),
            );
        }
    }
}

fn nested_field(context: &Context<'_>, field: &Field<'_>, out: &mut Vec<Diagnostic>) {
    let coordinate = field.coordinate();
    let span = context.name_span(&field.definition.name);
    if field.is_lookup {
        let message = format!("`{coordinate}`: a lookup is a field of `Query`.");
        out.push(Diagnostic::error("INVALID_LOOKUP", message).at(span.clone(), "").help("Move it to `Query`."));
    }
    if !field.connects.is_empty() && field.definition.arguments.is_empty() {
        let message = format!("`{coordinate}` would make the same call for every `{}`.", field.type_name);
        out.push(Diagnostic::error("CONNECT_WITHOUT_REQUIRE", message).at(span, "").help(format!(
            "Give it what the call needs of its object: `{}(id: ID! @require(field: \"id\"))`, and read `$args.id`.",
            field.definition.name
        )));
    }
}

/// `@is` and `@require` on arguments.
fn arguments(context: &Context<'_>, field: &Field<'_>, out: &mut Vec<Diagnostic>) {
    for argument in &field.definition.arguments {
        let coordinate = format!("{}({}:)", field.coordinate(), argument.name);
        let span = context.name_span(&argument.name);
        if context.has(&argument.directives, "is") && !field.is_lookup {
            out.push(
                Diagnostic::error("INVALID_LOOKUP", format!("`@is` on `{coordinate}`, whose field is no lookup."))
                    .at(span.clone(), "")
                    .help("Add `@lookup` to the field; an argument filled from the object is `@require`."),
            );
        }
        let Some((text, literal)) = context.field_argument(&argument.directives, "require") else { continue };
        let code = "INVALID_REQUIRE";
        if field.connects.is_empty() {
            let message = format!("`@require` on `{coordinate}`, whose field has no `@connect`.");
            out.push(Diagnostic::error(code, message).at(span.clone(), ""));
        }
        match KeyBinding::parse(text) {
            Err(error) => {
                let at = literal.map(|literal| literal.span(error.offset..error.offset + 1));
                let message = format!("`@require` on `{coordinate}` cannot be read. {}", error.message);
                let mut diagnostic = Diagnostic::error(code, message).at(at.or(span), "");
                diagnostic.help = error.help;
                out.push(diagnostic);
            }
            Ok(binding) if binding.is_list() => {
                let message =
                    format!("`@require` on `{coordinate}` takes a list of objects, but fills one field of one object.");
                out.push(
                    Diagnostic::error(code, message)
                        .at(literal.map(|literal| literal.whole()).or(span), "")
                        .help("Write the path without brackets; a lookup loads many objects in one call."),
                );
            }
            Ok(_) => {}
        }
    }
}
