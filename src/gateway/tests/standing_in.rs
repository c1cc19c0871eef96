//! `@fallback(stale:)`, from fragments to responses: services that work, and then do not.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::execute::tests::service::Asked;

const VIDEO: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
      @link(url: "https://specs.weft.graph/fragment/v1.0", import: ["@fallback"])
    type Query {
      videos: [Video]
      featured: Video @fallback(stale: "1h", on: [ERROR])
      banner: String! @fallback(stale: "1h", value: "none")
    }
    type Mutation { publish: Boolean @fallback(stale: "1h") }
    type Video @key(fields: "id") { id: ID!  title: String }
"#;

const RATING: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
      @link(url: "https://specs.weft.graph/fragment/v1.0", import: ["@fallback", "@cacheControl"])
    enum Thumb { UP DOWN NONE }
    type Video @key(fields: "id") {
      id: ID!
      thumbRating: Thumb @fallback(stale: "1h", value: "NONE")
      mine: Thumb @fallback(stale: "1h", value: "NONE") @cacheControl(scope: PRIVATE)
      short: Int @fallback(stale: "1m", report: EXTENSIONS)
      plain: Int
    }
"#;

const NOTES: &str = r#"
    extend schema
      @link(url: "https://specs.weft.graph/fragment/v1.0",
            import: ["@source", "@connect", "@key", "@lookup", "@is", "@require", "@internal", "@fallback"])
      @source(name: "notes", http: {baseURL: "http://nowhere.test", headers: [{name: "x-user", from: "authorization"}]})
    type Query {
      notesById(ids: [ID!]! @is(field: "[id]")): [Video]! @lookup @internal
        @connect(source: "notes", http: {GET: "/notes", queryParams: "ids: $args.ids->joinNotNull(',')"}, selection: "id note")
      news: [Comment] @connect(source: "notes", http: {GET: "/news"}, selection: "text about { id }") @fallback(stale: "1h", value: [])
    }
    type Video @key(fields: "id") {
      id: ID!
      note: String @fallback(stale: "1h", value: "-")
      comments(of: ID! @require(field: "id")): [Comment]
        @connect(source: "notes", http: {GET: "/comments/{$args.of}"}, selection: "text about { id }")
        @fallback(stale: "1h", value: [])
      score(of: Thumb! @require(field: "thumbRating")): String
        @connect(source: "notes", http: {GET: "/score/{$args.of}"}, selection: "$.score")
    }
    enum Thumb { UP DOWN NONE }
    type Comment { text: String  about: Video }
"#;

/// What a service does at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Works,
    Breaks,
    Refuses,
    /// Answers with errors of its own.
    Errors,
    Forbids,
}

struct World {
    gateway: Gateway,
    modes: Arc<Mutex<BTreeMap<&'static str, Mode>>>,
    services: BTreeMap<&'static str, Service>,
}

impl World {
    async fn start() -> World {
        let modes: Arc<Mutex<BTreeMap<&'static str, Mode>>> = Arc::default();
        let mut services = BTreeMap::new();
        let mut fragments = Vec::new();
        for (name, text) in [("video", VIDEO), ("rating", RATING), ("notes", NOTES)] {
            let modes = Arc::clone(&modes);
            let service = Service::start(move |asked| {
                let mode = modes.lock().unwrap().get(name).copied().unwrap_or(Mode::Works);
                let code = if mode == Mode::Forbids { "FORBIDDEN" } else { "BROKEN" };
                match mode {
                    Mode::Works => {
                        let answer = match name {
                            "video" => video(asked),
                            "rating" => rating(asked),
                            _ => notes(asked),
                        };
                        Reply::json(answer.to_string())
                    }
                    Mode::Breaks => Reply::status(503, "busy"),
                    Mode::Refuses => Reply::status(403, "no"),
                    Mode::Errors | Mode::Forbids => Reply::json(
                        json!({"data": null, "errors": [{"message": "own", "extensions": {"code": code}}]}).to_string(),
                    ),
                }
            })
            .await;
            let source = Arc::new(Source { name: format!("{name}.graphql"), text: text.into() });
            let url = Some(service.url.trim_end_matches('/').to_owned());
            fragments.push(Fragment { name: name.into(), source, url });
            services.insert(name, service);
        }
        let (graph, diagnostics) = compose::compose(&fragments);
        let graph = graph.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let mut settings = Settings::default();
        settings.forward_headers.all.push(HeaderName::from_static("authorization"));
        let snapshot = Snapshot::new(graph, &settings);
        let loaders = Loaders::new(weft_loaders::Settings::default());
        World { gateway: Gateway::new(snapshot, loaders, settings), modes, services }
    }

