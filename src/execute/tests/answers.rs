//! Every kind of answer that a service can give: the response stays valid, and only those fields suffer.

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::service::{Reply, Service};
use super::*;

const SCHEMA: &str = "
    type Query { users: [[User]]  me: User }
    type User { id: ID!  name: String  role: Role  age: Int  any: Any  score: Float }
    enum Role { ADMIN GUEST }
    scalar Any
";

/// `{ users { id name role age any score } }`: all but `score` from the first service, `score` as an entity's field from the
/// second one.
fn users_plan() -> Plan {
    let role = Leaf::Enum {
        known: [name("ADMIN"), name("GUEST"), name("HIDDEN")].into(),
        visible: [name("ADMIN"), name("GUEST")].into(),
    };
    let shapes = vec![
        shape(1, vec![field("users", 0, 2, ShapeValue::Object(ShapeId(1)))]),
        shape(
            6,
            vec![
                field("id", 0, 0, ShapeValue::Leaf(Leaf::Id)),
                field("name", 1, 0, ShapeValue::Leaf(Leaf::String)),
                field("role", 2, 0, ShapeValue::Leaf(role.clone())),
                field("age", 3, 0, ShapeValue::Leaf(Leaf::Int)),
                field("any", 4, 0, ShapeValue::Leaf(Leaf::Any)),
            ],
        ),
        shape(1, vec![field("score", 0, 0, ShapeValue::Leaf(Leaf::Float))]),
    ];
    let input = EntityInput {
        position: PositionId(1),
        types: Vec::new(),
        link: at(0, 5),
        asked: AskedFor::Entities,
        representation: by_id(RepresentationTypename::Fixed(name("User")), at(0, 0)),
        requirements: Vec::new(),
        shape: ShapeId(2),
        variable: "representations".into(),
    };
    let fetches = vec![
        fetch(0, &[], Call::Root { operation: operation("{users{id name role age any}}"), shape: ShapeId(0) }),
        fetch(
            1,
            &[0],
            Call::Entities {
                operation: operation(
                    "query($representations:[_Any!]!){_entities(representations:$representations){...on User{score}}}",
                ),
                inputs: vec![input],
            },
        ),
    ];
    let positions = vec![
        position(None, "", 0, vec![RecordSource::Root(FetchId(0))], "Query"),
        position(Some(0), "users", 2, vec![nested(0, 0), link(0, 5)], "User"),
    ];
    let user = projection(
        1,
        "User",
        vec![
            leaf("id", "User", "ID!", at(0, 0), Leaf::Id),
            leaf("score", "User", "Float", at(1, 0), Leaf::Float),
            leaf("name", "User", "String", at(0, 1), Leaf::String),
            leaf("role", "User", "Role", at(0, 2), role),
            leaf("age", "User", "Int", at(0, 3), Leaf::Int),
            leaf("any", "User", "Any", at(0, 4), Leaf::Any),
        ],
    );
    plan(fetches, shapes, positions, projection(0, "Query", vec![object("users", "Query", "[[User]]", at(0, 0), user)]))
}

/// Answers `score` = the id of each representation, in one go.
async fn scores() -> Service {
    Service::start(|asked| {
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        let representations = body["variables"]["representations"].as_array().unwrap().clone();
        let score = |of: &Value| json!({"score": of["id"].as_str().unwrap().parse::<f64>().unwrap_or(0.5)});
        let entities: Vec<Value> = representations.iter().map(score).collect();
        Reply::json(json!({"data": {"_entities": entities}}).to_string())
    })
    .await
}

async fn ask(users: &str, scores: &str) -> Value {
    let supergraph = supergraph(
        SCHEMA,
        vec![subgraph("users", Some(users.into()), SCHEMA), subgraph("scores", Some(scores.into()), SCHEMA)],
    );
    respond(&supergraph, users_plan(), &HeaderMap::new()).await
}

