//! The services over their sockets, as the gateway sees them; and the fragments beside them.

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::time::{Duration, Instant};

use apollo_compiler::ast::{Definition, Document, FieldDefinition, InputValueDefinition};
use serde_json::{Value, json};
use xxhash_rust::xxh3::Xxh3;

use super::catalogue::{Catalogue, Genre, Part};
use super::*;

const ANY_PORTS: Ports = Ports([0; 3]);
const NARCOS: u32 = 80_003;

/// The demo on free ports.
struct Demo {
    running: Running,
    client: reqwest::Client,
}

impl Demo {
    async fn start() -> Self {
        let running = start(&Options { only: None, ports: ANY_PORTS }).await.expect("free ports");
        Self { running, client: client::client().expect("a client") }
    }

    fn port(&self, service: Service) -> u16 {
        self.running.address(service).expect("started").port()
    }

    fn url(&self, service: Service, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port(service))
    }

    async fn get(&self, service: Service, path: &str) -> (u16, Value) {
        answer(self.client.get(self.url(service, path))).await
    }

    async fn post(&self, service: Service, path: &str, body: Value) -> (u16, Value) {
        answer(self.client.post(self.url(service, path)).json(&body)).await
    }

    /// Asks the profile service as the profile with that id.
    async fn graphql(&self, viewer: &str, body: Value) -> Value {
        let request = self.client.post(self.url(Service::Profile, "/graphql")).header(PROFILE_HEADER, viewer);
        let (status, body) = answer(request.json(&body)).await;
        assert_eq!((status, &body["errors"]), (200, &Value::Null));
        body["data"].clone()
    }

    async fn fault(&self, service: Service, fault: Fault) -> Result<Fault, DemoError> {
        client::fault(&self.fault_args(service, fault)).await
    }

    fn fault_args(&self, service: Service, fault: Fault) -> FaultArgs {
        FaultArgs { service, fault, off: false, ports: Ports(Service::ALL.map(|service| self.port(service))) }
    }

    async fn all_well(&self, service: Service) {
        let args = FaultArgs { off: true, ..self.fault_args(service, Fault::default()) };
        assert_eq!(client::fault(&args).await.expect("it answers"), Fault::default());
    }

    async fn stats(&self, service: Service) -> Stats {
        client::stats(service, self.port(service), Reset::No).await.expect("it answers")
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

// The data.

#[test]
fn the_catalogue_is_the_same_on_every_machine() {
    let catalogue = Catalogue::generate();
    let ratings = Ratings::generate(&catalogue);
    let mut text = String::new();
    // As JSON and `Debug`, because `Hash` may differ between machines.
    for video in &catalogue.videos {
        let kind = serde_json::to_string(&(video.kind, video.maturity, &video.genres)).expect("JSON");
        let seasons = serde_json::to_string(&video.seasons()).expect("JSON");
        let score = ratings.score(video.id);
        text += &format!("{} {} {} {kind} {seasons} {score:?}\n", video.id, video.title, video.synopsis);
        text += &format!("{} {:?} {:?}\n", video.year, video.runtime_minutes, video.similar);
        for credit in &video.credits {
            let part = match credit.part {
                Part::Character(name) => name.to_owned(),
                Part::Job(job) => serde_json::to_string(&job).expect("JSON"),
            };
            text += &format!("{} {part}\n", credit.person);
        }
    }
    for person in &catalogue.people {
        text += &format!("{} {} {:?}\n", person.name, person.born, person.videos);
    }
    for (index, profile) in catalogue.profiles.iter().enumerate() {
        text += &format!("{} {} {:?} {}\n", profile.name, profile.language, profile.kind, profile.household);
        for (video, rating) in ratings.newest_of(index, usize::MAX) {
            text += &format!("{video} {:?} {}\n", rating.thumb, rating.rated_at);
        }
    }
    for household in &catalogue.households {
        text += &format!("{} {} {:?}\n", household.country, household.number, household.plan);
    }
    let mut hash = Xxh3::new();
    hash.write(text.as_bytes());
    assert_eq!(hash.digest(), 10464234455922896265, "the generator or its words changed: {} bytes", text.len());
}

#[test]
fn the_catalogue_is_what_the_documentation_says() {
    let catalogue = Catalogue::generate();
    assert_eq!((catalogue.videos.len(), catalogue.profiles.len()), (5_000, 200));
    assert_eq!(catalogue.profiles[0].name, "Paul");
    let titles: BTreeSet<&str> = catalogue.videos.iter().map(|video| video.title.as_str()).collect();
    assert_eq!(titles.len(), 5_000, "no title twice");
    for (index, video) in catalogue.videos.iter().enumerate() {
        assert_eq!(catalogue.video(video.id).map(|found| found.id), Some(FIRST + index as u32));
        assert!(!video.similar.contains(&video.id));
        let people: BTreeSet<usize> = video.credits.iter().map(|credit| credit.person).collect();
        assert_eq!(people.len(), video.credits.len(), "nobody twice in {}", video.title);
    }
    let narcos = catalogue.video(NARCOS).expect("it exists");
    assert_eq!(narcos.title, "Narcos");
    assert!(narcos.genres.contains(&Genre::Crime));
    for (id, index) in [("p1", Some(0)), ("p200", Some(199)), ("p0", None), ("p201", None), ("p01", None), ("1", None)]
    {
        assert_eq!(catalogue.profile(id), index, "{id}");
    }
}

const FIRST: u32 = super::catalogue::FIRST_VIDEO;

// The services.

#[tokio::test]
async fn the_page_that_started_it_all_is_three_calls() {
    let demo = Demo::start().await;
    let paul = demo.graphql(PAUL, json!({"query": "{ currentProfile { id name ratedVideoIds } }"})).await;
    let paul = &paul["currentProfile"];
    assert_eq!(paul["name"], "Paul");
    let ids = &paul["ratedVideoIds"].as_array().expect("a list")[..50];

    let body = json!({"profileId": paul["id"], "videoIds": ids});
    let (_, thumbs) = demo.post(Service::Rating, "/ratings/batch", body).await;
    let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
    let (_, videos) = demo.get(Service::Video, &format!("/videos?ids={}", ids.join(","))).await;

    assert_eq!((thumbs.as_array().map(Vec::len), videos.as_array().map(Vec::len)), (Some(50), Some(50)));
    assert_eq!((&videos[0]["title"], &videos[2]["title"]), (&json!("Stranger Things"), &json!("Narcos")));
    assert_eq!((&thumbs[2]["videoId"], &thumbs[2]["thumb"]), (&json!(NARCOS), &json!("THUMBS_UP")));
    for service in Service::ALL {
        assert_eq!(demo.stats(service).await.total, 1, "{service}");
    }
    demo.running.shutdown().await;
}

#[tokio::test]
async fn videos_are_found_one_by_one_in_batches_and_by_search() {
    let demo = Demo::start().await;
    let (status, narcos) = demo.get(Service::Video, "/videos/80003").await;
    assert_eq!((status, &narcos["title"], &narcos["kind"]), (200, &json!("Narcos"), &json!("SERIES")));
    assert_eq!((&narcos["seriesId"], &narcos["runtimeMinutes"]), (&json!(NARCOS), &Value::Null));
    let parts: Vec<&str> =
        narcos["credits"].as_array().expect("a list").iter().filter_map(|c| c["type"].as_str()).collect();
    assert_eq!(parts, ["Job", "Job", "Role", "Role"]);

    for path in ["/videos/1", "/videos/narcos", "/videos/080003", "/videos/+80003", "/videos/99999999999"] {
        let (status, body) = demo.get(Service::Video, path).await;
        assert_eq!((status, &body["error"]["code"]), (404, &json!("NOT_FOUND")), "{path}");
    }
    let (_, videos) = demo.get(Service::Video, "/videos?ids=80020,1,x,80019").await;
    assert_eq!(ids(&videos), [80_020, 80_019], "unknown ones are left out");
    let (_, videos) =
        demo.get(Service::Video, "/videos?kind=MOVIE&genre=ANIMATION&year=2019&order=NEWEST&first=2").await;
    assert_eq!(ids(&videos), [80_022, 80_028]);
    let (_, videos) = demo.get(Service::Video, "/videos?first=-1").await;
    assert!(ids(&videos).is_empty());

    let (_, found) = demo.get(Service::Video, "/search?text=NARCO&first=1").await;
    assert_eq!(found, json!([{"type": "video", "id": NARCOS, "title": "Narcos"}]));
    let (_, found) = demo.get(Service::Video, "/search?text=moreno&first=100").await;
    let person = found.as_array().and_then(|found| found.last()).expect("a person");
    let (_, people) = demo.get(Service::Video, &format!("/people?ids={}", person["id"].as_str().expect("text"))).await;
    assert_eq!((&people[0]["name"], people[0]["videos"].is_array()), (&person["name"], true));

    let (_, series) = demo.get(Service::Video, "/series?ids=80003,80019").await;
    assert_eq!(ids(&series), [NARCOS], "a movie is no series");
    let (_, episode) = demo.get(Service::Video, "/series/80003/seasons/1/episodes/2").await;
    assert_eq!(episode, series[0]["seasons"][0]["episodes"][1]);
    let (status, _) = demo.get(Service::Video, "/series/80003/seasons/1/episodes/99").await;
    assert_eq!(status, 404);
}

fn ids(list: &Value) -> Vec<u32> {
    list.as_array().into_iter().flatten().filter_map(|item| Some(item["id"].as_u64()? as u32)).collect()
}

#[tokio::test]
async fn a_new_thumb_is_seen_by_every_later_read() {
    let demo = Demo::start().await;
    let path = "/ratings/p1/80003";
    assert_eq!(demo.get(Service::Rating, path).await.1["thumb"], "THUMBS_UP");

    let (status, rated) =
        demo.post(Service::Rating, "/ratings", json!({"videoId": "80003", "thumb": "THUMBS_DOWN"})).await;
    assert_eq!((status, &rated["profileId"], &rated["previousThumb"]), (200, &json!(PAUL), &json!("THUMBS_UP")));

    assert_eq!(demo.get(Service::Rating, path).await.1["thumb"], "THUMBS_DOWN");
    let (_, history) = demo.get(Service::Rating, "/ratings?profileId=p1&first=1").await;
    assert_eq!(history[0]["videoId"], NARCOS);
    let (_, batch) = demo.post(Service::Rating, "/ratings/batch", json!({"videoIds": [NARCOS, "80003", 1, "x"]})).await;
    assert_eq!(batch.as_array().map(Vec::len), Some(2), "ids are numbers or texts, unknown ones are left out");
    assert_eq!((&batch[0]["thumb"], &batch[0]["score"]), (&json!("THUMBS_DOWN"), &rated["score"]));
    let paul = demo.graphql(PAUL, json!({"query": "{ currentProfile { ratedVideoIds } }"})).await;
    assert_eq!(paul["currentProfile"]["ratedVideoIds"][0], "80003", "the newest first");

    for (body, status) in [
        (json!({"videoId": 1, "thumb": "NONE"}), 404),
        (json!({"videoId": NARCOS, "thumb": "NONE", "profileId": "p999"}), 404),
    ] {
        assert_eq!(demo.post(Service::Rating, "/ratings", body).await.0, status);
    }
}

#[tokio::test]
async fn scores_and_reviews_belong_to_their_keys() {
    let demo = Demo::start().await;
    let episodes =
        json!([{"seriesId": "80003", "season": 2, "number": 1}, {"seriesId": 80003, "season": 1, "number": 2}]);
    let (_, scores) = demo.post(Service::Rating, "/episodes/scores", json!({"episodes": episodes})).await;
    assert_eq!((&scores[0]["season"], &scores[1]["number"]), (&json!(2), &json!(2)));
    assert_ne!(scores[0]["score"], scores[1]["score"]);

    let (_, top) = demo.get(Service::Rating, "/ratings/top?first=5").await;
    let ups: Vec<u64> =
        top.as_array().expect("a list").iter().filter_map(|video| video["score"]["up"].as_u64()).collect();
    assert!(ups.len() == 5 && ups[4] > 20, "{ups:?}");

    let (_, reviews) = demo.get(Service::Rating, "/videos/80003/reviews?first=2").await;
    let review = &reviews[1];
    let rating = format!("/ratings/{}/80003", review["profileId"].as_str().expect("text"));
    assert_eq!(demo.get(Service::Rating, &rating).await.1["ratedAt"], review["writtenAt"]);
}

// The GraphQL service.

#[tokio::test]
async fn entities_are_loaded_in_one_batch() {
    let demo = Demo::start().await;
    let representations: Vec<Value> = (1..=30)
        .map(|n| json!({"__typename": "Profile", "id": format!("p{n}")}))
        .chain([json!({"__typename": "Profile", "id": "nobody"})])
        .chain([json!({"__typename": "Rating", "profileId": "p2", "videoId": "80003"})])
        .chain([json!({"__typename": "Household", "country": "US", "number": 1})])
        .collect();
    let query = "query($r: [_Any!]!) { _entities(representations: $r) { __typename
        ... on Profile { id name } ... on Rating { profileName } ... on Household { profiles { name } } } }";
    let data = demo.graphql(PAUL, json!({"query": query, "variables": {"r": representations}})).await;
    let entities = data["_entities"].as_array().expect("a list");
    assert_eq!(entities.len(), 33, "one per representation, in order");
    assert_eq!((&entities[0]["name"], &entities[29]["id"]), (&json!("Paul"), &json!("p30")));
    assert_eq!(entities[30], Value::Null);
    assert_eq!(entities[31]["profileName"], entities[1]["name"]);
    assert_eq!(entities[32]["profiles"][0]["name"], "Paul");

    let batches = demo.stats(Service::Profile).await.batches;
    assert_eq!((batches["households"], batches["profiles"]), (1, 2), "the members of the household come after it");
}

