//! Null propagation and fallbacks.

use serde_json::{Value, json};

use super::service::{Reply, Service};
use super::*;
use crate::supergraph::policy::{Fallback, FallbackReport};

const SCHEMA: &str = "
    type Query { a: A  b: A! }
    type A { x: Int  list: [A]  items: [Int] }
";

/// `{ a { list { x } items } }` with these types.
fn a_plan(types: [&str; 4], fallback: Option<(usize, Fallback)>) -> Plan {
    let shapes = vec![
        shape(1, vec![field("a", 0, 0, ShapeValue::Object(ShapeId(1)))]),
        shape(
            2,
            vec![
                field("list", 0, 1, ShapeValue::Object(ShapeId(2))),
                field("items", 1, 1, ShapeValue::Leaf(Leaf::Int)),
            ],
        ),
        shape(1, vec![field("x", 0, 0, ShapeValue::Leaf(Leaf::Int))]),
    ];
    let positions = vec![
        position(None, "", 0, vec![RecordSource::Root(FetchId(0))], "Query"),
        position(Some(0), "a", 0, vec![nested(0, 0)], "A"),
        position(Some(1), "list", 1, vec![nested(0, 0)], "A"),
    ];
    let [a, list, x, items] = types;
    let mut fields = [
        object("a", "Query", a, at(0, 0), projection(1, "A", Vec::new())),
        object("list", "A", list, at(0, 0), projection(2, "A", Vec::new())),
        leaf("x", "A", x, at(0, 0), Leaf::Int),
        leaf("items", "A", items, at(0, 1), Leaf::Int),
    ];
    if let Some((index, fallback)) = fallback {
        fields[index].fallback = Some(fallback.into());
    }
    let [mut a, mut list, x, items] = fields;
    let put = |field: &mut ProjectionField, fields: Vec<ProjectionField>| {
        if let ProjectionValue::Object { object, .. } = &mut field.value {
            Arc::get_mut(object).unwrap().branches[0].fields = fields;
        }
    };
    put(&mut list, vec![x]);
    put(&mut a, vec![list, items]);
    let fetches = vec![fetch(0, &[], Call::Root { operation: operation("{a{list{x}items}}"), shape: ShapeId(0) })];
    plan(fetches, shapes, positions, projection(0, "Query", vec![a]))
}

async fn ask(plan: Plan, reply: Reply) -> Value {
    let service = Service::fixed(reply).await;
    let supergraph = supergraph(SCHEMA, vec![subgraph("s", Some(service.url.clone()), SCHEMA)]);
    respond(&supergraph, plan, &http::HeaderMap::new()).await
}

#[tokio::test]
async fn nulls_go_up_to_the_nearest_nullable() {
    let nullable = ["A", "[A]", "Int", "[Int]"];
    let answer = |a: Value| Reply::json(json!({"data": {"a": a}}).to_string());
    let hole = json!({"list": [{"x": 1}, {"x": null}], "items": [1, null]});
    let cannot = "Cannot return null for non-nullable field";
    let cases: Vec<([&str; 4], Value, Value, Vec<String>)> = vec![
        (nullable, hole.clone(), json!({"a": hole}), vec![]),
        (
            ["A", "[A]", "Int!", "[Int]"],
            hole.clone(),
            json!({"a": {"list": [{"x": 1}, null], "items": [1, null]}}),
            vec![format!("{cannot} A.x. at a.list.1.x")],
        ),
        (
            ["A", "[A!]", "Int!", "[Int]"],
            hole.clone(),
            json!({"a": {"list": null, "items": [1, null]}}),
            vec![format!("{cannot} A.x. at a.list.1.x")],
        ),
        (
            ["A", "[A!]!", "Int!", "[Int]"],
            hole.clone(),
            json!({"a": null}),
            vec![format!("{cannot} A.x. at a.list.1.x")],
        ),
        (["A!", "[A!]!", "Int!", "[Int]"], hole.clone(), json!(null), vec![format!("{cannot} A.x. at a.list.1.x")]),
        (
            ["A", "[A]", "Int", "[Int!]"],
            hole.clone(),
            json!({"a": {"list": [{"x": 1}, {"x": null}], "items": null}}),
            vec![format!("{cannot} A.items. at a.items.1")],
        ),
        (
            ["A", "[A]", "Int", "[Int!]!"],
            hole.clone(),
            json!({"a": null}),
            vec![format!("{cannot} A.items. at a.items.1")],
        ),
        (["A!", "[A]", "Int", "[Int]"], json!(null), json!(null), vec![format!("{cannot} Query.a. at a")]),
        (
            ["A", "[A]", "Int!", "[Int]"],
            json!({"list": [{"x": "wrong"}]}),
            json!({"a": {"list": [null], "items": null}}),
            vec!["s: not an integer of 32 bits at a.list.0.x".to_owned()],
        ),
    ];
    for (types, a, data, messages) in cases {
        let response = ask(a_plan(types, None), answer(a)).await;
        assert_eq!(response["data"], data, "{types:?}");
        assert_eq!(messages_of(&response), messages, "{types:?}");
        for error in response["errors"].as_array().into_iter().flatten() {
            let code = match error["message"].as_str().unwrap().starts_with(cannot) {
                true => "UNEXPECTED_NULL",
                false => "DOWNSTREAM_INVALID_RESPONSE",
            };
            assert_eq!(error["extensions"], json!({"code": code, "service": "s"}), "{types:?}");
        }
    }
}

