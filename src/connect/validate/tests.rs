//! One case per rule: a fragment with one mistake, the code that it gets, and the text that is pointed at.

use std::sync::Arc;

use super::*;
use crate::diagnostic::Severity;

const HEAD: &str = r#"extend schema @source(name: "v", http: {baseURL: "http://h/api"})
"#;

/// A fragment that is right; each case below changes one thing.
const SOUND: &str = r#"
type Query {
  video(id: ID!): Video @connect(source: "v", http: {GET: "/videos/{$args.id}"}, selection: "id title owner { name }")
  videos(ids: [ID!]! @is(field: "[id]")): [Video]! @lookup
    @connect(source: "v", http: {GET: "/videos", queryParams: "ids: $args.ids"}, batch: {maxSize: 5}, selection: "id title owner { name }")
}
type Video @key(fields: "id") {
  id: ID!
  title: String
  owner: Owner
  score(scale: Int, of: ID! @require(field: "id")): Int
    @connect(source: "v", http: {GET: "/s/{$args.of}?scale={$args.scale}"}, selection: "$.score")
}
type Owner { name: String }
"#;

/// (code, what is pointed at) of each diagnostic, and all of them as text.
fn findings(sdl: &str) -> (Vec<(&'static str, String)>, String) {
    let text = format!("{HEAD}{sdl}");
    let source = Arc::new(crate::diagnostic::Source { name: "x.graphql".to_owned(), text });
    let mut sources = Sources::default();
    let (schema, errors) = sources.parse_schema(&source);
    assert!(errors.is_empty(), "{errors:?}");
    let found = validate(&Fragment { schema: &schema, sources: &sources, directive: &plain_names });
    let shown = found.iter().map(|d| d.to_string()).collect::<Vec<_>>().join("\n");
    let codes = found
        .iter()
        .map(|diagnostic| {
            let at = diagnostic.labels.first().map(|label| &label.span);
            (diagnostic.code, at.map_or(String::new(), |span| source.text[span.start..span.end].to_owned()))
        })
        .collect();
    (codes, shown)
}

/// The sound fragment with one text replaced gives exactly this.
fn check(replace: &str, with: &str, expected: &[(&str, &str)]) {
    assert!(SOUND.contains(replace), "{replace}");
    let (found, shown) = findings(&SOUND.replacen(replace, with, 1));
    let found: Vec<(&str, &str)> = found.iter().map(|(code, at)| (*code, at.as_str())).collect();
    assert_eq!(found, expected, "{replace} → {with}\n{shown}");
}

#[test]
fn a_sound_fragment_has_no_findings() {
    let (found, shown) = findings(SOUND);
    assert!(found.is_empty(), "{shown}");
}

#[test]
fn sources() {
    check("source: \"v\"", "source: \"w\"", &[("SOURCE_NAME_MISMATCH", "\"w\"")]);
    check("source: \"v\", ", "", &[("RELATIVE_CONNECT_URL_WITHOUT_SOURCE", "\"/videos/{$args.id}\"")]);
    check(
        "\"/videos/{$args.id}\"",
        "\"http://h/{$args.id}\"",
        &[("ABSOLUTE_CONNECT_URL_WITH_SOURCE", "\"http://h/{$args.id}\"")],
    );
    check("source: \"v\", http: {GET: \"/", "http: {GET: \"https://other/", &[]);
    let twice = "extend schema @source(name: \"v\", http: {baseURL: \"http://h\"})\n";
    check(
        "\ntype Query",
        &format!("\n{twice}type Query"),
        &[("DUPLICATE_SOURCE_NAME", twice.trim().trim_start_matches("extend schema "))],
    );
    for (base, why) in [
        ("h/api", "does not begin with"),
        ("http://h/{$config.x}", "expressions"),
        ("http://h/#a", "fragment"),
        ("http://u:p@h/", "credentials"),
        ("http://", "no host"),
        ("http://h/ä", "character"),
        ("ftp://h/", "does not begin with"),
    ] {
        let sdl = format!("extend schema @source(name: \"w\", http: {{baseURL: \"{base}\"}})\n{SOUND}");
        let (found, shown) = findings(&sdl);
        assert_eq!(found, [("INVALID_URL", format!("\"{base}\""))], "{shown}");
        assert!(shown.contains(why) || why == "no host" && shown.contains("cannot be parsed"), "{shown}");
    }
    let sdl = format!(
        "extend schema @source(name: \"w\", http: {{baseURL: \"http://h\", headers: [{{name: \"a\", value: \"{{$args.x}}\"}}]}})\n{SOUND}"
    );
    assert_eq!(findings(&sdl).0, [("INVALID_HEADER", "$args.x".to_owned())]);
    let sdl = format!("extend schema @source(name: \"a b\", http: {{baseURL: \"http://h\"}})\n{SOUND}");
    assert_eq!(findings(&sdl).0, [("INVALID_SOURCE_NAME", "\"a b\"".to_owned())]);
}

#[test]
fn methods_and_urls() {
    let get = "GET: \"/videos/{$args.id}\"";
    check(
        get,
        "path: \"$(['videos', $args.id])\"",
        &[("MISSING_HTTP_METHOD", connect_text(get, "path: \"$(['videos', $args.id])\"").as_str())],
    );
    check(get, "GET: \"/videos/{$args.id}\", POST: \"/x\"", &[("MULTIPLE_HTTP_METHODS", "\"/x\"")]);
    check(get, "GET: \"/videos/{$args.id\"", &[("INVALID_URL", "{")]);
    check(get, "GET: \"/videos/{$args.id}#top\"", &[("INVALID_URL", "#")]);
    check(get, "GET: \"/my videos/{$args.id}\"", &[("INVALID_URL", " ")]);
    check(get, "GET: \"/videos/{id}\"", &[("INVALID_URL", "id")]);
    check(get, "GET: \"/videos/{$status}/{$args.id}\"", &[("INVALID_URL", "$status")]);
    check(get, "GET: \"/videos/{$args.id}\", body: \"a: $args.id\"", &[("INVALID_BODY", "\"a: $args.id\"")]);
    check(get, "GET: \"/videos/{$args.id->frist}\"", &[("INVALID_URL", "frist")]);
    check(get, "GET: \"/videos/{$args.idd}\"", &[("INVALID_URL", "$args.idd"), ("UNUSED_ARGUMENT", "id")]);
    check(get, "GET: \"/videos/{$args.id.x}\"", &[("INVALID_URL", "$args.id.x")]);
    check(
        get,
        "GET: \"/videos/{$args.id}\", headers: [{name: \"Host\", value: \"x\"}]",
        &[("INVALID_HTTP_HEADER_NAME", "\"Host\"")],
    );
    check(
        get,
        "GET: \"/videos/{$args.id}\", headers: [{name: \"a\", value: \"x\", from: \"b\"}]",
        &[("INVALID_HEADER", "{name: \"a\", value: \"x\", from: \"b\"}")],
    );
    check(
        get,
        "GET: \"/videos/{$args.id}\", headers: [{name: \"a\", value: \"x\\r\\ny: 1\"}]",
        &[("INVALID_HEADER", "\"x\\r\\ny: 1\"")],
    );
    check(
        get,
        "GET: \"/videos/{$args.id}\", headers: [{name: \"a\", value: \"x\"}, {name: \"A\", from: \"x\"}]",
        &[("HTTP_HEADER_NAME_COLLISION", "{name: \"A\", from: \"x\"}")],
    );
    check(get, "GET: \"/videos/{$args.id}\", hedaers: []", &[("INVALID_ARGUMENT", "hedaers")]);
}

/// The whole `@connect` of the sound fragment that holds a text, with that text replaced.
fn connect_text(replace: &str, with: &str) -> String {
    let at = SOUND.find(replace).unwrap();
    let start = SOUND[..at].rfind("@connect").unwrap();
    let end = at + SOUND[at..].find('\n').unwrap();
    SOUND[start..end].replacen(replace, with, 1)
}

#[test]
fn dialect() {
    let get = "http: {GET: \"/videos/{$args.id}\"}";
    check(get, &format!("entity: true, {get}"), &[("ENTITY_NOT_SUPPORTED", "true")]);
    check("{$args.id}", "{$this.id}", &[("INVALID_URL", "$this")]);
    check("ids: $args.ids", "ids: $batch.id", &[("INVALID_QUERY_PARAMS", "$batch")]);
    let (_, shown) = findings(&SOUND.replacen("{$args.id}", "{$this.id}", 1));
    assert!(shown.contains("x.graphql:4:69") && shown.contains("@require"), "{shown}");
}

#[test]
fn nested_fields() {
    let call = "@connect(source: \"v\", http: {GET: \"/x\"}, selection: \"$.n\")";
    check("type Owner {", &format!("type Owner {{ n: Int {call}"), &[("CONNECT_WITHOUT_REQUIRE", "n")]);
    check(
        "  title: String",
        &format!("  title: String\n  two(id: ID! @require(field: \"id\")): Int {call} {call}"),
        &[("MULTIPLE_CONNECT", call), ("UNUSED_ARGUMENT", "id")],
    );
    check(
        "type Owner",
        &format!("interface Named {{ name(a: Int): String {call} }}\ntype Owner"),
        &[("CONNECT_ON_INTERFACE", call)],
    );
    check("@require(field: \"id\")", "@require(field: \"[id]\")", &[("REQUIRE_INVALID_FIELDS", "\"[id]\"")]);
    check("@require(field: \"id\")", "@require(field: \"id.\")", &[("REQUIRE_INVALID_SYNTAX", "")]);
}

#[test]
fn lookups() {
    check("@is(field: \"[id]\")", "@is(field: \"[idd]\")", &[("INVALID_LOOKUP", "\"[idd]\"")]);
    check("@is(field: \"[id]\")", "@is(field: \"[id | name]\")", &[("INVALID_LOOKUP", "|")]);
    check("@is(field: \"[id]\")", "", &[("INVALID_LOOKUP", "ids")]);
    check(
        "ids: [ID!]! @is(field: \"[id]\")",
        "ids: [String!]! @is(field: \"[title]\")",
        &[("LOOKUP_WITHOUT_KEY", "videos")],
    );
    check(
        "selection: \"id title owner { name }\")\n}",
        "selection: \"title owner { name }\")\n}",
        &[("KEY_NOT_SELECTED", "\"title owner { name }\"")],
    );
    check("batch: {maxSize: 5}", "batch: {maxSize: 0}", &[("INVALID_BATCH", "0")]);
    check(
        "\"/videos/{$args.id}\"},",
        "\"/videos/{$args.id}\"}, batch: {maxSize: 2},",
        &[("INVALID_BATCH", "{maxSize: 2}")],
    );
    let second = "  again(list: [ID!]! @is(field: \"[id]\")): [Video] @lookup\n @connect(source: \"v\", http: {GET: \"/b/{$args.list->joinNotNull('-')}\"}, selection: \"id\")\n  videos(";
    check("  videos(", second, &[("LOOKUP_NEVER_JOINS", "videos")]);
    let composite = r#"
type Query {
  seats(keys: [SeatKey!]! @is(field: "[{ number day }]"), code: ID! @is(field: "branch.code")): [Seat] @lookup
    @connect(source: "v", http: {POST: "/b/{$args.code}/seats", body: "$args.keys"}, selection: "number day taken branch: { code: $args.code }")
}
type Seat @key(fields: "branch { code } number day") { branch: Branch! number: Int! day: String! taken: Boolean }
type Branch { code: ID! }
input SeatKey { number: Int! day: String! }
"#;
    let (found, shown) = findings(composite);
    assert!(found.is_empty(), "{shown}");
    let (found, shown) = findings(&composite.replace("branch { code } number day", "number day"));
    assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["LOOKUP_WITHOUT_KEY"], "{shown}");
}