#[tokio::test]
async fn the_header_decides_who_looks() {
    let demo = Demo::start().await;
    let query = json!({"query": "{ currentProfile { id } }"});
    assert_eq!(demo.graphql("p7", query.clone()).await["currentProfile"]["id"], "p7");
    assert_eq!(demo.graphql("nobody", query).await["currentProfile"], Value::Null);

    let request = demo.client.get(demo.url(Service::Rating, "/ratings/top?first=1"));
    assert_eq!(answer(request.header(PROFILE_HEADER, "nobody")).await.0, 404);
}

/// What a GraphQL schema promises, one line per element. Whether a field may be null is left out: the graph promises less than the
/// service alone, because the service may be down.
fn promises(sdl: &str) -> BTreeSet<String> {
    let document = Document::parse(sdl, "schema.graphql").unwrap_or_else(|errors| panic!("{errors}"));
    let mut promises = BTreeSet::new();
    for definition in &document.definitions {
        match definition {
            Definition::ObjectTypeDefinition(object) => {
                promises.insert(format!("{} {:?}", object.name, text(&object.description)));
                for key in object.directives.get_all("key") {
                    promises.insert(format!("{} {key}", object.name));
                }
                for field in &object.fields {
                    promises.insert(format!("{} {}", object.name, field_promise(field)));
                }
            }
            Definition::EnumTypeDefinition(definition) => {
                promises.insert(format!("{} {:?}", definition.name, text(&definition.description)));
                for value in &definition.values {
                    promises.insert(format!("{} {} {:?}", definition.name, value.value, text(&value.description)));
                }
            }
            _ => {}
        }
    }
    promises
}