    fn turn(&self, service: &'static str, mode: Mode) {
        self.modes.lock().unwrap().insert(service, mode);
    }

    async fn ask(&self, user: &str, query: &str) -> Value {
        let context = Context { mutations_allowed: true, ..context(user) };
        json_of(&self.gateway, request(query), &context).await.0
    }

    fn asked(&self, service: &str) -> usize {
        self.services[service].asked().len()
    }
}

/// Lets time pass for the cache, not for connections.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

fn user(asked: &Asked) -> String {
    let header = asked.headers.get("authorization").or(asked.headers.get("x-user"));
    header.map_or_else(|| "nobody".into(), |value| value.to_str().unwrap().to_owned())
}

/// Answers `_entities` of all inputs, whatever they are called.
fn entities(sent: &Value, entity: impl Fn(&Value) -> Value) -> Value {
    let variables = sent["variables"].as_object().unwrap();
    let answer = |(name, keys): (&String, &Value)| {
        let alias = name.strip_prefix('r').filter(|rest| rest.parse::<u32>().is_ok());
        let alias = alias.map_or_else(|| "_entities".into(), |number| format!("_e{number}"));
        (alias, keys.as_array().unwrap().iter().map(&entity).collect())
    };
    json!({"data": variables.iter().map(answer).collect::<serde_json::Map<_, _>>()})
}

fn video(asked: &Asked) -> Value {
    let sent: Value = serde_json::from_slice(&asked.body).unwrap();
    if sent["query"].as_str().unwrap().contains("_entities") {
        return entities(&sent, |of| {
            let title = format!("title {}", of["id"].as_str().unwrap());
            json!({"__typename": "Video", "id": of["id"], "title": title})
        });
    }
    let one = json!({"__typename": "Video", "id": "1", "title": "one"});
    let two = json!({"__typename": "Video", "id": "2", "title": "two"});
    json!({"data": {"videos": [one, two], "featured": two, "banner": user(asked), "publish": true}})
}

fn rating(asked: &Asked) -> Value {
    let sent: Value = serde_json::from_slice(&asked.body).unwrap();
    let thumb = if user(asked) == "ada" { "UP" } else { "DOWN" };
    entities(
        &sent,
        |of| json!({"__typename": "Video", "id": of["id"], "thumbRating": thumb, "mine": thumb, "short": 7, "plain": 8}),
    )
}

fn notes(asked: &Asked) -> Value {
    if asked.uri.starts_with("/notes") {
        let note = format!("note of {}", user(asked));
        return json!([{"id": "1", "note": note}, {"id": "2", "note": note}]);
    }
    if let Some(of) = asked.uri.strip_prefix("/score/") {
        return json!({"score": of});
    }
    json!([{"text": "so", "about": {"id": "2"}}])
}

/// `path code fallback`, in both places where failures are told.
fn told(response: &Value) -> Vec<String> {
    let lists = [&response["errors"], &response["extensions"]["fallbacks"]];
    let all = lists.into_iter().filter_map(Value::as_array).flatten();
    let line = |error: &Value| {
        let path: Vec<String> =
            error["path"].as_array().into_iter().flatten().map(|s| s.to_string().replace('"', "")).collect();
        let of = |key: &str| error["extensions"][key].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", path.join("."), of("code"), of("fallback"))
    };
    all.map(line).collect()
}

const THUMBS: &str = "{ videos { title thumbRating } }";