fn messages_of(response: &Value) -> Vec<String> {
    let errors = response["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let path =
        |error: &Value| error["path"].as_array().into_iter().flatten().map(segment).collect::<Vec<_>>().join(".");
    errors.iter().map(|error| format!("{} at {}", error["message"].as_str().unwrap(), path(error))).collect()
}

fn fallback(value: Option<Value>) -> Fallback {
    Fallback { value, stale_ms: None, on_error: true, on_timeout: true, on_null: false, report: FallbackReport::Errors }
}

#[tokio::test]
async fn fallbacks_stand_in_before_nulls_go_up() {
    let types = ["A!", "[A!]!", "Int!", "[Int]"];
    let saved = json!({"a": {"list": [{"x": 7}], "items": null}});
    let stand_in = json!({"list": [{"x": 7}], "other": 1});

    // A value of the field itself, which is wrong.
    let wrong = || Reply::json(r#"{"data":{"a":{"list":[{"x":"wrong"}]}}}"#);
    let response = ask(a_plan(types, Some((2, fallback(Some(json!(7)))))), wrong()).await;
    assert_eq!(response["data"], saved);
    assert_eq!(response["errors"][0]["extensions"]["fallback"], json!("VALUE"));
    assert_eq!(told(&response), ["DOWNSTREAM_INVALID_RESPONSE a.list.0.x"]);

    // An object, projected by the selection.
    let response = ask(a_plan(types, Some((0, fallback(Some(stand_in.clone()))))), Reply::status(503, "")).await;
    assert_eq!(response["data"], saved);
    assert_eq!(told(&response), ["DOWNSTREAM_STATUS a"]);

    // Only for what it was declared.
    let only_timeout = Fallback { on_error: false, ..fallback(Some(stand_in.clone())) };
    let response = ask(a_plan(types, Some((0, only_timeout.clone()))), Reply::status(503, "")).await;
    assert_eq!(response["data"], json!(null));
    assert_eq!(response["errors"][0]["extensions"]["fallback"], Value::Null);
    let response = ask(a_plan(types, Some((0, only_timeout))), Reply::hang()).await;
    assert_eq!(response["data"], saved);
    assert_eq!(response["errors"][0]["message"], json!("s: no answer within 400 ms"));

    // A null is not told, and only covered when asked for.
    let null = || Reply::json(r#"{"data":{"a":null}}"#);
    let on_null = Fallback { on_null: true, ..fallback(Some(stand_in.clone())) };
    assert_eq!(ask(a_plan(types, Some((0, on_null))), null()).await, json!({"data": saved}));
    let response = ask(a_plan(types, Some((0, fallback(Some(stand_in.clone()))))), null()).await;
    assert_eq!(response["data"], json!(null));

    // Told elsewhere.
    let extensions = Fallback { report: FallbackReport::Extensions, ..fallback(Some(stand_in)) };
    let response = ask(a_plan(types, Some((0, extensions))), Reply::status(503, "")).await;
    assert_eq!(response["errors"], Value::Null);
    assert_eq!(response["extensions"]["fallbacks"][0]["extensions"]["code"], json!("DOWNSTREAM_STATUS"));
    assert_eq!(response["extensions"]["fallbacks"][0]["path"], json!(["a"]));
}
