//! Layers, defaults, and what a person reads when something is wrong.

use super::*;

fn load(yaml: &str, env: &[(&str, &str)], flags: &Flags) -> Result<Config, String> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::resolve(flags, &env, Some((Path::new("conf/weft.yaml"), yaml.to_owned())), &RefCell::default())
        .map_err(|error| error.to_string())
}

fn error(yaml: &str) -> String {
    load(yaml, &[], &Flags::default()).expect_err("this configuration is wrong")
}

#[test]
fn flags_over_variables_over_file_over_defaults() {
    let yaml = "listen: 127.0.0.1:1\nadmin: {listen: '127.0.0.1:2'}\nlimits: {depth: 7, aliases: 8}\n";
    let env = [("WEFT_LISTEN", "127.0.0.1:3"), ("WEFT_LIMITS_DEPTH", "9")];
    let flags = Flags { listen: "127.0.0.1:4".parse().ok(), ..Flags::default() };
    let config = load(yaml, &env, &flags).expect("valid");
    assert_eq!(config.listen.port(), 4);
    assert_eq!(config.admin_listen.map(|address| address.port()), Some(2));
    assert_eq!((config.limits.depth, config.limits.aliases, config.limits.root_fields), (9, 8, 20));
    assert_eq!(load(yaml, &env, &Flags::default()).expect("valid").listen.port(), 3);
}

#[test]
fn an_empty_file_and_no_file_give_the_defaults() {
    let defaults = Config::resolve(&Flags::default(), &BTreeMap::new(), None, &RefCell::default()).expect("valid");
    assert_eq!(defaults.listen.to_string(), "127.0.0.1:4000");
    assert!(!defaults.introspection && !defaults.playground && defaults.watch);
    for yaml in ["", "# nothing\n", "---\n"] {
        let config = load(yaml, &[], &Flags::default()).expect("valid");
        assert_eq!(config.limits, defaults.limits, "{yaml:?}");
    }
}

#[test]
fn dev_turns_introspection_and_the_playground_on_unless_it_is_said_otherwise() {
    assert!(load("dev: true", &[], &Flags::default()).expect("valid").playground);
    assert!(!load("dev: true\nplayground: false", &[], &Flags::default()).expect("valid").playground);
    assert!(load("dev: true", &[], &Flags::default()).expect("valid").introspection);
    assert!(!load("dev: true\nintrospection: false", &[], &Flags::default()).expect("valid").introspection);
}

#[test]
fn paths_of_the_file_are_relative_to_it_and_the_stronger_layer_picks_the_source() {
    let config = load("schema: fragments", &[], &Flags::default()).expect("valid");
    assert_eq!(config.schema, Path::new("conf/fragments"));
    let flags = Flags { supergraph: Some("super.graphql".into()), ..Flags::default() };
    let config = load("schema: fragments", &[], &flags).expect("valid");
    assert_eq!(config.supergraph.as_deref(), Some(Path::new("super.graphql")));
    let flags = Flags { schema: Some("mine".into()), ..Flags::default() };
    let config = load("supergraph: super.graphql", &[], &flags).expect("valid");
    assert_eq!((config.schema.as_path(), config.supergraph), (Path::new("mine"), None));
}

