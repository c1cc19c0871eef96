//! Reads one fragment: text → [`Subgraph`], valid by itself.
//!
//! In: a [`Fragment`]. Out: its schema with root types named `Query`, `Mutation` and `Subscription` and without the
//! machinery that generated SDL carries along (`_service`, `_entities`, copies of federation's own definitions), and what its
//! directives' names mean.

use std::collections::BTreeSet;
use std::sync::Arc;

use apollo_compiler::ast::{self, Definition, DirectiveDefinition, Document};
use apollo_compiler::collections::{HashSet, IndexMap};
use apollo_compiler::parser::FileId;
use apollo_compiler::schema::{Component, ComponentName, Directive, ExtendedType};
use apollo_compiler::{Name, Node, Schema};

use super::Fragment;
use super::directives::{CATALOGUE, DEFINED, Known, MACHINERY_TYPES, MachineryKind};
use super::facts::Facts;
use super::findings::{AppliedAt, Deferred, Findings, Soundness};
use super::links::{self, Dialect, Names, nearest};
use super::place::Places;
use crate::diagnostic::{Diagnostic, Sources, Span};
use crate::supergraph::SubgraphKind;

/// One fragment, ready to be merged.
#[derive(Debug)]
pub(crate) struct Subgraph {
    /// The fragment's name.
    pub(crate) name: String,
    /// Its value in `join__Graph`.
    pub(crate) graph: Name,
    /// Where it answers, as far as the fragment or its caller says.
    pub(crate) url: Option<String>,
    pub(crate) kind: SubgraphKind,
    pub(crate) names: Names,
    pub(crate) places: Places,
    pub(crate) schema: Schema,
    /// What the directives say, parsed; made anew after an upgrade.
    pub(crate) facts: Facts,
    /// How much of it can be relied on.
    pub(crate) soundness: Soundness,
    /// Findings that wait for the rules, which may tell them better.
    pub(crate) deferred: Vec<Deferred>,
}

/// A list of applied directives, of an element or of a type.
pub(crate) trait Applied {
    fn nodes(&self) -> impl Iterator<Item = &Node<Directive>>;
}

impl Applied for ast::DirectiveList {
    fn nodes(&self) -> impl Iterator<Item = &Node<Directive>> {
        self.iter()
    }
}

impl Applied for apollo_compiler::schema::DirectiveList {
    fn nodes(&self) -> impl Iterator<Item = &Node<Directive>> {
        self.iter().map(|component| &component.node)
    }
}

impl Subgraph {
    /// The applications of a directive, whatever the fragment calls it.
    pub(crate) fn all<'a>(&'a self, list: &'a impl Applied, known: Known) -> impl Iterator<Item = &'a Node<Directive>> {
        list.nodes().filter(move |d| self.names.get(&d.name).is_some_and(|(k, _)| k == known))
    }

    /// The first application of a directive.
    pub(crate) fn first<'a>(&'a self, list: &'a impl Applied, known: Known) -> Option<&'a Node<Directive>> {
        self.all(list, known).next()
    }

    /// Whether a directive is applied.
    pub(crate) fn has(&self, list: &impl Applied, known: Known) -> bool {
        self.first(list, known).is_some()
    }

    /// The place of a node of this fragment.
    pub(crate) fn at<T: ?Sized>(&self, node: &Node<T>) -> Option<Span> {
        self.places.span(node.location())
    }

    /// The place of a name of this fragment.
    pub(crate) fn at_name(&self, name: &Name) -> Option<Span> {
        self.places.span(name.location())
    }

    /// Whether the type is written as an extension of one that another fragment defines.
    pub(crate) fn is_extension(&self, ty: &ExtendedType) -> bool {
        let mut origins = ty.iter_origins().peekable();
        let only_extended = origins.peek().is_some() && origins.all(|origin| origin.extension_id().is_some());
        only_extended || self.has(ty.directives(), Known::Extends)
    }

