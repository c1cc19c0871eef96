//! Every case is a folder below `tests/cases/supergraph`: a document, and a snapshot of what was read from it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::validation::Valid;

use crate::connect::{Connector, TemplatePart};
use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::supergraph::{AccessRules, FieldPolicy, ResolverVia, Subgraph, Supergraph, read};

fn source(name: &str, text: impl Into<String>) -> Arc<Source> {
    Arc::new(Source { name: name.to_owned(), text: text.into() })
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/supergraph");
    let mut cases: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

#[test]
fn documents_read_as_recorded() {
    for case in cases() {
        let text = std::fs::read_to_string(case.join("supergraph.graphql")).unwrap();
        let (supergraph, diagnostics) = read::supergraph(&source("supergraph.graphql", text));
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        assert_eq!(supergraph.is_none(), errors > 0, "{}", case.display());
        let mut out = render(&diagnostics);
        if let Some(supergraph) = &supergraph {
            let read = describe(supergraph);
            let again = read::supergraph(&source("printed", &*supergraph.sdl));
            assert_eq!(again.1.len(), diagnostics.len(), "{}", render(&again.1));
            let again = again.0.unwrap();
            assert_eq!(describe(&again), read, "{}: the printed document reads differently", case.display());
            assert_eq!(again.sdl, supergraph.sdl);
            out.push_str(&read);
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&case);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("read", out));
    }
}

/// A view is made for the operations that a planner sends: they validate against it, and others don't.
#[test]
fn downstream_operations_validate_against_views() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/supergraph/kinds/supergraph.graphql");
    let (supergraph, _) = read::supergraph(&source("kinds", std::fs::read_to_string(case).unwrap()));
    let supergraph = supergraph.unwrap();
    let check = |subgraph: usize, operation: &str| {
        let schema = Valid::assume_valid_ref(&supergraph.subgraphs[subgraph].schema);
        ExecutableDocument::parse_and_validate(schema, operation, "operation").is_ok()
    };
    let entities =
        |selection: &str| format!("query($r: [_Any!]!) {{ _entities(representations: $r) {{ {selection} }} }}");
    assert!(check(0, &entities("__typename ... on Media { title } ... on Film { createdAt @skip(if: true) }")));
    assert!(check(0, "query($f: Filter) { media(filter: $f, depth: BOTH) { id @closer ... on Node { id } } }"));
    assert!(check(1, "{ anything { __typename ... on Film { title } } }"));
    assert!(check(2, &entities("... on Media { score }")));
    assert!(!check(0, &entities("... on Film { score }")), "only the interface object gives the score");
    assert!(!check(1, "{ anything { ... on Song { title } } }"), "b knows no songs");
    assert!(!check(1, &entities("... on Media { id }")), "b's interface lacks the id");
    assert!(!check(2, &entities("... on Film { score }")), "c knows no films");
}

