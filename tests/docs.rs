//! The fragments in the documentation compose.

use std::sync::Arc;

use weft::compose::{Fragment, compose};
use weft::diagnostic::{Severity, Source};

/// Catches an example in the reference that does not work: every fragment in it composes by itself as far as it can, and
/// those with a name compose with each other.
#[test]
fn documented_fragments_compose() {
    let text = include_str!("../docs/fragments.md");
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
