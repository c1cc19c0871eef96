//! What the language means, as tables; that its reference does not lie; and that no text makes it panic.

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// The value of a mapping, and how many problems it had.
fn evaluate(text: &str, input: &Value, given: &Value) -> (Option<Value>, Vec<Problem>) {
    let mapping = Mapping::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let headers = |value: &Value| {
        let mut headers = HeaderMap::new();
        for (name, value) in value.as_object().into_iter().flatten() {
            for value in value.as_array().into_iter().flatten() {
                let name: http::HeaderName = name.parse().unwrap();
                headers.append(name, value.as_str().unwrap().parse().unwrap());
            }
        }
        headers
    };
    let args = given["args"].as_object().cloned().unwrap_or_default();
    let environment = Environment {
        args: &args,
        config: &given["config"],
        request_headers: &headers(&given["request"]),
        response_headers: Some(&headers(&given["response"])),
        status: given["status"].as_u64().and_then(|status| u16::try_from(status).ok()),
    };
    let evaluated = mapping.evaluate(input, &environment);
    (evaluated.value, evaluated.problems)
}

/// The examples of the reference: a mapping, what it is given, and what it gives.
#[test]
fn the_reference_does_not_lie() {
    let text = include_str!("../../../docs/fragments.md");
    let mut examples = Vec::new();
    for block in text.split("```mapping\n").skip(1) {
        let block = block.split("\n```").next().unwrap();
        let mut parts = block.split("\n--- ");
        let mapping = parts.next().unwrap();
        let (mut answer, mut given, mut checked) = (json!({}), Value::Null, false);
        for part in parts {
            let (name, content) = part.split_once('\n').unwrap_or((part, ""));
            let parse =
                || serde_json::from_str(content).unwrap_or_else(|error| panic!("{mapping}: {error}: {content}"));
            match name {
                "answer" => answer = parse(),
                "given" => given = parse(),
                "gives" => {
                    let expected: Value = parse();
                    assert_eq!(evaluate(mapping, &answer, &given).0, Some(expected), "{mapping}");
                    checked = true;
                }
                "gives nothing" => {
                    assert_eq!(evaluate(mapping, &answer, &given).0, None, "{mapping}");
                    checked = true;
                }
                "refused" => {
                    let error = Mapping::parse(mapping).expect_err(mapping);
                    let told = format!("{} {}", error.message, error.help.unwrap_or_default());
                    assert_eq!(told.trim_end(), content, "{mapping}");
                    checked = true;
                }
                other => panic!("{mapping}: what is `{other}`?"),
            }
        }
        assert!(checked, "an example without a result: {mapping}");
        examples.push(mapping);
    }
    let all = examples.join("\n");
    for name in methods::Method::ALL.iter().map(|(name, ..)| *name).chain(["as"]) {
        assert!(all.contains(&format!("->{name}")), "the reference has no example of ->{name}");
    }
}

