//! Which names in a supergraph document belong to specifications and not to the graph.
//!
//! In: the `@link` (or, in older documents, `@core`) directives on the schema. Out: [`Names`], which knows what a
//! specification's directive is called in this document and what is machinery.
//! Source: link specification v1.0; core specification v0.1 and v0.2.

use apollo_compiler::Schema;
use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::collections::HashMap;
use apollo_compiler::{Name, Node};

use crate::supergraph::access::OF_IMPLEMENTATIONS;

/// The version of the join specification up to which a document can be read.
const JOIN_VERSION_MAX: (u32, u32) = (0, 5);

/// Specifications whose meaning is known here: honoured, without effect on answers, or refused where they are used.
const KNOWN: [&str; 14] = [
    "link",
    "core",
    "join",
    "inaccessible",
    "tag",
    "cost",
    "context",
    "connect",
    "source",
    "authenticated",
    "requiresScopes",
    "policy",
    "cacheTag",
    "federation",
];

/// Specifications whose types are machinery even in a document that forgets to link them.
const ALWAYS: [&str; 4] = ["link", "core", "join", "federation"];

/// What the specifications are called in this document.
#[derive(Debug, Default)]
pub(super) struct Names {
    features: Vec<Feature>,
    /// What interfaces ask of their readers is what their implementations do. See [`OF_IMPLEMENTATIONS`].
    pub(super) access_of_implementations: bool,
}

/// One linked specification.
#[derive(Debug)]
struct Feature {
    /// The last part of its URL before the version.
    spec: String,
    /// What its names start with here.
    prefix: String,
    /// Its elements with names of their own here: `@key` → `@primaryKey`, `FieldSet` → `Fields`.
    imports: HashMap<String, String>,
}

/// What cannot be read, and which directive says so.
pub(super) struct Refused {
    pub(super) directive: Node<Directive>,
    pub(super) message: String,
    pub(super) help: &'static str,
}

impl Names {
    /// Reads the links of a document.
    pub(super) fn read(document: &Schema) -> (Self, Vec<Refused>) {
        let mut names = Self::default();
        let mut refused = Vec::new();
        let directives = &document.schema_definition.directives;
        let Some(link) = directives.iter().find_map(|directive| bootstrap(directive)) else {
            return (names, refused);
        };
        for directive in directives.iter().filter(|directive| directive.name == link) {
            let Some(url) = url_of(directive) else { continue };
            if url == OF_IMPLEMENTATIONS {
                names.access_of_implementations = true;
                continue;
            }
            let (spec, version) = split_url(url);
            let mut refuse = |message: String, help| {
                refused.push(Refused { directive: directive.node.clone(), message, help });
            };
            let purpose = directive.specified_argument_by_name("for").and_then(|value| value.as_enum());
            if spec == "join" && version.is_none_or(|version| version > JOIN_VERSION_MAX) {
                refuse(format!("The join specification \"{url}\" is not supported."), "Compose it for join v0.5.");
            } else if let Some(purpose) = purpose
                && !KNOWN.contains(&spec)
            {
                refuse(
                    format!("\"{url}\" is not supported, and the document says that it cannot be ignored ({purpose})."),
                    "Compose the graph without this specification.",
                );
            }
            let alias = directive.specified_argument_by_name("as").and_then(|value| value.as_str());
            names.features.push(Feature {
                spec: spec.to_owned(),
                prefix: alias.unwrap_or(spec).to_owned(),
                imports: imports_of(directive),
            });
        }
        (names, refused)
    }

    /// What a specification's directive is called here; `element` is its name without a prefix. A specification's
    /// main directive has the specification's own name.
    pub(super) fn directive(&self, spec: &str, element: &str) -> String {
        let feature = self.features.iter().find(|feature| feature.spec == spec);
        if let Some(import) = feature.and_then(|feature| feature.imports.get(&format!("@{element}"))) {
            return import.trim_start_matches('@').to_owned();
        }
        let prefix = feature.map_or(spec, |feature| &feature.prefix);
        if element == spec { prefix.to_owned() } else { format!("{prefix}__{element}") }
    }

    /// What a specification's type is called here.
    pub(super) fn type_name(&self, spec: &str, element: &str) -> String {
        let feature = self.features.iter().find(|feature| feature.spec == spec);
        if let Some(import) = feature.and_then(|feature| feature.imports.get(element)) {
            return import.clone();
        }
        format!("{}__{element}", feature.map_or(spec, |feature| &feature.prefix))
    }

    /// Whether a directive belongs to a specification and not to the graph.
    pub(super) fn is_machinery_directive(&self, name: &Name) -> bool {
        let owns = |prefix: &str| name == prefix || has_prefix(name, prefix);
        KNOWN.iter().any(|spec| !self.is_linked(spec) && owns(spec))
            || self
                .features
                .iter()
                .any(|f| owns(&f.prefix) || f.imports.values().any(|i| i.strip_prefix('@') == Some(name)))
    }

    /// Whether a type belongs to a specification and not to the graph.
    pub(super) fn is_machinery_type(&self, name: &Name) -> bool {
        ALWAYS.iter().any(|spec| !self.is_linked(spec) && has_prefix(name, spec))
            || self
                .features
                .iter()
                .any(|f| has_prefix(name, &f.prefix) || f.imports.values().any(|i| i == name.as_str()))
    }

    fn is_linked(&self, spec: &str) -> bool {
        self.features.iter().any(|feature| feature.spec == spec)
    }
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("__"))
}

/// The name of the linking directive itself, if this is the directive that links its own specification.
fn bootstrap(directive: &Node<Directive>) -> Option<Name> {
    let (spec, _) = split_url(url_of(directive)?);
    let alias = directive.specified_argument_by_name("as").and_then(|value| value.as_str());
    (matches!(spec, "link" | "core") && directive.name == alias.unwrap_or(spec)).then(|| directive.name.clone())
}

fn url_of(directive: &Node<Directive>) -> Option<&str> {
    let url = directive.specified_argument_by_name("url").or_else(|| directive.specified_argument_by_name("feature"));
    url.and_then(|value| value.as_str())
}

/// The name and the version of a specification's URL: `https://specs.apollo.dev/join/v0.3` is `join`, 0.3.
fn split_url(url: &str) -> (&str, Option<(u32, u32)>) {
    let url = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let mut parts = url.rsplit('/');
    let last = parts.next().unwrap_or_default();
    let version = last.strip_prefix('v').and_then(|v| v.split_once('.')).and_then(|(major, minor)| {
        Some((major.parse().ok()?, minor.split('.').next().unwrap_or_default().parse().ok()?))
    });
    if version.is_some() { (parts.next().unwrap_or_default(), version) } else { (last, None) }
}

fn imports_of(directive: &Node<Directive>) -> HashMap<String, String> {
    let list = directive.specified_argument_by_name("import").and_then(|value| value.as_list()).unwrap_or_default();
    let import = |value: &Node<Value>| match &**value {
        Value::String(name) => Some((name.clone(), name.clone())),
        Value::Object(members) => {
            let member = |key: &str| members.iter().find(|(k, _)| k == key).and_then(|(_, v)| v.as_str());
            let name = member("name")?;
            Some((name.to_owned(), member("as").unwrap_or(name).to_owned()))
        }
        _ => None,
    };
    list.iter().filter_map(import).collect()
}
