//! `@join__directive`: what the join specification has no words for; and the policies among it.
//!
//! In: the applications on the schema, on types and on fields. Out: [`Carried`], whose names and graphs are known to be
//! sound, and `@timeout`, `@fallback` and `@cacheControl` as facts of the subgraphs' types and fields.
//! Whether a fallback's value suits its field is the composer's business.

use std::sync::Arc;

use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node};

use super::Reader;
use super::views::View;
use crate::supergraph::policy::{FallbackReport, parse_duration};
use crate::supergraph::{CacheControl, CacheScope, Fallback, SubgraphId};

/// Names that have no effect on answers.
const WITHOUT_EFFECT: [&str; 6] = ["link", "tag", "cost", "listSize", "cacheTag", "federation__cacheTag"];

/// Names that the connectors read.
const OF_CONNECTORS: [&str; 6] = ["source", "connect", "lookup", "internal", "is", "require"];

/// A directive that a subgraph's author wrote, carried through the document.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) graphs: Vec<SubgraphId>,
    pub(super) name: String,
    /// `args`: an object.
    pub(super) args: Node<Value>,
    /// Where the application is written.
    pub(super) location: Option<SourceSpan>,
}

/// Where a carried directive stands.
#[derive(Clone, Debug)]
pub(super) enum Element {
    Schema,
    Type(Name),
    Field(Name, Name),
}

impl Carried {
    /// The members of `args`.
    fn arguments(&self) -> &[(Name, Node<Value>)] {
        self.args.as_object().unwrap_or_default()
    }

    /// An argument that is there and not null.
    pub(super) fn argument(&self, name: &str) -> Option<&Node<Value>> {
        self.arguments().iter().find(|(n, _)| n == name).map(|(_, value)| value).filter(|value| !value.is_null())
    }
}