#[test]
fn selections() {
    let selection = "selection: \"id title owner { name }\")\n  videos";
    let with = |text: &str| format!("selection: \"{text}\")\n  videos");
    check(selection, &with("id titel owner { name }"), &[("SELECTED_FIELD_NOT_FOUND", "titel")]);
    check(selection, &with("id title owner { nam: name }"), &[("SELECTED_FIELD_NOT_FOUND", "nam")]);
    check(selection, &with("id title owner"), &[("GROUP_SELECTION_REQUIRED_FOR_OBJECT", "owner")]);
    check(selection, &with("id title { text } owner { name }"), &[("GROUP_SELECTION_IS_NOT_OBJECT", "title")]);
    check(selection, &with("$.result"), &[("GROUP_SELECTION_REQUIRED_FOR_OBJECT", "$.result")]);
    check(selection, &with("id owner { $.name }"), &[("GROUP_SELECTION_REQUIRED_FOR_OBJECT", "owner")]);
    check(selection, &with("$.result { id title } owner: { name: $(1) }"), &[]);
    check(selection, &with("id, title"), &[("INVALID_SELECTION", ",")]);
    check(selection, &with("id title ...more { }"), &[("INVALID_SELECTION", "{")]);
    check("\"$.score\"", "\"$.items { score }\"", &[("GROUP_SELECTION_IS_NOT_OBJECT", "$.items { score }")]);
    check("  title: String", "  title: String\n  more: Int", &[("CONNECTORS_UNRESOLVED_FIELD", "more")]);
    check(
        "owner: Owner",
        "owner(first: Int): Owner",
        &[("FIELD_WITH_ARGUMENTS", "owner"), ("FIELD_WITH_ARGUMENTS", "owner")],
    );
    let again = "  related(id: ID! @require(field: \"id\")): [Video]\n    @connect(source: \"v\", http: {GET: \"/r/{$args.id}\"}, selection: \"id related { id }\")\n  owner: Owner";
    check("  owner: Owner", again, &[("CIRCULAR_REFERENCE", "related")]);
}

