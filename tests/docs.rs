//! The fragments in the documentation compose.

use std::sync::Arc;

use weft::compose::{Fragment, compose};
use weft::diagnostic::{Severity, Source};

/// Catches an example in the reference that does not work: every fragment in it composes by itself as far as it can, and
/// those with a name compose with each other.
#[test]
fn documented_fragments_compose() {
    let text = concat!(include_str!("../docs/fragments.md"), include_str!("../docs/authorization.md"));
    let mut named = Vec::new();
    let mut blocks = 0;
    for block in text.split("```graphql\n").skip(1) {
        let sdl = block.split("\n```").next().expect("the block ends");
        let name = sdl.strip_prefix("# ").and_then(|rest| rest.split(".graphql").next());
        let fragment = Fragment {
            name: name.unwrap_or("example").to_owned(),
            source: Arc::new(Source { name: format!("{}.graphql", name.unwrap_or("example")), text: sdl.to_owned() }),
            url: None,
        };
        match name {
            Some(_) => named.push(fragment),
            None => check(&[fragment]),
        }
        blocks += 1;
    }
    assert!(blocks >= 5, "only {blocks} blocks were found");
    check(&named);
}

fn check(fragments: &[Fragment]) {
    let (_, diagnostics) = compose(fragments);
    let errors: Vec<String> =
        diagnostics.iter().filter(|d| d.severity == Severity::Error).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// Catches a code in the reference that nothing ever says: nobody would find what they look for.
#[test]
fn documented_codes_exist() {
    let text = include_str!("../docs/fragments.md");
    let mut sources = String::new();
    let mut folders = vec![std::path::PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the sources are here") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push_str(&std::fs::read_to_string(path).expect("a source is text"));
            }
        }
    }
    let is_code = |word: &&str| {
        word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_') && !word.starts_with('_')
    };
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    let codes: Vec<&str> = prose.iter().flat_map(|part| part.split('`').skip(1).step_by(2)).filter(is_code).collect();
    assert!(codes.len() > 40, "only {} codes were found", codes.len());
    let unknown: Vec<_> = codes.iter().filter(|code| !sources.contains(&format!("\"{code}\""))).collect();
    assert!(unknown.is_empty(), "no source says {unknown:?}");
}

/// Every case of composition and of reading, as it is recorded.
fn recorded() -> String {
    let mut text = String::new();
    for folder in ["tests/cases/compose", "tests/cases/supergraph"] {
        for case in std::fs::read_dir(folder).expect("the cases are here") {
            for file in ["expect.snap", "read.snap"] {
                let path = case.as_ref().expect("a case").path().join(file);
                text.push_str(&std::fs::read_to_string(path).unwrap_or_default());
            }
        }
    }
    text
}

/// Catches a code that is told and not documented, one that is documented and that no case shows, and one that is said not
/// to be told and is.
#[test]
fn codes_of_composition_are_documented_and_told() {
    let text = include_str!("../docs/codes.md");
    let language = include_str!("../docs/fragments.md");
    let (told, not_told) = text.split_once("## Codes of the ecosystem that are not").expect("both parts");
    let first_column = |part: &'static str| {
        let rows = part.lines().filter(|line| line.starts_with("| `"));
        rows.flat_map(|row| row[1..].split('|').next().unwrap_or_default().split('`').skip(1).step_by(2))
    };
    let recorded = recorded();
    // Of names of files, and of schemas that are too large for a case.
    let elsewhere = ["INVALID_SUBGRAPH_NAME", "SATISFIABILITY_INCOMPLETE"];
    let is_recorded =
        |code: &str| recorded.contains(&format!("error[{code}]")) || recorded.contains(&format!("hint[{code}]"));
    let unseen: Vec<_> = first_column(told).filter(|code| !elsewhere.contains(code) && !is_recorded(code)).collect();
    assert!(unseen.is_empty(), "no case shows {unseen:?}");
    let seen: Vec<_> = first_column(not_told).filter(|code| is_recorded(code)).collect();
    assert!(seen.is_empty(), "these are told: {seen:?}");
    let codes = recorded.split("error[").chain(recorded.split("hint[")).skip(1).filter_map(|rest| rest.split_once(']'));
    let undocumented: std::collections::BTreeSet<_> = codes
        .map(|(code, _)| code)
        .filter(|code| code.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .filter(|code| !text.contains(&format!("`{code}`")) && !language.contains(&format!("`{code}`")))
        .collect();
    assert!(undocumented.is_empty(), "{undocumented:?} are in no table");
}
