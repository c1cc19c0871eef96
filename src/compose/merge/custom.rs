//! `@composeDirective`: directives of somebody else's specifications that stay in the graph.
//!
//! In: the fragments' applications of `@composeDirective`. Out: which directives of which fragment stay, their definitions
//! and links, and diagnostics where the fragments do not mean the same by them.
//! Of several versions of a specification the highest is linked, and its definition holds, widened so that every
//! application fits.

use apollo_compiler::ast::{Directive, DirectiveDefinition};
use apollo_compiler::collections::{HashSet, IndexMap};
use apollo_compiler::schema::InputValueDefinition;
use apollo_compiler::{Name, Node, Schema};

use super::inputs::InputSources;
use super::marks::{AppliedIn, same_arguments};
use super::{Merger, directive, is_executable, string};
use crate::compose::directives::Known;
use crate::compose::links::Feature;
use crate::compose::rules::compose_directives::composed;
use crate::compose::subgraph::Subgraph;
use crate::diagnostic::{Diagnostic, Span};
use apollo_compiler::ast::Value;

const CODE: &str = "DIRECTIVE_COMPOSITION_ERROR";

/// The directives that stay.
#[derive(Default)]
pub(super) struct Customs {
    /// Their names, per subgraph that asks for them.
    by_subgraph: Vec<HashSet<Name>>,
    /// By their names; the same in each subgraph.
    directives: IndexMap<Name, Custom>,
}

struct Custom {
    repeatable: bool,
    /// Who asks for it.
    subgraphs: Vec<usize>,
    /// The one with the highest version of its specification.
    newest: usize,
    identity: String,
    canonical: String,
}

/// What the document says of one specification.
#[derive(Default)]
struct Link {
    version: (u32, u32),
    imports: Vec<Node<Value>>,
}

/// One request that a directive stays.
struct Request<'a> {
    subgraph: usize,
    local: &'a str,
    feature: &'a Feature,
    canonical: &'a str,
    at: Option<Span>,
}

impl Customs {
    /// What the fragments ask for, with an error for each disagreement.
    pub(super) fn of(subgraphs: &[Subgraph], out: &mut Vec<Diagnostic>) -> Self {
        let mut customs = Self { by_subgraph: vec![HashSet::default(); subgraphs.len()], ..Self::default() };
        let mut requests: IndexMap<&str, Vec<Request<'_>>> = IndexMap::default();
        for (index, subgraph) in subgraphs.iter().enumerate() {
            for applied in subgraph.all(&subgraph.schema.schema_definition.directives, Known::ComposeDirective) {
                // What is wrong with one by itself is a rule's business.
                let Ok((local, feature, canonical)) = composed(subgraph, applied) else { continue };
                let at = subgraph.at(applied);
                requests.entry(local).or_default().push(Request { subgraph: index, local, feature, canonical, at });
            }
        }
        let all = || requests.values().flatten();
        same_meaning(&requests, out);
        same_names(all(), subgraphs, out);
        same_majors(all(), subgraphs, out);
        for (local, requests) in &requests {
            let Some(newest) = requests.iter().max_by_key(|r| (r.feature.version, std::cmp::Reverse(r.subgraph)))
            else {
                continue;
            };
            let definition = |index: usize| subgraphs[index].schema.directive_definitions.get(*local);
            let Some(name) = definition(newest.subgraph).map(|d| d.name.clone()) else { continue };
            for request in requests {
                customs.by_subgraph[request.subgraph].insert(name.clone());
            }
            let custom = Custom {
                repeatable: requests.iter().filter_map(|r| definition(r.subgraph)).any(|d| d.repeatable),
                subgraphs: requests.iter().map(|r| r.subgraph).collect(),
                newest: newest.subgraph,
                identity: newest.feature.identity.clone(),
                canonical: newest.canonical.to_owned(),
            };
            customs.directives.insert(name, custom);
        }
        customs
    }

    /// Whether a subgraph's applications of a directive stay.
    pub(super) fn has(&self, subgraph: usize, name: &Name) -> bool {
        !self.directives.is_empty() && self.by_subgraph[subgraph].contains(name)
    }
}