#[tokio::test]
async fn entities_are_linked_through_lists_and_asked_once() {
    let users = Service::fixed(Reply::json(
        r#"{"data":{"users":[[{"id":"1","name":"A\u00e9","role":"ADMIN","age":1.0,"any":{"x":[1,null]}},{"id":2}],null,[],[{"id":"1"},null,{"id":"2","extra":{"deep":[]},"age":3}]]}}"#,
    ))
    .await;
    let scores = scores().await;
    let response = ask(&users.url, &scores.url).await;
    let user =
        |id: &str, score: f64| json!({"id": id, "score": score, "name": null, "role": null, "age": null, "any": null});
    let first = json!({"id": "1", "score": 1.0, "name": "Aé", "role": "ADMIN", "age": 1, "any": {"x": [1, null]}});
    let mut last = user("2", 2.0);
    last["age"] = json!(3);
    let expected = json!({"data": {"users": [[first, user("2", 2.0)], null, [], [user("1", 1.0), null, last]]}});
    assert_eq!(response, expected);
    let asked = scores.asked();
    assert_eq!(asked.len(), 1, "one call");
    let body: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(
        body["variables"]["representations"],
        json!([{"__typename": "User", "id": "1"}, {"__typename": "User", "id": "2"}]),
        "each entity once, an integer as the same ID as its text"
    );
}

