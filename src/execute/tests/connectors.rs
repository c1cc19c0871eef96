//! HTTP/JSON services: one call per root field, batches matched by key, fields of objects.

use apollo_compiler::ast::Value as Literal;
use http::HeaderMap;
use serde_json::{Value, json};

use super::service::{Asked, Reply, Service};
use super::*;
use crate::diagnostic::Source;
use crate::supergraph::{ConnectorId, KeyBinding, LookupArgument, RequiredArgument, read};

const GRAPH: &str = r#"
schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION)
  @link(url: "https://specs.apollo.dev/inaccessible/v0.2", for: SECURITY)
  @join__directive(graphs: [SEATS], name: "link", args: {url: "https://specs.weft.graph/fragment/v1.0"})
  @join__directive(graphs: [SEATS], name: "source", args: {name: "seats", http: {baseURL: "http://nowhere.test", headers: [{name: "x-guest", from: "x-guest"}]}})
{ query: Query }

enum join__Graph { SEATS @join__graph(name: "seats", url: "$URL") }

type Query @join__type(graph: SEATS) {
  seats(hall: ID): [Seat]
    @join__directive(graphs: [SEATS], name: "connect", args: {source: "seats", http: {GET: "/halls/{$args.hall}"}, selection: "$.result.seats { hall number: nr next { hall number: nr } price: cost.total }"})
  seatsByNumber(hall: ID!, numbers: [Int!]!): [Seat]! @inaccessible
    @join__directive(graphs: [SEATS], name: "connect", args: {source: "seats", http: {GET: "/batch/{$args.hall}", queryParams: "numbers: $args.numbers->joinNotNull(',')"}, batch: {maxSize: 2}, selection: "number: n stars"})
    @join__directive(graphs: [SEATS], name: "lookup")
    @join__directive(graphs: [SEATS], name: "internal")
    @join__directive(graphs: [SEATS], name: "is", args: {argument: "hall", field: "hall"})
    @join__directive(graphs: [SEATS], name: "is", args: {argument: "numbers", field: "[number]"})
  seat(hall: ID!, number: Int!): Seat
    @join__directive(graphs: [SEATS], name: "connect", args: {source: "seats", http: {GET: "/one/{$args.hall}/{$args.number}"}, selection: "hall number stars: s->first label: l->trim"})
}

type Seat @join__type(graph: SEATS, key: "hall number") {
  hall: ID!
  number: Int!
  price: Float
  next: Seat
  stars: Int
  label: String
  note(loud: Boolean, of: Int! @inaccessible): String
    @join__directive(graphs: [SEATS], name: "connect", args: {source: "seats", http: {POST: "/notes", body: "of: $args.of loud: $args.loud"}, selection: "$.text"})
    @join__directive(graphs: [SEATS], name: "require", args: {argument: "of", field: "number"})
}
"#;