fn text(description: &Option<apollo_compiler::Node<str>>) -> Option<&str> {
    description.as_deref()
}

fn field_promise(field: &FieldDefinition) -> String {
    let argument = |a: &apollo_compiler::Node<InputValueDefinition>| {
        format!(
            "{:?} {}: {} {:?}",
            text(&a.description),
            a.name,
            a.ty,
            a.default_value.as_ref().map(ToString::to_string)
        )
    };
    let arguments: Vec<String> = field.arguments.iter().map(argument).collect();
    let deprecated = field.directives.get("deprecated").map(ToString::to_string);
    let ty = field.ty.to_string();
    format!("{:?} {}{arguments:?}: {} {deprecated:?}", text(&field.description), field.name, ty.trim_end_matches('!'))
}

#[tokio::test]
async fn the_profile_fragment_says_what_the_service_does() {
    let demo = Demo::start().await;
    let data = demo.graphql(PAUL, json!({"query": "{ _service { sdl } }"})).await;
    let service = promises(data["_service"]["sdl"].as_str().expect("SDL"));
    let fragment = promises(Service::Profile.fragment());
    let missing: Vec<&String> = fragment.difference(&service).collect();
    let unknown: Vec<&String> = service.difference(&fragment).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "only in the fragment: {missing:#?}\nonly in the service: {unknown:#?}"
    );
}