/// One name, one meaning.
fn same_meaning(requests: &IndexMap<&str, Vec<Request<'_>>>, out: &mut Vec<Diagnostic>) {
    for (local, requests) in requests {
        let Some((first, others)) = requests.split_first() else { continue };
        let means = |r: &Request<'_>| (r.feature.identity.clone(), r.canonical.to_owned());
        if super::features::is_standard(local) {
            let message = format!("`@{local}` is the name of another directive in the graph.");
            let help = format!("Rename it in the link: `{{name: \"@{}\", as: \"@my_{local}\"}}`.", first.canonical);
            out.push(Diagnostic::error(CODE, message).at(first.at.clone(), "").help(help));
        }
        if let Some(other) = others.iter().find(|other| means(other) != means(first)) {
            let message = format!(
                "`@{local}` is `@{}` of {} in one fragment, and `@{}` of {} in another.",
                first.canonical, first.feature.identity, other.canonical, other.feature.identity
            );
            out.push(
                Diagnostic::error(CODE, message)
                    .at(other.at.clone(), "")
                    .at(first.at.clone(), "")
                    .help("Rename one of them in its link: `{name: \"@a\", as: \"@b\"}`."),
            );
        }
    }
}

/// One meaning, one name.
fn same_names<'r>(requests: impl Iterator<Item = &'r Request<'r>>, subgraphs: &[Subgraph], out: &mut Vec<Diagnostic>) {
    let mut by_meaning: IndexMap<(&str, &str), Vec<&Request<'_>>> = IndexMap::default();
    for request in requests {
        by_meaning.entry((&request.feature.identity, request.canonical)).or_default().push(request);
    }
    for ((identity, canonical), requests) in by_meaning {
        let Some((first, others)) = requests.split_first() else { continue };
        if let Some(other) = others.iter().find(|other| other.local != first.local) {
            let message = format!(
                "`@{canonical}` of {identity} is called `@{}` in one fragment, and `@{}` in another.",
                first.local, other.local
            );
            out.push(
                Diagnostic::error(CODE, message)
                    .at(other.at.clone(), "")
                    .at(first.at.clone(), "")
                    .help("Import it under one name everywhere."),
            );
            continue;
        }
        // Who has it under another name and does not ask for it keeps it to itself.
        for (index, subgraph) in subgraphs.iter().enumerate() {
            if requests.iter().any(|request| request.subgraph == index) {
                continue;
            }
            for feature in subgraph.names.features.iter().filter(|feature| feature.identity == identity) {
                let mut own = subgraph.schema.directive_definitions.keys();
                let other = own.find(|name| feature.canonical(name) == Some(canonical) && name.as_str() != first.local);
                if let Some(other) = other {
                    let message = format!(
                        "`@{canonical}` of {identity} is `@{}` in the graph; `{}` calls it `@{other}`, and does not compose it.",
                        first.local, subgraph.name
                    );
                    let hint = Diagnostic::hint("DIRECTIVE_COMPOSITION_WARN", message);
                    out.push(hint.at(subgraph.at(&feature.link), "").at(first.at.clone(), "composed here"));
                }
            }
        }
    }
}

/// One major version of a specification.
fn same_majors<'r>(requests: impl Iterator<Item = &'r Request<'r>>, subgraphs: &[Subgraph], out: &mut Vec<Diagnostic>) {
    let mut by_identity: IndexMap<&str, Vec<&Request<'_>>> = IndexMap::default();
    for request in requests {
        by_identity.entry(&request.feature.identity).or_default().push(request);
    }
    for (identity, requests) in by_identity {
        let Some((first, others)) = requests.split_first() else { continue };
        let link = |request: &Request<'_>| subgraphs[request.subgraph].at(&request.feature.link);
        let major = first.feature.version.0;
        if let Some(other) = others.iter().find(|other| other.feature.version.0 != major) {
            let message =
                format!("{identity} is linked in v{major} and in v{}, to be composed.", other.feature.version.0);
            out.push(
                Diagnostic::error(CODE, message)
                    .at(link(other), "")
                    .at(link(first), "")
                    .help("Link one major version everywhere."),
            );
            continue;
        }
        for (index, subgraph) in subgraphs.iter().enumerate() {
            let composes = requests.iter().any(|request| request.subgraph == index);
            let other = subgraph.names.features.iter().find(|f| f.identity == identity && f.version.0 != major);
            if let Some(other) = other.filter(|_| !composes) {
                let message = format!(
                    "{identity} is composed in v{major}; `{}` links v{}, and keeps it to itself.",
                    subgraph.name, other.version.0
                );
                let hint = Diagnostic::hint("DIRECTIVE_COMPOSITION_INFO", message);
                out.push(hint.at(subgraph.at(&other.link), ""));
            }
        }
    }
}