impl Reader<'_> {
    /// Every carried directive of the document; unknown ones are refused.
    pub(super) fn carried(&mut self) -> Vec<(Element, Carried)> {
        let document = self.document;
        let mut found = Vec::new();
        let mut read = |element: Element, directive: &Node<Directive>| {
            if directive.name == *self.join.directive
                && let Some(carried) = self.carried_directive(directive)
            {
                found.push((element, carried));
            }
        };
        for directive in document.schema_definition.directives.iter() {
            read(Element::Schema, directive);
        }
        for (name, ty) in document.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
            for directive in ty.directives().iter() {
                read(Element::Type(name.clone()), directive);
            }
            let fields = match ty {
                ExtendedType::Object(ty) => &ty.fields,
                ExtendedType::Interface(ty) => &ty.fields,
                _ => continue,
            };
            for (field_name, field) in fields {
                for directive in field.directives.iter() {
                    read(Element::Field(name.clone(), field_name.clone()), directive);
                }
            }
        }
        found
    }

    fn carried_directive(&mut self, directive: &Node<Directive>) -> Option<Carried> {
        self.know_arguments(directive, &["graphs", "name", "args"]);
        let (name, _) = self.string_argument(directive, "name")?;
        let graphs = directive.specified_argument_by_name("graphs");
        let graphs = graphs.and_then(|graphs| graphs.as_list()).unwrap_or_default();
        let graphs: Vec<SubgraphId> = graphs.iter().filter_map(|graph| self.graph_value(graph)).collect();
        // `args` that a program put together has no place of its own: the directive's stands in.
        let args = match directive.specified_argument_by_name("args") {
            Some(args) if args.location().is_some() => args.clone(),
            Some(args) => directive.same_location(Value::clone(args)),
            None => directive.same_location(Value::Object(Vec::new())),
        };
        let is_policy = matches!(name, "fallback" | "timeout" | "cacheControl");
        if !is_policy && !OF_CONNECTORS.contains(&name) && !WITHOUT_EFFECT.contains(&name) {
            let message = format!("`@{name}`, which the document carries for a subgraph, is not supported.");
            self.error("UNSUPPORTED", message, directive.location());
        }
        Some(Carried { graphs, name: name.to_owned(), args, location: directive.location() })
    }

    /// Puts the policies among the carried directives where they belong.
    pub(super) fn policies(&mut self, views: &mut [View], carried: &[(Element, Carried)]) {
        for (element, carried) in carried {
            match carried.name.as_str() {
                "timeout" => {
                    self.know_carried(carried, &["after"]);
                    let Some(after) = self.duration(carried, "after") else { continue };
                    self.put(views, element, carried, |slots| slots.timeout, after);
                }
                "cacheControl" => {
                    let Some(cache) = self.cache_control(carried) else { continue };
                    self.put(views, element, carried, |slots| slots.cache, cache);
                }
                "fallback" => {
                    let Some(fallback) = self.fallback(carried).map(Arc::new) else { continue };
                    self.put(views, element, carried, |slots| slots.fallback, fallback);
                }
                _ => {}
            }
        }
    }

    /// Sets one policy in every subgraph that it is carried for.
    fn put<T: Clone>(
        &mut self,
        views: &mut [View],
        element: &Element,
        carried: &Carried,
        slot: impl for<'v> Fn(Slots<'v>) -> Option<&'v mut Option<T>>,
        value: T,
    ) {
        for graph in &carried.graphs {
            let view = &mut views[graph.0 as usize];
            match Slots::of(view, element).and_then(&slot) {
                None => {
                    let message =
                        format!("`@{}` cannot stand here, in subgraph {}.", carried.name, self.called(*graph));
                    self.error("INVALID_POLICY", message, carried.location);
                }
                Some(Some(_)) => {
                    let message = format!("`@{}` is said twice for subgraph {}.", carried.name, self.called(*graph));
                    self.error("INVALID_POLICY", message, carried.location);
                }
                Some(slot) => *slot = Some(value.clone()),
            }
        }
    }

    fn cache_control(&mut self, carried: &Carried) -> Option<CacheControl> {
        self.know_carried(carried, &["maxAge", "scope", "inheritMaxAge"]);
        let max_age_s = match carried.argument("maxAge") {
            None => None,
            Some(value) => match value.to_i32().and_then(|seconds| u32::try_from(seconds).ok()) {
                Some(seconds) => Some(seconds),
                None => return self.invalid("`maxAge` is a number of seconds, from 0.", value.location()),
            },
        };
        let scope = match carried.argument("scope") {
            None => None,
            Some(value) => match word(value) {
                Some("PUBLIC") => Some(CacheScope::Public),
                Some("PRIVATE") => Some(CacheScope::Private),
                _ => return self.invalid("`scope` is `PUBLIC` or `PRIVATE`.", value.location()),
            },
        };
        let inherit_max_age = self.flag(carried, "inheritMaxAge")?;
        Some(CacheControl { max_age_s, scope, inherit_max_age })
    }

    fn fallback(&mut self, carried: &Carried) -> Option<Fallback> {
        self.know_carried(carried, &["value", "stale", "on", "report"]);
        // An explicit null is a value like any other.
        let value = carried.arguments().iter().find(|(name, _)| name == "value").map(|(_, value)| value);
        let value = match value {
            None => None,
            Some(value) => match json(value) {
                Some(json) => Some(json),
                None => {
                    return self.invalid("A fallback's `value` is a constant that JSON can write.", value.location());
                }
            },
        };
        let stale_ms = match carried.argument("stale") {
            None => None,
            Some(_) => Some(self.duration(carried, "stale")?),
        };
        let (mut on_error, mut on_timeout, mut on_null) = (true, true, false);
        if let Some(on) = carried.argument("on") {
            (on_error, on_timeout) = (false, false);
            let one = std::slice::from_ref(on);
            for value in on.as_list().unwrap_or(one) {
                match word(value) {
                    Some("ERROR") => on_error = true,
                    Some("TIMEOUT") => on_timeout = true,
                    Some("NULL") => on_null = true,
                    _ => return self.invalid("`on` lists `ERROR`, `TIMEOUT` and `NULL`.", value.location()),
                }
            }
        }
        let report = match carried.argument("report") {
            None => FallbackReport::Errors,
            Some(value) => match word(value) {
                Some("ERRORS") => FallbackReport::Errors,
                Some("EXTENSIONS") => FallbackReport::Extensions,
                _ => return self.invalid("`report` is `ERRORS` or `EXTENSIONS`.", value.location()),
            },
        };
        if value.is_none() && stale_ms.is_none() {
            return self.invalid("`@fallback` needs a `value`, or `stale`, or both.", carried.location);
        }
        Some(Fallback { value, stale_ms, on_error, on_timeout, on_null, report })
    }

    fn duration(&mut self, carried: &Carried, name: &str) -> Option<u64> {
        let Some(value) = carried.argument(name) else {
            return self.invalid(&format!("`@{}` needs `{name}`.", carried.name), carried.location);
        };
        match value.as_str().map_or(Err("A duration is a string."), parse_duration) {
            Ok(ms) => Some(ms),
            Err(message) => self.invalid(message, value.location()),
        }
    }

    fn flag(&mut self, carried: &Carried, name: &str) -> Option<bool> {
        let Some(value) = carried.argument(name) else { return Some(false) };
        match value.to_bool() {
            Some(flag) => Some(flag),
            None => self.invalid(&format!("`{name}` is `true` or `false`."), value.location()),
        }
    }

    fn invalid<T>(&mut self, message: &str, location: Option<SourceSpan>) -> Option<T> {
        self.error("INVALID_POLICY", message.to_owned(), location);
        None
    }

    /// Refuses arguments that nothing here would honour.
    pub(super) fn know_carried(&mut self, carried: &Carried, known: &[&str]) {
        for (name, value) in carried.arguments().iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            self.error("UNSUPPORTED", format!("`@{}({name}:)` is not supported.", carried.name), value.location());
        }
    }
}

