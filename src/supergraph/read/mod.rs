//! Reads a supergraph document into the model.
//!
//! In: a document in the form that compositions of the ecosystem give (join specification v0.1 to v0.5), as text or
//! in memory. Out: [`Supergraph`], or diagnostics, all of them at once.
//! Deliberately absent: whether every query can be answered (the composer's business), and validity of the subgraphs'
//! views by the letter: a view may have an interface without implementations.
//!
//! # What a document says
//!
//! - `enum join__Graph` names the subgraphs, `@join__graph(name:, url:)` says where they answer.
//! - A type is in the subgraphs of its `@join__type`s; without one, in all of them. A field is in the subgraphs of its
//!   `@join__field`s; without one, in those of its type (v0.1: in the owner). A field with a `@join__field` that names no
//!   graph is in none: an interface object gives it.
//! - Enum values, union members and implementations are in the subgraphs that their directives name; where there are
//!   none (before v0.3), in all that have the type.
//! - What a key, `requires` or `provides` selects is in that subgraph, even where the document leaves it out (v0.1).
//!
//! # What the join specification has no words for
//!
//! Travels as `@join__directive(graphs:, name:, args:)` on the element it is about:
//!
//! | `name` | on | `args` |
//! |---|---|---|
//! | `source` | schema | those of `@source` |
//! | `connect` | field | those of `@connect` |
//! | `lookup`, `internal` | root field | none |
//! | `is`, `require` | field | `{argument: "ids", field: "[id]"}`: of that argument |
//! | `fallback` | field | those of `@fallback` |
//! | `timeout` | schema, object, interface, field | those of `@timeout` |
//! | `cacheControl` | object, interface, field | those of `@cacheControl` |
//! | `link` | schema | ignored |
//!
//! Internal lookups and required arguments are `@inaccessible` besides, so that every tool hides them.

mod access;
mod api;
mod connectors;
mod flatten;
mod implied;
mod joins;
mod links;
mod merged;
mod policies;
#[cfg(test)]
mod tests;
mod views;

use std::sync::Arc;

use apollo_compiler::ast::Directive;
use apollo_compiler::collections::IndexMap;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};

use self::joins::{JoinNames, TypeJoins};
use self::links::Names;
use super::field_set::FieldSetError;
use super::{Subgraph, SubgraphId, Supergraph};
use crate::diagnostic::{Diagnostic, Severity, Source, Sources};

/// Reads the text of a supergraph file. `None` exactly when a diagnostic is an error.
pub fn supergraph(source: &Arc<Source>) -> (Option<Supergraph>, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let (document, mut diagnostics) = sources.parse_schema(source);
    if diagnostics.iter().any(|d| d.severity == Severity::Error) {
        return (None, diagnostics);
    }
    let (supergraph, found) = from_document(&document, &sources);
    diagnostics.extend(found);
    (supergraph, diagnostics)
}

/// Reads a supergraph document from memory: what the composer merged. Its nodes keep the locations that they had in
/// the fragments, and `sources` knows these, so that diagnostics point into the fragments.
/// `None` exactly when a diagnostic is an error.
pub fn from_document(document: &Schema, sources: &Sources) -> (Option<Supergraph>, Vec<Diagnostic>) {
    let (supergraph, diagnostics) = model(document, sources);
    let sound = diagnostics.iter().all(|d| d.severity == Severity::Hint);
    (supergraph.filter(|_| sound), diagnostics)
}

/// The code of what is right, and cannot be run by this gateway.
pub(crate) const UNSUPPORTED: &str = "UNSUPPORTED";

/// Reads a document as far as it can be understood, even where a diagnostic is an error.
pub(crate) fn model(document: &Schema, sources: &Sources) -> (Option<Supergraph>, Vec<Diagnostic>) {
    let flat = flatten::flatten(document);
    let document = flat.as_ref().unwrap_or(document);
    let (names, refused) = Names::read(document);
    let join = JoinNames::new(&names);
    let mut reader = Reader {
        document,
        sources,
        join: &join,
        names,
        graphs: IndexMap::default(),
        graph_names: Vec::new(),
        diagnostics: Vec::new(),
    };
    for refused in refused {
        let place = sources.span(refused.directive.location());
        reader.diagnostics.push(Diagnostic::error("UNSUPPORTED", refused.message).at(place, "").help(refused.help));
    }
    let supergraph = reader.read();
    let mut diagnostics = reader.diagnostics;
    diagnostics.sort_by_cached_key(|d| {
        let place = d.labels.first().map(|label| (label.span.source.name.clone(), label.span.start));
        (d.severity == Severity::Hint, place)
    });
    (supergraph, diagnostics)
}

