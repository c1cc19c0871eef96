//! What clients with different grants see of one graph, and what the services are asked for them.

use std::collections::BTreeSet;

use super::*;
use crate::execute::tests::service::Asked;
use crate::supergraph::Access;

const SHOP: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
      @link(url: "https://specs.weft.graph/fragment/v1.0", import: ["@cacheControl", "@fallback"])
    type Query {
      item: Item @cacheControl(maxAge: 60)
      items: [Part]
      owner: Owner @fallback(value: {name: "SECRET"})
      must: Int!
    }
    type Mutation { buy: Item  sell(secretly: Boolean): Item }
    interface Part { id: ID  price: Int }
    type Item implements Part @key(fields: "id") { id: ID  price: Int  cost: Int!  parts: [Part!] }
    type Rare implements Part { id: ID  price: Int  name: String! }
    type Owner { name: String  age: Int }
"#;

fn asked_for(asked: &Asked, word: &str) -> bool {
    String::from_utf8_lossy(&asked.body).contains(word)
}

async fn shop(unauthorized: Unauthorized) -> (Service, Gateway) {
    let service = Service::start(|asked| {
        let item = json!({"__typename": "Item", "id": "1", "price": 666, "cost": 667, "parts": []});
        let rare = json!({"__typename": "Rare", "id": "2", "price": 5, "name": "gem"});
        let mut data = json!({"item": item, "items": [item, rare], "must": 668, "buy": item, "sell": item});
        if asked_for(asked, "owner") {
            return Reply::status(500, "broken");
        }
        // As services do: nothing but what is asked for.
        let text = String::from_utf8_lossy(&asked.body).into_owned();
        data.as_object_mut().unwrap().retain(|name, _| text.contains(name.as_str()));
        Reply::json(json!({ "data": data }).to_string())
    })
    .await;
    let source = Arc::new(Source { name: "shop.graphql".into(), text: SHOP.into() });
    let (graph, diagnostics) =
        compose::compose(&[Fragment { name: "shop".into(), source, url: Some(service.url.clone()) }]);
    let mut graph = graph.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let scope = |scope: &str| Arc::new(Access { scopes: vec![vec![scope.to_owned()]], ..Access::default() });
    let known = Arc::new(Access { authenticated: true, ..Access::default() });
    for (of, field, rule) in [
        ("Item", "price", scope("prices")),
        ("Item", "cost", scope("costs")),
        ("Query", "must", Arc::clone(&known)),
        ("Owner", "name", Arc::clone(&known)),
        ("Mutation", "sell", scope("sell")),
    ] {
        let fields = graph.access.fields.entry(Name::new(of).unwrap()).or_default();
        fields.insert(Name::new(field).unwrap(), rule);
    }
    graph.access.types.insert(Name::new("Rare").unwrap(), scope("rare"));
    let settings = Settings { introspection: true, unauthorized, ..Settings::default() };
    let snapshot = Snapshot::new(graph, &settings);
    (service, Gateway::new(snapshot, Loaders::new(weft_loaders::Settings::default()), settings))
}

fn holding(scopes: &str) -> Context {
    let scopes: BTreeSet<String> = scopes.split_whitespace().map(str::to_owned).collect();
    let grants = Grants { authenticated: !scopes.is_empty(), scopes, policies: BTreeSet::new() };
    Context { mutations_allowed: true, grants, ..context("all send the same header") }
}

fn told(response: &Value) -> Vec<String> {
    let errors = response["errors"].as_array().into_iter().flatten();
    errors.map(|error| format!("{} {}", error["path"], error["extensions"]["code"].as_str().unwrap_or("-"))).collect()
}

const KEPT: &str = "UNAUTHORIZED_FIELD_OR_TYPE";

