//! `@link`: what the names in a fragment mean.
//!
//! In: a fragment's document. Out: [`Names`]: its dialect, and which directive is which, under imports, renames
//! (`as`) and prefixes (`federation__key`).
//! Source: the link specification v1.0.

use apollo_compiler::Name;
use apollo_compiler::Node;
use apollo_compiler::ast::{Definition, Directive, Document, Value};
use apollo_compiler::collections::{HashMap, HashSet};
use apollo_compiler::parser::SourceSpan;

use super::directives::{CATALOGUE, Entry, FEDERATION_MINOR_MAX, FEDERATION_TYPES, FRAGMENT_TYPES, Known};
use super::place::Places;
use crate::diagnostic::Diagnostic;

const APOLLO: &str = "https://specs.apollo.dev";
/// The address of this project's fragment language, without its version.
const FRAGMENT: (&str, &str) = ("https://specs.weft.graph", "fragment");

/// By which rules a fragment is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// No link to Federation 2 or to the fragment language.
    Federation1,
    /// Everything else.
    Federation2,
}

/// What the names in one fragment mean.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) dialect: Dialect,
    /// The minor version of Federation 2 that is linked.
    pub(crate) federation: Option<u32>,
    /// Directives by the names that the fragment has for them.
    known: HashMap<Name, (Known, &'static str)>,
    /// Types that were imported from a specification.
    pub(crate) imported_types: HashSet<Name>,
    /// What the names of Federation's and of the link specification's types start with here, where that is not the usual.
    pub(crate) prefixes: Vec<(String, &'static str)>,
    /// Somebody else's specifications, which this fragment links.
    pub(crate) features: Vec<Feature>,
}

/// A linked specification that nothing here knows.
#[derive(Debug)]
pub(crate) struct Feature {
    /// Its address without the version.
    pub(crate) identity: String,
    /// Its own name: the last part of the identity.
    pub(crate) spec: String,
    pub(crate) version: (u32, u32),
    /// What its names start with here.
    prefix: String,
    /// Directives with names of their own here: (in the specification, here), without `@`.
    imports: Vec<(String, String)>,
    pub(crate) link: Node<Directive>,
}

impl Feature {
    /// The specification's name for what the fragment calls `local`, if it is one of its directives.
    pub(crate) fn canonical<'f>(&'f self, local: &'f str) -> Option<&'f str> {
        let imported = self.imports.iter().find(|(_, l)| l == local).map(|(canonical, _)| canonical.as_str());
        let prefixed = || {
            let rest = local.strip_prefix(self.prefix.as_str())?;
            if rest.is_empty() { Some(self.spec.as_str()) } else { rest.strip_prefix("__") }
        };
        imported.or_else(prefixed)
    }
}

impl Names {
    /// What a directive of that name is, and its specification's name for it.
    pub(crate) fn get(&self, name: &str) -> Option<(Known, &'static str)> {
        self.known.get(name).copied()
    }

    /// Adds a name that the fragment's text cannot have.
    pub(crate) fn define(&mut self, local: &'static str, known: Known, canonical: &'static str) {
        self.known.insert(name(local), (known, canonical));
    }

    /// The name that a type of Federation's or of the link specification usually has, where the fragment renames their
    /// prefix.
    pub(crate) fn usual_type(&self, name: &str) -> Option<String> {
        self.prefixes.iter().find_map(|(prefix, usual)| {
            let rest = name.strip_prefix(prefix.as_str())?.strip_prefix("__")?;
            Some(format!("{usual}__{rest}"))
        })
    }

    /// All names that mean something, with what they mean.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, &'static str)> {
        self.known.iter().map(|(name, (_, canonical))| (name, *canonical))
    }
}

/// Resolves the links of a fragment.
pub(crate) fn resolve(document: &Document, places: &Places, out: &mut Vec<Diagnostic>) -> Names {
    let (names, types, prefixes, features) = Default::default();
    let mut links = Links { names, types, prefixes, features, fed2: false, federation: None, places, out };
    let applied = schema_directives(document);
    let link = link_name(&applied);
    links.names.insert(link.clone(), (Known::Link, "link"));
    for directive in applied.iter().filter(|d| d.name == link) {
        links.follow(directive);
    }
    let dialect = if links.fed2 { Dialect::Federation2 } else { Dialect::Federation1 };
    if dialect == Dialect::Federation1 {
        for entry in CATALOGUE.iter().filter(|e| e.federation1) {
            links.names.entry(name(entry.name)).or_insert((entry.known, entry.name));
        }
    }
    let Links { names: known, types: imported_types, prefixes, features, federation, .. } = links;
    Names { dialect, federation, known, imported_types, prefixes, features }
}

