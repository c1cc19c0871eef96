//! HTTP/JSON subgraphs: `source`, `connect`, `lookup`, `internal`, `is` and `require` among the carried directives.
//!
//! In: the views, and what the document carries. Out: connectors, entity resolvers by lookup, required arguments.
//! A subgraph with a connector is an HTTP/JSON one: it is entered by its lookups and nothing else, so a key of it is
//! resolvable when a lookup binds exactly that key.
//! What a `@connect` says is read by [`crate::connect`]; whether its mappings suit the schema is checked where fragments
//! are composed.

use std::sync::Arc;

use apollo_compiler::ast::{FieldDefinition, InputValueDefinition, Value};
use apollo_compiler::collections::{HashMap, IndexMap};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};

use super::Reader;
use super::policies::{Carried, Element};
use super::views::View;
use crate::connect::{self, Arguments, KeyBinding, read_connector, read_source};
use crate::diagnostic::Diagnostic;
use crate::supergraph::{
    ConnectorId, EntityKey, EntityResolver, FieldSet, FieldSetItem, LookupArgument, RequiredArgument, ResolverVia,
    SubgraphId, SubgraphKind,
};

/// What is carried for one field of one subgraph.
#[derive(Default)]
struct OnField<'c> {
    connects: Vec<&'c Carried>,
    lookup: Option<&'c Carried>,
    internal: Option<&'c Carried>,
    is: Vec<&'c Carried>,
    require: Vec<&'c Carried>,
}

/// An argument with the place that its value comes from.
struct Bound {
    name: Name,
    from: KeyBinding,
    definition: Node<InputValueDefinition>,
}