#[test]
fn paths_and_names() {
    let input = json!({
        "id": 7, "owner": {"name": "Ben", "address": {"city": "B", "zip": null}},
        "list": [{"a": 1, "b": {"c": 2}}, {"a": 3}, null], "x-y": 1, "nested": [[{"a": 1}], []], "nothing": null
    });
    let cases = [
        ("id", json!({"id": 7})),
        ("$.id", json!(7)),
        ("$", input.clone()),
        ("@.id", json!(7)),
        ("number: id", json!({"number": 7})),
        ("owner { name }", json!({"owner": {"name": "Ben"}})),
        ("$.owner { name }", json!({"name": "Ben"})),
        ("owner.address { city }", json!({"city": "B"})),
        ("id owner.address { city }", json!({"id": 7, "city": "B"})),
        ("id ...owner.address { city }", json!({"id": 7, "city": "B"})),
        ("id ...$.owner.address", json!({"id": 7, "city": "B", "zip": null})),
        ("city: owner.address.city", json!({"city": "B"})),
        ("list { a }", json!({"list": [{"a": 1}, {"a": 3}, null]})),
        ("all: list.a", json!({"all": [1, 3, null]})),
        ("all: list.b.c", json!({"all": [2, null, null]})),
        ("nested { a }", json!({"nested": [[{"a": 1}], []]})),
        ("all: list { parent: $.a }", json!({"all": [{"parent": 1}, {"parent": 3}, null]})),
        ("group: { id name: owner.name }", json!({"group": {"id": 7, "name": "Ben"}})),
        ("key: \"x-y\"", json!({"key": 1})),
        ("key: $.'x-y'", json!({"key": 1})),
        ("nothing { id }", json!({"nothing": null})),
        ("nothing", json!({"nothing": null})),
        ("missing { id } id", json!({"id": 7})),
        ("owner { name } owner { address { city } }", json!({"owner": {"name": "Ben", "address": {"city": "B"}}})),
        ("id # title\n owner { name # } \n }", json!({"id": 7, "owner": {"name": "Ben"}})),
        (
            "a: $(1) b: $('t') c: $([1, {x: id}]) d: $(null) e: $(true) f: $(-1.5) g: $(.5)",
            json!({
                "a": 1, "b": "t", "c": [1, {"x": 7}], "d": null, "e": true, "f": -1.5, "g": 0.5
            }),
        ),
        ("$({ \"quoted\": id, plain: owner.name, })", json!({"quoted": 7, "plain": "Ben"})),
        ("list: list->map(@.a)", json!({"list": [1, 3, null]})),
        ("list: list->filter(@.a->gt(1)) { a }", json!({"list": [{"a": 3}]})),
        ("x: owner->as($o).address->echo($o.name)", json!({"x": "Ben"})),
        ("x: owner->as($n, @.name).address { city who: $n }", json!({"x": {"city": "B", "who": "Ben"}})),
        ("x: list->first->as($a)->echo($a.b->as($a)->echo($a.c))", json!({"x": 2})),
        ("x: id->match([1, 'one'], [7, 'seven'])", json!({"x": "seven"})),
        ("x: id->match([1, 'one'])", json!({"x": null})),
        ("x: id->match([@->add(0), $.owner.name])", json!({"x": "Ben"})),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate(text, &input, &Value::Null).0, Some(expected), "{text}");
    }
}

#[test]
fn absence() {
    let input = json!({"null": null, "n": 27, "o": {"a": 1}});
    let cases = [
        ("$.no", None, 1),
        ("$.no.where", None, 1),
        ("$.no?.where", None, 0),
        ("$.n.where", None, 1),
        ("$.'null'.where", None, 1),
        ("$.'null'?.where", None, 0),
        ("$.'null'", Some(json!(null)), 0),
        ("$.'null'?", None, 0),
        ("$.o.b?", None, 0),
        ("$.'null'->jsonStringify", Some(json!("null")), 0),
        ("$.'null'?->jsonStringify", None, 0),
        ("$.n?->jsonStringify", Some(json!("27")), 0),
        ("$($.no ?? 'x')", Some(json!("x")), 0),
        ("$($.'null' ?? 'x')", Some(json!("x")), 0),
        ("$($.'null' ?! 'x')", Some(json!(null)), 0),
        ("$($.no ?! 'x')", Some(json!("x")), 0),
        ("$($.no ?? $.no2 ?? $.n)", Some(json!(27)), 0),
        ("$($.no ?? $.no2)", None, 1),
        ("$($.n->first ?? 1)", Some(json!(27)), 0),
        ("$args.x", None, 0),
        ("$args.n", Some(json!(null)), 0),
        ("$args.n?", None, 0),
        ("x: $args.n?->map({id: @})->first", Some(json!({})), 0),
        ("$config.a", None, 1),
        ("$request.headers.'x-no'", None, 1),
        ("$request.headers.'x-no'?->first", None, 0),
        ("$([no, n, $.'null'])", Some(json!([null, 27, null])), 1),
        ("$({a: no, b: n})", Some(json!({"b": 27})), 1),
    ];
    for (text, expected, problems) in cases {
        let (value, found) = evaluate(text, &input, &json!({"args": {"n": null}}));
        assert_eq!(value, expected, "{text}");
        assert_eq!(found.len(), problems, "{text}: {found:?}");
    }
}