fn thumbs(response: &Value) -> Vec<&str> {
    let videos = response["data"]["videos"].as_array().unwrap();
    videos.iter().map(|video| video["thumbRating"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_last_thumb_stands_in_for_an_hour_and_for_its_user_only() {
    let world = World::start().await;
    let response = world.ask("ada", THUMBS).await;
    assert_eq!((thumbs(&response), told(&response).len()), (vec!["UP", "UP"], 0));
    world.ask("ada", THUMBS).await;
    assert_eq!(world.asked("rating"), 2, "a service that works is asked each time");

    world.turn("rating", Mode::Breaks);
    pass(3_590).await;
    let response = world.ask("ada", THUMBS).await;
    assert_eq!(thumbs(&response), ["UP", "UP"], "{response}");
    let stale = ["videos.0.thumbRating DOWNSTREAM_STATUS STALE", "videos.1.thumbRating DOWNSTREAM_STATUS STALE"];
    assert_eq!(told(&response), stale);

    let response = world.ask("bo", THUMBS).await;
    assert_eq!(thumbs(&response), ["NONE", "NONE"], "another user's thumbs are nobody else's");
    assert_eq!(told(&response)[0], "videos.0.thumbRating DOWNSTREAM_STATUS VALUE");

    pass(10).await;
    let response = world.ask("ada", THUMBS).await;
    assert_eq!(thumbs(&response), ["NONE", "NONE"], "too old");
    assert_eq!(told(&response)[0], "videos.0.thumbRating DOWNSTREAM_STATUS VALUE");
    world.turn("rating", Mode::Works);
    assert_eq!(thumbs(&world.ask("ada", THUMBS).await), ["UP", "UP"]);
    let counted = world.gateway.statistics().stood_in();
    assert_eq!(counted.into_iter().collect::<Vec<_>>(), [("rating".into(), StoodIn { values: 4, stale: 2 })]);
}

#[tokio::test]
async fn each_field_has_its_own_bound() {
    let world = World::start().await;
    let query = "{ videos { thumbRating short plain } }";
    world.ask("ada", query).await;
    world.turn("rating", Mode::Breaks);
    pass(30).await;
    let response = world.ask("ada", query).await;
    let first = json!({"thumbRating": "UP", "short": 7, "plain": null});
    assert_eq!(response["data"]["videos"][0], first);
    assert_eq!(response["extensions"]["fallbacks"][0]["extensions"]["fallback"], json!("STALE"));
    assert_eq!(told(&response)[1], "videos.0.plain DOWNSTREAM_STATUS -");
    pass(31).await;
    let response = world.ask("ada", query).await;
    let first = json!({"thumbRating": "UP", "short": null, "plain": null});
    assert_eq!(response["data"]["videos"][0], first);
    assert!(response["extensions"]["fallbacks"][0]["extensions"].get("fallback").is_none(), "{response}");
}

#[tokio::test]
async fn a_service_that_refuses_takes_its_answers_back() {
    for mode in [Mode::Refuses, Mode::Forbids] {
        let world = World::start().await;
        world.ask("ada", THUMBS).await;
        world.turn("rating", mode);
        let response = world.ask("ada", THUMBS).await;
        assert_eq!(thumbs(&response), ["NONE", "NONE"], "{response}");
    }
    let world = World::start().await;
    world.ask("ada", THUMBS).await;
    world.turn("rating", Mode::Errors);
    let response = world.ask("ada", THUMBS).await;
    assert_eq!(thumbs(&response), ["UP", "UP"], "the service's own failure is a failure: {response}");
    assert_eq!(told(&response)[0], "videos.0.thumbRating DOWNSTREAM_ERROR STALE");
}

#[tokio::test]
async fn what_is_private_is_not_kept() {
    let world = World::start().await;
    let query = "{ videos { mine thumbRating } }";
    world.ask("ada", query).await;
    world.turn("rating", Mode::Breaks);
    let response = world.ask("ada", query).await;
    assert_eq!(response["data"]["videos"][0], json!({"mine": "NONE", "thumbRating": "NONE"}));
}

#[tokio::test]
async fn lookups_of_http_services() {
    let world = World::start().await;
    let query = "{ videos { note } }";
    world.ask("ada", query).await;
    world.turn("notes", Mode::Breaks);
    pass(60).await;
    let response = world.ask("ada", query).await;
    assert_eq!(response["data"]["videos"][1], json!({"note": "note of ada"}));
    assert_eq!(told(&response)[1], "videos.1.note DOWNSTREAM_STATUS STALE");
    assert_eq!(world.ask("bo", query).await["data"]["videos"][1], json!({"note": "-"}));
}

#[tokio::test]
async fn objects_stand_in_whole_and_what_hangs_below_is_loaded() {
    let world = World::start().await;
    let query = "{ videos { comments { text about { id title thumbRating } } } news { about { thumbRating } } featured { id thumbRating } }";
    let before = world.ask("ada", query).await;
    assert!(told(&before).is_empty(), "{before}");
    let about = json!({"id": "2", "title": "title 2", "thumbRating": "UP"});
    assert_eq!(before["data"]["videos"][0]["comments"], json!([{"text": "so", "about": about}]));
    world.turn("notes", Mode::Breaks);
    let response = world.ask("ada", query).await;
    assert_eq!(response["data"], before["data"], "{response}");
    let stale = ["videos.0.comments", "videos.1.comments", "news"];
    assert_eq!(told(&response), stale.map(|path| format!("{path} DOWNSTREAM_STATUS STALE")));

    // What hangs below may fail by itself.
    world.turn("rating", Mode::Breaks);
    let response = world.ask("bo", "{ news { about { id } } }").await;
    assert_eq!(response["data"]["news"], json!([]));
    pass(3_600).await;
    world.turn("notes", Mode::Works);
    world.ask("ada", query).await;
    world.turn("notes", Mode::Breaks);
    let response = world.ask("ada", query).await;
    assert_eq!(response["data"]["news"], json!([{"about": {"thumbRating": "NONE"}}]), "too old: {response}");
    assert!(told(&response).contains(&"news.0.about.thumbRating DOWNSTREAM_STATUS VALUE".to_owned()));
}

#[tokio::test]
async fn root_fields_of_graphql_services() {
    let world = World::start().await;
    let query = "{ featured { id title } banner videos { title } }";
    world.ask("ada", query).await;
    for mode in [Mode::Breaks, Mode::Errors] {
        world.turn("video", mode);
        let response = world.ask("ada", query).await;
        let data = json!({"featured": {"id": "2", "title": "two"}, "banner": "ada", "videos": null});
        assert_eq!(response["data"], data, "{response}");
        let response = world.ask("bo", query).await;
        assert_eq!(response["data"], json!({"featured": null, "banner": "none", "videos": null}));
    }
}

#[tokio::test]
async fn nothing_stands_in_for_a_write() {
    let world = World::start().await;
    let query = "mutation { publish }";
    assert_eq!(world.ask("ada", query).await["data"], json!({"publish": true}));
    world.turn("video", Mode::Breaks);
    let response = world.ask("ada", query).await;
    assert_eq!(response["data"], json!({"publish": null}));
    assert_eq!(told(&response), ["publish DOWNSTREAM_STATUS -"]);
}

#[tokio::test]
async fn nothing_is_computed_from_an_earlier_answer() {
    let world = World::start().await;
    let query = "{ videos { thumbRating score } }";
    let response = world.ask("ada", query).await;
    assert_eq!(response["data"]["videos"][0], json!({"thumbRating": "UP", "score": "UP"}), "{response}");
    for mode in [Mode::Breaks, Mode::Errors] {
        world.turn("rating", mode);
        let response = world.ask("ada", query).await;
        assert_eq!(response["data"]["videos"][0], json!({"thumbRating": "UP", "score": null}), "{response}");
        assert!(told(&response)[1].starts_with("videos.0.score DOWNSTREAM_"), "{response}");
    }
}