#[test]
fn variables_fill_plain_and_quoted_scalars_of_every_type() {
    let yaml = "services:\n  rating:\n    url: \"http://${HOST}:${PORT:-4103}\"\n    timeout: ${T:-300ms}\n    headers: [\"${H:-X-Profile-Id}\"]\n    config: {key: '${HOST}', deep: [1, '${T:-x}']}\n";
    let config = load(yaml, &[("HOST", "rating.internal")], &Flags::default()).expect("valid");
    let rating = &config.services["rating"];
    assert_eq!(rating.url.as_deref(), Some("http://rating.internal:4103"));
    assert_eq!(rating.timeout, Some(Duration::from_millis(300)));
    assert_eq!(rating.headers, ["x-profile-id"]);
    let service_config = serde_json::to_value(&rating.config).expect("JSON");
    assert_eq!(service_config, serde_json::json!({"key": "rating.internal", "deep": [1, "x"]}));
    let config = load(yaml, &[("HOST", "h"), ("WEFT_SERVICES_RATING_URL", "http://other:1")], &Flags::default());
    assert_eq!(config.expect("valid").services["rating"].url.as_deref(), Some("http://other:1"));
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() {
    insta::assert_snapshot!(error("listen: 127.0.0.1:4000\nlimits:\n  depht: 10\n"), @r#"
    conf/weft.yaml:3:3: error[CONFIG_UNKNOWN_KEY]: there is no setting `depht` here
         3 |   depht: 10
           |   ^^^^^
      help: did you mean `depth`?
    "#);
    insta::assert_snapshot!(error("services:\n  rating:\n    adress: http://h:1\n"), @r#"
    conf/weft.yaml:3:5: error[CONFIG_UNKNOWN_KEY]: there is no setting `adress` here
         3 |     adress: http://h:1
           |     ^^^^^^
      help: the settings here are `url`, `headers`, `timeout`, `config`
    "#);
}

#[test]
fn every_wrong_value_is_told_at_once() {
    insta::assert_snapshot!(
        error("listen: nowhere\nlimits:\n  body: 2 megs\n  request_timeout: 30\nservices:\n  rating: {url: '${RATING_URL}'}\n"),
        @r#"
        conf/weft.yaml:1:9: error[CONFIG_VALUE]: this has to be an address with a port, such as `127.0.0.1:4000`
             1 | listen: nowhere
               |         ^^^^^^^
        conf/weft.yaml:3:9: error[CONFIG_VALUE]: this has to be a size, such as `512KiB`, `2MB` or `32MiB`
             3 |   body: 2 megs
               |         ^^^^^^
        conf/weft.yaml:4:20: error[CONFIG_VALUE]: this has to be a duration with a unit, such as `250ms`, `30s`, `5m` or `1h`
             4 |   request_timeout: 30
               |                    ^^
        conf/weft.yaml:6:17: error[CONFIG_VARIABLE]: the variable RATING_URL is not set
             6 |   rating: {url: '${RATING_URL}'}
               |                 ^^^^^^^^^^^^^^^
          help: set it, or give a default: `${RATING_URL:-…}`
        "#
    );
}

#[test]
fn unknown_keys_wrong_shapes_and_wrong_values_are_told_together() {
    let yaml = "lisen: 127.0.0.1:1\nlimits: {boddy: 1MB, depth: ten}\ncors: {origins: \"*\"}\nadmin: 5\nservices: {rating: {ulr: http://h:1, timeout: 5}}\n";
    insta::assert_snapshot!(error(yaml), @r#"
    conf/weft.yaml:1:1: error[CONFIG_UNKNOWN_KEY]: there is no setting `lisen` here
         1 | lisen: 127.0.0.1:1
           | ^^^^^
      help: did you mean `listen`?
    conf/weft.yaml:2:10: error[CONFIG_UNKNOWN_KEY]: there is no setting `boddy` here
         2 | limits: {boddy: 1MB, depth: ten}
           |          ^^^^^
      help: did you mean `body`?
    conf/weft.yaml:2:29: error[CONFIG_VALUE]: this has to be a whole number above 0, such as `100`
         2 | limits: {boddy: 1MB, depth: ten}
           |                             ^^^
    conf/weft.yaml:3:17: error[CONFIG_SYNTAX]: this has to be a list: `[a, b]`, or lines of `- a`
         3 | cors: {origins: "*"}
           |                 ^^^
    conf/weft.yaml:4:8: error[CONFIG_SYNTAX]: this has to be a section: lines of `setting: value`, indented
         4 | admin: 5
           |        ^
    conf/weft.yaml:5:21: error[CONFIG_UNKNOWN_KEY]: there is no setting `ulr` here
         5 | services: {rating: {ulr: http://h:1, timeout: 5}}
           |                     ^^^
      help: did you mean `url`?
    conf/weft.yaml:5:47: error[CONFIG_VALUE]: this has to be a duration with a unit, such as `250ms`, `30s`, `5m` or `1h`
         5 | services: {rating: {ulr: http://h:1, timeout: 5}}
           |                                               ^
    "#);
}

#[test]
fn numbers_and_switches_are_read_as_they_were_written() {
    let yaml = "limits: {depth: 1_000, aliases: 07}\nwatch: no\nservices: {rating: {config: {a: 1, b: true, c: 1.5, d: '2', e: ~}}}\n";
    let config = load(yaml, &[], &Flags::default()).expect("valid");
    assert_eq!((config.limits.depth, config.limits.aliases, config.watch), (1_000, 7, false));
    let service_config = serde_json::to_value(&config.services["rating"].config).expect("JSON");
    assert_eq!(service_config, serde_json::json!({"a": 1, "b": true, "c": 1.5, "d": "2", "e": null}));
}

#[test]
fn broken_yaml_has_a_place() {
    insta::assert_snapshot!(error("listen: [\n"), @r#"
    conf/weft.yaml:1:1: error[CONFIG_SYNTAX]: unclosed bracket '['
         1 | listen: [
           | ^
    "#);
    insta::assert_snapshot!(error("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n"), @r#"
    conf/weft.yaml:2:1: error[CONFIG_SYNTAX]: `listen` is set twice
         2 | listen: 127.0.0.1:2
           | ^^^^^^
    "#);
    insta::assert_snapshot!(error("limits: 5\n"), @r#"
    conf/weft.yaml:1:9: error[CONFIG_SYNTAX]: this has to be a section: lines of `setting: value`, indented
         1 | limits: 5
           |         ^
    "#);
    insta::assert_snapshot!(error("listen:\n  a: b\n"), @r#"
    conf/weft.yaml:2:3: error[CONFIG_SYNTAX]: this has to be a single value
         2 |   a: b
           |   ^
    "#);
}

#[test]
fn combinations_that_cannot_be_are_refused() {
    insta::assert_snapshot!(error("cors: {origins: ['*'], credentials: true}"), @r#"
    error[CONFIG_CONFLICT]: `cors.credentials` cannot be combined with the origin `*`
      help: name the origins that may send cookies
    "#);
    insta::assert_snapshot!(error("schema: a\nsupergraph: b"), @r#"
    error[CONFIG_CONFLICT]: both a schema folder (conf/a) and a supergraph file (conf/b) are given
      help: keep one of them: a folder of fragments is composed, a supergraph file is served as it is
    "#);
}

#[test]
fn a_variable_with_a_wrong_value_is_named_without_its_value() {
    let told = load("", &[("WEFT_LIMITS_BODY", "secret")], &Flags::default()).expect_err("wrong");
    assert_eq!(
        told,
        "error[CONFIG_VALUE]: the variable WEFT_LIMITS_BODY has to be a size, such as `512KiB`, `2MB` or `32MiB`"
    );
}

#[test]
fn the_documentation_names_every_variable_and_every_setting() {
    let documentation = include_str!("../../docs/configuration.md");
    // Each documented variable is asked for, or it would be told as unknown; each setting has its variable documented.
    let words = documentation.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let documented: BTreeSet<&str> = words.filter(|word| word.starts_with("WEFT_") && *word != "WEFT_").collect();
    assert!(documented.len() > 40, "{documented:?}");
    let asked = RefCell::default();
    let yaml = "services: {name: {}}".to_owned();
    Config::resolve(&Flags::default(), &BTreeMap::new(), Some((Path::new("weft.yaml"), yaml)), &asked).expect("valid");
    let asked = asked.into_inner();
    let missing: Vec<_> = asked.iter().filter(|name| !documentation.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/configuration.md says nothing of {missing:?}");
    let unknown: Vec<_> =
        documented.iter().filter(|name| !asked.contains(**name) && !OTHER_VARIABLES.contains(name)).collect();
    assert!(unknown.is_empty(), "docs/configuration.md tells of {unknown:?}");
}

#[test]
fn variables_set_services_that_the_file_does_not_name() {
    let env = [("WEFT_SERVICES_PROFILE_URL", "http://other:1"), ("WEFT_SERVICES_MY_SHOP_TIMEOUT", "5s")];
    let mut config = load("services: {rating: {}}", &env, &Flags::default()).expect("valid");
    assert_eq!(config.services["profile"].url.as_deref(), Some("http://other:1"));
    config.name_services(&["my-shop", "profile", "rating"]);
    assert_eq!(config.services["my-shop"].timeout, Some(Duration::from_secs(5)));
    assert!(!config.services.contains_key("my_shop"), "there is no service of this name");
    assert!(config.services.contains_key("rating"));
    let told = load("", &[("WEFT_SERVICES_PROFILE_URL", "nowhere")], &Flags::default()).expect_err("wrong");
    assert!(told.contains("the variable WEFT_SERVICES_PROFILE_URL has to be an absolute URL"), "{told}");
}

#[test]
fn variables_that_are_no_settings_are_told_with_the_nearest_that_is() {
    let env = [("WEFT_LISEN", "x"), ("WEFT_CONFIG", "y"), ("HOME", "z"), ("WEFT_LISTEN", "127.0.0.1:1")];
    let hints = load("", &env, &Flags::default()).expect("valid").hints;
    let hints: Vec<_> = hints.iter().map(ToString::to_string).collect();
    assert_eq!(
        hints,
        [
            "hint[UNKNOWN_VARIABLE]: the variable WEFT_LISEN is no setting and is ignored\n  help: did you mean `WEFT_LISTEN`?"
        ]
    );
}

#[test]
fn a_log_level_that_is_none_is_refused() {
    insta::assert_snapshot!(error("logging: {level: loud}"), @r#"
    conf/weft.yaml:1:18: error[CONFIG_VALUE]: this has to be error, warn, info, debug, trace or off, or by module as in `info,weft=debug`
         1 | logging: {level: loud}
           |                  ^^^^
    "#);
}

#[test]
fn tokens_are_checked_where_there_are_keys() {
    let yaml = "authentication:\n  jwt:\n    jwks: [keys.json, 'https://${ISSUER}/keys']\n    issuers: ['https://${ISSUER}']\n    leeway: 5s\nauthorization: {unauthorized: refuse}\n";
    let config = load(yaml, &[("ISSUER", "issuer.test")], &Flags::default()).expect("valid");
    let jwt = config.authentication.jwt.expect("tokens");
    let url = KeySet::Url("https://issuer.test/keys".into());
    assert_eq!(jwt.jwks, [KeySet::File("conf/keys.json".into()), url]);
    assert_eq!((jwt.issuers, jwt.audiences.len()), (vec!["https://issuer.test".to_owned()], 0));
    assert_eq!((jwt.header.as_str(), jwt.leeway), ("authorization", Duration::from_secs(5)));
    assert_eq!((jwt.scope_claims.join(" "), jwt.policy_claims.join(" ")), ("scope scp".into(), "policies".into()));
    assert_eq!(config.unauthorized, Unauthorized::Refuse);
    let env = [("ISSUER", "x"), ("WEFT_AUTHENTICATION_JWT_JWKS", "mine.json")];
    let jwt = load(yaml, &env, &Flags::default()).expect("valid").authentication.jwt.expect("tokens");
    assert_eq!(jwt.jwks, [KeySet::File("mine.json".into())]);
    assert_eq!(load("", &[], &Flags::default()).expect("valid").authentication.jwt, None);
    insta::assert_snapshot!(error("authentication: {jwt: {issuers: [a]}}"), @r"
    error[CONFIG_CONFLICT]: tokens are to be checked, but `authentication.jwt.jwks` names no keys to check them with
      help: give the address of the issuer's JWK set, or a file with it
    ");
    insta::assert_snapshot!(error("authentication: {jwt: {jwks: ['ftp://x/keys']}}"), @r"
    conf/weft.yaml:1:31: error[CONFIG_VALUE]: this has to be an `https` or `http` address of a JWK set, or the path of a file with one
         1 | authentication: {jwt: {jwks: ['ftp://x/keys']}}
           |                               ^^^^^^^^^^^^^^
    ");
}

/// The file that editors read is what the program reads, with the words of the documentation. `UPDATE=1` writes it anew.
#[test]
fn the_json_schema_is_the_files_shape_with_the_documentations_words() {
    let mut schema = json_schema();
    let mut described = 0;
    let mut default_at = None;
    for line in include_str!("../../docs/configuration.md").lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix('|')) else { continue };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if cells[0] == "setting" {
            default_at = cells.iter().position(|cell| *cell == "default");
        }
        let Some(setting) = cells[0].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) else { continue };
        let (Some(words), Some(default)) = (cells.last(), default_at.and_then(|at| cells.get(at))) else { continue };
        let mut place = Some(&mut schema);
        for step in setting.split('.') {
            let below = if step == "NAME" { "/additionalProperties".to_owned() } else { format!("/properties/{step}") };
            place = place.and_then(|place| place.pointer_mut(&below));
        }
        if let Some(place) = place {
            let default = if default.starts_with('`') {
                format!("{}Default: {default}.", if words.is_empty() || words.ends_with('.') { " " } else { ". " })
            } else {
                String::new()
            };
            place["description"] = format!("{words}{default}").trim_start().into();
            described += 1;
        }
    }
    assert!(described > 50, "{described}");
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/weft.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &text).expect("written");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(known == text, "docs/weft.schema.json is out of date: run this test with UPDATE=1");
}