/// The mistake that everybody makes once: a name makes an object, also where a scalar is declared.
#[test]
fn a_scalar_is_selected_by_its_path() {
    check("\"$.score\"", "\"score\"", &[("GROUP_SELECTION_IS_NOT_OBJECT", "score")]);
    assert!(findings(&SOUND.replacen("\"$.score\"", "\"score\"", 1)).1.contains("the value itself is `$.score`"));
}

#[test]
fn abstract_types() {
    let sdl = |selection: &str| {
        format!(
            r#"
type Query {{ work(id: ID!): Work @connect(source: "v", http: {{GET: "/w/{{$args.id}}"}}, selection: """
    {selection}
  """) }}
interface Work {{ id: ID! title: String }}
type Movie implements Work {{ id: ID! title: String minutes: Int }}
type Series implements Work {{ id: ID! title: String episodes: Int }}
"#
        )
    };
    let whole = "id title minutes episodes\n    __typename: kind->match(['m', 'Movie'], ['s', 'Series'])";
    let (found, shown) = findings(&sdl(whole));
    assert!(found.is_empty(), "{shown}");
    let codes = |selection: &str| findings(&sdl(selection)).0.into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(codes("id title minutes episodes"), ["MISSING_TYPENAME"]);
    assert_eq!(codes("id title minutes episodes __typename: $('Film')"), ["INVALID_TYPENAME"]);
    assert_eq!(codes("id title minutes episodes pages __typename"), ["SELECTED_FIELD_NOT_FOUND"]);
    assert_eq!(codes("id title minutes __typename"), ["CONNECTORS_UNRESOLVED_FIELD"]);
}

#[test]
fn places_are_found_in_block_strings() {
    let sdl = SOUND.replacen(
        "selection: \"id title owner { name }\"",
        "selection: \"\"\"\n      id # \\\"\"\"\n      title\n      owner {\n        nme\n      }\n    \"\"\"",
        1,
    );
    let (found, shown) = findings(&sdl);
    assert_eq!(found, [("SELECTED_FIELD_NOT_FOUND", "nme".to_owned())], "{shown}");
    assert!(shown.contains("Did you mean `name`?"), "{shown}");
}

#[test]
fn hints_do_not_stop_composition() {
    let source = SOUND.replacen("ids: $args.ids", "ids: $([1])", 1);
    let text = format!("{HEAD}{source}");
    let source = Arc::new(crate::diagnostic::Source { name: "x.graphql".to_owned(), text });
    let mut sources = Sources::default();
    let (schema, _) = sources.parse_schema(&source);
    let found = validate(&Fragment { schema: &schema, sources: &sources, directive: &plain_names });
    assert_eq!(found.iter().map(|d| (d.code, d.severity)).collect::<Vec<_>>(), [("UNUSED_ARGUMENT", Severity::Hint)]);
}