/// A document that is being read.
struct Reader<'a> {
    document: &'a Schema,
    sources: &'a Sources,
    names: Names,
    join: &'a JoinNames,
    /// The values of the `join__Graph` enum.
    graphs: IndexMap<Name, SubgraphId>,
    /// Their names, by index.
    graph_names: Vec<Arc<str>>,
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn read(&mut self) -> Option<Supergraph> {
        let entries = self.graph_entries()?;
        self.refuse_unsupported();
        let merged = self.merged();
        let joins = self.all_joins();
        let mut views = self.views(&merged, &joins, entries.len());
        self.complete_field_sets(&mut views, &merged, &joins);
        views::narrow_interfaces(&mut views, &joins);
        let carried = self.carried();
        self.policies(&mut views, &carried);
        self.connectors(&mut views, &merged, &carried);
        let access = self.access();
        let api = self.api(&merged);

        let query = merged.schema_definition.query.as_ref().map(|query| query.name.clone());
        let subgraphs = entries
            .into_iter()
            .zip(views)
            .map(|(entry, mut view)| Subgraph {
                name: entry.name,
                url: entry.url,
                kind: view.kind,
                resolvers: view.take_resolvers(),
                schema: view.take_schema(query.as_ref()),
                types: std::mem::take(&mut view.types),
                connectors: view.connectors,
                timeout_ms: view.timeout_ms,
            })
            .collect();
        Some(Supergraph {
            subgraphs,
            schema: merged,
            api: Arc::new(api?),
            access,
            sdl: self.document.to_string().into(),
        })
    }

    /// The `join__Graph` enum. `None` where there is none: then this is no supergraph.
    fn graph_entries(&mut self) -> Option<Vec<GraphEntry>> {
        let Some(ExtendedType::Enum(graphs)) = self.document.types.get(self.join.graph_enum.as_str()) else {
            let message = format!("There is no enum `{}`: this is not a supergraph document.", self.join.graph_enum);
            let help = "A schema fragment is put into a folder, and the folder is served; `--supergraph` takes what a composition printed.";
            self.diagnostics.push(Diagnostic::error("INVALID_FEDERATION_SUPERGRAPH", message).help(help));
            return None;
        };
        let mut entries: Vec<GraphEntry> = Vec::new();
        for (index, (value, definition)) in graphs.values.iter().enumerate() {
            let directive = definition.directives.get(&self.join.graph);
            let name = directive.and_then(|d| self.string_argument(d, "name")).map_or(value.as_str(), |(name, _)| name);
            let url = directive.and_then(|d| self.string_argument(d, "url")).map(|(url, _)| url.to_owned());
            if entries.iter().any(|entry| *entry.name == *name) {
                let message = format!("Two subgraphs are named \"{name}\".");
                self.error("INVALID_FEDERATION_SUPERGRAPH", message, definition.location());
            }
            entries.push(GraphEntry { name: name.into(), url: url.filter(|url| !url.is_empty()) });
            self.graphs.insert(value.clone(), SubgraphId(index as u32));
        }
        self.graph_names = entries.iter().map(|entry| Arc::clone(&entry.name)).collect();
        Some(entries)
    }

    /// Directives that change what is answered, and that nothing here honours yet: one error for
    /// each, at the first place.
    fn refuse_unsupported(&mut self) {
        let refused: Vec<(String, &str)> = ["context", "fromContext"]
            .into_iter()
            .map(|element| (self.names.directive("context", element), element))
            .collect();
        let mut places: IndexMap<&str, (usize, Option<SourceSpan>)> = IndexMap::default();
        let mut visit = |directive: &Node<Directive>| {
            if let Some((_, element)) = refused.iter().find(|(name, _)| directive.name == name.as_str()) {
                places.entry(element).or_insert((0, directive.location())).0 += 1;
            }
        };
        for_each_directive(self.document, &mut visit);
        for (element, (count, location)) in places {
            let message = format!("`@{element}` is not supported yet, and ignoring it would give other answers.");
            let text = if count > 1 { format!("and at {} more places", count - 1) } else { String::new() };
            let place = self.sources.span(location);
            self.diagnostics.push(Diagnostic::error("UNSUPPORTED", message).at(place, text));
        }
    }

    fn all_joins(&mut self) -> IndexMap<Name, TypeJoins> {
        let document = self.document;
        let types = document.types.iter().filter(|(name, ty)| !ty.is_built_in() && !self.names.is_machinery_type(name));
        let types: Vec<_> = types.collect();
        types.into_iter().map(|(name, ty)| (name.clone(), self.type_joins(ty))).collect()
    }

    /// A subgraph's name, quoted, for messages.
    fn called(&self, graph: SubgraphId) -> String {
        self.graph_names.get(graph.0 as usize).map_or_else(String::new, |name| format!("\"{name}\""))
    }

    fn error(&mut self, code: &'static str, message: String, location: Option<SourceSpan>) {
        self.diagnostics.push(Diagnostic::error(code, message).at(self.sources.span(location), ""));
    }

    /// An error inside the string of a field set.
    fn field_set_error(&mut self, code: &'static str, text: &str, error: FieldSetError, at: Option<SourceSpan>) {
        let place = self.sources.span(at).map(|literal| literal.inside_string(error.offset, error.offset + 1));
        let message = format!("\"{text}\" is not a field set. {}", error.message);
        self.diagnostics.push(Diagnostic::error(code, message).at(place, ""));
    }
}

/// A value of the `join__Graph` enum.
struct GraphEntry {
    name: Arc<str>,
    url: Option<String>,
}

/// Every directive application of a document.
fn for_each_directive(document: &Schema, visit: &mut dyn FnMut(&Node<Directive>)) {
    document.schema_definition.directives.iter().for_each(|d| visit(d));
    for ty in document.types.values().filter(|ty| !ty.is_built_in()) {
        ty.directives().iter().for_each(|d| visit(d));
        let fields = match ty {
            ExtendedType::Object(ty) => &ty.fields,
            ExtendedType::Interface(ty) => &ty.fields,
            ExtendedType::Enum(ty) => {
                ty.values.values().flat_map(|value| value.directives.iter()).for_each(&mut *visit);
                continue;
            }
            ExtendedType::InputObject(ty) => {
                ty.fields.values().flat_map(|field| field.directives.iter()).for_each(&mut *visit);
                continue;
            }
            ExtendedType::Scalar(_) | ExtendedType::Union(_) => continue,
        };
        for field in fields.values() {
            field.directives.iter().for_each(&mut *visit);
            field.arguments.iter().flat_map(|argument| argument.directives.iter()).for_each(&mut *visit);
        }
    }
}