    /// An object or interface type's fields; none for other kinds.
    pub(crate) fn fields(&self, type_name: &str) -> Option<&IndexMap<Name, Component<ast::FieldDefinition>>> {
        fields_of(self.schema.types.get(type_name)?)
    }
}

/// An object or interface type's fields.
pub(crate) fn fields_of(ty: &ExtendedType) -> Option<&IndexMap<Name, Component<ast::FieldDefinition>>> {
    match ty {
        ExtendedType::Object(t) => Some(&t.fields),
        ExtendedType::Interface(t) => Some(&t.fields),
        _ => None,
    }
}

/// Reads a fragment, as far as it can be understood. `None` where its text cannot be parsed; the reasons are in `out` then.
pub(crate) fn read(
    fragment: &Fragment,
    graph: Name,
    sources: &mut Sources,
    out: &mut Vec<Diagnostic>,
) -> Option<Subgraph> {
    let (document, places) = parse(fragment, sources, out)?;
    let told = out.len();
    let names = links::resolve(&document, &places, out);
    let mut soundness = if out.len() > told { Soundness::Gaps } else { Soundness::Sound };
    let url = fragment.url.clone().or_else(|| service_url(&document, &names));
    soundness = soundness.max(check_applied(&document, &names, &places, out));
    let applied = applied_at(&document, &names, &places);
    let told = out.len();
    let document = strip(document, &names, &places, out);
    if out.len() > told {
        soundness = soundness.max(Soundness::Gaps);
    }
    let mut findings = Findings { applied: &applied, places: &places, soundness, deferred: Vec::new() };
    let schema = build(&document, &names, &mut findings, out);
    let (soundness, deferred) = (findings.soundness, findings.deferred);
    let kind = kind_of(&schema, &names);
    let name = fragment.name.clone();
    let facts = Facts::default();
    let mut subgraph = Subgraph { name, graph, url, kind, names, places, schema, facts, soundness, deferred };
    let told = out.len();
    rename_roots(&mut subgraph, out);
    if out.len() > told {
        subgraph.soundness = subgraph.soundness.max(Soundness::Gaps);
    }
    Some(subgraph)
}

/// Every known directive with its place, in the order of the text.
fn applied_at(document: &Document, names: &Names, places: &Places) -> Vec<AppliedAt> {
    let mut applied = Vec::new();
    each_applied(document, &mut |directive| {
        if let (Some((known, canonical)), Some(span)) = (names.get(&directive.name), places.span(directive.location()))
        {
            applied.push(AppliedAt { span, known, canonical });
        }
    });
    applied.sort_by_key(|applied| applied.span.start);
    applied
}

fn parse(fragment: &Fragment, sources: &mut Sources, out: &mut Vec<Diagnostic>) -> Option<(Document, Places)> {
    let (document, errors) = sources.parse(&fragment.source);
    // The parser knows the one file that it was given.
    let file = document.sources.keys().copied().find(|id| *id != FileId::BUILT_IN)?;
    let places = Places { source: Arc::clone(&fragment.source), file };
    let sound = errors.is_empty();
    out.extend(errors);
    sound.then_some((document, places))
}

const FRAGMENT_URL: &str = "https://specs.weft.graph/fragment/v1.0";
const FEDERATION_URL: &str = "https://specs.apollo.dev/federation/v2.9";

/// Directives of GraphQL itself.
const BUILT_IN: [&str; 4] = ["deprecated", "specifiedBy", "skip", "include"];