fn graph(url: &str) -> Supergraph {
    let text = GRAPH.replace("$URL", url.trim_end_matches('/'));
    let (graph, diagnostics) = read::supergraph(&Arc::new(Source { name: "graph".into(), text }));
    graph.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn connector(graph: &Supergraph, field: &str) -> ConnectorId {
    let connectors = &graph.subgraph(SubgraphId(0)).connectors;
    ConnectorId(connectors.iter().position(|connector| connector.field_name == field).unwrap() as u32)
}

fn key(from: &[(&str, u32)]) -> Representation {
    let field = |(key, slot): &(&str, u32)| RepresentationField {
        name: name(key),
        from: vec![at(0, *slot)],
        is_key: true,
        nested: None,
    };
    Representation {
        typename: RepresentationTypename::None,
        branches: vec![RepresentationBranch { types: Vec::new(), fields: from.iter().map(field).collect() }],
    }
}

fn seat_shape(slots: u32) -> Shape {
    shape(
        slots,
        vec![
            field("hall", 0, 0, ShapeValue::Leaf(Leaf::Id)),
            field("number", 1, 0, ShapeValue::Leaf(Leaf::Int)),
            field("next", 2, 0, ShapeValue::Object(ShapeId(2))),
            field("price", 3, 0, ShapeValue::Leaf(Leaf::Float)),
        ],
    )
}

fn next_shape() -> Shape {
    shape(2, vec![field("hall", 0, 0, ShapeValue::Leaf(Leaf::Id)), field("number", 1, 0, ShapeValue::Leaf(Leaf::Int))])
}

/// `{ seats(hall: $hall) { number price next { number } … } }`, and what `rest` adds to each seat through a link in slot 4.
fn seats_plan(graph: &Supergraph, inner: Option<(Call, Shape)>, rest: Vec<ProjectionField>) -> Plan {
    let mut shapes =
        vec![shape(1, vec![field("seats", 0, 1, ShapeValue::Object(ShapeId(1)))]), seat_shape(5), next_shape()];
    let arguments = vec![(name("hall"), Node::new(Literal::Variable(name("hall"))))];
    let root = Call::ConnectRoot { connector: connector(graph, "seats"), arguments, shape: ShapeId(0) };
    let mut fetches = vec![fetch(0, &[], root)];
    let mut records = vec![nested(0, 0)];
    if let Some((call, shape)) = inner {
        fetches.push(fetch(0, &[0], call));
        shapes.push(shape);
        records.push(link(0, 4));
    }
    let positions = vec![
        position(None, "", 0, vec![RecordSource::Root(FetchId(0))], "Query"),
        position(Some(0), "seats", 1, records, "Seat"),
        position(Some(1), "next", 0, vec![nested(0, 2)], "Seat"),
    ];
    let next = projection(2, "Seat", vec![leaf("number", "Seat", "Int!", at(0, 1), Leaf::Int)]);
    let mut fields = vec![
        leaf("number", "Seat", "Int!", at(0, 1), Leaf::Int),
        leaf("price", "Seat", "Float", at(0, 3), Leaf::Float),
        object("next", "Seat", "Seat", at(0, 2), next),
    ];
    fields.extend(rest);
    let seats = object("seats", "Query", "[Seat]", at(0, 0), projection(1, "Seat", fields));
    plan(fetches, shapes, positions, projection(0, "Query", vec![seats]))
}

use apollo_compiler::Node;

fn hall(value: Value) -> Variables {
    [("hall".to_owned(), value)].into_iter().collect()
}

const SEATS: &str = r#"{"result":{"seats":[
    {"hall":1,"nr":1,"next":{"hall":1,"nr":2},"cost":{"total":2.5}},
    {"hall":1,"nr":2,"next":{"hall":null,"nr":null},"cost":null},
    {"hall":1,"nr":3,"next":{}},
    {"hall":null,"nr":4},
    null
]}}"#;

#[tokio::test]
async fn a_root_field_is_picked_and_null_keys_are_null() {
    let service = Service::fixed(Reply::json(SEATS)).await;
    let graph = graph(&service.url);
    let response = respond_with(&graph, seats_plan(&graph, None, vec![]), &HeaderMap::new(), &hall(json!("a/b"))).await;
    let seats = json!([
        {"number": 1, "price": 2.5, "next": {"number": 2}},
        {"number": 2, "price": null, "next": null},
        {"number": 3, "price": null, "next": null},
        null,
        null,
    ]);
    assert_eq!(response, json!({"data": {"seats": seats}}));
    assert_eq!(service.asked()[0].uri, "/halls/a%2Fb");
}

