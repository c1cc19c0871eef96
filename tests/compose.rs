//! Composition, case by case: `tests/cases/compose/<name>/fragments/*.graphql` and what comes of them, in
//! `expect.snap`. `INSTA_UPDATE=always cargo test --test compose` writes what came.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its own cases has failed")]

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apollo_compiler::Schema;
use weft::compose::{Composition, Fragment, compose, composition};
use weft::diagnostic::{Severity, Source};
use weft::supergraph::{Supergraph, read};

#[allow(unreachable_pub, reason = "each test binary uses its own part")]
#[path = "support/model.rs"]
mod model;

/// The fragments of a case.
fn fragments(case: &Path) -> Vec<Fragment> {
    let mut files: Vec<_> = fs::read_dir(case.join("fragments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| Fragment {
            name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
            source: Arc::new(Source {
                name: file.file_name().unwrap().to_str().unwrap().to_owned(),
                text: fs::read_to_string(file).unwrap(),
            }),
            url: None,
        })
        .collect()
}

/// Composes the fragments of a case, and renders all that a person would see.
fn check(case: &Path) -> String {
    let Composition { supergraph, document, diagnostics } = composition(&fragments(case));
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&format!("{diagnostic}\n\n"));
    }
    match (supergraph, document) {
        (Some(supergraph), _) => {
            reads_back(&supergraph);
            text.push_str(&without_frame(&supergraph.sdl));
        }
        (None, Some(document)) => {
            Schema::parse_and_validate(&*document, "supergraph.graphql").unwrap();
            text.push_str("(a document, and no graph)\n");
            text.push_str(&without_frame(&document));
        }
        (None, None) => text.push_str("(no graph)\n"),
    }
    text
}

/// The printed document is valid GraphQL, and is the same graph when it is read.
fn reads_back(supergraph: &Supergraph) {
    let text = supergraph.sdl.to_string();
    Schema::parse_and_validate(&text, "supergraph.graphql").unwrap();
    let source = Arc::new(Source { name: "supergraph.graphql".to_owned(), text });
    let (read, diagnostics) = read::supergraph(&source);
    let read = read.unwrap_or_else(|| panic!("{}", diagnostics[0]));
    assert_eq!(read.sdl, supergraph.sdl);
    assert_eq!(model::text(&read), model::text(supergraph));
}

/// The definitions that stand in every supergraph document would only hide what a case is about.
fn without_frame(sdl: &str) -> String {
    let frame = ["directive @", "scalar join__", "scalar link__", "enum link__", "input join__"];
    let definitions = sdl.split("\n\n").filter(|definition| !frame.iter().any(|start| definition.starts_with(start)));
    definitions.map(|definition| format!("{}\n\n", definition.trim_end())).collect()
}

fn all_cases() -> Vec<PathBuf> {
    let mut cases: Vec<_> = fs::read_dir("tests/cases/compose").unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// Catches any change in what is composed or told. `CASE=name` runs the cases with that in their names.
#[test]
fn cases() {
    let only = std::env::var("CASE").ok();
    let mut failed = Vec::new();
    for case in all_cases() {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let mut settings = insta::Settings::new();
        settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(&case));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let compared = std::panic::catch_unwind(AssertUnwindSafe(|| {
            settings.bind(|| insta::assert_snapshot!("expect", check(&case)));
        }));
        if compared.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these cases differ: {failed:?}");
}

/// A thousand fragments that all extend one type, and refer to each other.
fn thousand() -> Vec<Fragment> {
    let link = "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.9\", import: [\"@key\", \"@shareable\", \"@external\", \"@requires\"])";
    (0..1_000)
        .map(|i| {
            let next = (i + 1) % 1_000;
            let text = format!(
                "{link}\n\
                 type Query {{ item{i}(id: ID!, first: Int = {i}): Item{i} }}\n\
                 type Item{i} @key(fields: \"id\") {{ id: ID!  name{i}: String!  user: User  next: Item{next}  page: Page }}\n\
                 type Item{next} @key(fields: \"id\", resolvable: false) {{ id: ID! }}\n\
                 type User @key(fields: \"id\") {{ id: ID!  seen{i}: Int  last{i}: Item{i} }}\n\
                 type Page @shareable {{ size: Int!  total: Int }}\n\
                 enum Order{i} {{ ASC DESC }}\n\
                 input Filter{i} {{ text: String  order: Order{i} = ASC }}\n\
                 extend type Query {{ search{i}(filter: Filter{i}): [Item{i}!]! }}\n"
            );
            let name = format!("service{i}");
            Fragment { source: Arc::new(Source { name: format!("{name}.graphql"), text }), name, url: None }
        })
        .collect()
}

/// Catches work that grows with the square of the number of fragments: in a debug build that takes minutes.
#[test]
fn a_thousand_fragments() {
    let fragments = thousand();
    let started = std::time::Instant::now();
    let (supergraph, diagnostics) = compose(&fragments);
    let took = started.elapsed();
    assert!(supergraph.is_some() && diagnostics.is_empty(), "{}", diagnostics[0]);
    println!("took {took:?}");
    assert!(took.as_secs() < 60, "composing took {took:?}");
}

/// Catches a panic on a text that is wrong in a way that nobody thought of, and a graph beside an error.
#[test]
fn mangled_fragments() {
    for case in all_cases() {
        let whole = fragments(&case);
        for (index, fragment) in whole.iter().enumerate() {
            let text = &fragment.source.text;
            let words: Vec<usize> =
                text.match_indices([' ', '(', ')', '{', '}', '@', '"', ':']).map(|(at, _)| at).collect();
            for pair in words.windows(2).step_by(13) {
                let mangled = format!("{}{}", &text[..pair[0]], &text[pair[1]..]);
                let mut fragments = whole.clone();
                fragments[index].source = Arc::new(Source { name: fragment.source.name.clone(), text: mangled });
                let (supergraph, diagnostics) = compose(&fragments);
                let wrong = diagnostics.iter().any(|d| d.severity == Severity::Error);
                assert_eq!(supergraph.is_none(), wrong, "{}", fragments[index].source.text);
                diagnostics.iter().for_each(|d| assert!(!d.to_string().is_empty()));
            }
        }
    }
}

/// Catches a check that takes exponential time: a value type of which each fragment lacks another field can be reached
/// with any subset of the fragments. It is cut short, and says so.
#[test]
fn states_are_bounded() {
    let fragments: Vec<Fragment> = (0..16)
        .map(|i| {
            let fields: String = (0..16).filter(|f| *f != i).map(|f| format!("  f{f}: V\n")).collect();
            let text = format!(
                "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.9\", import: [\"@shareable\"])\n\
                 type Query @shareable {{ v: V }}\n\
                 type V @shareable {{\n  x: Int\n{fields}}}\n"
            );
            let name = format!("s{i}");
            Fragment { source: Arc::new(Source { name: format!("{name}.graphql"), text }), name, url: None }
        })
        .collect();
    let (_, diagnostics) = compose(&fragments);
    assert!(diagnostics.iter().any(|d| d.code == "SATISFIABILITY_INCOMPLETE"));
}