/// Every directive in use must be known, and supported.
fn check_applied(document: &Document, names: &Names, places: &Places, out: &mut Vec<Diagnostic>) -> Soundness {
    let mut soundness = Soundness::Sound;
    let own: HashSet<&Name> = document
        .definitions
        .iter()
        .filter_map(|d| d.as_directive_definition())
        .map(|definition| &definition.name)
        .collect();
    let mut used: BTreeSet<&'static str> = BTreeSet::new();
    each_applied(document, &mut |directive| {
        used.extend(CATALOGUE.iter().map(|entry| entry.name).find(|name| *name == directive.name.as_str()));
    });
    each_applied(document, &mut |directive| match names.get(&directive.name) {
        Some((Known::Refused, canonical)) => {
            soundness = soundness.max(Soundness::Values);
            let message = format!("`@{canonical}` is not supported yet.");
            let help = refusal_help(canonical);
            out.push(
                Diagnostic::error("UNSUPPORTED_FEATURE", message).at(places.span(directive.location()), "").help(help),
            );
        }
        Some(_) => {}
        None if directive.name == "oneOf" => {
            soundness = soundness.max(Soundness::Values);
            out.push(
                Diagnostic::error("UNSUPPORTED_FEATURE", "`@oneOf` is not supported yet.")
                    .at(places.span(directive.location()), "")
                    .help("Remove it: all its fields are nullable, and the service still checks that one is given."),
            );
        }
        None if own.contains(&directive.name) => {}
        None if BUILT_IN.contains(&directive.name.as_str()) => {}
        None => {
            let mut diagnostic =
                Diagnostic::error("INVALID_GRAPHQL", format!("Unknown directive `@{}`.", directive.name))
                    .at(places.span(directive.location()), "");
            diagnostic.help = unknown_help(&directive.name, names, &used);
            out.push(diagnostic);
            soundness = Soundness::Gaps;
        }
    });
    soundness
}

fn refusal_help(canonical: &str) -> &'static str {
    match canonical {
        "mock" => "Remove it, and point the fragment's `@source` at a service that answers.",
        _ => "Remove it: a directive that is composed without an effect would promise something untrue.",
    }
}

/// How to make an unknown directive known: from its own specification. `used` are those of the specifications that the
/// document applies.
fn unknown_help(unknown: &Name, names: &Names, used: &BTreeSet<&'static str>) -> Option<String> {
    let find = |name: &str| CATALOGUE.iter().find(|entry| entry.name == name);
    let Some(entry) = find(unknown) else {
        let known = names.iter().map(|(n, _)| n.as_str()).filter(|n| !n.contains("__"));
        let near = nearest(unknown, known.chain(CATALOGUE.iter().map(|entry| entry.name)))?;
        return Some(format!("Did you mean `@{near}`?"));
    };
    // A link makes all directives of its specification known, under its prefix.
    let has = |only_there: &str| names.iter().any(|(_, canonical)| canonical == only_there);
    let ours_linked = has("connect");
    let federation_linked = names.dialect == Dialect::Federation2 && has("external");
    let wants_ours = used.iter().filter_map(|name| find(name)).any(|e| e.fragment && e.federation.is_none());
    let ours = entry.fragment && (entry.federation.is_none() || !federation_linked && (ours_linked || wants_ours));
    let (url, linked) = if ours { (FRAGMENT_URL, ours_linked) } else { (FEDERATION_URL, federation_linked) };
    if linked {
        return Some(format!("Add \"@{unknown}\" to the `import` list of the `@link` to {url}."));
    }
    let of_spec = |name: &&&str| find(name).is_some_and(|e| if ours { e.fragment } else { e.federation.is_some() });
    let imports: Vec<String> = used.iter().filter(of_spec).map(|name| format!("\"@{name}\"")).collect();
    let line = format!("`extend schema @link(url: \"{url}\", import: [{}])`", imports.join(", "));
    Some(match (ours, names.dialect) {
        (false, Dialect::Federation1) => {
            format!("Documents without a link are read as Federation 1. For Federation 2 add {line}.")
        }
        _ => format!("Add {line}."),
    })
}