/// What the first service answers → what is left of `users`, and what is told.
#[tokio::test]
async fn broken_root_answers() {
    let huge = format!(r#"{{"data":{{"users":[[{{"id":"1","age":{}}}]]}}}}"#, "9".repeat(400));
    let deep =
        format!(r#"{{"data":{{"users":[[{{"id":"1","unknown":{}1{}}}]]}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let one = |age: Value| json!([[{"id": "1", "score": 1.0, "name": null, "role": null, "age": age, "any": null}]]);
    let invalid = "DOWNSTREAM_INVALID_RESPONSE users";
    let cases: Vec<(&str, Reply, Value, Vec<&str>)> = vec![
        ("HTML", Reply::json("<html><body>Bad gateway</body></html>"), json!(null), vec![invalid]),
        ("HTML with 502", Reply::status(502, "<html>"), json!(null), vec!["DOWNSTREAM_STATUS users"]),
        ("nothing", Reply::json(""), json!(null), vec![invalid]),
        ("204", Reply::status(204, ""), json!(null), vec![invalid]),
        ("3xx", Reply::status(304, ""), json!(null), vec!["DOWNSTREAM_STATUS users"]),
        ("truncated", Reply::json(r#"{"data":{"users":[[{"id":"1""#), json!(null), vec![invalid]),
        ("trailing", Reply::json(r#"{"data":{"users":[]}} x"#), json!(null), vec![invalid]),
        ("a list", Reply::json("[]"), json!(null), vec![invalid]),
        ("an empty object", Reply::json("{}"), json!(null), vec![invalid]),
        ("null data alone", Reply::json(r#"{"data":null}"#), json!(null), vec![invalid]),
        ("data of a wrong type", Reply::json(r#"{"data":[1]}"#), json!(null), vec![invalid]),
        (
            "errors of a wrong type",
            Reply::json(r#"{"data":{"users":[]},"errors":"x"}"#),
            json!([]),
            vec!["DOWNSTREAM_ERROR "],
        ),
        ("UTF-16", Reply::json(&b"\xff\xfe{\0\"\0d\0"[..]), json!(null), vec![invalid]),
        ("no UTF-8 between tokens", Reply::json(&b"{\"data\":{\"users\":[]\xff}}"[..]), json!(null), vec![invalid]),
        (
            "a byte order mark",
            Reply::json("\u{feff}{\"data\":{\"users\":[[{\"id\":\"1\"}]]}}"),
            one(json!(null)),
            vec![],
        ),
        ("a control character", Reply::json("{\"data\":{\"users\":[[{\"id\":\"\n\"}]]}}"), json!(null), vec![invalid]),
        ("too deep", Reply::json(deep), json!(null), vec![invalid]),
        ("a huge number", Reply::json(huge), one(json!(null)), vec!["DOWNSTREAM_INVALID_RESPONSE users.0.0.age"]),
        ("no list", Reply::json(r#"{"data":{"users":{"id":1}}}"#), json!(null), vec![invalid]),
        (
            "a list too few",
            Reply::json(r#"{"data":{"users":[{"id":"1"}]}}"#),
            json!([null]),
            vec!["DOWNSTREAM_INVALID_RESPONSE users.0"],
        ),
        (
            "no object",
            Reply::json(r#"{"data":{"users":[["x"]]}}"#),
            json!([[null]]),
            vec!["DOWNSTREAM_INVALID_RESPONSE users.0.0"],
        ),
        ("a key twice", Reply::json(r#"{"data":{"users":[[{"id":"7","id":"1"}]]}}"#), one(json!(null)), vec![]),
        (
            "data twice",
            Reply::json(r#"{"data":{"users":[]},"data":{"users":[[{"id":"1"}]]}}"#),
            one(json!(null)),
            vec![],
        ),
        ("an escaped key", Reply::json(r#"{"data":{"users":[[{"\u0069d":"1"}]]}}"#), one(json!(null)), vec![]),
        (
            "another enum value",
            Reply::json(r#"{"data":{"users":[[{"id":"1","role":"KING"}]]}}"#),
            one(json!(null)),
            vec!["DOWNSTREAM_INVALID_RESPONSE users.0.0.role"],
        ),
        (
            "a hidden enum value",
            Reply::json(r#"{"data":{"users":[[{"id":"1","role":"HIDDEN"}]]}}"#),
            one(json!(null)),
            vec![],
        ),
        (
            "a wrong scalar",
            Reply::json(r#"{"data":{"users":[[{"id":"1","age":"1"}]]}}"#),
            one(json!(null)),
            vec!["DOWNSTREAM_INVALID_RESPONSE users.0.0.age"],
        ),
        ("500 with data", Reply::status(500, r#"{"data":{"users":[[{"id":"1","age":4}]]}}"#), one(json!(4)), vec![]),
        (
            "400 with errors",
            Reply::status(400, r#"{"errors":[{"message":"no"}]}"#),
            json!(null),
            vec!["DOWNSTREAM_ERROR users"],
        ),
        (
            "null data with an error",
            Reply::json(r#"{"data":null,"errors":[{"message":"no","path":["users"]}]}"#),
            json!(null),
            vec!["DOWNSTREAM_ERROR users"],
        ),
        (
            "an error beside data",
            Reply::json(
                r#"{"errors":[{"message":"no","path":["users",0,0,"age"]}],"data":{"users":[[{"id":"1","age":4}]]}}"#,
            ),
            one(json!(4)),
            vec!["DOWNSTREAM_ERROR users.0.0.age"],
        ),
        (
            "an error below a null",
            Reply::json(r#"{"errors":[{"message":"no","path":["users",0,0,"id"]}],"data":{"users":[[null]]}}"#),
            json!([[null]]),
            vec!["DOWNSTREAM_ERROR users.0.0.id"],
        ),
        (
            "an error nowhere",
            Reply::json(
                r#"{"errors":[{"message":"no","path":["users",9,"x"]},{"message":"no","path":[{}]},7],"data":{"users":[[{"id":"1"}]]}}"#,
            ),
            one(json!(null)),
            vec!["DOWNSTREAM_ERROR users", "DOWNSTREAM_ERROR ", "DOWNSTREAM_ERROR "],
        ),
        ("nothing in time", Reply::hang(), json!(null), vec!["DOWNSTREAM_TIMEOUT users"]),
    ];
    let scores = scores().await;
    for (case, reply, users, errors) in cases {
        let service = Service::fixed(reply).await;
        let response = ask(&service.url, &scores.url).await;
        assert_eq!(response["data"]["users"], users, "{case}: {response}");
        assert_eq!(told(&response), errors, "{case}: {response}");
        assert!(!response.to_string().contains("127.0.0.1"), "{case}: tells an address: {response}");
    }
}

/// What the second service answers for the entities 1 and 2 → their scores, and what is told.
#[tokio::test]
async fn broken_entities() {
    let users = Service::fixed(Reply::json(r#"{"data":{"users":[[{"id":"1"},{"id":"2"}]]}}"#)).await;
    let both = |code: &str| vec![format!("{code} users.0.0.score"), format!("{code} users.0.1.score")];
    let invalid = both("DOWNSTREAM_INVALID_RESPONSE");
    let none = [json!(null), json!(null)];
    let data = |text: &str| Reply::json(format!(r#"{{"data":{{"_entities":{text}}}}}"#));
    let cases: Vec<(&str, Reply, [Value; 2], Vec<String>)> = vec![
        ("one too few", data(r#"[{"score":1}]"#), none.clone(), invalid.clone()),
        ("one too many", data(r#"[{"score":1},{"score":2},{"score":3}]"#), none.clone(), invalid.clone()),
        ("null", data("null"), none.clone(), invalid.clone()),
        ("no list", data("{}"), none.clone(), invalid.clone()),
        ("missing", Reply::json(r#"{"data":{}}"#), none.clone(), invalid.clone()),
        ("a null entity", data(r#"[null,{"score":2}]"#), [json!(null), json!(2)], vec![]),
        (
            "no object",
            data(r#"["x",{"score":2}]"#),
            [json!(null), json!(2)],
            vec!["DOWNSTREAM_INVALID_RESPONSE users.0.0.score".into()],
        ),
        (
            "a wrong scalar",
            data(r#"[{"score":{}},{"score":2}]"#),
            [json!(null), json!(2)],
            vec!["DOWNSTREAM_INVALID_RESPONSE users.0.0.score".into()],
        ),
        (
            "infinite",
            data(r#"[{"score":1e999},{"score":2}]"#),
            [json!(null), json!(2)],
            vec!["DOWNSTREAM_INVALID_RESPONSE users.0.0.score".into()],
        ),
        (
            "an error of one",
            Reply::json(
                r#"{"data":{"_entities":[{"score":null},{"score":2}]},"errors":[{"message":"no","path":["_entities",0,"score"],"extensions":{"code":"X","stacktrace":["at"]}}]}"#,
            ),
            [json!(null), json!(2)],
            vec!["DOWNSTREAM_ERROR users.0.0.score".into()],
        ),
        (
            "an error of all",
            Reply::json(r#"{"data":null,"errors":[{"message":"no"}]}"#),
            none.clone(),
            both("DOWNSTREAM_ERROR"),
        ),
        ("HTML", Reply::json("<html>"), none.clone(), invalid.clone()),
        ("503", Reply::status(503, "busy"), none.clone(), both("DOWNSTREAM_STATUS")),
        ("nothing in time", Reply::hang(), none.clone(), both("DOWNSTREAM_TIMEOUT")),
    ];
    for (case, reply, [first, second], errors) in cases {
        let service = Service::fixed(reply).await;
        let response = ask(&users.url, &service.url).await;
        let row = &response["data"]["users"][0];
        assert_eq!([&row[0]["id"], &row[1]["id"]], [&json!("1"), &json!("2")], "{case}: {response}");
        assert_eq!([&row[0]["score"], &row[1]["score"]], [&first, &second], "{case}: {response}");
        assert_eq!(told(&response), errors, "{case}: {response}");
        assert!(!response.to_string().contains("stacktrace"), "{case}: {response}");
    }
    let response = ask(&users.url, "http://127.0.0.1:1/").await;
    assert_eq!(told(&response), both("DOWNSTREAM_UNAVAILABLE"), "{response}");
}

#[tokio::test]
async fn a_thousand_failures_are_counted() {
    let many: Vec<Value> = (0..250).map(|id| json!({"id": id})).collect();
    let users = Service::fixed(Reply::json(json!({"data": {"users": [many]}}).to_string())).await;
    let scores = Service::fixed(Reply::status(500, "")).await;
    let response = ask(&users.url, &scores.url).await;
    let errors = response["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 101);
    assert_eq!(errors[100]["path"], Value::Null);
    let message = errors[100]["message"].as_str().unwrap();
    assert_eq!(message, "scores: 250 fields failed, of which the first 100 are listed");
}

/// One user as a service may write it → what is left of it, and the fields that fail.
#[tokio::test]
async fn values_that_are_hard_to_read() {
    let cases: Vec<(&[u8], Value, Vec<&str>)> = vec![
        // Texts.
        (br#""name":"\ud800","age":1"#, json!({"age": 1}), vec!["name"]),
        (br#""name":"a\udc00","any":{"x":["\ud83d"]},"age":1"#, json!({"age": 1}), vec!["name", "any"]),
        (br#""any":{"\ud83d":1},"age":1"#, json!({"age": 1}), vec!["any"]),
        (br#""name":"\ud83d\ude00","any":"\\ud800""#, json!({"name": "\u{1f600}", "any": "\\ud800"}), vec![]),
        (b"\"name\":\"\xff\",\"any\":[\"\xc3\xa9\"]", json!({"any": ["\u{e9}"]}), vec!["name"]),
        (b"\"extra\":\"\xff\\ud800\",\"\xff\":1,\"\\ud800\":2,\"age\":1", json!({"age": 1}), vec![]),
        (br#""name":"\u0000\u001f","age":1"#, json!({"name": "\0\u{1f}", "age": 1}), vec![]),
        (br#""role":"\ud800""#, json!({}), vec!["role"]),
        (br#""role":"\u0041DMIN""#, json!({"role": "ADMIN"}), vec![]),
        // Numbers.
        (br#""age":1.0,"any":1.0"#, json!({"age": 1, "any": 1.0}), vec![]),
        (br#""age":1e2,"any":1E+2"#, json!({"age": 100, "any": 100.0}), vec![]),
        (br#""age":-0,"any":-0"#, json!({"age": 0, "any": -0.0}), vec![]),
        (br#""age":-2147483648"#, json!({"age": i32::MIN}), vec![]),
        (br#""age":2147483648"#, json!({}), vec!["age"]),
        (br#""age":-2147483649.0"#, json!({}), vec!["age"]),
        (br#""age":1.5"#, json!({}), vec!["age"]),
        (br#""age":1e999999999999"#, json!({}), vec!["age"]),
        (br#""age":1e-1"#, json!({}), vec!["age"]),
        (br#""age":true"#, json!({}), vec!["age"]),
        (br#""any":123456789012345678901234567890"#, json!({"any": 1.2345678901234568e29}), vec![]),
        // Objects.
        (br#""age":1,"age":2,"name":"a","name":null"#, json!({"age": 2}), vec![]),
        (br#""age":"x","age":2"#, json!({"age": 2}), vec![]),
        (br#""__proto__":{"age":3},"constructor":1,"age":2"#, json!({"age": 2}), vec![]),
        (br#""name":["a"],"role":{"x":1},"age":[1]"#, json!({}), vec!["name", "role", "age"]),
    ];
    let scores = scores().await;
    for (members, expected, failed) in cases {
        let shown = String::from_utf8_lossy(members);
        let body = [br#"{"data":{"users":[[{"id":1,"#, members, b"},{\"id\":\"1\"}]]}}"].concat();
        let service = Service::fixed(Reply::json(body)).await;
        let response = ask(&service.url, &scores.url).await;
        let mut user = json!({"id": "1", "score": 1.0, "name": null, "role": null, "age": null, "any": null});
        let other = user.clone();
        user.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
        assert_eq!(response["data"]["users"][0], json!([user, other]), "{shown}: {response}");
        let failed: Vec<String> =
            failed.iter().map(|field| format!("DOWNSTREAM_INVALID_RESPONSE users.0.0.{field}")).collect();
        assert_eq!(told(&response), failed, "{shown}: {response}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A correct answer with some bytes changed or cut off gives a valid response with the keys that were asked for.
    #[test]
    fn mutated_answers(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut text = br#"{"data":{"users":[[{"id":"1","name":"n","role":"ADMIN","age":1,"any":{"x":[1,null]}},{"id":2}],null]},"errors":[{"message":"m","path":["users",0,1,"name"]}]}"#.to_vec();
        for (index, byte) in changes {
            let index = index.index(text.len());
            text[index] = byte;
        }
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let response = runtime.block_on(async {
            let users = Service::fixed(Reply::json(text)).await;
            let scores = Service::fixed(Reply::json(r#"{"data":{"_entities":[{"score":1},{"score":2}]}}"#)).await;
            ask(&users.url, &scores.url).await
        });
        let data = response["data"].as_object().unwrap();
        prop_assert_eq!(data.keys().collect::<Vec<_>>(), vec!["users"]);
    }
}
