#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;
use serde_json::json;

use super::*;

fn api() -> Arc<Valid<Schema>> {
    let text = r#"
        type Query { node: Node me: User search(text: String!, kinds: [Kind!] = [USER]): [Hit] find(by: By!): Node }
        interface Node { id: ID! parent: Node }
        interface Named implements Node { id: ID! parent: Node name: String }
        type User implements Node & Named { id: ID! parent: User name: String age(unit: Unit = YEARS): Int }
        type Team implements Node & Named { id: ID! parent: Node name: String size: Int }
        type Robot implements Node { id: ID! parent: Node model: String }
        union Hit = User | Robot
        enum Kind { USER ROBOT }
        enum Unit { YEARS DAYS }
        input By { id: ID, name: String = "x", tags: [String!], deep: By }
        type Mutation { rename(id: ID!, name: String!): User }
    "#;
    Arc::new(Schema::parse_and_validate(text, "api.graphql").unwrap())
}

fn parse(text: &str) -> Result<Document, Vec<RequestError>> {
    Document::parse(text, &api(), &Limits::default())
}

fn normalized(text: &str, conditions: &[&str]) -> String {
    let document = parse(text).unwrap();
    let operation = document.operation(None).unwrap();
    let operation = normalize(&document, operation, &|name| conditions.contains(&name.as_str())).unwrap();
    let mut out = String::new();
    print(&operation.selection, 0, &mut out);
    out
}

fn print(selection: &SelectionSet, depth: usize, out: &mut String) {
    for branch in &selection.branches {
        let types: Vec<&str> = branch.types.iter().map(|name| name.as_str()).collect();
        for field in &branch.fields {
            let _ = writeln!(
                out,
                "{:1$}{2} {3}{4}: {5} {6}",
                "",
                depth * 2,
                types.join("|"),
                if field.is_denied { "!" } else { "" },
                field.response_key,
                field.name,
                field.ty
            );
            field.selection.iter().for_each(|inner| print(inner, depth + 1, out));
        }
    }
}

#[test]
fn branches_are_what_conditions_distinguish() {
    let text =
        "{ node { __typename id ... on Named { n: name ... on User { age } } ...R } } fragment R on Robot { model }";
    let expected = "Query node: node Node
  Robot __typename: __typename String!
  Robot id: id ID!
  Robot model: model String
  Team __typename: __typename String!
  Team id: id ID!
  Team n: name String
  User __typename: __typename String!
  User id: id ID!
  User n: name String
  User age: age Int
";
    assert_eq!(normalized(text, &[]), expected);
}

#[test]
fn types_part_where_a_field_is_declared_differently() {
    let text = "{ node { parent { id } } }";
    let expected = "Query node: node Node
  Robot|Team parent: parent Node
    Robot|Team|User id: id ID!
  User parent: parent User
    User id: id ID!
";
    assert_eq!(normalized(text, &[]), expected);
}

#[test]
fn types_part_where_a_field_is_kept_of_some_of_them() {
    let text = "query($id: ID!, $unit: Unit) { way: node { ...W ... on Team { name } } node { id ...N } find(by: {id: $id}) { id }
        me { age(unit: $unit) } } fragment N on Named { n: name parent { id } }
        fragment W on Named { name way: id }";
    let document = parse(text).unwrap();
    // Through `Named`, nobody's id is seen; by itself, a team's or a user's is.
    let kept =
        [("Named", "id"), ("User", "name"), ("User", "age"), ("Team", "parent"), ("Robot", "id"), ("Query", "find")];
    let is_denied = |on: &Name, object: &Name, field: &Name| {
        kept.contains(&(object, field)) || kept.contains(&(on, field)) && on != object
    };
    let operation = normalize_for(&document, document.operation(None).unwrap(), &|_| false, &is_denied).unwrap();
    let mut out = String::new();
    print(&operation.selection, 0, &mut out);
    assert_eq!(
        out,
        "Query way: node Node
  Team name: name String
  Team !way: id ID!
  User !name: name String
  User !way: id ID!
Query node: node Node
  Robot !id: id ID!
  Team id: id ID!
  Team n: name String
  Team !parent: parent Node
  User id: id ID!
  User !n: name String
  User parent: parent User
    User id: id ID!
Query !find: find Node
Query me: me User
  User !age: age Int
"
    );
    assert!(operation.variables.is_empty(), "nobody is asked with them");
}

#[test]
fn conditions_are_decided_and_equal_keys_merge() {
    let text = "query($a: Boolean!, $b: Boolean = false) { me { id @skip(if: $a) ... @include(if: $b) { name }
        parent { id } parent { name @include(if: true) age @skip(if: true) } } me { age } }";
    let document = parse(text).unwrap();
    let names = &document.operation(None).unwrap().condition_variables;
    assert_eq!(names.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let some = normalized(text, &["a", "b"]);
    assert_eq!(
        some,
        "Query me: me User
  User name: name String
  User parent: parent User
    User id: id ID!
    User name: name String
  User age: age Int
"
    );
    assert!(normalized(text, &[]).contains("User id: id"));
}