#[test]
fn an_empty_answer() {
    assert_eq!(evaluate("id name", &Value::Null, &Value::Null).0, Some(Value::Null));
    assert_eq!(evaluate("ok: $(true) id", &Value::Null, &Value::Null).0, Some(json!({"ok": true})));
    assert_eq!(evaluate("$.result { id }", &Value::Null, &Value::Null).0, None);
    assert_eq!(evaluate("id", &json!([{"id": 1}, null, {}]), &Value::Null).0, Some(json!([{"id": 1}, null, {}])));
}

#[test]
fn methods_refuse_what_they_cannot_do() {
    let input = json!({"s": "a", "n": 1, "l": [1], "o": {"k": 1}, "z": null, "big": i64::MAX, "b": true});
    let cases = [
        "s->add(1)",
        "n->add('1')",
        "n->div(0)",
        "n->mod(0)",
        "big->mul(4)",
        "n->gt('a')",
        "s->lt(1)",
        "o->gt(o)",
        "s->and(true)",
        "b->and(1)",
        "n->not",
        "n->in(1)",
        "s->contains('a')",
        "s->entries",
        "n->size",
        "z->size",
        "n->slice(0)",
        "l->slice('a')",
        "l->slice(0.5)",
        "o->joinNotNull(',')",
        "l->joinNotNull(1)",
        "$([[1]])->joinNotNull(',')",
        "z->joinNotNull(',')",
        "s->jsonParse",
        "n->jsonParse",
        "o->toString",
        "l->toString",
        "s->parseInt",
        "o->parseInt",
        "s->parseInt(99)",
        "s->parseInt('x')",
        "l->get(5)",
        "l->get(-2)",
        "o->get('no')",
        "s->get('a')",
        "s->get(1)",
        "n->get(0)",
        "n->trim",
        "n->split(',')",
        "s->split(1)",
        "l->filter(@)",
        "$(1e308)->mul(10)",
        "$('99999999999999999999')->parseInt",
        "$(1e300)->parseInt",
    ];
    for text in cases {
        let text = format!("x: {text}");
        let (value, problems) = evaluate(&text, &input, &Value::Null);
        assert_eq!(value, Some(json!({})), "{text}");
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        let place = &text[problems[0].offset..];
        assert!(place.starts_with(|c: char| c.is_ascii_lowercase()), "{text}: {place}");
    }
}