#[tokio::test]
async fn what_is_not_granted_is_null_and_asked_of_nobody() {
    let (service, gateway) = shop(Unauthorized::Null).await;
    for (scopes, query, data, errors) in [
        ("", "{ item { id p: price } }", json!({"item": {"id": "1", "p": null}}), vec![r#"["item","p"]"#]),
        ("prices", "{ item { id p: price } }", json!({"item": {"id": "1", "p": 666}}), vec![]),
        // Null where null may not be.
        ("prices", "{ item { price cost } }", json!({"item": null}), vec![r#"["item","cost"]"#]),
        ("", "{ must }", json!(null), vec![r#"["must"]"#]),
        // By an interface, a fragment, an alias, and twice.
        (
            "",
            "{ items { price } }",
            json!({"items": [{"price": null}, {"price": null}]}),
            vec![r#"["items",0,"price"]"#, r#"["items",1,"price"]"#],
        ),
        (
            "rare",
            "{ items { price } }",
            json!({"items": [{"price": null}, {"price": 5}]}),
            vec![r#"["items",0,"price"]"#],
        ),
        (
            "prices",
            "{ items { ...F } } fragment F on Part { x: price ... on Item { y: price } }",
            json!({"items": [{"x": 666, "y": 666}, {"x": null}]}),
            vec![r#"["items",1,"x"]"#],
        ),
        // A type that is kept does not even tell its name.
        (
            "prices",
            "{ items { __typename } }",
            json!({"items": [{"__typename": "Item"}, null]}),
            vec![r#"["items",1,"__typename"]"#],
        ),
        (
            "prices",
            "{ items { id ... on Rare { name } } }",
            json!({"items": [{"id": "1"}, null]}),
            vec![r#"["items",1,"id"]"#, r#"["items",1,"name"]"#],
        ),
        // No declared value stands in for what is kept.
        ("", "{ owner { name age } }", json!({"owner": {"name": null, "age": null}}), vec![r#"["owner","name"]"#]),
        ("any", "{ owner { name age } }", json!({"owner": {"name": "SECRET", "age": null}}), vec![]),
        // A mutation that is not granted does not run.
        (
            "",
            "mutation { buy { id } sell(secretly: true) { id } }",
            json!({"buy": {"id": "1"}, "sell": null}),
            vec![r#"["sell"]"#],
        ),
        ("", "{ item { id price @skip(if: true) } }", json!({"item": {"id": "1"}}), vec![]),
        (
            "",
            "{ __type(name: \"Rare\") { name } __typename }",
            json!({"__type": {"name": "Rare"}, "__typename": "Query"}),
            vec![],
        ),
    ] {
        let before = service.asked().len();
        let (response, outcome) = json_of(&gateway, request(query), &holding(scopes)).await;
        assert_eq!(response["data"], data, "{scopes}: {query}: {response}");
        let expected: Vec<String> = errors.iter().map(|path| format!("{path} {KEPT}")).collect();
        let kept: Vec<String> = told(&response).into_iter().filter(|told| told.ends_with(KEPT)).collect();
        assert_eq!(kept, expected, "{query}: {response}");
        assert_eq!(outcome, Outcome::Executed);
        for (word, opened_by) in
            [("price", "prices rare"), ("cost", "costs"), ("sell", "sell"), ("must", "any"), ("{name", "rare any")]
        {
            let is_open = opened_by.split(' ').any(|scope| scopes.split(' ').any(|held| held == scope));
            let asked = &service.asked()[before..];
            assert!(is_open || !asked.iter().any(|asked| asked_for(asked, word)), "{word} was asked for by {query}");
        }
    }
}

#[tokio::test]
async fn a_strict_gateway_answers_nothing_to_what_is_not_granted() {
    let (service, gateway) = shop(Unauthorized::Refuse).await;
    let query = "query($all: Boolean = true) { item { id price @include(if: $all) cost @include(if: $all) } }";
    let (response, outcome) = json_of(&gateway, request(query), &holding("")).await;
    let messages: Vec<_> =
        response["errors"].as_array().unwrap().iter().map(|error| error["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["Unauthorized field or type: Item.price.", "Unauthorized field or type: Item.cost."]);
    assert_eq!(
        (outcome, response.get("data"), &response["errors"][0]["extensions"]["code"]),
        (Outcome::Unauthorized, None, &json!(KEPT))
    );
    assert_eq!(service.asked().len(), 0);
    let less = Request { variables: Map::from_iter([("all".to_owned(), json!(false))]), ..request(query) };
    let (response, outcome) = json_of(&gateway, less, &holding("")).await;
    assert_eq!(
        (&response["data"], outcome),
        (&json!({"item": {"id": "1"}}), Outcome::Executed),
        "what is skipped is not selected"
    );
    let (response, _) = json_of(&gateway, request(query), &holding("prices costs")).await;
    assert_eq!(response["data"]["item"]["cost"], json!(667));
}

/// Plans, loads in flight and cached answers are shared; what is kept is not.
#[tokio::test]
async fn what_is_shared_between_clients_holds_nothing_that_one_of_them_may_not_see() {
    let (service, gateway) = shop(Unauthorized::Null).await;
    let query = "{ item { id price } }";
    for _ in 0..3 {
        let clients = ["", "prices", "other", "prices costs", ""];
        let all = clients.map(|scopes| {
            let gateway = &gateway;
            async move { json_of(gateway, request(query), &holding(scopes)).await.0 }
        });
        for (scopes, response) in clients.iter().zip(futures_util::future::join_all(all).await) {
            let expected = if scopes.contains("prices") { json!(666) } else { json!(null) };
            assert_eq!(response["data"]["item"], json!({"id": "1", "price": expected}), "{scopes}");
        }
    }
    assert_eq!(gateway.snapshot().cached().await, (1, 2), "a plan for those who may and one for those who may not");
    let asked = service.asked();
    assert!(asked.len() <= 4, "each of the two is loaded once or twice, and cached: {}", asked.len());
}

const NEWS: &str = r#"
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key", "@authenticated", "@requiresScopes"])
    type Query { all: [Entry]  any: [Any]  news: News  known: News @requiresScopes(scopes: [["all"]]) }
    interface Entry { id: ID  title: String  author: Author }
    interface Dated { day: Int }
    type News implements Entry & Dated { id: ID  title: String  author: Author  day: Int }
    type Memo implements Entry & Dated { id: ID  title: String @requiresScopes(scopes: [["memos"]])  author: Author @authenticated  day: Int @authenticated }
    union Any = News | Memo
    type Author { name: String }
"#;

/// Each object is decided by itself, unless another composer put something on the interface: then who names an open object gets it.
#[tokio::test]
async fn an_interface_is_decided_for_each_object_or_asks_by_itself() {
    let service = Service::start(|asked| {
        let news = json!({"__typename": "News", "id": "1", "title": "open", "author": {"name": "ada"}, "day": 1});
        let memo =
            json!({"__typename": "Memo", "id": "2", "title": "SECRET", "author": {"name": "SECRET"}, "day": 666});
        let mut data = json!({"all": [news, memo], "any": [news, memo], "news": news});
        let text = String::from_utf8_lossy(&asked.body).into_owned();
        data.as_object_mut().unwrap().retain(|name, _| text.contains(name.as_str()));
        Reply::json(json!({ "data": data }).to_string())
    })
    .await;
    let source = Arc::new(Source { name: "news.graphql".into(), text: NEWS.into() });
    let fragments = [Fragment { name: "news".into(), source, url: Some(service.url.clone()) }];
    let gateway = |of_others: &[(&str, &str, Access)]| {
        let (graph, diagnostics) = compose::compose(&fragments);
        let mut graph = graph.unwrap_or_else(|| panic!("{diagnostics:?}"));
        for (of, field, rule) in of_others {
            let fields = graph.access.fields.entry(Name::new(of).unwrap()).or_default();
            fields.insert(Name::new(field).unwrap(), Arc::new(rule.clone()));
        }
        let settings = Settings::default();
        Gateway::new(Snapshot::new(graph, &settings), Loaders::new(weft_loaders::Settings::default()), settings)
    };
    let own = gateway(&[]);
    let query = "{ all { id title } any { ... on Dated { day } } }";
    let (response, _) = json_of(&own, request(query), &holding("")).await;
    let all = json!([{"id": "1", "title": "open"}, {"id": "2", "title": null}]);
    assert_eq!(response["data"], json!({"all": all, "any": [{"day": 1}, {"day": null}]}), "{response}");
    let memos = Access { scopes: vec![vec!["memos".into()]], ..Access::default() };
    let known = Access { authenticated: true, ..Access::default() };
    let gateway = gateway(&[("Entry", "title", memos), ("Entry", "author", known.clone()), ("Dated", "day", known)]);
    for (scopes, query, data) in [
        ("", "{ news { title day } }", json!({"news": {"title": "open", "day": 1}})),
        ("", "{ all { id title } }", json!({"all": [{"id": "1", "title": null}, {"id": "2", "title": null}]})),
        (
            "",
            "{ all { ... on News { title } ... on Memo { title } } }",
            json!({"all": [{"title": "open"}, {"title": null}]}),
        ),
        // Whoever is shown it by one way is shown it.
        ("", "{ all { title ... on News { title } } }", json!({"all": [{"title": "open"}, {"title": null}]})),
        (
            "",
            "{ all { author { name } ... on News { author { n: name } } } }",
            json!({"all": [{"author": {"name": "ada", "n": "ada"}}, {"author": null}]}),
        ),
        (
            "",
            "{ any { ... on Entry { x: title } ... on Dated { d: day } ... on News { y: title } } }",
            json!({"any": [{"x": null, "d": null, "y": "open"}, {"x": null, "d": null}]}),
        ),
        (
            "other",
            "{ all { title author { name } } any { ... on Dated { day } } }",
            json!({
                "all": [{"title": null, "author": {"name": "ada"}}, {"title": null, "author": {"name": "SECRET"}}],
                "any": [{"day": 1}, {"day": 666}],
            }),
        ),
        ("memos", "{ all { title } }", json!({"all": [{"title": "open"}, {"title": "SECRET"}]})),
        ("memos", "{ known { title } }", json!({"known": null})),
    ] {
        let (response, _) = json_of(&gateway, request(query), &holding(scopes)).await;
        assert_eq!(response["data"], data, "{scopes}: {query}: {response}");
    }
}