/// Diagnostics, never a panic and never a wait, for whatever somebody sends.
#[test]
fn hostile_documents_yield_diagnostics() {
    let head = "schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.3\") { query: Query }
        enum join__Graph { A @join__graph(name: \"a\", url: \"\") }";
    let query = "type Query @join__type(graph: A) { t: T }";
    let deep = |open: &str, close: &str| format!("{}x{}", open.repeat(50_000), close.repeat(50_000));
    for hostile in [
        format!("type T @join__type(graph: A, key: \"{}\") {{ x: T }}", deep("x{", "}")),
        format!("type T @join__type(graph: A, key: {}) {{ x: T }}", deep("[", "]")),
        format!("type T @join__type(graph: A) {{ x: T @join__field(graph: A, type: \"{}\") }}", deep("[", "]")),
        "type T @join__type(graph: A) { x: T @inaccessible }".to_owned(),
        "type T implements T @join__type(graph: A) { x: T }".to_owned(),
        "type T @join__type(graph: A) { x: Missing }".to_owned(),
        "type T @join__type(graph: A) { __x: Int }".to_owned(),
        "type T @join__type(graph: A) { x: Int } type T @join__type(graph: A) { y: Int }".to_owned(),
        "type T @join__type(graph: A)".to_owned(),
        "input T @join__type(graph: A) { x: T! }".to_owned(),
        "union T @join__type(graph: A) = Missing".to_owned(),
        "type T @join__type(graph: A) @inaccessible { x: Int }".to_owned(),
        "{ t { x } }".to_owned(),
        "\u{0}".to_owned(),
    ] {
        let (supergraph, diagnostics) = read::supergraph(&source("hostile", format!("{head}\n{query}\n{hostile}")));
        assert!(supergraph.is_none(), "{hostile:.80}");
        assert!(!render(&diagnostics).is_empty());
    }
    for text in ["", "type", "{", "schema { query: Q }", "enum join__Graph", "enum join__Graph { A }", "\u{feff}#"] {
        assert!(read::supergraph(&source("hostile", text)).0.is_none(), "{text}");
    }
}

/// Documents that lost a line, a word or their end are read or refused, and never more.
#[test]
fn mangled_documents_never_panic() {
    for case in cases() {
        let text = std::fs::read_to_string(case.join("supergraph.graphql")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
        let mut mangled: Vec<String> = Vec::new();
        mangled
            .extend((0..lines.len()).step_by(3).map(|gone| [&lines[..gone], &lines[gone + 1..]].concat().join("\n")));
        mangled.extend((0..words.len()).step_by(17).map(|gone| [&words[..gone], &words[gone + 1..]].concat().concat()));
        mangled.extend((0..words.len()).step_by(41).map(|end| words[..end].concat()));
        mangled.extend(["[", "{", "\"", "graph", "key: \"id {"].map(|junk| text.replace("key: \"id", junk)));
        for text in mangled {
            let (supergraph, diagnostics) = read::supergraph(&source("mangled", text));
            assert_eq!(supergraph.is_none(), diagnostics.iter().any(|d| d.severity == Severity::Error));
            render(&diagnostics);
        }
    }
}

/// A thousand subgraphs with a type each, which all share one type and the root, read in time that grows with the
/// document. Quadratic work would take minutes here.
#[test]
fn many_subgraphs_read_quickly() {
    let mut text = "schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.3\") { query: Query }\n".to_owned();
    let all = |element: &dyn Fn(usize) -> String| (0..1_000).map(element).collect::<Vec<_>>().join("\n");
    let joined = all(&|i| format!("@join__type(graph: G{i})"));
    let graphs = all(&|i| format!("G{i} @join__graph(name: \"g{i}\", url: \"http://g{i}.test\")"));
    write!(text, "enum join__Graph {{ {graphs} }}\nscalar Moment {joined}\n").unwrap();
    let fields = all(&|i| format!("t{i}(id: ID!): T{i} @join__field(graph: G{i})"));
    writeln!(text, "type Query {joined} {{ {fields} }}").unwrap();
    text.push_str(&all(&|i| {
        let next = (i + 1) % 1_000;
        format!(
            "type T{i} @join__type(graph: G{i}, key: \"id\") @join__type(graph: G{next}, key: \"id\")
             {{ id: ID! at: Moment @join__field(graph: G{i}) next: T{next} @join__field(graph: G{next}, requires: \"at\") }}"
        )
    }));
    let began = std::time::Instant::now();
    let (supergraph, diagnostics) = read::supergraph(&source("many", text));
    let took = began.elapsed();
    assert_eq!(render(&diagnostics), "");
    assert_eq!(supergraph.unwrap().subgraphs.len(), 1_000);
    assert!(took.as_secs() < 60, "{took:?}");
}

fn render(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n\n")).collect()
}

/// The whole model, as text.
fn describe(supergraph: &Supergraph) -> String {
    let mut out = String::new();
    for subgraph in &supergraph.subgraphs {
        describe_subgraph(&mut out, subgraph);
    }
    describe_access(&mut out, &supergraph.access);
    let (api, merged) = (supergraph.print_api(), crate::supergraph::print_sorted(&supergraph.schema));
    write!(out, "\n######## api\n\n{api}").unwrap();
    if merged != api {
        write!(out, "\n######## merged\n\n{merged}").unwrap();
    }
    out
}

fn describe_access(out: &mut String, access: &AccessRules) {
    if access.is_empty() {
        return;
    }
    writeln!(out, "\n######## access\n").unwrap();
    for (name, access) in &access.types {
        writeln!(out, "{name}: {access:?}").unwrap();
    }
    for (type_name, fields) in &access.fields {
        for (name, access) in fields {
            writeln!(out, "{type_name}.{name}: {access:?}").unwrap();
        }
    }
}

fn describe_subgraph(out: &mut String, subgraph: &Subgraph) {
    let Subgraph { name, url, kind, schema, types, resolvers, connectors, timeout_ms } = subgraph;
    writeln!(out, "######## {name}: {kind:?} at {url:?}, timeout {timeout_ms:?}\n").unwrap();
    for (name, ty) in types {
        let keys: Vec<_> = ty
            .keys
            .iter()
            .map(|key| format!(" key({}{})", key.fields, if key.resolvable { "" } else { ", not resolvable" }))
            .collect();
        let object = if ty.is_interface_object { " interface object" } else { "" };
        writeln!(out, "{name}:{object}{}{}", keys.concat(), policy(ty.policy.timeout_ms, ty.policy.cache)).unwrap();
        for (name, field) in &ty.fields {
            let FieldPolicy { fallback, timeout_ms, cache } = &field.policy;
            let mut facts = String::new();
            if field.external {
                facts.push_str(" external");
            }
            if field.overridden {
                facts.push_str(" overridden");
            }
            if let Some(fields) = &field.requires {
                write!(facts, " requires({fields})").unwrap();
            }
            if let Some(fields) = &field.provides {
                write!(facts, " provides({fields})").unwrap();
            }
            for argument in &field.required_arguments {
                write!(facts, " {argument:?}").unwrap();
            }
            if let Some(connector) = field.connector {
                write!(facts, " {connector:?}").unwrap();
            }
            if let Some(fallback) = fallback {
                write!(facts, " {fallback:?}").unwrap();
            }
            facts.push_str(&policy(*timeout_ms, *cache));
            writeln!(out, "  {name}:{facts}").unwrap();
        }
    }
    for resolver in resolvers {
        let via = match &resolver.via {
            ResolverVia::Entities => "_entities".to_owned(),
            ResolverVia::Lookup { connector, arguments } => format!("{connector:?} {arguments:?}"),
        };
        writeln!(out, "enter {} by ({}) via {via}", resolver.type_name, resolver.key).unwrap();
    }
    for (index, connector) in connectors.iter().enumerate() {
        let Connector { type_name, field_name, source, method, url, batch_max, selection, body, .. } = connector;
        let url: String = url
            .parts
            .iter()
            .map(|part| match part {
                TemplatePart::Text(text) => text.clone(),
                TemplatePart::Expression(mapping) => format!("{{{}}}", mapping.text),
            })
            .collect();
        writeln!(
            out,
            "connector {index}: {type_name}.{field_name} {method} {}{url} of {}",
            source.base_url, source.name
        )
        .unwrap();
        let body = body.as_ref().map(|body| &body.text);
        writeln!(out, "  body {body:?}, at most {batch_max:?}, selects {:?}", selection.text).unwrap();
    }
    writeln!(out, "\n{schema}").unwrap();
}

fn policy(timeout_ms: Option<u64>, cache: Option<crate::supergraph::CacheControl>) -> String {
    let timeout = timeout_ms.map(|ms| format!(" timeout {ms}")).unwrap_or_default();
    timeout + &cache.map(|cache| format!(" {cache:?}")).unwrap_or_default()
}
