//! Which fields have a connector, and what their `@require` says.

use apollo_compiler::schema::ExtendedType;

use super::{Context, Field};
use crate::connect::KeyBinding;
use crate::diagnostic::Diagnostic;

pub(super) fn check(context: &Context<'_>, out: &mut Vec<Diagnostic>) {
    interfaces(context, out);
    for field in &context.fields {
        if field.root.is_none() && !field.connects.is_empty() && field.definition.arguments.is_empty() {
            let message = format!("`{}` would make the same call for every `{}`.", field.coordinate(), field.type_name);
            out.push(
                Diagnostic::error("CONNECT_WITHOUT_REQUIRE", message)
                    .at(context.name_span(&field.definition.name), "")
                    .help(format!(
                        "Give it what the call needs of its object: `{}(id: ID! @require(field: \"id\"))`, and read `$args.id`.",
                        field.definition.name
                    )),
            );
        }
        if let [_, second, ..] = field.connects.as_slice() {
            let message = format!("`{}` has more than one `@connect`.", field.coordinate());
            out.push(
                Diagnostic::error("MULTIPLE_CONNECT", message)
                    .at(context.fragment.sources.span(second.location()), "")
                    .help("One call fetches a field; declare a field of its own for the other."),
            );
        }
        requirements(context, field, out);
    }
}

fn interfaces(context: &Context<'_>, out: &mut Vec<Diagnostic>) {
    for (name, ty) in &context.fragment.schema.types {
        let ExtendedType::Interface(interface) = ty else { continue };
        for field in interface.fields.values() {
            if let Some(connect) = context.all(field.directives.iter(), "connect").first() {
                let message = format!("`{name}.{}` belongs to an interface, and cannot have a `@connect`.", field.name);
                out.push(
                    Diagnostic::error("CONNECT_ON_INTERFACE", message)
                        .at(context.fragment.sources.span(connect.location()), "")
                        .help("Put it on the field of each type that implements the interface."),
                );
            }
        }
    }
}

/// What `@require` on the arguments says. Whether there are such fields is asked of the whole graph.
fn requirements(context: &Context<'_>, field: &Field<'_>, out: &mut Vec<Diagnostic>) {
    for argument in &field.definition.arguments {
        let Some((text, literal)) = context.field_argument(&argument.directives, "require") else { continue };
        let coordinate = format!("{}({}:)", field.coordinate(), argument.name);
        let span = context.name_span(&argument.name);
        match KeyBinding::parse(text) {
            Err(error) => {
                let at = literal.map(|literal| literal.span(error.offset..error.offset + 1));
                let message = format!("`@require` on `{coordinate}` cannot be read. {}", error.message);
                let mut diagnostic = Diagnostic::error("REQUIRE_INVALID_SYNTAX", message).at(at.or(span), "");
                diagnostic.help = error.help;
                out.push(diagnostic);
            }
            Ok(binding) if binding.is_list() => {
                let message =
                    format!("`@require` on `{coordinate}` takes a list of objects, but fills one field of one object.");
                out.push(
                    Diagnostic::error("REQUIRE_INVALID_FIELDS", message)
                        .at(literal.map(|literal| literal.whole()).or(span), "")
                        .help("Write the path without brackets; a lookup loads many objects in one call."),
                );
            }
            Ok(_) => {}
        }
    }
}
