//! Composition, case by case: `tests/cases/compose/<name>/fragments/*.graphql` and what comes of them, in
//! `expect.snap`. `INSTA_UPDATE=always cargo test --test compose` writes what came.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use weft::compose::{Fragment, compose};
use weft::diagnostic::Source;

/// Composes the fragments of a case, and renders all that a person would see.
fn check(case: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(case.join("fragments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let fragments: Vec<Fragment> = files
        .iter()
        .map(|file| Fragment {
            name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
            source: Arc::new(Source {
                name: file.file_name().unwrap().to_str().unwrap().to_owned(),
                text: fs::read_to_string(file).unwrap(),
            }),
            url: None,
        })
        .collect();
    let (supergraph, diagnostics) = compose(&fragments);
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&format!("{diagnostic}\n\n"));
    }
    match supergraph {
        Some(supergraph) => text.push_str(&without_frame(&supergraph.sdl)),
        None => text.push_str("(no graph)\n"),
    }
    text
}

/// The definitions that stand in every supergraph document would only hide what a case is about.
fn without_frame(sdl: &str) -> String {
    let frame = ["directive @", "scalar join__", "scalar link__", "enum link__", "input join__"];
    let definitions = sdl.split("\n\n").filter(|definition| !frame.iter().any(|start| definition.starts_with(start)));
    definitions.map(|definition| format!("{}\n\n", definition.trim_end())).collect()
}

#[test]
fn cases() {
    let only = std::env::var("CASE").ok();
    let mut cases: Vec<_> = fs::read_dir("tests/cases/compose").unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let mut failed = Vec::new();
    for case in cases {
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
