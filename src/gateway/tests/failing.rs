//! What clients are told of failures, and where: from fragments to responses.

use super::*;

const SHOP: &str = r#"
    extend schema
      @link(url: "https://specs.weft.graph/fragment/v1.0",
            import: ["@source", "@connect", "@key", "@lookup", "@is"])
      @source(name: "shop", http: {baseURL: "http://nowhere.test"})
    type Query {
      seats(branch: String!): [Seat] @connect(source: "shop", http: {GET: "/{$args.branch}/seats"}, selection: "number")
      byNumber(numbers: [ID!]! @is(field: "[number]")): [Seat]! @lookup
        @connect(source: "shop", http: {GET: "/seats", queryParams: "numbers: $args.numbers->joinNotNull(',')"}, batch: {maxSize: 2}, selection: "number")
    }
    type Seat @key(fields: "number") { number: ID! }
"#;

fn graph_of(fragments: &[(&str, &str, &str)]) -> Gateway {
    let fragment = |(name, text, url): &(&str, &str, &str)| Fragment {
        name: (*name).into(),
        source: Arc::new(Source { name: format!("{name}.graphql"), text: (*text).into() }),
        url: Some((*url).into()),
    };
    let (graph, diagnostics) = compose::compose(&fragments.iter().map(fragment).collect::<Vec<_>>());
    let graph = graph.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let settings = Settings::default();
    let snapshot = Snapshot::new(graph, &settings);
    Gateway::new(snapshot, Loaders::new(weft_loaders::Settings::default()), settings)
}

/// A client's own argument that cannot be sent is not the service's fault, and no call is made.
#[tokio::test]
async fn arguments_that_cannot_be_sent() {
    let service = Service::fixed(Reply::json(r#"[{"number":"8"}]"#)).await;
    let gateway = graph_of(&[("shop", SHOP, service.url.trim_end_matches('/'))]);
    for (query, data, message) in [
        (
            r#"{ seats(branch: "") { number } }"#,
            json!({"seats": null}),
            "The argument `branch` cannot be sent: an empty text cannot be a segment of a path.",
        ),
        (
            r#"{ seats(branch: "..") { number } }"#,
            json!({"seats": null}),
            "The argument `branch` cannot be sent: dots alone cannot be a segment of a path.",
        ),
        (
            r#"{ byNumber(numbers: ["9", "8", "9"]) { number } }"#,
            json!(null),
            "The argument `numbers` cannot be sent: 3 keys, and 2 is the most that may be asked for.",
        ),
    ] {
        let (response, _) = json_of(&gateway, request(query), &context("a")).await;
        assert_eq!(response["data"], data, "{query}: {response}");
        let field = query.split(['{', '(', ' ']).find(|word| !word.is_empty()).unwrap();
        let error = json!({"message": message, "path": [field], "extensions": {"code": "BAD_USER_INPUT"}});
        assert_eq!(response["errors"], json!([error]), "{query}");
    }
    assert_eq!(service.asked().len(), 0);
    let (response, _) =
        json_of(&gateway, request(r#"{ byNumber(numbers: ["8", "9"]) { number } }"#), &context("a")).await;
    assert_eq!(response, json!({"data": {"byNumber": [{"number": "8"}]}}));
}

const ANIMALS: &str = r#"
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
    type Query { pet: Pet }
    interface Pet { name: String }
    type Cat implements Pet { name: String }
    type Dog implements Pet { name: String }
    type Stone { name: String }
"#;

#[tokio::test]
async fn objects_of_unknown_types_name_their_service() {
    for (pet, message) in [
        (json!({"name": "n"}), "An object's type is not known."),
        (json!({"__typename": "Stone", "name": "n"}), "An object is of an impossible type."),
    ] {
        // The answer has whatever key the planner asks the type under.
        let service = Service::fixed(Reply::json(json!({"data": {"pet": pet}}).to_string())).await;
        let gateway = graph_of(&[("animals", ANIMALS, &service.url)]);
        let query = "{ pet { __typename name ... on Cat { name } } }";
        let (response, _) = json_of(&gateway, request(query), &context("a")).await;
        let extensions = json!({"code": "DOWNSTREAM_INVALID_RESPONSE", "service": "animals"});
        let error = json!({"message": message, "path": ["pet"], "extensions": extensions});
        assert_eq!(response, json!({"data": {"pet": null}, "errors": [error]}));
    }
}