struct Links<'a> {
    names: HashMap<Name, (Known, &'static str)>,
    types: HashSet<Name>,
    prefixes: Vec<(String, &'static str)>,
    features: Vec<Feature>,
    fed2: bool,
    federation: Option<u32>,
    places: &'a Places,
    out: &'a mut Vec<Diagnostic>,
}

impl Links<'_> {
    fn follow(&mut self, link: &Node<Directive>) {
        let Some(url) = link.specified_argument_by_name("url").and_then(|v| v.as_str()) else {
            return self.error(
                "INVALID_LINK_DIRECTIVE_USAGE",
                link,
                "`@link` needs the `url` of a specification.",
                None,
            );
        };
        let Some((base, spec, version)) = parse_url(url) else {
            let message = format!("`{url}` is not the address of a specification.");
            let help = "It looks like `https://specs.apollo.dev/federation/v2.9`: a base, a name and a version.";
            return self.error("INVALID_LINK_IDENTIFIER", link, message, Some(help));
        };
        let prefix = link.specified_argument_by_name("as").and_then(|v| v.as_str()).unwrap_or(spec).to_owned();
        match (base, spec) {
            (APOLLO, "federation") => {
                self.prefixes.push((prefix.clone(), "federation"));
                self.federation(link, version, &prefix);
            }
            FRAGMENT_SPEC => self.fragment(link, version, &prefix),
            (APOLLO, "link") => {
                self.prefixes.push((prefix, "link"));
                if version != (1, 0) {
                    self.unknown_version("UNKNOWN_LINK_VERSION", link, "the link specification", version, "v1.0");
                }
            }
            (APOLLO, spec) if let Some(elements) = own_directives(spec) => {
                self.own_specification(link, &prefix, spec, elements);
            }
            (APOLLO, "connect") => self.error(
                "UNSUPPORTED_LINKED_FEATURE",
                link,
                "Connectors of `https://specs.apollo.dev/connect` are not read in that dialect.",
                Some("Link `https://specs.weft.graph/fragment/v1.0` instead: `@source` and `@connect` look the same there."),
            ),
            (APOLLO, _) => self.error(
                "UNSUPPORTED_LINKED_FEATURE",
                link,
                format!("The specification `{spec}` is not supported."),
                Some("Remove the link; federation's own directives come with the link to `federation`."),
            ),
            // Somebody else's specification: its directives must be defined in the document, and concern its service
            // alone, unless it says that nobody may run the graph without them.
            _ if link.specified_argument_by_name("for").is_some_and(|v| !v.is_null()) => self.error(
                "UNSUPPORTED_LINKED_FEATURE",
                link,
                format!("`{url}` is linked with `for:`, which asks the gateway to know it, and it doesn't."),
                Some("Leave out `for:` if the graph is right without it."),
            ),
            _ => {
                let directive = |name: String| name.strip_prefix('@').map(str::to_owned);
                let imports = imports(link).filter_map(|(_, name, local)| Some((directive(name)?, directive(local)?)));
                let imports = imports.collect();
                self.check_import_syntax(link);
                self.features.push(Feature {
                    identity: format!("{base}/{spec}"),
                    spec: spec.to_owned(),
                    version,
                    prefix,
                    imports,
                    link: link.clone(),
                });
            }
        }
    }

    fn federation(&mut self, link: &Node<Directive>, version: (u32, u32), prefix: &str) {
        self.fed2 = true;
        if version.0 != 2 || version.1 > FEDERATION_MINOR_MAX {
            let known = format!("v2.0 to v2.{FEDERATION_MINOR_MAX}");
            self.unknown_version("UNKNOWN_FEDERATION_LINK_VERSION", link, "federation", version, &known);
            // Read on as the newest, so that one wrong digit does not drown the rest in follow-up errors.
        }
        let minor = if version.0 == 2 { version.1.min(FEDERATION_MINOR_MAX) } else { FEDERATION_MINOR_MAX };
        self.federation = Some(minor);
        self.import(link, prefix, "federation", |e| e.federation.is_some_and(|since| since <= minor));
        for entry in CATALOGUE.iter().filter(|e| e.federation.is_some_and(|since| since > minor)) {
            let imported = imports(link).find(|(_, imported, _)| imported.strip_prefix('@') == Some(entry.name));
            if let Some((item, ..)) = imported {
                let since = entry.federation.unwrap_or_default();
                self.error_at(
                    "INVALID_LINK_DIRECTIVE_USAGE",
                    item.location(),
                    format!("Federation v2.{minor} has no `@{}`.", entry.name),
                    Some(&format!("It came with v2.{since}: link that version or a newer one.")),
                );
            }
        }
    }

    fn fragment(&mut self, link: &Node<Directive>, version: (u32, u32), prefix: &str) {
        self.fed2 = true;
        if version != (1, 0) {
            self.unknown_version("UNKNOWN_LINK_VERSION", link, "the fragment language", version, "v1.0");
        }
        self.import(link, prefix, "fragment", |e| e.fragment);
    }

    /// A specification of some of Federation's directives: the main one has the specification's name, others its prefix.
    fn own_specification(
        &mut self,
        link: &Node<Directive>,
        prefix: &str,
        spec: &str,
        elements: &'static [&'static str],
    ) {
        // The usual name of a type starts with the directive's, whatever the prefix is here.
        self.prefixes.push((prefix.to_owned(), elements.first().copied().unwrap_or_default()));
        for element in elements {
            let renamed = imports(link).find(|(_, what, _)| what.strip_prefix('@') == Some(element)).map(|(.., to)| to);
            let local = match renamed.as_deref().and_then(|to| to.strip_prefix('@')) {
                Some(local) => local.to_owned(),
                None if *element == spec => prefix.to_owned(),
                None => format!("{prefix}__{element}"),
            };
            let entry = CATALOGUE.iter().find(|e| e.name == *element);
            if let (Some(entry), Ok(local)) = (entry, Name::new(&local)) {
                self.names.insert(local, (entry.known, entry.name));
            }
        }
    }

    /// Adds what a link brings: all directives under the prefix, and the imported ones under their own names.
    fn import(&mut self, link: &Node<Directive>, prefix: &str, spec: &str, has: impl Fn(&Entry) -> bool) {
        for entry in CATALOGUE.iter().filter(|e| has(e)) {
            if let Ok(prefixed) = Name::new(&format!("{prefix}__{}", entry.name)) {
                self.names.insert(prefixed, (entry.known, entry.name));
            }
        }
        self.check_import_syntax(link);
        for (item, imported, local) in imports(link) {
            match (imported.strip_prefix('@'), local.strip_prefix('@')) {
                (Some(directive), Some(local)) => {
                    let Some(entry) = CATALOGUE.iter().find(|e| e.name == directive && has(e)) else {
                        // One that a newer version brought is reported by the caller, who knows the versions.
                        if spec == "federation"
                            && CATALOGUE.iter().any(|e| e.name == directive && e.federation.is_some())
                        {
                            continue;
                        }
                        let help = nearest(directive, CATALOGUE.iter().filter(|e| has(e)).map(|e| e.name));
                        self.error_at(
                            "INVALID_LINK_DIRECTIVE_USAGE",
                            item.location(),
                            format!("The linked specification has no `@{directive}` to import."),
                            help.map(|h| format!("Did you mean `@{h}`?")).as_deref(),
                        );
                        continue;
                    };
                    let Ok(local) = Name::new(local) else {
                        let message = format!("`@{local}` is not a name that a directive can have.");
                        self.error_at("INVALID_LINK_DIRECTIVE_USAGE", item.location(), message, None);
                        continue;
                    };
                    let before = self.names.insert(local.clone(), (entry.known, entry.name));
                    if before.is_some_and(|(_, name)| name != entry.name) {
                        let message = format!("`@{local}` is imported with two meanings.");
                        let help = "Rename one of them: `{name: \"@key\", as: \"@myKey\"}`.";
                        self.error_at("INVALID_LINK_DIRECTIVE_USAGE", item.location(), message, Some(help));
                    }
                }
                (None, None) if spec == "federation" && FEDERATION_TYPES.contains(&imported.as_str()) => {
                    if let Ok(local) = Name::new(&local) {
                        self.types.insert(local);
                    }
                }
                (None, None) if spec == "fragment" && FRAGMENT_TYPES.contains(&imported.as_str()) => {}
                (None, None) => {
                    let is_directive = CATALOGUE.iter().any(|e| e.name == imported && has(e));
                    let help = is_directive.then(|| format!("A directive is imported with its sign: \"@{imported}\"."));
                    let message = format!("The linked specification has no type `{imported}` to import.");
                    self.error_at("INVALID_LINK_DIRECTIVE_USAGE", item.location(), message, help.as_deref());
                }
                _ => {
                    let message = format!("`{imported}` cannot be imported as `{local}`: both or none have the `@`.");
                    self.error_at("INVALID_LINK_DIRECTIVE_USAGE", item.location(), message, None);
                }
            }
        }
    }

    fn check_import_syntax(&mut self, link: &Node<Directive>) {
        let Some(import) = link.specified_argument_by_name("import") else { return };
        let fine = match &**import {
            Value::Null => true,
            Value::List(items) => items.iter().all(|item| import_item(item).is_some()),
            _ => false,
        };
        if !fine {
            let help = "Each import is a name, `\"@key\"`, or a renamed one, `{name: \"@key\", as: \"@myKey\"}`.";
            self.error("INVALID_LINK_DIRECTIVE_USAGE", link, "`import` is not a list of imports.", Some(help));
        }
    }

    fn unknown_version(
        &mut self,
        code: &'static str,
        link: &Node<Directive>,
        what: &str,
        (major, minor): (u32, u32),
        known: &str,
    ) {
        let message = format!("There is no v{major}.{minor} of {what} here.");
        self.error(code, link, message, Some(&format!("Supported: {known}.")));
    }

    fn error(&mut self, code: &'static str, link: &Node<Directive>, message: impl Into<String>, help: Option<&str>) {
        self.error_at(code, link.location(), message, help);
    }

    fn error_at(&mut self, code: &'static str, at: Option<SourceSpan>, message: impl Into<String>, help: Option<&str>) {
        let mut diagnostic = Diagnostic::error(code, message).at(self.places.span(at), "");
        diagnostic.help = help.map(str::to_owned);
        self.out.push(diagnostic);
    }
}

