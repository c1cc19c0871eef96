//! The demo's fragments compose, and its queries are valid on what they compose to.

use std::sync::Arc;

use apollo_compiler::ExecutableDocument;
use weft::compose::{Fragment, compose};
use weft::config::{Config, Flags};
use weft::demo::{self, Service};
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

/// What a newcomer pastes from the README.
#[test]
fn the_price_service_of_the_readme_joins_the_demo() {
    let (_, rest) =
        include_str!("../README.md").split_once("cat > schema/price.graphql <<'EOF'\n").expect("it is there");
    let (price, _) = rest.split_once("\nEOF\n").expect("it ends");
    let demo = demo::fragments().map(|(name, text)| (name, text.to_owned()));
    let fragments = demo.into_iter().chain([("price", price.to_owned())]).map(|(name, text)| Fragment {
        name: name.to_owned(),
        source: Arc::new(Source { name: format!("schema/{name}.graphql"), text }),
        url: None,
    });
    let (graph, diagnostics) = compose(&fragments.collect::<Vec<_>>());
    let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    let query = "{ currentProfile { allVideosRated(first: 3) { title thumbRating price currency } } }";
    let valid = ExecutableDocument::parse_and_validate(&graph.expect("it composes").api, query, "query");
    valid.unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn the_example_configuration_is_one_for_the_demo() {
    let flags = Flags { config: Some("examples/demo.yaml".into()), ..Flags::default() };
    let config = Config::load(&flags).unwrap_or_else(|error| panic!("{error}"));
    assert!(Service::ALL.iter().all(|service| config.schema.join(format!("{service}.graphql")).is_file()));
    let names: Vec<&str> = config.services.keys().map(String::as_str).collect();
    assert!(Service::ALL.iter().all(|service| names.contains(&service.name())), "{names:?}");
    assert_eq!(config.services["profile"].headers, [demo::PROFILE_HEADER]);
}