#[tokio::test]
async fn a_root_field_that_fails() {
    for (reply, expected) in [
        (Reply::status(404, ""), vec!["DOWNSTREAM_STATUS seats"]),
        (Reply::status(503, "busy"), vec!["DOWNSTREAM_STATUS seats"]),
        (Reply::json("<html>"), vec!["DOWNSTREAM_INVALID_RESPONSE seats"]),
        (Reply::json(r#"{"result":{"seats":[}"#), vec!["DOWNSTREAM_INVALID_RESPONSE seats"]),
        (Reply::json(r#"{"result":{"seats":7}}"#), vec!["DOWNSTREAM_INVALID_RESPONSE seats"]),
        (Reply::json(r#"{"result":{}}"#), vec![]),
        (Reply::hang(), vec!["DOWNSTREAM_TIMEOUT seats"]),
    ] {
        let service = Service::fixed(reply.clone()).await;
        let graph = graph(&service.url);
        let response =
            respond_with(&graph, seats_plan(&graph, None, vec![]), &HeaderMap::new(), &hall(json!("1"))).await;
        assert_eq!(response["data"], json!({"seats": null}), "{reply:?}");
        assert_eq!(told(&response), expected, "{reply:?}");
    }
    // A null in the path: there is nothing to ask for.
    let service = Service::fixed(Reply::json(SEATS)).await;
    let graph = graph(&service.url);
    let response = respond_with(&graph, seats_plan(&graph, None, vec![]), &HeaderMap::new(), &hall(json!(null))).await;
    assert_eq!(response, json!({"data": {"seats": null}}));
    assert_eq!(service.asked().len(), 0);
}

/// `stars` through the batch lookup.
fn batch_plan(graph: &Supergraph) -> Plan {
    let call = Call::ConnectLookup {
        connector: connector(graph, "seatsByNumber"),
        bindings: vec![
            LookupArgument { name: name("hall"), from: KeyBinding::Value(vec![name("hall")]) },
            LookupArgument { name: name("numbers"), from: KeyBinding::ListOfValues(vec![name("number")]) },
        ],
        matched_by: vec![vec![name("hall")], vec![name("number")]],
        inputs: vec![EntityInput {
            position: PositionId(1),
            types: Vec::new(),
            link: at(0, 4),
            asked: AskedFor::Entities,
            representation: key(&[("hall", 0), ("number", 1)]),
            requirements: Vec::new(),
            shape: ShapeId(3),
            variable: String::new(),
        }],
    };
    let entity = shape(
        3,
        vec![
            field("hall", 0, 0, ShapeValue::Leaf(Leaf::Id)),
            field("number", 1, 0, ShapeValue::Leaf(Leaf::Int)),
            field("stars", 2, 0, ShapeValue::Leaf(Leaf::Int)),
        ],
    );
    let rest = vec![leaf("stars", "Seat", "Int", at(1, 2), Leaf::Int), leaf("hall", "Seat", "ID!", at(1, 0), Leaf::Id)];
    seats_plan(graph, Some((call, entity)), rest)
}

fn in_two_halls(asked: &Asked) -> Option<Reply> {
    asked.uri.starts_with("/halls").then(|| {
        let seat = |hall: u32, number: u32| json!({"hall": hall, "nr": number});
        let seats = [seat(1, 1), seat(1, 2), seat(2, 1), seat(1, 3), seat(1, 1)];
        Reply::json(json!({"result": {"seats": seats}}).to_string())
    })
}

#[tokio::test]
async fn batches_are_partitioned_chunked_and_matched_by_key() {
    let service = Service::start(|asked| {
        in_two_halls(asked).unwrap_or_else(|| {
            Reply::json(match asked.uri.as_str() {
                // In another order, with one that nobody asked for, and a number as a text.
                "/batch/1?numbers=1%2C2" => r#"[{"n":9,"stars":9},{"n":"2","stars":12},null,{"n":1,"stars":11}]"#,
                // The chunk of the third seat fails.
                "/batch/1?numbers=3" => r#"{"oops":1}"#,
                "/batch/2?numbers=1" => r#"[{"n":1,"stars":21}]"#,
                other => panic!("{other}"),
            })
        })
    })
    .await;
    let graph = graph(&service.url);
    let response = respond_with(&graph, batch_plan(&graph), &HeaderMap::new(), &hall(json!("1"))).await;
    let seats = response["data"]["seats"].as_array().unwrap().iter();
    let stars: Vec<Value> = seats.map(|seat| json!([seat["hall"], seat["number"], seat["stars"]])).collect();
    assert_eq!(stars[..3], [json!(["1", 1, 11]), json!(["1", 2, 12]), json!(["2", 1, 21])]);
    assert_eq!(response["data"]["seats"][3], json!(null), "its hall may not be null");
    assert_eq!(stars[4], json!(["1", 1, 11]));
    assert_eq!(
        told(&response),
        ["DOWNSTREAM_INVALID_RESPONSE seats.3.stars", "DOWNSTREAM_INVALID_RESPONSE seats.3.hall"]
    );
    assert_eq!(service.asked().len(), 4, "{:?}", service.asked());
}

/// What a batch answers for the seats 1 and 2 of hall 1 → their stars, and what is told.
#[tokio::test]
async fn a_batch_with_strangers() {
    let invalid = |number: u32| format!("DOWNSTREAM_INVALID_RESPONSE seats.{}.stars", number - 1);
    let cases: [(&str, Value, Vec<String>); 15] = [
        (r#"[{"n":2,"stars":12},{"n":1,"stars":11}]"#, json!([11, 12]), vec![]),
        (r#"[{"n":2,"stars":12},{"n":9,"stars":9},{"n":1,"stars":11}]"#, json!([11, 12]), vec![]),
        (r#"[{"n":2,"stars":12}]"#, json!([null, 12]), vec![]),
        ("[]", json!([null, null]), vec![]),
        (r#"[null,{"n":null,"stars":1},{"n":2,"stars":12}]"#, json!([null, 12]), vec![]),
        (r#"[{"n":"many","stars":11},{"n":2,"stars":12}]"#, json!([null, 12]), vec![invalid(1)]),
        (r#"[{"stars":11},{"n":2,"stars":12}]"#, json!([null, 12]), vec![invalid(1)]),
        (r#"[{"n":[1],"stars":11},{"n":{"x":2},"stars":12}]"#, json!([null, null]), vec![invalid(1), invalid(2)]),
        (r#"[7,{"n":2,"stars":12}]"#, json!([null, 12]), vec![invalid(1)]),
        (r#"[7,{"n":2,"stars":12},{"n":1,"stars":11}]"#, json!([11, 12]), vec![]),
        (r#"[{"n":1.0,"stars":11},{"n":2e0,"stars":12}]"#, json!([11, 12]), vec![]),
        (r#"[{"n":1,"stars":11},{"n":2,"stars":12},{"n":"1","stars":13}]"#, json!([11, 12]), vec![]),
        (r#"[{"n":1,"stars":"x"},{"n":2,"stars":12},{"n":1,"stars":13}]"#, json!([null, 12]), vec![invalid(1)]),
        (r#"[{"n":"\ud800","stars":11},{"n":2,"stars":12}]"#, json!([null, 12]), vec![invalid(1)]),
        (r#"[{"n":1,"x":"\ud800","stars":"\ud800"},{"n":2,"stars":12}]"#, json!([null, 12]), vec![invalid(1)]),
    ];
    for (batch, stars, errors) in cases {
        let service = Service::start(move |asked| {
            Reply::json(match asked.uri.starts_with("/halls") {
                true => r#"{"result":{"seats":[{"hall":1,"nr":1},{"hall":1,"nr":2}]}}"#,
                false => batch,
            })
        })
        .await;
        let graph = graph(&service.url);
        let mut plan = batch_plan(&graph);
        let ProjectionValue::Object { object, .. } = &mut plan.projection.branches[0].fields[0].value else { panic!() };
        let object = Arc::get_mut(object).unwrap();
        object.branches[0].fields.retain(|field| field.response_key == "stars");
        let response = respond_with(&graph, plan, &HeaderMap::new(), &hall(json!("1"))).await;
        let seats = response["data"]["seats"].as_array().unwrap().iter();
        assert_eq!(seats.map(|seat| seat["stars"].clone()).collect::<Value>(), stars, "{batch}: {response}");
        assert_eq!(told(&response), errors, "{batch}: {response}");
    }
}

#[tokio::test]
async fn single_lookups_and_missing_entities() {
    let service = Service::start(|asked| {
        in_two_halls(asked).unwrap_or_else(|| match asked.uri.as_str() {
            "/one/1/1" => Reply::json(r#"{"hall":"1","number":1,"s":[4,5],"l":" a "}"#),
            "/one/1/2" => Reply::status(404, "no"),
            "/one/1/3" => Reply::status(500, "no"),
            // What cannot be read spoils what it is mapped to.
            "/one/2/1" => Reply::json(r#"{"s":[3],"l":"b\ud800 ","x":[1e999]}"#),
            other => panic!("{other}"),
        })
    })
    .await;
    let graph = graph(&service.url);
    let call = Call::ConnectLookup {
        connector: connector(&graph, "seat"),
        bindings: vec![
            LookupArgument { name: name("hall"), from: KeyBinding::Value(vec![name("hall")]) },
            LookupArgument { name: name("number"), from: KeyBinding::Value(vec![name("number")]) },
        ],
        matched_by: Vec::new(),
        inputs: vec![EntityInput {
            position: PositionId(1),
            types: Vec::new(),
            link: at(0, 4),
            asked: AskedFor::Entities,
            representation: key(&[("hall", 0), ("number", 1)]),
            requirements: Vec::new(),
            shape: ShapeId(3),
            variable: String::new(),
        }],
    };
    let leaves = [("stars", Leaf::Int), ("label", Leaf::String)];
    let fields = leaves.iter().zip(0..).map(|((key, of), slot)| field(key, slot, 0, ShapeValue::Leaf(of.clone())));
    let entity = shape(2, fields.collect());
    let rest = vec![
        leaf("stars", "Seat", "Int", at(1, 0), Leaf::Int),
        leaf("label", "Seat", "String", at(1, 1), Leaf::String),
    ];
    let plan = seats_plan(&graph, Some((call, entity)), rest);
    let response = respond_with(&graph, plan, &HeaderMap::new(), &hall(json!("1"))).await;
    let of = |key: &str| {
        let seats = response["data"]["seats"].as_array().unwrap().iter();
        seats.map(|seat| seat[key].clone()).collect::<Value>()
    };
    assert_eq!(of("stars"), json!([4, null, 3, null, 4]), "{response}");
    assert_eq!(of("label"), json!(["a", null, null, null, "a"]), "{response}");
    let expected = [
        "DOWNSTREAM_INVALID_RESPONSE seats.2.label",
        "DOWNSTREAM_STATUS seats.3.stars",
        "DOWNSTREAM_STATUS seats.3.label",
    ];
    assert_eq!(told(&response), expected);
    assert_eq!(service.asked().len(), 5, "one call for each key");
}

#[tokio::test]
async fn a_connected_field_calls_once_for_equal_objects() {
    let service = Service::start(|asked| {
        in_two_halls(asked).unwrap_or_else(|| {
            let body: Value = serde_json::from_slice(&asked.body).unwrap();
            Reply::json(json!({"text": format!("{body}")}).to_string())
        })
    })
    .await;
    let graph = graph(&service.url);
    let call = Call::ConnectField {
        connector: connector(&graph, "note"),
        arguments: vec![(name("loud"), Node::new(Literal::Boolean(true)))],
        required: vec![RequiredArgument {
            name: name("of"),
            from: KeyBinding::Value(vec![name("number")]),
            non_null: true,
        }],
        inputs: vec![EntityInput {
            position: PositionId(1),
            types: Vec::new(),
            link: at(0, 4),
            asked: AskedFor::Entities,
            representation: key(&[("number", 1)]),
            requirements: Vec::new(),
            shape: ShapeId(3),
            variable: String::new(),
        }],
    };
    let record = shape(1, vec![field("note", 0, 0, ShapeValue::Leaf(Leaf::String))]);
    let rest = vec![leaf("note", "Seat", "String", at(1, 0), Leaf::String)];
    let plan = seats_plan(&graph, Some((call, record)), rest);
    let mut headers = HeaderMap::new();
    headers.insert("x-guest", "g".parse().unwrap());
    headers.insert("authorization", "secret".parse().unwrap());
    let response = respond_with(&graph, plan, &headers, &hall(json!("1"))).await;
    let notes: Vec<&Value> = response["data"]["seats"].as_array().unwrap().iter().map(|seat| &seat["note"]).collect();
    let note = |number: u32| json!(format!(r#"{{"of":{number},"loud":true}}"#));
    assert_eq!(notes, [&note(1), &note(2), &note(1), &note(3), &note(1)]);
    let asked = service.asked();
    assert_eq!(asked.len(), 4, "numbers 1, 2 and 3, each once");
    assert_eq!(asked[1].headers.get("x-guest").unwrap(), "g");
    assert!(asked[1].headers.get("authorization").is_none());
}