/// Federation's directives that also have a specification of their own, by its name.
fn own_directives(spec: &str) -> Option<&'static [&'static str]> {
    Some(match spec {
        "tag" => &["tag"],
        "inaccessible" => &["inaccessible"],
        "authenticated" => &["authenticated"],
        "requiresScopes" => &["requiresScopes"],
        "policy" => &["policy"],
        "cost" => &["cost", "listSize"],
        "context" => &["context", "fromContext"],
        _ => return None,
    })
}

/// See [`FRAGMENT`]; a pattern.
const FRAGMENT_SPEC: (&str, &str) = FRAGMENT;

/// What a link imports, and under which name, both with their `@`.
fn imports(link: &Node<Directive>) -> impl Iterator<Item = (&Node<Value>, String, String)> {
    let list = link.specified_argument_by_name("import").and_then(|v| v.as_list()).unwrap_or_default();
    list.iter().filter_map(|item| import_item(item).map(|(imported, local)| (item, imported, local)))
}

fn import_item(item: &Value) -> Option<(String, String)> {
    match item {
        Value::String(name) => Some((name.clone(), name.clone())),
        Value::Object(fields) => {
            let get =
                |key: &str| fields.iter().find(|(k, _)| k == key).and_then(|(_, v)| v.as_str()).map(str::to_owned);
            let name = get("name")?;
            let local = get("as").unwrap_or_else(|| name.clone());
            Some((name, local))
        }
        _ => None,
    }
}