/// Calls `f` for every applied directive of a document.
fn each_applied(document: &Document, f: &mut dyn FnMut(&Node<ast::Directive>)) {
    fn list(directives: &ast::DirectiveList, f: &mut dyn FnMut(&Node<ast::Directive>)) {
        directives.iter().for_each(f);
    }
    fn inputs(values: &[Node<ast::InputValueDefinition>], f: &mut dyn FnMut(&Node<ast::Directive>)) {
        values.iter().for_each(|v| list(&v.directives, f));
    }
    fn fields(fields: &[Node<ast::FieldDefinition>], f: &mut dyn FnMut(&Node<ast::Directive>)) {
        for field in fields {
            list(&field.directives, f);
            inputs(&field.arguments, f);
        }
    }
    for definition in &document.definitions {
        list(definition.directives(), f);
        match definition {
            Definition::ObjectTypeDefinition(d) => fields(&d.fields, f),
            Definition::ObjectTypeExtension(d) => fields(&d.fields, f),
            Definition::InterfaceTypeDefinition(d) => fields(&d.fields, f),
            Definition::InterfaceTypeExtension(d) => fields(&d.fields, f),
            Definition::EnumTypeDefinition(d) => d.values.iter().for_each(|v| list(&v.directives, f)),
            Definition::EnumTypeExtension(d) => d.values.iter().for_each(|v| list(&v.directives, f)),
            Definition::InputObjectTypeDefinition(d) => inputs(&d.fields, f),
            Definition::InputObjectTypeExtension(d) => inputs(&d.fields, f),
            _ => {}
        }
    }
}

/// `@service(url:)` on the schema.
fn service_url(document: &Document, names: &Names) -> Option<String> {
    links::schema_directives(document)
        .into_iter()
        .find(|d| names.get(&d.name).is_some_and(|(k, _)| k == Known::Service))
        .and_then(|d| d.specified_argument_by_name("url")?.as_str().map(str::to_owned))
}

/// Takes away definitions that belong to the specifications, after a look at whether they agree.
fn strip(mut document: Document, names: &Names, places: &Places, out: &mut Vec<Diagnostic>) -> Document {
    document.definitions.retain(|definition| match definition {
        Definition::DirectiveDefinition(d) => match names.get(&d.name) {
            Some((_, canonical)) => {
                check_definition(d, canonical, places, out);
                false
            }
            None => true,
        },
        other => !is_machinery(other, names, places, out),
    });
    strip_root_fields(&mut document);
    document
}

/// Takes `_service` and `_entities` away, and definitions of the query type that have nothing else.
fn strip_root_fields(document: &mut Document) {
    let root = query_root(document);
    let machinery = |f: &Node<ast::FieldDefinition>| f.name == "_service" || f.name == "_entities";
    document.definitions.retain_mut(|definition| {
        let fields = match definition {
            Definition::ObjectTypeDefinition(d) if d.name == root && d.fields.iter().any(machinery) => {
                &mut d.make_mut().fields
            }
            Definition::ObjectTypeExtension(d) if d.name == root && d.fields.iter().any(machinery) => {
                &mut d.make_mut().fields
            }
            _ => return true,
        };
        fields.retain(|f| !machinery(f));
        !fields.is_empty()
    });
}

fn query_root(document: &Document) -> Name {
    let operations = document.definitions.iter().flat_map(|definition| match definition {
        Definition::SchemaDefinition(d) => d.root_operations.as_slice(),
        Definition::SchemaExtension(d) => d.root_operations.as_slice(),
        _ => &[],
    });
    operations
        .filter(|operation| operation.0 == ast::OperationType::Query)
        .map(|operation| operation.1.clone())
        .next()
        .unwrap_or_else(|| Name::new_static_unchecked("Query"))
}

