//! The demo's fragments compose, and its queries are valid on what they compose to.

use std::sync::Arc;

use apollo_compiler::ExecutableDocument;
use weft::compose::{Fragment, compose};
use weft::demo;
use weft::diagnostic::Source;

#[test]
fn the_fragments_compose_without_a_word_and_the_queries_fit() {
    let fragments = demo::fragments().map(|(name, text)| Fragment {
        name: name.to_owned(),
        source: Arc::new(Source { name: format!("schema/{name}.graphql"), text: text.to_owned() }),
        url: None,
    });
    let (graph, diagnostics) = compose(&fragments);
    // Not even a hint: these files are what people copy from.
    let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    let graph = graph.expect("nothing is wrong with it");

    for (name, query) in demo::queries() {
        let valid = ExecutableDocument::parse_and_validate(&graph.api, query, name);
        valid.unwrap_or_else(|errors| panic!("{errors}"));
    }
    // What the gateway and the services tell each other is not for clients.
    let api = graph.api.to_string();
    for hidden in ["videosById", "seriesById", "peopleById", "ratingsOfVideos", "scoresOfEpisodes", "EpisodeKey"] {
        assert!(!api.contains(hidden), "clients see {hidden}");
    }
}