/// The places for policies at one element of one subgraph.
struct Slots<'v> {
    timeout: Option<&'v mut Option<u64>>,
    cache: Option<&'v mut Option<CacheControl>>,
    fallback: Option<&'v mut Option<Arc<Fallback>>>,
}

impl<'v> Slots<'v> {
    /// `None` where the subgraph has no such type or field.
    fn of(view: &'v mut View, element: &Element) -> Option<Self> {
        Some(match element {
            Element::Schema => Self { timeout: Some(&mut view.timeout_ms), cache: None, fallback: None },
            Element::Type(name) => {
                let policy = &mut view.types.get_mut(name)?.policy;
                Self { timeout: Some(&mut policy.timeout_ms), cache: Some(&mut policy.cache), fallback: None }
            }
            Element::Field(type_name, name) => {
                let policy = &mut view.types.get_mut(type_name)?.fields.get_mut(name)?.policy;
                Self {
                    timeout: Some(&mut policy.timeout_ms),
                    cache: Some(&mut policy.cache),
                    fallback: Some(&mut policy.fallback),
                }
            }
        })
    }
}

/// An enum value, which some tools carry as a string.
fn word(value: &Node<Value>) -> Option<&str> {
    value.as_enum().map(Name::as_str).or_else(|| value.as_str())
}

/// A constant as JSON. Recursion is bounded by the parser's limit.
fn json(value: &Value) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match value {
        Value::Null => Json::Null,
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::String(text) => Json::String(text.clone()),
        Value::Enum(name) => Json::String(name.to_string()),
        Value::Int(number) => serde_json::from_str(number.as_str()).ok()?,
        Value::Float(number) => serde_json::from_str(number.as_str()).ok()?,
        Value::List(items) => Json::Array(items.iter().map(|item| json(item)).collect::<Option<_>>()?),
        Value::Object(members) => {
            let member = |(name, value): &(Name, Node<Value>)| Some((name.to_string(), json(value)?));
            Json::Object(members.iter().map(member).collect::<Option<_>>()?)
        }
        Value::Variable(_) => return None,
    })
}
