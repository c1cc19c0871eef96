//! The command line, through the real binary.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;

use support::{DEADLINE, SUPERGRAPH, eventually, exchange, post, replace};
use tempfile::TempDir;

const VIDEO: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
type Query { video(id: ID!): Video }
"What can be watched."
type Video @key(fields: "id") { id: ID! title: String! }
"#;

const RATING: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
type Video @key(fields: "id") { id: ID! thumb: String }
"#;

/// The binary, without the variables of whoever runs the tests.
fn weft(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEFT_")) {
        command.env_remove(name);
    }
    command.current_dir(folder);
    command
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("created");
        std::fs::write(path, text).expect("written");
    }
    folder
}

struct Told {
    code: i32,
    out: String,
    err: String,
}

fn run(folder: &TempDir, arguments: &[&str]) -> Told {
    told(&weft(folder.path()).args(arguments).output().expect("it runs"))
}

fn told(output: &Output) -> Told {
    Told {
        code: output.status.code().expect("no signal"),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn check_says_what_composes_and_what_does_not() {
    let good = folder(&[("schema/video.graphql", VIDEO), ("schema/rating.graphql", RATING)]);
    let told = run(&good, &["check"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    assert!(told.out.ends_with("\n2 fragments compose: 2 types, 4 fields\n"), "{}", told.out);
    assert!(told.out.contains("hint[NO_ADDRESS]: the service `video` has no address"), "{}", told.out);
    let yaml = "services: {video: {url: 'http://h:1'}, rating: {url: 'http://h:2'}}";
    std::fs::write(good.path().join("other.yaml"), yaml).expect("written");
    let told = run(&good, &["check", "--config", "other.yaml"]);
    assert_eq!((told.code, told.out.trim(), told.err.as_str()), (0, "2 fragments compose: 2 types, 4 fields", ""));

    let bad =
        folder(&[("schema/video.graphql", VIDEO), ("schema/rating.graphql", "type Video { id: ID! nope: Nope }")]);
    let told = run(&bad, &["check", "schema"]);
    assert_eq!(told.code, 1, "{}", told.out);
    assert!(told.out.contains("schema/rating.graphql:1:28: error["), "{}", told.out);
    assert!(told.out.contains("1 error in 1 of 2 fragments: nothing is composed"), "{}", told.out);
}

#[test]
fn what_is_missing_is_one_sentence() {
    let place = folder(&[
        ("empty/readme.md", ""),
        ("one/super.graphql", SUPERGRAPH),
        ("bad.yaml", "lissen: x"),
        ("q.graphql", "{ a }"),
    ]);
    for (arguments, expected) in [
        (&["check"][..], "weft: there is no file or folder schema\n"),
        (&["serve", "nope"], "weft: there is no file or folder nope\n"),
        (&["check", "empty"], "weft: empty holds no schema fragments: no file there ends in .graphql\n"),
        (
            &["check", "one"],
            "weft: one/super.graphql is a composed supergraph, not a fragment: pass it with --supergraph one/super.graphql\n",
        ),
        (&["serve", "--supergraph", "one"], "weft: one is a folder, but a supergraph is one file\n"),
        (&["serve", "one", "--config", "none.yaml"], "weft: the configuration file none.yaml does not exist\n"),
        (
            &["serve", "one", "--config", "bad.yaml"],
            "bad.yaml:1:1: error[CONFIG_UNKNOWN_KEY]: there is no setting `lissen` here\n     1 | lissen: x\n       | ^^^^^^\n  help: did you mean `listen`?\n",
        ),
        (
            &["serve", "one", "--log", "info,,=x"],
            "weft: `info,,=x` is no log level: it is one of error, warn, info, debug and trace, or as in `info,weft=debug`\n",
        ),
        (&["serve", "one", "--log", "loud"], "weft: `loud` is no log level: "),
        (&["plan", "none.graphql", "--supergraph", "one/super.graphql"], "weft: none.graphql does not exist\n"),
        (
            &["plan", "q.graphql", "--supergraph", "one/super.graphql", "--variables", "1"],
            "weft: --variables has to be a JSON object, such as '{\"id\": \"v1\"}'\n",
        ),
        (
            &["compose", "--supergraph", "one/super.graphql", "--output", "no/such/folder"],
            "weft: no/such/folder cannot be written: ",
        ),
    ] {
        let told = run(&place, arguments);
        assert_eq!(told.code, 1, "{arguments:?}");
        assert!(told.err.starts_with(expected), "{arguments:?}: {}", told.err);
        assert_eq!(told.out, "", "{arguments:?}");
    }
}

#[test]
fn a_wrong_command_line_is_code_2_and_help_teaches() {
    let place = folder(&[]);
    for arguments in
        [&["sevre"][..], &[], &["serve", "--listen", "4000"], &["serve", "a", "--supergraph", "b"], &["plan"]]
    {
        let told = run(&place, arguments);
        assert_eq!(told.code, 2, "{arguments:?}");
        assert!(!told.err.is_empty(), "{arguments:?}");
    }
    let told = run(&place, &["serve", "--help"]);
    assert!(told.code == 0 && told.out.contains("Examples:\n  weft serve"), "{}", told.out);
    let told = run(&place, &["--version"]);
    assert!(told.out.starts_with(concat!("weft ", env!("CARGO_PKG_VERSION"))), "{}", told.out);
}

#[test]
fn what_compose_prints_is_a_supergraph_that_reads_back() {
    let place = folder(&[("schema/video.graphql", VIDEO), ("schema/rating.graphql", RATING)]);
    let told = run(&place, &["compose", "--output", "supergraph.graphql"]);
    assert_eq!((told.code, told.out.as_str()), (0, ""), "{}", told.err);
    let again = run(&place, &["compose", "--supergraph", "supergraph.graphql"]);
    let written = std::fs::read_to_string(place.path().join("supergraph.graphql")).expect("written");
    assert!(written.contains("@join__type(graph: RATING, key: \"id\")"), "{written}");
    assert_eq!(again.out, written);
    let told = run(&place, &["check", "--supergraph", "supergraph.graphql"]);
    assert_eq!((told.code, told.out.lines().last()), (0, Some("the supergraph composes: 2 types, 4 fields")));
}

/// A router that can run what this gateway cannot gets its document all the same; nobody takes it for a graph of ours.
#[test]
fn what_only_another_router_runs_is_printed_and_not_served() {
    let text = r#"
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.8", import: ["@key", "@context", "@fromContext"])
        type Query { user: User }
        type User @key(fields: "id") @context(name: "user") { id: ID!  currency: String  account: Account }
        type Account @key(fields: "id") { id: ID!  balance(in: String @fromContext(field: "$user { currency }")): Int }
    "#;
    let place = folder(&[("schema/account.graphql", text)]);
    let told = run(&place, &["compose"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("contextArguments: [{context: \"account__user\""), "{}", told.out);
    assert!(told.err.contains("hint[UNSUPPORTED]") && told.err.contains("`@fromContext`"), "{}", told.err);
    let told = run(&place, &["check"]);
    assert_eq!(told.code, 1, "{}", told.out);
}

#[test]
fn a_plan_is_printed_and_a_wrong_query_has_a_place() {
    let place = folder(&[
        ("schema/video.graphql", VIDEO),
        ("schema/rating.graphql", RATING),
        ("good.graphql", "query Good($id: ID!) {\n  video(id: $id) { title thumb }\n}\n"),
        ("bad.graphql", "{\n  video(id: 1) { titel }\n}\n"),
    ]);
    let told = run(&place, &["plan", "good.graphql", "--variables", r#"{"id": "v1"}"#]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("video") && told.out.contains("rating"), "{}", told.out);
    let told = run(&place, &["plan", "good.graphql", "--variables", r#"{"id": [1]}"#]);
    assert_eq!(told.code, 1, "{}", told.out);
    assert!(told.err.starts_with("good.graphql:1:12: error[") && told.err.contains("$id"), "{}", told.err);
    let told = run(&place, &["plan", "good.graphql", "--variables", r#"{"other": 1}"#]);
    assert_eq!(told.code, 0, "what a plan does not depend on need not be there: {}", told.err);
    let told = run(&place, &["plan", "bad.graphql"]);
    assert_eq!(told.code, 1, "{}", told.out);
    assert!(told.err.starts_with("bad.graphql:2:18: error["), "{}", told.err);
}

/// A process that ends with the test.
struct Serving {
    child: Child,
    address: std::net::SocketAddr,
    admin: std::net::SocketAddr,
    /// What was logged before it was ready.
    before: Vec<String>,
    log: mpsc::Receiver<String>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    fn start(place: &TempDir, arguments: &[&str]) -> Self {
        Self::start_with(place, arguments, &[])
    }

    /// Starts `weft serve` on free ports, and waits until it says that it is ready.
    fn start_with(place: &TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"];
        let mut child = weft(place.path())
            .arg("serve")
            .args(arguments)
            .args(ports)
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (send, log) = mpsc::channel();
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let (ready, before) = wait_for_with(&log, "\"message\":\"weft is ready\"");
        let ready: serde_json::Value = serde_json::from_str(&ready).expect("a line of JSON");
        let url = ready["graphql"].as_str().expect("an address");
        let address = url.trim_start_matches("http://").trim_end_matches("/graphql").parse().expect("an address");
        let admin = ready["admin"].as_str().expect("an address").trim_start_matches("http://");
        let admin = admin.parse().expect("an address");
        Self { child, address, admin, before, log }
    }

    fn schema(&self) -> String {
        block_on(exchange(self.address, b"GET /schema.graphql HTTP/1.1\r\nhost: weft\r\nconnection: close\r\n\r\n"))
            .text()
    }
}

fn wait_for(log: &mpsc::Receiver<String>, text: &str) -> String {
    wait_for_with(log, text).0
}

/// The line, and those before it.
fn wait_for_with(log: &mpsc::Receiver<String>, text: &str) -> (String, Vec<String>) {
    let mut seen = Vec::new();
    loop {
        match log.recv_timeout(DEADLINE) {
            Ok(line) if line.contains(text) => return (line, seen),
            Ok(line) => seen.push(line),
            Err(_) => panic!("{text:?} was not logged:\n{}", seen.join("\n")),
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

#[test]
fn a_fragment_that_does_not_compose_leaves_the_graph_and_is_told() {
    let place = folder(&[("schema/video.graphql", VIDEO), ("schema/rating.graphql", RATING)]);
    let serving = Serving::start(&place, &["--dev"]);
    assert!(serving.schema().contains("thumb: String"));
    let rating = place.path().join("schema/rating.graphql");

    replace(&rating, "type Video { id: ID! nope: Nope }");
    let told = wait_for(&serving.log, "the last good graph stays");
    assert!(told.contains("schema/rating.graphql:1:28"), "{told}");
    assert!(serving.schema().contains("thumb: String"));

    replace(&rating, &RATING.replace("thumb", "stars"));
    wait_for(&serving.log, "the graph is served");
    assert!(serving.schema().contains("stars: String"));

    std::fs::write(place.path().join("schema/extra.graphql"), "type Query { extra: Int }").expect("written");
    wait_for(&serving.log, "the graph is served");
    assert!(serving.schema().contains("extra: Int"));
}

#[test]
fn fragments_that_do_not_compose_at_the_start_end_it() {
    let place = folder(&[("schema/rating.graphql", "type Video { id: ID! nope: Nope }")]);
    let told = run(&place, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("schema/rating.graphql:1:28: error["), "{}", told.err);
}

#[test]
fn settings_come_from_the_file_and_the_variables() {
    let yaml =
        "supergraph: graphs/super.graphql\ncors: {origins: ['${APP}']}\nlimits: {body: '${BODY:-100}', aliases: 1}\n";
    let place = folder(&[("weft.yaml", yaml), ("graphs/super.graphql", SUPERGRAPH)]);
    let told = run(&place, &["serve"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("error[CONFIG_VARIABLE]: the variable APP is not set"), "{}", told.err);

    let serving =
        Serving::start_with(&place, &[], &[("APP", "https://app.example"), ("WEFT_CORS_CREDENTIALS", "true")]);
    let preflight = "OPTIONS /graphql HTTP/1.1\r\nhost: weft\r\nconnection: close\r\norigin: https://app.example\r\n\
                     access-control-request-method: POST\r\n\r\n";
    let answer = block_on(exchange(serving.address, preflight.as_bytes()));
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let large = format!(r#"{{"query":"{}"}}"#, "x".repeat(100));
    let answer = block_on(post(serving.address, "content-type: application/json\r\n", large.as_bytes()));
    assert_eq!((answer.status, answer.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    let aliases = r#"{"query":"{ a: __typename b: __typename }"}"#;
    let answer = block_on(post(serving.address, "content-type: application/json\r\n", aliases.as_bytes()));
    assert!(answer.json()["data"].is_null(), "one alias is allowed, not two: {}", answer.text());
    // Not a developer's machine: the schema is not public.
    assert!(serving.schema().contains("INTROSPECTION_DISABLED") && serving.schema().contains("start it with --dev"));
    let page = b"GET /playground HTTP/1.1\r\nhost: weft\r\nconnection: close\r\naccept: text/html\r\n\r\n";
    let page = block_on(exchange(serving.address, page));
    assert_eq!(page.status, 404);
    assert!(page.text().contains("introspection is off, so the playground cannot read the schema"), "{}", page.text());
}

#[test]
fn variables_set_addresses_of_services_that_no_file_names_and_unknown_ones_are_told() {
    let place = folder(&[("schema/video.graphql", VIDEO), ("schema/my-rating.graphql", RATING)]);
    let variables = [
        ("WEFT_SERVICES_VIDEO_URL", "http://127.0.0.1:1/v"),
        ("WEFT_SERVICES_MY_RATING_URL", "http://127.0.0.1:1/r"),
        ("WEFT_LISEN", "x"),
    ];
    let serving = Serving::start_with(&place, &[], &variables);
    let query = br#"{"query":"{ services { name url } }"}"#;
    let answer = block_on(post(serving.admin, "content-type: application/json\r\n", query)).json();
    let services = serde_json::json!([
        {"name": "my-rating", "url": "http://127.0.0.1:1/r"},
        {"name": "video", "url": "http://127.0.0.1:1/v"},
    ]);
    assert_eq!(answer["data"]["services"], services);
    let told = serving.before.iter().find(|line| line.contains("WEFT_LISEN")).expect("it is told");
    assert!(told.contains("did you mean `WEFT_LISTEN`?"), "{told}");
}

#[test]
fn a_port_in_use_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let place = folder(&[("super.graphql", SUPERGRAPH)]);
    let told = run(&place, &["serve", "--supergraph", "super.graphql", "--listen", &address]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains(&format!("weft: {address} is in use already")), "{}", told.err);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_success() {
    for signal in ["-TERM", "-INT"] {
        let place = folder(&[("super.graphql", SUPERGRAPH)]);
        let mut serving = Serving::start(&place, &["--supergraph", "super.graphql"]);
        let sent = Command::new("kill").args([signal, &serving.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        let status = block_on(eventually("the end", || serving.child.try_wait().expect("a child")));
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

/// A demo on free ports, from its start to its end.
struct Demo {
    child: Child,
    /// Its standard output, up to the line that says how it ends.
    told: String,
    log: mpsc::Receiver<String>,
}

impl Demo {
    fn start(place: &TempDir, arguments: &[&str]) -> Self {
        let mut child = weft(place.path())
            .args(["demo", "--ports", "0,0,0"])
            .env("WEFT_LISEN", "x")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let (send, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            while !text.contains("Ctrl-C ends it") && out.read_line(&mut text).is_ok_and(|read| read > 0) {}
            let _ = send.send(text);
            // Whatever follows is of no interest, but somebody has to read it.
            let _ = out.read_to_end(&mut Vec::new());
        });
        let err = BufReader::new(child.stderr.take().expect("piped"));
        let (send, log) = mpsc::channel();
        std::thread::spawn(move || err.lines().map_while(Result::ok).for_each(|line| _ = send.send(line)));
        let told = told.recv_timeout(DEADLINE).expect("it starts in time");
        Self { child, told, log }
    }

    fn gateway(place: &TempDir) -> Self {
        Self::start(place, &["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_demo_ends_its_start_with_addresses_and_a_query_to_paste() {
    let demo = Demo::gateway(&folder(&[]));
    wait_for(&demo.log, "did you mean `WEFT_LISTEN`?");
    let text = &demo.told;
    assert!(text.contains("/playground?query=query+Rated+%7B%0A") && text.contains("A query to paste:\n\n"), "{text}");
    assert!(text.contains("currentProfile") && text.contains("demo fault rating --delay 2s"), "{text}");
}

#[test]
fn the_demo_asks_its_own_services_and_tells_what_comes_of_an_edited_fragment() {
    let yaml = "services: {rating: {url: 'http://127.0.0.1:1'}}\n";
    let mut files = vec![("weft.yaml".to_owned(), yaml)];
    files.extend(weft::demo::fragments().map(|(name, text)| (format!("schema/{name}.graphql"), text)));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let place = folder(&files);
    let demo = Demo::gateway(&place);
    wait_for(&demo.log, "the configured address is not used");
    let base = demo.told.split("http://").find(|rest| rest.contains("/graphql")).expect("an address");
    let address = base.split('/').next().and_then(|address| address.parse().ok()).expect("an address");
    let answer = block_on(post(address, "content-type: application/json\r\n", br#"{"query":"{ topRated { id } }"}"#));
    assert!(answer.json().get("errors").is_none(), "{}", answer.text());

    replace(&place.path().join("schema/extra.graphql"), "type Query { extra: Nope }");
    wait_for(&demo.log, "the last good graph stays");
    replace(&place.path().join("schema/extra.graphql"), "type Query { extra: Int }");
    wait_for(&demo.log, "the graph is served");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_lonely_service_of_the_demo_with_success() {
    for signal in ["-TERM", "-INT"] {
        let mut demo = Demo::start(&folder(&[]), &["--only", "video"]);
        let sent = Command::new("kill").args([signal, &demo.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        let status = block_on(eventually("the end", || demo.child.try_wait().expect("a child")));
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}