fn is_machinery(definition: &Definition, names: &Names, places: &Places, out: &mut Vec<Diagnostic>) -> bool {
    let Some(name) = definition.name() else { return false };
    let usual = names.usual_type(name).unwrap_or_else(|| name.to_string());
    let kind = match MACHINERY_TYPES.iter().find(|(n, _)| *n == usual) {
        Some((_, kind)) => *kind,
        None if names.imported_types.contains(name) => MachineryKind::Scalar,
        None => return false,
    };
    let agrees = match definition {
        Definition::ScalarTypeDefinition(_) | Definition::ScalarTypeExtension(_) => kind == MachineryKind::Scalar,
        Definition::ObjectTypeDefinition(_) | Definition::ObjectTypeExtension(_) => kind == MachineryKind::Object,
        Definition::UnionTypeDefinition(_) | Definition::UnionTypeExtension(_) => kind == MachineryKind::Union,
        Definition::EnumTypeDefinition(_) | Definition::EnumTypeExtension(_) => kind == MachineryKind::Enum,
        Definition::InterfaceTypeDefinition(_) | Definition::InputObjectTypeDefinition(_) => false,
        _ => return false,
    };
    if !agrees {
        let message = format!("`{name}` belongs to the federation specification, and is another kind of type there.");
        out.push(
            Diagnostic::error("TYPE_DEFINITION_INVALID", message)
                .at(places.span(name.location()), "")
                .help("Rename the type, or leave the definition out: it is known."),
        );
    }
    true
}

/// A fragment's own copy of a known definition may be older or narrower, not different.
fn check_definition(own: &Node<DirectiveDefinition>, canonical: &str, places: &Places, out: &mut Vec<Diagnostic>) {
    let Some(ours) = DEFINED.directives.get(canonical) else { return };
    let mut wrong = |message: String| {
        out.push(
            Diagnostic::error("DIRECTIVE_DEFINITION_INVALID", message)
                .at(places.span(own.name.location()), "")
                .help("Leave the definition out: it is known."),
        );
    };
    for argument in &own.arguments {
        match ours.argument_by_name(&argument.name) {
            None if argument.is_required() => {
                wrong(format!("`@{}` has no argument `{}`.", own.name, argument.name));
            }
            Some(known) if argument.ty.is_list() != known.ty.is_list() && is_builtin(known.ty.inner_named_type()) => {
                wrong(format!("`@{}({}:)` is `{}`, not `{}`.", own.name, argument.name, known.ty, argument.ty));
            }
            _ => {}
        }
    }
    for argument in ours.arguments.iter().filter(|a| a.is_required()) {
        if own.argument_by_name(&argument.name).is_none() {
            wrong(format!("`@{}` needs the argument `{}: {}`.", own.name, argument.name, argument.ty));
        }
    }
    for location in own.locations.iter().filter(|l| !ours.locations.contains(l)) {
        wrong(format!("`@{}` cannot be used on {}.", own.name, location.name()));
    }
}

fn is_builtin(name: &str) -> bool {
    ["Int", "Float", "String", "Boolean", "ID"].contains(&name)
}

/// Builds the schema, with the definitions that the fragment imports, and validates it.
fn build(document: &Document, names: &Names, findings: &mut Findings<'_>, out: &mut Vec<Diagnostic>) -> Schema {
    let mut added = Document::new();
    added.definitions.extend(DEFINED.types.iter().cloned());
    for (local, canonical) in names.iter() {
        if let Some(definition) = DEFINED.directives.get(canonical) {
            let mut definition = definition.clone();
            definition.make_mut().name = local.clone();
            added.definitions.push(Definition::DirectiveDefinition(definition));
        }
    }
    let builder = Schema::builder().adopt_orphan_extensions().ignore_builtin_redefinitions();
    let built = builder.add_ast(document).add_ast(&added).build();
    let schema = match built {
        Ok(schema) => schema,
        Err(failed) => {
            findings.tell(&failed.errors, None, out, |_| true);
            failed.partial
        }
    };
    let mut schema = match schema.validate() {
        Ok(valid) => valid.into_inner(),
        Err(failed) => {
            // A fragment needs no `Query`, and unknown directives were told before, with advice.
            let wanted = |name: &str| !["QueryRootOperationType", "UndefinedDirective"].contains(&name);
            findings.tell(&failed.errors, Some(&failed.partial), out, wanted);
            failed.partial
        }
    };
    let ours = |name: &str| name.starts_with("weft__") || name.starts_with("federation__");
    schema.types.retain(|name, _| !ours(name));
    schema.directive_definitions.retain(|name, _| names.get(name).is_none());
    schema
}