#[test]
fn texts_that_are_no_mapping() {
    let cases = [
        ("id, name", 2, "not by commas", ""),
        ("{ id }", 0, "need a name", "$({"),
        ("a: 5", 3, "not `5`", "$(5)"),
        ("a: [1]", 3, "not `[`", "$( )"),
        ("a: b ?? 'c'", 5, "within `$( )` only", "a: $(b ?? …)"),
        ("id a.b", 3, "`a.b` needs a name", "name: a.b"),
        ("id $args.x", 3, "`$args.x` needs a name", ""),
        ("piles->entries x", 0, "needs a name", ""),
        ("owner {", 6, "never closed", ""),
        ("owner { }", 6, "select nothing", ""),
        ("id }", 3, "closes nothing", ""),
        ("a: $.b->frist", 8, "`->frist`", "Did you mean `->first`?"),
        ("a: b->typeof", 6, "`->typeof`", "no method for a value's type"),
        ("a: b->xyzzy", 6, "`->xyzzy`", "These exist: add, "),
        ("a: b->first(1)", 6, "takes no argument, not 1", ""),
        ("a: b->slice", 6, "1 or 2 arguments, not 0", ""),
        ("a: b->map", 6, "one argument", ""),
        ("a: b->match(1)", 6, "is a pair", ""),
        ("a: $arg.x", 3, "no variable `$arg`", "Did you mean `$args`?"),
        ("a: $foo", 3, "no variable `$foo`", "`$.foo`, or just `foo`"),
        ("a: $this.id", 3, "does not exist in this dialect", "@require"),
        ("a: $batch.id", 3, "does not exist in this dialect", "@lookup"),
        ("a: $env.KEY", 3, "does not exist in this dialect", "$config"),
        ("a: $context.x", 3, "does not exist in this dialect", "$request.headers"),
        ("a: $request.body", 3, "Only single headers", "$request.headers.'x-name'->first"),
        ("a: $request.headers", 3, "Only single headers", ""),
        ("a: $status.code", 11, "is a number", ""),
        ("a: b->as(c)", 9, "`$` is expected", ""),
        ("a: b->as($args)", 9, "cannot be set", ""),
        ("a: b->as($x) c: $x", 16, "no variable `$x`", ""),
        ("a: 'b", 3, "no closing `'`", ""),
        ("a: $('\\u12')", 6, "four digits", ""),
        ("a: $(1 ?? 2 ?! 3)", 12, "cannot be mixed", ""),
        ("a: $(1", 6, "`)` is expected, not the end", ""),
        ("a: $({b 1})", 8, "`:` is expected", ""),
        ("a: $({b: 1 c: 2})", 11, "is expected in a literal object", "commas"),
        ("a: b.", 5, "after `.`", "->get(0)"),
        ("a: b.0", 5, "after `.`", "->get(0)"),
        ("a: b->", 6, "after `->`", ""),
        ("... on Movie { id }", 4, "Type conditions", "__typename"),
        ("a: $(-)", 5, "is no number", ""),
        ("é", 0, "not `é`", ""),
    ];
    for (text, offset, message, help) in cases {
        let error = Mapping::parse(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {error:?}");
        assert_eq!(error.offset, offset, "{text}: {error:?}");
    }
}

#[test]
fn picks() {
    let pick = |path: &[&str], fields: Option<Vec<PickField>>| Pick {
        path: path.iter().map(|key| (*key).to_owned()).collect(),
        fields,
    };
    let field = |name: &str, pick: Pick| PickField { name: name.to_owned(), pick };
    let cases = [
        ("id", Some(pick(&[], Some(vec![field("id", pick(&["id"], None))])))),
        ("$.a.b", Some(pick(&["a", "b"], None))),
        ("$.r { id: key }", Some(pick(&["r"], Some(vec![field("id", pick(&["key"], None))])))),
        (
            "o: a.b { c } g: { d }",
            Some(pick(
                &[],
                Some(vec![
                    field("o", pick(&["a", "b"], Some(vec![field("c", pick(&["c"], None))]))),
                    field("g", pick(&[], Some(vec![field("d", pick(&["d"], None))]))),
                ]),
            )),
        ),
        ("id: $", Some(pick(&[], Some(vec![field("id", pick(&[], None))])))),
        ("id id", None),
        ("id: a->first", None),
        ("id: a?", None),
        ("id: $args.x", None),
        ("id: $(1)", None),
        ("id a.b { c }", None),
        ("a { $.b }", None),
        ("", None),
    ];
    for (text, expected) in cases {
        assert_eq!(Mapping::parse(text).unwrap().as_pick(), expected.as_ref(), "{text}");
    }
}

#[test]
fn shapes() {
    fn show(shape: &MappingShape) -> String {
        match shape {
            MappingShape::Any => "?".to_owned(),
            MappingShape::Leaf => "-".to_owned(),
            MappingShape::Object(fields) => {
                let fields = fields.iter().map(|field| format!("{}:{}", field.name, show(&field.shape)));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(" "))
            }
        }
    }
    let cases = [
        ("id owner { name }", "{id:? owner:{name:?}}"),
        ("$.r { id } n: m.n", "{id:? n:?}"),
        ("$.r", "?"),
        ("n: l->size f: l->first { a } g: l->map({b: @.b, c: $(1)})", "{n:- f:{a:?} g:{b:? c:-}}"),
        ("x: k->match(['a', $ { p }], ['b', $ { q }], [@, null])", "{x:{p:? q:?}}"),
        ("x: $(a ?? 'n')", "{x:?}"),
        ("x: $($.a { b } ?? null)", "{x:{b:?}}"),
        ("x: o->entries", "{x:{key:- value:?}}"),
        ("x: o->entries.key", "{x:-}"),
        ("x: o->as($o)->echo($o { a })", "{x:{a:?}}"),
        ("s: $status a: $args.a", "{s:- a:?}"),
        (
            "... k->match(['m', $({__typename: 'M', a: 1})], ['n', $({__typename: 'N', b: 1})])",
            "{__typename:- a:- b:-}",
        ),
        ("a { b } a { c }", "{a:{b:? c:?}}"),
    ];
    for (text, expected) in cases {
        assert_eq!(show(&Mapping::parse(text).unwrap().shape()), expected, "{text}");
    }
}

