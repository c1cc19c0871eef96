//! Lookups: whether they find an entity by one of its keys, and whether their answers can be matched.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use apollo_compiler::ast::Directive;

use super::{Context, Field};
use crate::connect::MappingShape;
use crate::connect::lookup::Lookup;
use crate::diagnostic::Diagnostic;

pub(super) fn check(context: &Context<'_>, out: &mut Vec<Diagnostic>) {
    let mut seen: Vec<(&Field<'_>, &Lookup)> = Vec::new();
    for field in &context.fields {
        batch(context, field, out);
        let Some(lookup) = &field.lookup else { continue };
        declared_key(context, field, lookup, out);
        matched(context, field, lookup, out);
        if let Some((first, _)) =
            seen.iter().find(|(_, known)| known.is_list == lookup.is_list && known.finds_the_same(lookup))
        {
            let message =
                format!("`{}` finds the same as `{}`, and never joins.", field.coordinate(), first.coordinate());
            out.push(
                Diagnostic::hint("LOOKUP_NEVER_JOINS", message)
                    .at(context.name_span(&field.definition.name), "")
                    .at(context.name_span(&first.definition.name), "this one joins")
                    .help("Remove `@lookup` from one of them."),
            );
        }
        seen.push((field, lookup));
    }
}

/// `batch:` where there is no batch.
fn batch(context: &Context<'_>, field: &Field<'_>, out: &mut Vec<Diagnostic>) {
    let has_batch = field.connector.as_ref().is_some_and(|connector| connector.batch_max.is_some());
    let batches = field.is_lookup && field.definition.ty.is_list();
    if has_batch && !batches {
        let message = format!("`{}` has a `batch`, but takes no list of keys.", field.coordinate());
        let place = field.connects.first().and_then(|connect| connect.specified_argument_by_name("batch"));
        let span = place.and_then(|place| context.fragment.sources.span(place.location()));
        out.push(
            Diagnostic::error("INVALID_BATCH", message)
                .at(span.or_else(|| context.name_span(&field.definition.name)), "")
                .help("`batch` bounds the list of a lookup: `f(ids: [ID!]! @is(field: \"[id]\")): [T]! @lookup`."),
        );
    }
}

/// The lookup's key must be one that the type declares.
fn declared_key(context: &Context<'_>, field: &Field<'_>, lookup: &Lookup, out: &mut Vec<Diagnostic>) {
    let Some(ty) = context.fragment.schema.types.get(&lookup.type_name) else { return };
    let keys = context.all(ty.directives().iter().map(|directive| &directive.node), "key");
    let wanted: BTreeSet<Vec<&str>> = lookup
        .arguments
        .iter()
        .flat_map(|argument| argument.from.paths())
        .map(|path| path.iter().map(Name::as_str).collect())
        .collect();
    // A type without any key is told elsewhere.
    if keys.is_empty() {
        return;
    }
    if keys.iter().any(|key| key_paths(key).is_some_and(|paths| paths == wanted)) {
        return;
    }
    let key = lookup.key();
    let message =
        format!("`{}` finds `{}` by `{key}`, which is none of its keys.", field.coordinate(), lookup.type_name);
    let mut diagnostic = Diagnostic::error("LOOKUP_WITHOUT_KEY", message)
        .at(context.name_span(&field.definition.name), "")
        .help(format!("Declare it: `type {} @key(fields: \"{key}\")`.", lookup.type_name));
    for key in keys {
        diagnostic = diagnostic.at(context.fragment.sources.span(key.location()), "a key of the type");
    }
    out.push(diagnostic);
}

/// The paths to the leaves of `@key(fields:)`. `None` where they cannot be read, which others tell.
pub(super) fn key_paths(key: &Directive) -> Option<BTreeSet<Vec<&str>>> {
    let text = key.specified_argument_by_name("fields")?.as_str()?;
    let mut paths = BTreeSet::new();
    let mut above: Vec<&str> = Vec::new();
    let mut last: Option<&str> = None;
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
        let Some(first) = rest.chars().next() else { break };
        match first {
            '{' => {
                above.push(last.take()?);
                rest = &rest[1..];
            }
            '}' => {
                if let Some(name) = last.take() {
                    paths.insert(above.iter().copied().chain([name]).collect());
                }
                above.pop()?;
                rest = &rest[1..];
            }
            _ => {
                let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
                if len == 0 {
                    return None;
                }
                if let Some(name) = last.replace(&rest[..len]) {
                    paths.insert(above.iter().copied().chain([name]).collect());
                }
                rest = &rest[len..];
            }
        }
    }
    if let Some(name) = last {
        paths.insert(above.iter().copied().chain([name]).collect());
    }
    above.is_empty().then_some(paths)
}

/// The answers of a list lookup must hold the key that they are matched by.
fn matched(context: &Context<'_>, field: &Field<'_>, lookup: &Lookup, out: &mut Vec<Diagnostic>) {
    let Some(connector) = field.connector.as_ref().filter(|_| lookup.is_list) else { return };
    let shape = connector.selection.shape();
    for path in lookup.matched_paths() {
        let mut current = &shape;
        let mut is_given = true;
        for name in path {
            match (current, current.field(name)) {
                (_, Some(field)) => current = &field.shape,
                // What is not known is told elsewhere.
                (MappingShape::Any, None) => break,
                (_, None) => {
                    is_given = false;
                    break;
                }
            }
        }
        if !is_given {
            let path = path.iter().map(Name::as_str).collect::<Vec<_>>().join(".");
            let message = format!(
                "`{}`: its selection gives no `{path}`, so its answers cannot be matched to their keys.",
                field.coordinate()
            );
            let whole = connector.selection.place.as_ref().map(|place| place.whole());
            out.push(
                Diagnostic::error("KEY_NOT_SELECTED", message)
                    .at(whole.or_else(|| context.name_span(&field.definition.name)), "")
                    .help("Map it from the answer, whatever it is called there: `id: videoId`."),
            );
        }
    }
}
