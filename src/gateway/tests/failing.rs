//! What clients are told of failures, and where: from fragments to responses.

use std::sync::atomic::{AtomicU32, Ordering};

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
    ] {
        let (response, _) = json_of(&gateway, request(query), &context("a")).await;
        assert_eq!(response["data"], data, "{query}: {response}");
        let field = query.split(['{', '(', ' ']).find(|word| !word.is_empty()).unwrap();
        let error = json!({"message": message, "path": [field], "extensions": {"code": "BAD_USER_INPUT"}});
        assert_eq!(response["errors"], json!([error]), "{query}");
    }
    assert_eq!(service.asked().len(), 0);
}

/// Keys that a client gives itself travel once each, in calls of the batch's size.
#[tokio::test]
async fn keys_of_a_client_are_split_into_calls() {
    let service = Service::fixed(Reply::json(r#"[{"number":"8"}]"#)).await;
    let gateway = graph_of(&[("shop", SHOP, service.url.trim_end_matches('/'))]);
    let query = r#"{ byNumber(numbers: ["8", "8", "7", "8"]) { number } }"#;
    let (response, _) = json_of(&gateway, request(query), &context("a")).await;
    assert_eq!(response, json!({"data": {"byNumber": [{"number": "8"}, {"number": "8"}, null, {"number": "8"}]}}));
    assert_eq!(service.asked().len(), 1, "two keys are one call");
    let query = r#"{ byNumber(numbers: ["8", "1", "1", "2"]) { number } }"#;
    let (response, _) = json_of(&gateway, request(query), &context("a")).await;
    assert_eq!(response["data"]["byNumber"][0], json!({"number": "8"}), "{response}");
    assert_eq!(service.asked().len(), 3, "three keys are two calls");
    // Without keys there is nothing to ask for; a service could take that for everything.
    let query = r#"{ byNumber(numbers: []) { number } }"#;
    let (response, _) = json_of(&gateway, request(query), &context("a")).await;
    assert_eq!((response, service.asked().len()), (json!({"data": {"byNumber": []}}), 3));
}

/// What a client has just written is not answered from what was kept before; and everybody sees it from then on.
#[tokio::test]
async fn a_mutation_sees_what_it_wrote() {
    const USERS: &str = r#"
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
        type Query { me: User }
        type Mutation { set: User }
        type User @key(fields: "id") { id: ID! }
    "#;
    const LEVELS: &str = r#"
        extend schema
          @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
          @link(url: "https://specs.weft.graph/fragment/v1.0", import: ["@cacheControl"])
        type User @key(fields: "id") @cacheControl(maxAge: 60) { id: ID!  level: Int }
    "#;
    let level = Arc::new(AtomicU32::new(0));
    let written = Arc::clone(&level);
    let users = Service::start(move |asked| {
        let is_mutation = String::from_utf8_lossy(&asked.body).contains("mutation");
        let root = if is_mutation { "set" } else { "me" };
        if root == "set" {
            written.store(5, Ordering::SeqCst);
        }
        Reply::json(json!({"data": {root: {"__typename": "User", "id": "1"}}}).to_string())
    })
    .await;
    let read = Arc::clone(&level);
    let levels = Service::start(move |_| {
        let level = read.load(Ordering::SeqCst);
        Reply::json(json!({"data": {"_entities": [{"__typename": "User", "level": level}]}}).to_string())
    })
    .await;
    let gateway = graph_of(&[("users", USERS, &users.url), ("levels", LEVELS, &levels.url)]);
    let context = Context { mutations_allowed: true, ..context("a") };
    for (query, expected, calls) in [
        ("{ me { level } }", json!({"me": {"level": 0}}), 1),
        ("{ me { level } }", json!({"me": {"level": 0}}), 1),
        ("mutation { set { level } }", json!({"set": {"level": 5}}), 2),
        ("{ me { level } }", json!({"me": {"level": 5}}), 2),
    ] {
        let (response, _) = json_of(&gateway, request(query), &context).await;
        assert_eq!((&response["data"], levels.asked().len()), (&expected, calls), "{query}: {response}");
    }
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

const PROMOS: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
      @link(url: "https://specs.weft.graph/fragment/v1.0", import: ["@fallback"])
    type Query {
      promos: [Promo]
      things: Thing
      boom: String!
      soft: String @fallback(value: "soft")
      calm: String! @fallback(value: "calm", report: EXTENSIONS)
      best: Promo @fallback(value: {id: "0", name: "none"})
    }
    type Thing { name: String!  inner: Thing }
    type Promo @key(fields: "id") { id: ID!  name: String! }
"#;

/// A service's error is told once, at the client's path of the field that failed, whatever the service made null above.
#[tokio::test]
async fn errors_of_what_a_service_made_null() {
    let kaboom = |path: Value| json!({"message": "kaboom", "path": path});
    let cases = [
        (
            "{ promos { id } things { __typename } bang: boom }",
            json!({"data": null, "errors": [kaboom(json!(["boom"]))]}),
            json!(null),
            vec!["bang -"],
        ),
        (
            "{ promos { id } things { __typename } also: soft }",
            json!({"data": null, "errors": [kaboom(json!(["things"]))]}),
            json!({"promos": null, "things": null, "also": "soft"}),
            vec!["things -"],
        ),
        (
            "{ promos { id } things { called: name } }",
            json!({"data": null, "errors": [kaboom(json!(["things", "name"]))]}),
            json!({"promos": null, "things": null}),
            vec!["things.called -"],
        ),
        (
            "{ promos { id } calm }",
            json!({"data": null, "errors": [kaboom(json!(["calm"]))]}),
            json!({"promos": null, "calm": "calm"}),
            vec![],
        ),
        (
            "{ things { inner { name } } promos { id } }",
            json!({"data": {"things": {"inner": null}, "promos": null}, "errors": [
                kaboom(json!(["promos", 3, "id"])), kaboom(json!(["things", "inner", "name"])),
            ]}),
            json!({"things": {"inner": null}, "promos": null}),
            vec!["things.inner.name -", "promos.3.id -"],
        ),
        (
            "{ best { id name } }",
            json!({"data": {"best": null}, "errors": [kaboom(json!(["best", "name"]))]}),
            json!({"best": {"id": "0", "name": "none"}}),
            vec!["best.name VALUE"],
        ),
    ];
    for (query, answer, data, errors) in cases {
        let service = Service::fixed(Reply::json(answer.to_string())).await;
        let gateway = graph_of(&[("promos", PROMOS, &service.url)]);
        let (response, _) = json_of(&gateway, request(query), &context("a")).await;
        assert_eq!(response["data"], data, "{query}: {response}");
        assert_eq!(told(&response["errors"]), errors, "{query}: {response}");
    }
}

/// `path fallback`, of each.
fn told(list: &Value) -> Vec<String> {
    let line = |error: &Value| {
        let path: Vec<String> = error["path"].as_array().into_iter().flatten().map(|step| step.to_string()).collect();
        format!("{} {}", path.join(".").replace('"', ""), error["extensions"]["fallback"].as_str().unwrap_or("-"))
    };
    list.as_array().map_or(&[][..], Vec::as_slice).iter().map(line).collect()
}

const NAMES: &str = r#"
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
    type Query { list: [Item] }
    type Item @key(fields: "id") { id: ID! }
"#;

const PRICES: &str = r#"
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
    type Item @key(fields: "id") { id: ID!  price: Int!  stock: Stock!  note: String }
    type Stock { left: Int! }
"#;

/// The same for entities: each object that misses one says so at the field that failed.
#[tokio::test]
async fn errors_of_entities_that_a_service_made_null() {
    let items = Service::fixed(Reply::json(r#"{"data":{"list":[{"id":"1"},{"id":"2"},{"id":"1"}]}}"#)).await;
    let answer = json!({"data": {"_entities": [null, {"price": 2, "stock": {"left": 2}, "note": "n"}]}, "errors": [
        {"message": "p", "path": ["_entities", 0, "price"]},
        {"message": "s", "path": ["_entities", 0, "stock", "left"]},
    ]});
    let prices = Service::fixed(Reply::json(answer.to_string())).await;
    let gateway = graph_of(&[("items", NAMES, &items.url), ("prices", PRICES, &prices.url)]);
    let query = "{ list { id note stock { left } price } }";
    let (response, _) = json_of(&gateway, request(query), &context("a")).await;
    let second = json!({"id": "2", "note": "n", "stock": {"left": 2}, "price": 2});
    assert_eq!(response["data"], json!({"list": [null, second, null]}));
    let told: std::collections::BTreeSet<String> = told(&response["errors"]).into_iter().collect();
    let expected = ["list.0.price -", "list.0.stock.left -", "list.2.price -", "list.2.stock.left -"];
    assert_eq!(told, expected.map(str::to_owned).into(), "{response}");
}