#[test]
fn what_a_mapping_reads() {
    let cases = [
        ("a: $args.a.b->first", false),
        ("a: $args.l->map(@.id)", false),
        ("a: $args.l { id }", false),
        ("a: $(1)->add($args.n)", false),
        ("a: { b: $args.b }", false),
        ("$status->eq(200)", false),
        ("a: b", true),
        ("a: $args.l->map($.x)", true),
        ("a: { b }", true),
        ("$status->eq($.code)", true),
        ("a: @", true),
    ];
    for (text, expected) in cases {
        assert_eq!(Mapping::parse(text).unwrap().reads_input(), expected, "{text}");
    }
    let mapping = Mapping::parse("a: $args.x.y b: $request.headers.'X-Id'->first c: $request.headers.a").unwrap();
    assert_eq!(mapping.request_headers().collect::<Vec<_>>(), ["x-id", "a"]);
    assert_eq!(mapping.variables()[0].path, ["x", "y"]);
    assert_eq!(&mapping.text[mapping.variables()[0].at.clone()], "$args.x.y");
}

#[test]
fn nothing_grows_without_bound() {
    // Each step doubles the value.
    let doubling = format!("x: $(1){}", "->echo([@, @])".repeat(60));
    let (_, problems) = evaluate(&doubling, &Value::Null, &Value::Null);
    assert!(problems.iter().any(|problem| problem.message.contains("too much")), "{problems:?}");
    assert_eq!(
        Mapping::parse(&format!("x: $({{a: 1}}){}", "->echo({a: @, b: @})".repeat(60))).unwrap().shape().fields().len(),
        1
    );
    for (open, close) in
        [("a { ", " }"), ("a: $(", ")"), ("a: $([", "])"), ("a->map(", ")"), ("a: {", "}"), ("a: $({a: ", "})")]
    {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(Mapping::parse(&deep[..deep.len().min(200_000)]).is_err());
        let deep = format!("x: $({}1{})", "[".repeat(31), "]".repeat(31));
        let _ = Mapping::parse(&deep);
    }
    let mut deep = json!({"a": 1});
    for _ in 0..100 {
        deep = json!([deep]);
    }
    evaluate("x: a { a }", &deep, &Value::Null);
}