/// Any `@connect` makes a fragment HTTP/JSON.
fn kind_of(schema: &Schema, names: &Names) -> SubgraphKind {
    let connects = |d: &Node<Directive>| names.get(&d.name).is_some_and(|(k, _)| k == Known::Connect);
    let any = schema.types.values().any(|ty| {
        ty.directives().nodes().any(connects)
            || fields_of(ty).is_some_and(|fields| fields.values().any(|f| f.directives.nodes().any(connects)))
    });
    if any { SubgraphKind::Http } else { SubgraphKind::GraphQl }
}

/// Gives the root types their usual names.
fn rename_roots(subgraph: &mut Subgraph, out: &mut Vec<Diagnostic>) {
    use ast::OperationType::{Mutation, Query, Subscription};
    for (operation, usual, code) in [
        (Query, "Query", "ROOT_QUERY_USED"),
        (Mutation, "Mutation", "ROOT_MUTATION_USED"),
        (Subscription, "Subscription", "ROOT_SUBSCRIPTION_USED"),
    ] {
        let current = subgraph.schema.root_operation(operation).cloned();
        if current.as_ref().is_some_and(|name| name == usual) {
            continue;
        }
        if let Some(other) = subgraph.schema.types.get(usual) {
            let message = format!(
                "`{usual}` is not this fragment's {} type, but that is what the graph calls it.",
                operation.name()
            );
            out.push(
                Diagnostic::error(code, message)
                    .at(subgraph.at_name(other.name()), "")
                    .help("Rename the type, or name it in the `schema` definition."),
            );
            continue;
        }
        let Some(current) = current else { continue };
        rename_type(&mut subgraph.schema, &current, &Name::new_static_unchecked(usual));
        let definition = subgraph.schema.schema_definition.make_mut();
        let root = match operation {
            Query => &mut definition.query,
            Mutation => &mut definition.mutation,
            Subscription => &mut definition.subscription,
        };
        *root = Some(ComponentName::from(Name::new_static_unchecked(usual)));
    }
}

fn rename_type(schema: &mut Schema, from: &Name, to: &Name) {
    if let Some(mut ty) = schema.types.shift_remove(from) {
        if let ExtendedType::Object(object) = &mut ty {
            object.make_mut().name = to.clone();
        }
        schema.types.insert(to.clone(), ty);
    }
    let rename_fields = |fields: &mut IndexMap<Name, Component<ast::FieldDefinition>>| {
        for field in fields.values_mut().filter(|f| f.ty.inner_named_type() == from) {
            let field = field.make_mut();
            field.ty = renamed(&field.ty, to);
        }
    };
    for ty in schema.types.values_mut().filter(|ty| !ty.is_built_in()) {
        match ty {
            ExtendedType::Object(t) => rename_fields(&mut t.make_mut().fields),
            ExtendedType::Interface(t) => rename_fields(&mut t.make_mut().fields),
            ExtendedType::Union(t) if t.members.contains(from) => {
                let t = t.make_mut();
                t.members.shift_remove(from);
                t.members.insert(ComponentName::from(to.clone()));
            }
            _ => {}
        }
    }
}

/// The same wrapping around another name.
fn renamed(ty: &ast::Type, to: &Name) -> ast::Type {
    match ty {
        ast::Type::Named(_) => ast::Type::Named(to.clone()),
        ast::Type::NonNullNamed(_) => ast::Type::NonNullNamed(to.clone()),
        ast::Type::List(item) => ast::Type::List(Box::new(renamed(item, to))),
        ast::Type::NonNullList(item) => ast::Type::NonNullList(Box::new(renamed(item, to))),
    }
}