#[test]
fn everything_that_a_client_sees_is_described() {
    let mut described = BTreeSet::new();
    let mut bare = BTreeSet::new();
    let mut note = |element: String, is_described: bool| {
        _ = if is_described { described.insert(element) } else { bare.insert(element) }
    };
    for (name, sdl) in fragments() {
        let document = Document::parse(sdl, format!("{name}.graphql")).unwrap_or_else(|errors| panic!("{errors}"));
        for definition in &document.definitions {
            let (ty, description, fields) = match definition {
                Definition::ObjectTypeDefinition(object) => (&object.name, &object.description, &object.fields),
                Definition::InterfaceTypeDefinition(interface) => {
                    (&interface.name, &interface.description, &interface.fields)
                }
                Definition::EnumTypeDefinition(definition) => {
                    note(definition.name.to_string(), definition.description.is_some());
                    for value in &definition.values {
                        note(format!("{}.{}", definition.name, value.value), value.description.is_some());
                    }
                    continue;
                }
                _ => continue,
            };
            let is_root = ty == "Query" || ty == "Mutation";
            note(ty.to_string(), description.is_some() || is_root);
            for field in fields.iter().filter(|field| !field.directives.has("internal")) {
                note(format!("{ty}.{}", field.name), field.description.is_some());
                for argument in field.arguments.iter().filter(|argument| !argument.directives.has("require")) {
                    note(format!("{ty}.{}({}:)", field.name, argument.name), argument.description.is_some());
                }
            }
        }
    }
    let missing: Vec<&String> = bare.difference(&described).collect();
    assert!(missing.is_empty(), "no fragment describes {missing:?}");
}