impl<'a> Merger<'a> {
    /// Of the composed directives on one element: all different ones of a repeatable directive, one of another.
    pub(super) fn custom_marks(&mut self, what: &str, applied: Vec<AppliedIn<'_>>) -> Vec<Node<Directive>> {
        let mut by_name: IndexMap<&Name, Vec<AppliedIn<'_>>> = IndexMap::default();
        for (index, directive) in applied {
            by_name.entry(&directive.name).or_default().push((index, directive));
        }
        let mut marks: Vec<Node<Directive>> = Vec::new();
        for (name, applied) in by_name {
            if self.customs.directives.get(name).is_some_and(|custom| custom.repeatable) {
                let before = marks.len();
                for (_, directive) in applied {
                    if !marks[before..].iter().any(|mark| same_arguments(mark, directive)) {
                        marks.push(directive.clone());
                    }
                }
            } else {
                self.differing_arguments(what, &applied);
                marks.extend(applied.first().map(|(_, directive)| (*directive).clone()));
            }
        }
        marks
    }

    /// Adds the definitions and the links.
    pub(super) fn define_customs(&mut self, document: &mut Schema) {
        let customs = std::mem::take(&mut self.customs.directives);
        let mut links: IndexMap<&str, Link> = IndexMap::default();
        for (name, custom) in &customs {
            let link = links.entry(&custom.identity).or_default();
            let features = custom.subgraphs.iter().flat_map(|index| &self.subgraphs[*index].names.features);
            let newest = features.filter(|f| f.identity == custom.identity).map(|f| f.version).max();
            link.version = link.version.max(newest.unwrap_or_default());
            link.imports.push(import(name, &custom.canonical));
            if let Some(definition) = self.custom_definition(name, custom) {
                document.directive_definitions.insert(name.clone(), definition);
            }
        }
        let links = links.into_iter().map(|(identity, link)| {
            let (major, minor) = link.version;
            let url = string(format!("{identity}/v{major}.{minor}"));
            directive("link", vec![("url", url), ("import", Node::new(Value::List(link.imports)))]).into()
        });
        document.schema_definition.make_mut().directives.0.extend(links);
        self.customs.directives = customs;
    }

