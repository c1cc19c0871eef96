//! Every case is a folder below `tests/cases/supergraph`: a document, and a snapshot of what was read from it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::supergraph::{FieldPolicy, ResolverVia, Subgraph, Supergraph, read};

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

fn render(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n\n")).collect()
}

/// The whole model, as text.
fn describe(supergraph: &Supergraph) -> String {
    let mut out = String::new();
    for subgraph in &supergraph.subgraphs {
        describe_subgraph(&mut out, subgraph);
    }
    let (api, merged) = (supergraph.print_api(), supergraph.schema.to_string());
    write!(out, "\n######## api\n\n{api}\n######## merged\n\n{merged}").unwrap();
    out
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
    for connector in connectors {
        writeln!(out, "{connector:?}").unwrap();
    }
    writeln!(out, "\n{schema}").unwrap();
}

fn policy(timeout_ms: Option<u64>, cache: Option<crate::supergraph::CacheControl>) -> String {
    let timeout = timeout_ms.map(|ms| format!(" timeout {ms}")).unwrap_or_default();
    timeout + &cache.map(|cache| format!(" {cache:?}")).unwrap_or_default()
}