// Faults.

#[tokio::test]
async fn a_failing_service_fails_only_its_own_calls() {
    let demo = Demo::start().await;
    demo.fault(Service::Rating, Fault { status: Some(503), rate: Some(0.5), ..Fault::default() })
        .await
        .expect("accepted");
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(demo.get(Service::Rating, "/ratings/p1/80003").await.0);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503]);
    assert_eq!(demo.get(Service::Video, "/videos/80003").await.0, 200);
    demo.all_well(Service::Rating).await;
    assert_eq!(demo.get(Service::Rating, "/ratings/p1/80003").await.0, 200);
    let stats = demo.stats(Service::Rating).await;
    assert_eq!((stats.total, stats.calls["GET /ratings/{profile}/{video}"]), (5, 5));
}

#[tokio::test]
async fn who_waits_goes_on_when_the_fault_is_over() {
    let demo = Demo::start().await;
    for fault in [
        Fault { hang: true, ..Fault::default() },
        Fault { delay: Some(Pause(Duration::from_secs(600))), ..Fault::default() },
    ] {
        demo.fault(Service::Video, fault).await.expect("accepted");
        let before = demo.stats(Service::Video).await.total;
        let call = demo.get(Service::Video, "/videos/80003");
        let end = async {
            let deadline = Instant::now() + Duration::from_secs(10);
            while demo.stats(Service::Video).await.total == before {
                assert!(Instant::now() < deadline, "the call does not arrive");
            }
            demo.all_well(Service::Video).await;
        };
        let ((status, _), ()) = tokio::join!(call, end);
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn a_delay_delays() {
    let demo = Demo::start().await;
    let delay = Duration::from_millis(60);
    demo.fault(Service::Video, Fault { delay: Some(Pause(delay)), ..Fault::default() }).await.expect("accepted");
    let start = Instant::now();
    assert_eq!(demo.get(Service::Video, "/videos/80003").await.0, 200);
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn a_dropped_connection_carries_no_answer() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let demo = Demo::start().await;
    demo.fault(Service::Video, Fault { drop: true, ..Fault::default() }).await.expect("accepted");
    let mut socket =
        tokio::net::TcpStream::connect(("127.0.0.1", demo.port(Service::Video))).await.expect("it listens");
    socket.write_all(b"GET /videos/80003 HTTP/1.1\r\nhost: demo\r\n\r\n").await.expect("it reads");
    let mut answer = Vec::new();
    _ = socket.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn rubbish_looks_like_success() {
    let demo = Demo::start().await;
    let url = demo.url(Service::Video, "/videos/80003");
    for rubbish in [Rubbish::Html, Rubbish::Truncated, Rubbish::Types] {
        demo.fault(Service::Video, Fault { rubbish: Some(rubbish), ..Fault::default() }).await.expect("accepted");
        let response = demo.client.get(&url).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let body = response.text().await.expect("a whole body");
        let json: Result<Value, _> = serde_json::from_str(&body);
        match rubbish {
            Rubbish::Html => assert!(body.starts_with("<!doctype html>")),
            Rubbish::Truncated => assert!(body.starts_with("{\"id\":80003") && json.is_err()),
            Rubbish::Types => {
                let json = json.expect("JSON");
                assert_eq!((&json["id"], &json["title"]), (&json!("many"), &json!(42.5)));
            }
        }
    }
}

#[tokio::test]
async fn nonsense_faults_are_refused_with_a_reason() {
    let demo = Demo::start().await;
    for (fault, reason) in [
        (Fault { status: Some(200), ..Fault::default() }, "`status` must be from 400 to 599"),
        (Fault { status: Some(500), rate: Some(1.5), ..Fault::default() }, "`rate` must be from 0 to 1"),
    ] {
        let error = demo.fault(Service::Video, fault).await.expect_err("refused");
        assert_eq!(error.to_string(), format!("the video service refused: {reason}"));
    }
    let request = demo.client.put(demo.url(Service::Video, "/fault"));
    let (status, body) = answer(request.body(r#"{"dealy": "2s"}"#)).await;
    assert_eq!(status, 400);
    assert!(body["error"]["message"].as_str().is_some_and(|message| message.contains("dealy")), "{body}");
}

// Ports and the command line.

#[tokio::test]
async fn a_port_in_use_is_told_in_a_sentence() {
    let demo = Demo::start().await;
    let taken = demo.port(Service::Rating);
    let error = start(&Options { only: None, ports: Ports([0, 0, taken]) }).await.expect_err("it is in use");
    assert!(
        error.to_string().starts_with(&format!("the rating service cannot start: port {taken} of 127.0.0.1 is in use"))
    );
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told_in_a_sentence() {
    let demo = Demo::start().await;
    let args = demo.fault_args(Service::Video, Fault::default());
    let port = demo.port(Service::Video);
    demo.running.shutdown().await;
    let error = client::fault(&args).await.expect_err("it is gone");
    assert_eq!(
        error.to_string(),
        format!("the video service does not answer on port {port} of 127.0.0.1; is the demo running?")
    );
}

#[tokio::test]
async fn a_service_runs_alone() {
    let running = start(&Options { only: Some(Service::Rating), ports: ANY_PORTS }).await.expect("a free port");
    assert_eq!(running.address(Service::Video), None);
    let address = running.address(Service::Rating).expect("started");
    assert_eq!(running.urls(), [("rating", format!("http://{address}"))]);
}

#[test]
fn the_command_line_reads_as_documented() {
    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: FaultArgs,
    }
    let parse = |line: &str| <Cli as clap::Parser>::try_parse_from(line.split(' ')).map(|cli| cli.args);
    let args = parse("fault rating --delay 2s").expect("valid");
    assert_eq!((args.service, args.fault.delay), (Service::Rating, Some(Pause(Duration::from_secs(2)))));
    assert_eq!(args.ports, Ports::default());
    let args = parse("fault video --rubbish --ports 1,2,3").expect("valid");
    assert_eq!((args.fault.rubbish, args.ports.of(Service::Video)), (Some(Rubbish::Html), 2));
    assert_eq!(parse("fault video --rubbish=types").expect("valid").fault.rubbish, Some(Rubbish::Types));
    assert!(parse("fault video --off").expect("valid").off);
    for line in
        ["fault", "fault nobody", "fault video --delay soon", "fault video --off --hang", "fault video --ports 1,2"]
    {
        assert!(parse(line).is_err(), "{line}");
    }
}