/// What a pick describes, done the slow way.
fn apply(pick: &Pick, input: &Value) -> Option<Value> {
    fn walk(value: &Value, path: &[String]) -> Option<Value> {
        let Some((first, rest)) = path.split_first() else { return Some(value.clone()) };
        match value {
            Value::Object(fields) => walk(fields.get(first)?, rest),
            Value::Array(items) => {
                let stepped = items.iter().map(|item| walk(item, &path[..1]).unwrap_or(Value::Null)).collect();
                walk(&Value::Array(stepped), rest)
            }
            _ => None,
        }
    }
    fn fields(of: &[PickField], value: &Value) -> Value {
        match value {
            Value::Null => Value::Null,
            Value::Array(items) => Value::Array(items.iter().map(|item| fields(of, item)).collect()),
            value => {
                let picked = of.iter().filter_map(|field| Some((field.name.clone(), apply(&field.pick, value)?)));
                Value::Object(picked.collect::<Map<_, _>>())
            }
        }
    }
    let found = walk(input, &pick.path)?;
    Some(match &pick.fields {
        None => found,
        Some(of) => fields(of, &found),
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map("[a-c]", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Texts that are often a mapping.
fn likely_text() -> impl Strategy<Value = String> {
    let methods = methods::Method::ALL.iter().map(|(name, ..)| format!("->{name}")).collect::<Vec<_>>();
    let token = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c", "a:", "b:", "$", "@", ".", "?", "{", "}", "(", ")", "[", "]", ",", "??", "?!", "...", "$("]).prop_map(str::to_owned),
        2 => prop::sample::select(methods),
        1 => prop::sample::select(vec!["$args.a", "$status", "'a'", "\"b\"", "0", "-1", "1.5", "true", "null", "->as($x)", "$x", "# a\n", "$request.headers.a", "(@)", "(0)", "([@, a])"]).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
    ];
    prop::collection::vec((token, prop::bool::ANY), 0..20)
        .prop_map(|tokens| tokens.into_iter().map(|(token, space)| if space { token + " " } else { token }).collect())
}

fn path_text() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["a", "b", "c"]);
    let leaf = prop::collection::vec(key.clone(), 1..3).prop_map(|keys| format!("$.{}", keys.join(".")));
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let item = (prop::sample::select(vec!["x", "y", "z"]), inner);
        (prop::sample::select(vec!["", "$.a", "b.c"]), prop::collection::vec(item, 1..3)).prop_map(|(head, items)| {
            let items: Vec<String> = items.into_iter().map(|(name, path)| format!("{name}: {path}")).collect();
            format!("{head} {{ {} }}", items.join(" "))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// No text and no value makes the language panic, and every place that it tells is in the text.
    #[test]
    fn nothing_panics(text in prop_oneof![likely_text(), "\\PC{0,40}"], input in any_value()) {
        match Mapping::parse(&text) {
            Err(error) => prop_assert!(text.is_char_boundary(error.offset), "{text:?} {error:?}"),
            Ok(mapping) => {
                let args = Map::from_iter([("a".to_owned(), input.clone())]);
                let headers = HeaderMap::new();
                let environment = Environment {
                    args: &args,
                    config: &input,
                    request_headers: &headers,
                    response_headers: None,
                    status: Some(200),
                };
                for problem in mapping.evaluate(&input, &environment).problems {
                    prop_assert!(text.is_char_boundary(problem.offset));
                }
                mapping.shape();
                mapping.reads_input();
            }
        }
        let _ = crate::connect::Template::parse(&text, None);
        let _ = crate::connect::KeyBinding::parse(&text);
    }

    /// A pick gives what the mapping gives.
    #[test]
    fn a_pick_is_the_mapping(text in path_text(), input in any_value()) {
        let text = if text.starts_with(' ') { format!("g:{text}") } else { text };
        let mapping = Mapping::parse(&text).unwrap();
        if let Some(pick) = mapping.as_pick() {
            let value = evaluate(&text, &input, &Value::Null).0;
            let picked = apply(pick, &input);
            prop_assert_eq!(picked, value);
        }
    }
}