/// All directives on the schema, of its definition and its extensions.
pub(crate) fn schema_directives(document: &Document) -> Vec<&Node<Directive>> {
    document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::SchemaDefinition(d) => Some(&d.directives),
            Definition::SchemaExtension(d) => Some(&d.directives),
            _ => None,
        })
        .flat_map(|list| list.iter())
        .collect()
}

/// What the document calls `@link`: it can rename even that, by linking the link specification itself.
fn link_name(applied: &[&Node<Directive>]) -> Name {
    applied
        .iter()
        .find(|d| {
            let url = d.specified_argument_by_name("url").and_then(|v| v.as_str()).unwrap_or_default();
            matches!(parse_url(url), Some((APOLLO, "link", _)))
        })
        .map_or_else(|| name("link"), |d| d.name.clone())
}

/// (base, name, version) of `base/name/v1.2`.
fn parse_url(url: &str) -> Option<(&str, &str, (u32, u32))> {
    let (rest, version) = url.trim_end_matches('/').rsplit_once('/')?;
    let (base, spec) = rest.rsplit_once('/')?;
    let (major, minor) = version.strip_prefix('v')?.split_once('.')?;
    let valid = !base.is_empty() && Name::new(spec).is_ok();
    valid.then_some((base, spec, (major.parse().ok()?, minor.parse().ok()?)))
}

/// The candidate that is most likely meant by a misspelt name.
pub(crate) fn nearest<'c>(wrong: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .map(|c| (strsim::jaro_winkler(wrong, c), c))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

fn name(text: &'static str) -> Name {
    Name::new_static(text).expect("the catalogue has valid names")
}