#[test]
fn limits_hold_before_the_work() {
    let mut doubling = String::from("{ node { ...F0 } }");
    for level in 0..30 {
        let _ =
            write!(doubling, " fragment F{level} on Node {{ parent {{ ...F{0} }} parent {{ ...F{0} }} }}", level + 1);
    }
    doubling.push_str(" fragment F30 on Node { id }");
    let deep = format!("{{ me {} }}", "{ parent ".repeat(80) + "{ id }" + &"}".repeat(80));
    let aliases: String = (0..31).map(|i| format!("a{i}: name ")).collect();
    let roots: String = (0..21).map(|_| "me { id } ").collect();
    let cases = [
        (doubling, "limit"),
        (deep, "limit"),
        (format!("{{ me {{ {aliases} }} }}"), "aliases is 31"),
        (format!("{{ {roots} }}"), "root fields is 21"),
        (format!("{{ me {{ id {} }} }}", "@a".repeat(51)), "directives is 51"),
        (" ".repeat(33_000), "32768"),
        (
            "{ ...A } fragment A on Query { me { ...B } } fragment B on User { parent { ...B } }".to_owned(),
            "within itself",
        ),
    ];
    for (text, expected) in cases {
        let start = Instant::now();
        let errors = parse(&text).unwrap_err();
        assert!(errors[0].message.contains(expected), "{}", errors[0]);
        assert!(start.elapsed() < Duration::from_millis(500), "{expected} took {:?}", start.elapsed());
    }
}

/// Each level doubles the sets that a comparison by parent type visits, in a text of a few kilobytes.
#[test]
fn overlapping_fields_cannot_explode() {
    fn level(depth: usize, total: usize) -> String {
        if depth == total {
            return "id".to_owned();
        }
        let chain = |name: &str| {
            let rest = total - depth - 1;
            format!("{}id k{name}{depth}: id{}", "parent { ".repeat(rest), " }".repeat(rest))
        };
        format!(
            "... on User {{ parent {{ {} }} }} ... on Team {{ parent {{ {} }} }} parent {{ {} }}",
            chain("u"),
            chain("t"),
            level(depth + 1, total)
        )
    }
    let limits = Limits { aliases: 1_000, ..Limits::default() };
    let start = Instant::now();
    let result = Document::parse(&format!("{{ node {{ {} }} }}", level(0, 40)), &api(), &limits);
    let errors = result.unwrap_err();
    assert_eq!(errors[0].kind, RequestErrorKind::Limit, "{}", errors[0]);
    assert!(start.elapsed() < Duration::from_secs(1), "took {:?}", start.elapsed());
}

#[test]
fn errors_have_places() {
    let errors = parse("{ me {\n  nope } }").unwrap_err();
    assert_eq!(errors[0].kind, RequestErrorKind::Validation);
    assert_eq!(errors[0].locations, [Location { line: 2, column: 3 }]);
    assert_eq!(parse("{ me { ").unwrap_err()[0].kind, RequestErrorKind::Syntax);
    assert_eq!(parse("{ me { id @defer } }").unwrap_err()[0].kind, RequestErrorKind::Validation);
}

#[test]
fn the_operation_is_chosen_by_name() {
    let document = parse("query A { me { id } } mutation B { rename(id: 1, name: \"x\") { id } }").unwrap();
    assert!(document.operation(None).unwrap_err().message.contains("Must provide operation name"));
    assert_eq!(document.operation(Some("B")).unwrap().kind, OperationType::Mutation);
    assert!(document.operation(Some("C")).unwrap_err().message.contains("Unknown operation named \"C\""));
}

#[test]
fn variables_are_coerced() {
    let text = "query($text: String!, $kinds: [Kind!] = [ROBOT], $by: By!, $none: Unit) {
        search(text: $text, kinds: $kinds) { __typename } find(by: $by) { id } me { age(unit: $none) } }";
    let document = parse(text).unwrap();
    let operation = document.operation(None).unwrap();
    let coerce = |values: serde_json::Value| {
        coerce_variables(&document, operation, values.as_object().unwrap())
            .map(serde_json::Value::Object)
            .map_err(|errors| errors.into_iter().map(|error| error.message).collect::<Vec<_>>())
    };
    assert_eq!(
        coerce(json!({"text": "a", "by": {"id": 7, "tags": "t"}, "unknown": 1})),
        Ok(json!({"text": "a", "kinds": ["ROBOT"], "by": {"id": "7", "name": "x", "tags": ["t"]}}))
    );
    let errors =
        coerce(json!({"kinds": ["ROBOTS"], "by": {"deep": {"tags": [null], "nam": 1}}, "none": 3})).unwrap_err();
    assert_eq!(
        errors,
        [
            "Variable \"$text\" of required type \"String!\" was not provided.",
            "Variable \"$kinds\" got an invalid value at \"kinds[0]\"; Value does not exist in \"Kind\" enum. Did you mean the enum value \"ROBOT\"?",
            "Variable \"$by\" got an invalid value at \"by.deep.tags[0]\"; Expected non-nullable type \"String!\" not to be null.",
            "Variable \"$by\" got an invalid value at \"by.deep\"; Field \"nam\" is not defined by type \"By\". Did you mean \"name\"?",
            "Variable \"$none\" got an invalid value; Enum \"Unit\" cannot represent a number.",
        ]
    );
}