    fn custom_definition(&mut self, name: &Name, custom: &Custom) -> Option<Node<DirectiveDefinition>> {
        let subgraphs = self.subgraphs;
        let definitions = |index: &usize| Some((*index, subgraphs[*index].schema.directive_definitions.get(name)?));
        let newest = subgraphs[custom.newest].schema.directive_definitions.get(name)?;
        let all: Vec<(usize, &'a Node<DirectiveDefinition>)> =
            custom.subgraphs.iter().filter_map(definitions).collect();
        let mut definition = DirectiveDefinition::clone(newest);
        definition.repeatable = custom.repeatable;
        if let Some((index, other)) = all.iter().find(|(_, d)| d.repeatable != newest.repeatable) {
            let message = format!("`@{name}` is repeatable in some fragments only; in the graph it is.");
            let hint = Diagnostic::hint("INCONSISTENT_TYPE_SYSTEM_DIRECTIVE_REPEATABLE", message);
            self.out.push(hint.at(subgraphs[*index].at_name(&other.name), ""));
        }
        let mut differs: Option<(usize, &Node<DirectiveDefinition>)> = None;
        for (index, other) in &all {
            for location in &other.locations {
                if !definition.locations.contains(location) {
                    definition.locations.push(*location);
                    differs = differs.or(Some((*index, other)));
                }
            }
            let lacks = newest.locations.iter().any(|location| !other.locations.contains(location));
            differs = differs.or_else(|| lacks.then_some((*index, *other)));
        }
        if let Some((index, other)) = differs {
            let message = format!("`@{name}` stands in other places in some fragments; in the graph in all of them.");
            let hint = Diagnostic::hint("INCONSISTENT_TYPE_SYSTEM_DIRECTIVE_LOCATIONS", message);
            self.out.push(hint.at(subgraphs[index].at_name(&other.name), ""));
        }
        definition.arguments = self.custom_arguments(name, newest, &all);
        Some(newest.same_location(definition))
    }

    /// Those of the newest definition, and what older ones have besides; all of them as every application can be read.
    fn custom_arguments(
        &mut self,
        name: &Name,
        newest: &'a Node<DirectiveDefinition>,
        all: &[(usize, &'a Node<DirectiveDefinition>)],
    ) -> Vec<Node<InputValueDefinition>> {
        let mut by_name: IndexMap<Name, InputSources<'a>> = IndexMap::default();
        for argument in &newest.arguments {
            by_name.entry(argument.name.clone()).or_default();
        }
        for (index, definition) in all {
            for argument in &definition.arguments {
                by_name.entry(argument.name.clone()).or_default().push((*index, argument));
            }
        }
        let mut merged = Vec::new();
        for (argument, sources) in by_name {
            let of_newest = newest.argument_by_name(&argument);
            let Some(taken) = of_newest.or_else(|| sources.first().map(|(_, a)| *a)) else { continue };
            let place = format!("@{name}({argument}:)");
            if let Some((index, other)) = sources.iter().find(|(_, other)| {
                other.ty.inner_named_type() != taken.ty.inner_named_type() || other.ty.is_list() != taken.ty.is_list()
            }) {
                let message = format!("`{place}` is `{}` in one fragment, and `{}` in another.", taken.ty, other.ty);
                let error = Diagnostic::error("FIELD_ARGUMENT_TYPE_MISMATCH", message);
                self.out.push(
                    error.at(self.subgraphs[*index].at_name(&other.name), "").help("Define it alike everywhere."),
                );
                continue;
            }
            if sources.len() < all.len() && taken.is_required() {
                let message = format!("`{place}` is required, and not every fragment that composes it has it.");
                let error = Diagnostic::error("REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH", message);
                let at = sources.first().and_then(|(index, other)| self.subgraphs[*index].at_name(&other.name));
                self.out.push(error.at(at, "").help("Make it nullable, or give it a default."));
                continue;
            }
            // A weaker type than the newest's holds for all.
            let weakest = sources.iter().find(|(_, other)| !other.ty.is_non_null()).map(|(_, other)| *other);
            let mut argument = taken.clone();
            if let Some(weakest) = weakest.filter(|_| taken.ty.is_non_null()) {
                argument.make_mut().ty = weakest.ty.clone();
            }
            if !argument.directives.is_empty() {
                argument.make_mut().directives = Default::default();
            }
            merged.push(argument);
        }
        merged
    }
}

/// `"@mine"`, or `{name: "@mine", as: "@ours"}`.
fn import(local: &Name, canonical: &str) -> Node<Value> {
    if local.as_str() == canonical {
        return string(format!("@{local}"));
    }
    let name = |text| Name::new_static_unchecked(text);
    let value = |text: &str| string(format!("@{text}"));
    Node::new(Value::Object(vec![(name("name"), value(canonical)), (name("as"), value(local))]))
}

impl Customs {
    /// Types of the arguments of directives that stay in the graph, with whether operations carry the directive. What
    /// applications in the document use must not be merged away.
    pub(super) fn argument_types<'s>(&self, subgraphs: &'s [Subgraph]) -> HashSet<(&'s Name, bool)> {
        let mut types = HashSet::default();
        for (index, subgraph) in subgraphs.iter().enumerate() {
            for definition in subgraph.schema.directive_definitions.values().filter(|d| !d.is_built_in()) {
                let composed = self.has(index, &definition.name);
                if composed || definition.locations.iter().any(|location| is_executable(*location)) {
                    let arguments = definition.arguments.iter();
                    types.extend(arguments.map(|argument| (argument.ty.inner_named_type(), !composed)));
                }
            }
        }
        types
    }
}