impl Reader<'_> {
    /// Reads everything about connectors into the views.
    pub(super) fn connectors(&mut self, views: &mut [View], merged: &Schema, carried: &[(Element, Carried)]) {
        let sources = self.http_sources(carried);
        let fields = self.on_fields(carried);
        if sources.is_empty() && fields.is_empty() {
            return;
        }
        for (graph, sources) in &sources {
            views[graph.0 as usize].kind = SubgraphKind::Http;
            debug_assert!(!sources.is_empty());
        }
        for ((_, _, graph), _) in fields.iter().filter(|(_, on)| !on.connects.is_empty()) {
            views[graph.0 as usize].kind = SubgraphKind::Http;
        }
        self.refuse_federation_joins(views);
        for ((type_name, field_name, graph), on) in &fields {
            let view = &mut views[graph.0 as usize];
            let known = view.types.get(type_name).is_some_and(|ty| ty.fields.contains_key(field_name));
            let definition = field_of(merged, type_name, field_name);
            let (true, Some(definition)) = (known, definition) else {
                let message = format!("There is no `{type_name}.{field_name}` in subgraph {}.", self.called(*graph));
                self.error("INVALID_FEDERATION_SUPERGRAPH", message, on.first().and_then(|carried| carried.location));
                continue;
            };
            let connector = self.connector(view, type_name, field_name, on, sources.get(graph));
            self.required(view, merged, (type_name, definition), on);
            self.lookup(view, merged, (type_name, definition), on, connector);
            self.check_hidden(type_name, field_name, on);
        }
        self.drop_foreign_required_arguments(views, &fields);
        self.check_roots(views, merged);
        for view in views.iter_mut().filter(|view| view.kind == SubgraphKind::Http) {
            view.settle_lookups();
        }
    }

    /// Every `source`, by subgraph.
    fn http_sources(&mut self, carried: &[(Element, Carried)]) -> HashMap<SubgraphId, Vec<Arc<connect::Source>>> {
        let mut sources: HashMap<SubgraphId, Vec<Arc<connect::Source>>> = HashMap::default();
        for (element, carried) in carried.iter().filter(|(_, carried)| carried.name == "source") {
            if !matches!(element, Element::Schema) {
                self.error(
                    "INVALID_FEDERATION_SUPERGRAPH",
                    "`@source` stands on the schema.".to_owned(),
                    carried.location,
                );
                continue;
            }
            let place = self.place_of(carried);
            let (source, diagnostics) = read_source(&Arguments::of_value(&carried.args, self.sources).or_place(place));
            self.diagnostics.extend(diagnostics);
            let Some(source) = source.map(Arc::new) else { continue };
            for graph in &carried.graphs {
                let known = sources.entry(*graph).or_default();
                if known.iter().any(|known| known.name == source.name) {
                    let message = format!("There are two sources \"{}\" in one subgraph.", source.name);
                    self.error("DUPLICATE_SOURCE_NAME", message, carried.location);
                }
                known.push(Arc::clone(&source));
            }
        }
        sources
    }

    /// What is carried on fields, by field and subgraph, in the document's order.
    fn on_fields<'c>(&mut self, carried: &'c [(Element, Carried)]) -> IndexMap<(Name, Name, SubgraphId), OnField<'c>> {
        let mut fields: IndexMap<(Name, Name, SubgraphId), OnField<'c>> = IndexMap::default();
        for (element, carried) in carried {
            if !matches!(carried.name.as_str(), "connect" | "lookup" | "internal" | "is" | "require") {
                continue;
            }
            let Element::Field(type_name, field_name) = element else {
                let message = format!("`@{}` on a type is not supported.", carried.name);
                let place = self.sources.span(carried.location);
                let help = "Load an entity by a field with `@lookup` and `@connect`.";
                self.diagnostics.push(Diagnostic::error("UNSUPPORTED", message).at(place, "").help(help));
                continue;
            };
            for graph in &carried.graphs {
                let on = fields.entry((type_name.clone(), field_name.clone(), *graph)).or_default();
                match carried.name.as_str() {
                    "connect" => on.connects.push(carried),
                    "lookup" => on.lookup = Some(carried),
                    "internal" => on.internal = Some(carried),
                    "is" => on.is.push(carried),
                    _ => on.require.push(carried),
                }
            }
        }
        fields
    }

    /// `@requires` and `@provides` speak of `_entities`, which an HTTP/JSON subgraph does not have.
    fn refuse_federation_joins(&mut self, views: &[View]) {
        for view in views.iter().filter(|view| view.kind == SubgraphKind::Http) {
            for (type_name, ty) in &view.types {
                for (name, _) in ty.fields.iter().filter(|(_, f)| f.requires.is_some() || f.provides.is_some()) {
                    let at = (type_name.clone(), name.clone());
                    let (requires, provides) = view.places.fields.get(&at).copied().unwrap_or_default();
                    let message =
                        format!("`{type_name}.{name}`: `@requires` and `@provides` are of GraphQL subgraphs only.");
                    let place = self.sources.span(requires.or(provides));
                    let help = "An HTTP/JSON subgraph writes `@require` on an argument.";
                    self.diagnostics.push(Diagnostic::error("UNSUPPORTED", message).at(place, "").help(help));
                }
            }
        }
    }

    fn connector(
        &mut self,
        view: &mut View,
        type_name: &Name,
        field_name: &Name,
        on: &OnField<'_>,
        sources: Option<&Vec<Arc<connect::Source>>>,
    ) -> Option<ConnectorId> {
        let Some(carried) = on.connects.first() else {
            if let Some(alone) = on.first() {
                let message = format!("`@{}` on `{type_name}.{field_name}` needs a `@connect` beside it.", alone.name);
                let place = self.sources.span(alone.location);
                let help = "A GraphQL subgraph's entities are loaded by `@key`.";
                self.diagnostics.push(Diagnostic::error("UNSUPPORTED", message).at(place, "").help(help));
            }
            return None;
        };
        if let Some(second) = on.connects.get(1) {
            let message = format!("`{type_name}.{field_name}` has more than one `@connect`, which is not supported.");
            self.error("UNSUPPORTED", message, second.location);
        }
        let place = self.place_of(carried);
        let arguments = Arguments::of_value(&carried.args, self.sources).or_place(place);
        let sources = sources.map(Vec::as_slice).unwrap_or_default();
        let (connector, diagnostics) = read_connector(&arguments, type_name, field_name, sources);
        self.diagnostics.extend(diagnostics);
        let id = ConnectorId(view.connectors.len() as u32);
        view.connectors.push(connector?);
        view.types.get_mut(type_name)?.fields.get_mut(field_name)?.connector = Some(id);
        Some(id)
    }

    /// `require`: arguments that are filled from the object itself.
    fn required(
        &mut self,
        view: &mut View,
        merged: &Schema,
        (type_name, definition): (&Name, &FieldDefinition),
        on: &OnField<'_>,
    ) {
        let mut paths = Vec::new();
        let mut arguments = Vec::new();
        for carried in &on.require {
            let Some(bound) = self.bound(carried, definition, "REQUIRE_INVALID_SYNTAX") else { continue };
            if bound.from.is_list() {
                let message = format!("`{}` is filled from one object; a list of keys is a lookup's.", bound.name);
                self.error("REQUIRE_INVALID_FIELDS", message, carried.location);
                continue;
            }
            for path in bound.from.paths() {
                if let Err(message) = follow(path, type_name, |ty, field| field_of(merged, ty, field), merged) {
                    self.error("REQUIRE_INVALID_FIELDS", message, carried.place("field"));
                }
                paths.push(path.to_vec());
            }
            let non_null = bound.definition.ty.is_non_null();
            arguments.push(RequiredArgument { name: bound.name, from: bound.from, non_null });
        }
        if let Some(facts) = view.types.get_mut(type_name).and_then(|ty| ty.fields.get_mut(&definition.name))
            && !arguments.is_empty()
        {
            facts.requires = Some(field_set(&paths));
            facts.required_arguments = arguments;
        }
    }

    /// `lookup`: a way into the subgraph.
    fn lookup(
        &mut self,
        view: &mut View,
        merged: &Schema,
        (type_name, definition): (&Name, &FieldDefinition),
        on: &OnField<'_>,
        connector: Option<ConnectorId>,
    ) {
        if on.connects.is_empty() {
            return;
        }
        let Some(lookup) = on.lookup else {
            if let Some(is) = on.is.first() {
                let message = format!("`@is` on `{type_name}.{}` needs a `@lookup` on the field.", definition.name);
                self.error("INVALID_LOOKUP", message, is.location);
            }
            return;
        };
        let coordinate = format!("{type_name}.{}", definition.name);
        let refuse = |reader: &mut Self, message: String| reader.error("INVALID_LOOKUP", message, lookup.location);
        if merged.schema_definition.query.as_ref().is_none_or(|query| query.name != *type_name) {
            return refuse(self, format!("`{coordinate}`: a lookup is a field of the query type."));
        }
        let entity = definition.ty.inner_named_type().clone();
        if !view.types.contains_key(&entity) {
            return refuse(self, format!("`{coordinate}`: a lookup answers objects, and `{entity}` is none."));
        }
        let mut arguments = Vec::new();
        let mut paths = Vec::new();
        for carried in &on.is {
            let Some(bound) = self.bound(carried, definition, "IS_INVALID_SYNTAX") else { continue };
            for path in bound.from.paths() {
                if let Err(message) = follow(path, &entity, |ty, field| field_of(&view.schema, ty, field), merged) {
                    self.error("IS_INVALID_FIELDS", message, carried.place("field"));
                }
                paths.push(path.to_vec());
            }
            arguments.push(LookupArgument { name: bound.name, from: bound.from });
        }
        if arguments.len() < on.is.len() {
            return;
        }
        for argument in definition.arguments.iter().filter(|a| arguments.iter().all(|bound| bound.name != a.name)) {
            if argument.default_value.is_some() || argument.ty.is_non_null() {
                let message = format!("`{coordinate}({}:)` is not bound from the key by `@is`.", argument.name);
                return refuse(self, message);
            }
        }
        let lists = arguments.iter().filter(|argument| argument.from.is_list()).count();
        let depth = list_depth(&definition.ty);
        if arguments.is_empty() || lists > 1 || depth != lists {
            let message = format!(
                "`{coordinate}` answers one object by its key, or a list of them where exactly one argument is a list of keys."
            );
            return refuse(self, message);
        }
        let Some(connector) = connector else { return };
        let key = field_set(&paths);
        view.lookups.push(EntityResolver { type_name: entity, key, via: ResolverVia::Lookup { connector, arguments } });
    }

    /// One `is` or `require`: `{argument:, field:}`.
    fn bound(&mut self, carried: &Carried, definition: &FieldDefinition, code: &'static str) -> Option<Bound> {
        self.know_carried(carried, &["argument", "field"]);
        let text = |name: &str| carried.argument(name).and_then(|value| value.as_str());
        let (Some(argument), Some(field)) = (text("argument"), text("field")) else {
            let message = format!("`@{}` is carried with an `argument` and a `field`.", carried.name);
            self.error("INVALID_FEDERATION_SUPERGRAPH", message, carried.location);
            return None;
        };
        let Some(argument) = definition.argument_by_name(argument) else {
            let message = format!("`{}` has no argument `{argument}`.", definition.name);
            self.error("INVALID_FEDERATION_SUPERGRAPH", message, carried.location);
            return None;
        };
        match KeyBinding::parse(field) {
            Ok(from) => Some(Bound { name: argument.name.clone(), from, definition: argument.clone() }),
            Err(error) => {
                let literal = self.sources.span(carried.place("field"));
                let place = literal.map(|literal| literal.inside_string(error.offset, error.offset + 1));
                let mut diagnostic = Diagnostic::error(code, error.message).at(place, "");
                diagnostic.help = error.help;
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    /// Internal lookups and required arguments are `@inaccessible`, for every tool that reads the document.
    fn check_hidden(&mut self, type_name: &Name, field_name: &Name, on: &OnField<'_>) {
        let hidden = self.names.directive("inaccessible", "inaccessible");
        let Some(field) = field_of(self.document, type_name, field_name) else { return };
        if let Some(internal) = on.internal
            && !field.directives.has(&hidden)
        {
            let message = format!("`{type_name}.{field_name}` is internal, but the document does not hide it.");
            self.error("INVALID_FEDERATION_SUPERGRAPH", message, internal.location);
        }
        for carried in &on.require {
            let argument = carried.argument("argument").and_then(|value| value.as_str());
            let argument = argument.and_then(|name| field.argument_by_name(name));
            if let Some(argument) = argument.filter(|argument| !argument.directives.has(&hidden)) {
                let message = format!(
                    "`{type_name}.{field_name}({}:)` is filled by the gateway, but the document does not hide it.",
                    argument.name
                );
                self.error("INVALID_FEDERATION_SUPERGRAPH", message, carried.location);
            }
        }
    }

    /// Another subgraph that shares a field does not have the arguments that one subgraph requires for it.
    fn drop_foreign_required_arguments(
        &self,
        views: &mut [View],
        fields: &IndexMap<(Name, Name, SubgraphId), OnField<'_>>,
    ) {
        for ((type_name, field_name, _), on) in fields.iter().filter(|(_, on)| !on.require.is_empty()) {
            for carried in &on.require {
                let Some(argument) = carried.argument("argument").and_then(|value| value.as_str()) else { continue };
                let requires = |graph: SubgraphId| {
                    let other = fields.get(&(type_name.clone(), field_name.clone(), graph));
                    let names = other.into_iter().flat_map(|on| &on.require);
                    names.filter_map(|c| c.argument("argument")).any(|name| name.as_str() == Some(argument))
                };
                for (view, graph) in views.iter_mut().zip((0..).map(SubgraphId)) {
                    let field = match view.schema.types.get_mut(type_name) {
                        Some(ExtendedType::Object(ty)) if ty.fields.contains_key(field_name) => {
                            ty.make_mut().fields.get_mut(field_name)
                        }
                        Some(ExtendedType::Interface(ty)) if ty.fields.contains_key(field_name) => {
                            ty.make_mut().fields.get_mut(field_name)
                        }
                        _ => None,
                    };
                    if let Some(field) = field.filter(|_| !requires(graph)) {
                        field.make_mut().arguments.retain(|a| a.name != argument);
                    }
                }
            }
        }
    }

    /// Nothing but a connector can answer a root field of an HTTP/JSON subgraph.
    fn check_roots(&mut self, views: &[View], merged: &Schema) {
        for view in views.iter().filter(|view| view.kind == SubgraphKind::Http) {
            for (_, root) in merged.schema_definition.iter_root_operations() {
                let fields = view.types.get(&root.name).into_iter().flat_map(|ty| &ty.fields);
                for (name, _) in fields.filter(|(_, field)| field.connector.is_none()) {
                    // A connector that could not be read has been told of already.
                    if self.diagnostics.iter().any(|d| d.severity == crate::diagnostic::Severity::Error) {
                        return;
                    }
                    let message = format!("`{}.{name}` has no `@connect`, so nothing can answer it.", root.name);
                    let place = field_of(self.document, &root.name, name).and_then(|field| field.name.location());
                    self.error("CONNECT_MISSING", message, place);
                }
            }
        }
    }

    /// Where a carried directive was written.
    fn place_of(&self, carried: &Carried) -> Option<crate::diagnostic::Span> {
        self.sources.span(carried.location).or_else(|| self.place_in(&carried.args))
    }

    /// The place of a value, or of the first one in it that has any. Recursion is bounded by the parser's limit.
    fn place_in(&self, value: &Node<Value>) -> Option<crate::diagnostic::Span> {
        self.sources.span(value.location()).or_else(|| match &**value {
            Value::List(items) => items.iter().find_map(|item| self.place_in(item)),
            Value::Object(members) => members.iter().find_map(|(_, member)| self.place_in(member)),
            _ => None,
        })
    }
}

impl OnField<'_> {
    /// Any of them, to have a place.
    fn first(&self) -> Option<&Carried> {
        let lists = self.is.iter().chain(&self.require).chain(&self.connects).copied();
        self.lookup.into_iter().chain(self.internal).chain(lists).next()
    }
}

impl Carried {
    fn place(&self, argument: &str) -> Option<SourceSpan> {
        self.argument(argument).and_then(|value| value.location()).or(self.location)
    }
}

impl View {
    /// Several lookups of one key: the list one joins, and else the first. Keys follow from the lookups.
    fn settle_lookups(&mut self) {
        let lookups = std::mem::take(&mut self.lookups);
        let mut settled: IndexMap<(Name, String), EntityResolver> = IndexMap::default();
        for lookup in lookups {
            let at = (lookup.type_name.clone(), canonical(&lookup.key));
            match settled.get(&at) {
                Some(known) if is_list(known) || !is_list(&lookup) => {}
                _ => {
                    settled.insert(at, lookup);
                }
            }
        }
        for (type_name, ty) in &mut self.types {
            for key in &mut ty.keys {
                key.resolvable = settled.contains_key(&(type_name.clone(), canonical(&key.fields)));
            }
        }
        for ((type_name, text), lookup) in &settled {
            let Some(ty) = self.types.get_mut(type_name) else { continue };
            if ty.keys.iter().all(|key| canonical(&key.fields) != *text) {
                ty.keys.push(EntityKey { fields: lookup.key.clone(), resolvable: true });
            }
        }
        self.lookups = settled.into_values().collect();
    }
}

fn is_list(resolver: &EntityResolver) -> bool {
    match &resolver.via {
        ResolverVia::Entities => true,
        ResolverVia::Lookup { arguments, .. } => arguments.iter().any(|argument| argument.from.is_list()),
    }
}

/// A field set's text in an order of its own, to compare field sets by what they select.
fn canonical(fields: &FieldSet) -> String {
    let item = |item: &FieldSetItem| match item {
        FieldSetItem::Field { name, selection, .. } if selection.is_empty() => name.to_string(),
        FieldSetItem::Field { name, selection, .. } => format!("{name}{{{}}}", canonical(selection)),
        FieldSetItem::Inline { type_condition, selection } => {
            format!("...{type_condition}{{{}}}", canonical(selection))
        }
    };
    let mut items: Vec<String> = fields.items.iter().map(item).collect();
    items.sort_unstable();
    items.dedup();
    items.join(" ")
}

/// The field set that selects these paths, in their order.
fn field_set(paths: &[Vec<Name>]) -> FieldSet {
    let mut set = FieldSet::default();
    for path in paths {
        let mut level = &mut set;
        for name in path {
            let known =
                level.items.iter().position(|item| matches!(item, FieldSetItem::Field { name: n, .. } if n == name));
            let index = known.unwrap_or_else(|| {
                level.items.push(FieldSetItem::Field {
                    name: name.clone(),
                    arguments: Vec::new(),
                    selection: FieldSet::default(),
                });
                level.items.len() - 1
            });
            let (FieldSetItem::Field { selection, .. } | FieldSetItem::Inline { selection, .. }) =
                &mut level.items[index];
            level = selection;
        }
    }
    set
}

/// Follows a path of fields to a leaf. Errors: a sentence that says where it breaks.
fn follow<'s>(
    path: &[Name],
    type_name: &Name,
    field: impl Fn(&Name, &Name) -> Option<&'s FieldDefinition>,
    merged: &Schema,
) -> Result<(), String> {
    let mut at = type_name.clone();
    for name in path {
        let Some(field) = field(&at, name) else { return Err(format!("`{at}` has no field `{name}`.")) };
        at = field.ty.inner_named_type().clone();
    }
    let is_leaf = matches!(merged.types.get(&at), Some(ExtendedType::Scalar(_) | ExtendedType::Enum(_)));
    if is_leaf { Ok(()) } else { Err(format!("`{at}` is an object; say which of its fields is meant.")) }
}

fn field_of<'s>(schema: &'s Schema, type_name: &Name, field_name: &Name) -> Option<&'s FieldDefinition> {
    let fields = match schema.types.get(type_name)? {
        ExtendedType::Object(ty) => &ty.fields,
        ExtendedType::Interface(ty) => &ty.fields,
        _ => return None,
    };
    fields.get(field_name).map(|field| &***field)
}

fn list_depth(ty: &apollo_compiler::ast::Type) -> usize {
    let mut depth = 0;
    let mut ty = ty;
    while ty.is_list() {
        depth += 1;
        ty = ty.item_type();
    }
    depth
}
