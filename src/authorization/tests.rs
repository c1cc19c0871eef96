//! Tokens, true and false; keys that come and go.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use weft_loaders::{Answer, Call, Exchange, LoadError, Transport};

use super::*;

/// Beyond every test's clock.
const FAR: u64 = 4_102_444_800;

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Somebody who signs tokens.
enum Issuer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Issuer {
    fn ed25519() -> Issuer {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Issuer::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn p256() -> Issuer {
        let (curve, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
        Issuer::P256(EcdsaKeyPair::from_pkcs8(curve, document.as_ref(), &random).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Issuer::Ed25519(_) => "EdDSA",
            Issuer::P256(_) => "ES256",
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        match self {
            Issuer::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": base64(pair.public_key())})
            }
            Issuer::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "x": x, "y": y})
            }
        }
    }

    fn signature(&self, message: &str) -> Vec<u8> {
        match self {
            Issuer::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Issuer::P256(pair) => pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
        }
    }

    fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = base64(self.signature(&signed));
        format!("{signed}.{signature}")
    }

    fn sign(&self, kid: &str, claims: &Value) -> String {
        self.sign_with(&json!({"alg": self.algorithm(), "kid": kid, "typ": "JWT"}), claims)
    }
}

/// What an issuer's address answers at the moment.
#[derive(Default)]
struct Address {
    set: Mutex<Option<Value>>,
    asked: AtomicUsize,
}

impl Address {
    fn publish(&self, keys: &[Value]) {
        *self.set.lock().unwrap() = Some(json!({ "keys": keys }));
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

impl Transport for Address {
    fn exchange<'a>(&'a self, _: &'a Call) -> Exchange<'a> {
        self.asked.fetch_add(1, SeqCst);
        let set = self.set.lock().unwrap().clone();
        Box::pin(async move {
            // Others may come while it is under way.
            tokio::task::yield_now().await;
            let set = set.ok_or(LoadError::Unavailable("connection refused"))?;
            Ok(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: set.to_string().into() })
        })
    }
}

fn settings() -> Settings {
    Settings {
        keys: vec![KeySource::Url("https://issuer.test/keys".into())],
        issuers: vec!["https://issuer.test".into()],
        audiences: vec!["graph".into()],
        header: header::AUTHORIZATION,
        leeway: Duration::from_secs(30),
        refresh: Duration::from_secs(60),
        scope_claims: vec!["scope".into(), "scp".into()],
        policy_claims: vec!["policies".into(), "realm.roles".into()],
    }
}

async fn start(address: &Arc<Address>, settings: Settings) -> Authenticator {
    let loaders = Loaders::with_transport(weft_loaders::Settings::default(), Arc::clone(address) as Arc<dyn Transport>);
    Authenticator::start(settings, loaders).await.unwrap()
}

fn claims() -> Value {
    json!({"iss": "https://issuer.test", "aud": "graph", "sub": "ada", "exp": FAR})
}

fn headers(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    headers
}

async fn told(authenticator: &Authenticator, token: &str) -> String {
    match authenticator.grants(&headers(token)).await {
        Ok(grants) => format!("{grants:?}"),
        Err(refused) => refused.to_string(),
    }
}

#[tokio::test]
async fn a_token_grants_what_its_claims_list() {
    let address = Arc::new(Address::default());
    let (ed, ec) = (Issuer::ed25519(), Issuer::p256());
    address.publish(&[ed.jwk("ed"), ec.jwk("ec")]);
    let authenticator = start(&address, settings()).await;
    for (more, scopes, policies) in [
        (json!({}), vec![], vec![]),
        (json!({"scope": "read  write"}), vec!["read", "write"], vec![]),
        (json!({"scp": ["read", 7, "write all"]}), vec!["read", "write all"], vec![]),
        (json!({"scope": "a", "scp": "b", "policies": ["p"]}), vec!["a", "b"], vec!["p"]),
        (json!({"scope": {"a": true}, "realm": {"roles": ["admin"]}}), vec![], vec!["admin"]),
    ] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        for token in [ed.sign("ed", &claims), ec.sign("ec", &claims)] {
            let grants = authenticator.grants(&headers(&token)).await.unwrap();
            assert!(grants.authenticated);
            assert_eq!(grants.scopes.iter().map(String::as_str).collect::<Vec<_>>(), scopes, "{more}");
            assert_eq!(grants.policies.iter().map(String::as_str).collect::<Vec<_>>(), policies, "{more}");
        }
    }
    let nobody = authenticator.grants(&HeaderMap::new()).await.unwrap();
    assert_eq!(nobody, Grants::default(), "without a token, a client is anonymous");
    let without_name = ed.sign_with(&json!({"alg": "EdDSA"}), &claims());
    assert!(authenticator.grants(&headers(&without_name)).await.unwrap().authenticated);
}

#[tokio::test]
async fn a_token_that_does_not_count_is_refused_with_its_reason() {
    let address = Arc::new(Address::default());
    let (ed, ec, stranger) = (Issuer::ed25519(), Issuer::p256(), Issuer::ed25519());
    address.publish(&[ed.jwk("ed"), ec.jwk("ec")]);
    let authenticator = start(&address, settings()).await;
    let good = ed.sign("ed", &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        ed.sign("ed", &claims)
    };
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        ed.sign("ed", &claims)
    };
    let headed = |header: Value| ed.sign_with(&header, &claims());
    let unsigned = format!("{}.{payload}.", base64(r#"{"alg":"none"}"#));
    let none = "it is not a signed JSON Web Token";
    for (token, why) in [
        ("x".to_owned(), none),
        ("a.b".to_owned(), none),
        ("a.b.c".to_owned(), none),
        (format!("{good}.x"), none),
        (format!("{head}.{payload}.{signature}="), none),
        (unsigned, "its algorithm is not accepted"),
        (format!("{}.{payload}.", base64(r#"{"alg":"NONE"}"#)), "its algorithm is not accepted"),
        (headed(json!({"alg": "HS256", "kid": "ed"})), "its algorithm is not accepted"),
        // The algorithm of another key than the one that is named.
        (headed(json!({"alg": "ES256", "kid": "ed"})), "nobody knows the key that it is signed with"),
        (headed(json!({"alg": "EdDSA", "kid": "ec"})), "nobody knows the key that it is signed with"),
        (
            headed(json!({"alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": false})),
            "it demands that an extension be understood which is not",
        ),
        // A key that the token brings along is nobody's.
        (
            stranger.sign_with(&json!({"alg": "EdDSA", "kid": "own", "jwk": stranger.jwk("own")}), &claims()),
            "nobody knows the key that it is signed with",
        ),
        (stranger.sign("ed", &claims()), "its signature does not fit"),
        (format!("{head}.{}.{signature}", base64(r#"{"sub":"eve","exp":4102444800}"#)), "its signature does not fit"),
        (format!("{signed}."), "its signature does not fit"),
        (ed.sign("ed", &json!([1])), "its claims are not a JSON object"),
        (without("exp"), "it never expires"),
        (with("exp", json!("4102444800")), "one of its times is not a number"),
        (with("exp", json!(null)), "one of its times is not a number"),
        (with("exp", json!(1)), "it has expired"),
        (with("nbf", json!(FAR)), "it is not valid yet"),
        (with("nbf", json!("1")), "one of its times is not a number"),
        (without("iss"), "it is of another issuer"),
        (with("iss", json!("https://issuer.test/")), "it is of another issuer"),
        (with("iss", json!(["https://issuer.test"])), "it is of another issuer"),
        (without("aud"), "it is for another audience"),
        (with("aud", json!(["other", "graphs"])), "it is for another audience"),
    ] {
        assert_eq!(told(&authenticator, &token).await, format!("the token is refused: {why}"), "{token}");
    }
    assert!(authenticator.grants(&headers(&with("aud", json!(["other", "graph"])))).await.is_ok());
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    let address = Arc::new(Address::default());
    let ed = Issuer::ed25519();
    address.publish(&[ed.jwk("ed")]);
    let authenticator = start(&address, settings()).await;
    let jwt = authenticator.jwt.as_ref().unwrap();
    let mut claims = claims();
    claims["exp"] = json!(2_000);
    claims["nbf"] = json!(1_000.5);
    let token = ed.sign("ed", &claims);
    for (now, expected) in [(970.0, false), (971.0, true), (1_999.0, true), (2_029.0, true), (2_030.0, false)] {
        assert_eq!(jwt.claims(&token, now).await.is_ok(), expected, "{now}");
    }
}

#[tokio::test]
async fn credentials_are_sent_once_and_as_a_bearers() {
    let address = Arc::new(Address::default());
    let ed = Issuer::ed25519();
    address.publish(&[ed.jwk("ed")]);
    let token = ed.sign("ed", &claims());
    let authenticator = start(&address, settings()).await;
    let own = start(&address, Settings { header: HeaderName::from_static("x-token"), ..settings() }).await;
    let with = |name: &'static str, values: &[String]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    };
    for (scheme, expected) in
        [("Bearer ", true), ("bearer   ", true), ("", false), ("Basic ", false), ("Bearer", false)]
    {
        let headers = with("authorization", &[format!("{scheme}{token}")]);
        assert_eq!(authenticator.grants(&headers).await.is_ok(), expected, "{scheme:?}");
    }
    let twice = with("authorization", &[format!("Bearer {token}"), format!("Bearer {token}")]);
    assert_eq!(authenticator.grants(&twice).await, Err(Refused::Invalid("it is sent more than once")));
    assert!(own.grants(&with("x-token", std::slice::from_ref(&token))).await.unwrap().authenticated);
    assert!(own.grants(&with("x-token", &[format!("Bearer {token}")])).await.unwrap().authenticated);
    assert!(!own.grants(&with("authorization", &["Basic eDp5".into()])).await.unwrap().authenticated);
}

#[tokio::test]
async fn rsa_signatures_are_verified_by_the_keys_own_algorithm() {
    let fixture: Value = serde_json::from_str(include_str!("tests/rsa.json")).unwrap();
    let tokens = fixture["tokens"].as_object().unwrap();
    for said in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let mut key = fixture["key"].clone();
        (key["kid"], key["alg"]) = (json!("rsa"), json!(said));
        let address = Arc::new(Address::default());
        address.publish(&[key]);
        let settings = Settings { issuers: Vec::new(), audiences: Vec::new(), ..settings() };
        let authenticator = start(&address, settings).await;
        for (algorithm, token) in tokens {
            let token = token.as_str().unwrap();
            assert_eq!(authenticator.grants(&headers(token)).await.is_ok(), algorithm == said, "{algorithm} by {said}");
        }
    }
}

#[test]
fn keys_for_other_purposes_and_kinds_are_left_out() {
    let fixture: Value = serde_json::from_str(include_str!("tests/rsa.json")).unwrap();
    let rsa = |more: Value| {
        let mut key = fixture["key"].clone();
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    };
    for (key, expected) in [
        (rsa(json!({})), Ok(1)),
        (rsa(json!({"use": "enc"})), Ok(0)),
        (rsa(json!({"key_ops": ["encrypt"]})), Ok(0)),
        (rsa(json!({"key_ops": ["verify"]})), Ok(1)),
        (rsa(json!({"alg": "HS256"})), Err("key 1: its algorithm is not supported")),
        (rsa(json!({"alg": "ES256"})), Err("key 1: its algorithm does not go with its kind")),
        (rsa(json!({"n": "AQAB"})), Err("key 1: an RSA key has 2,048 to 8,192 bits")),
        (rsa(json!({"e": "!"})), Err("key 1: a part of it is not base64url")),
        (
            json!({"kty": "oct", "k": "c2VjcmV0", "kid": "s"}),
            Err("key \"s\": it is symmetric: whoever can verify with it can sign with it"),
        ),
        (json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}), Err("key 1: its `x` or `y` has the wrong length")),
        (json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), Err("key 1: its kind or curve is not supported")),
        (json!({"kty": 7}), Err("key 1: it is not written as keys are")),
        (json!("x"), Err("key 1: it is not written as keys are")),
    ] {
        let (keys, unusable) = jwk::read(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
        match expected {
            Ok(count) => assert_eq!((keys.len(), unusable.len()), (count, 0), "{key}"),
            Err(why) => assert_eq!(unusable, [why]),
        }
    }
    for text in ["", "{}", "[]", r#"{"keys":{}}"#] {
        assert!(jwk::read(text.as_bytes()).is_err(), "{text}");
    }
}

/// An issuer signs with a new key as soon as it has published it.
#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_looked_for_at_a_bounded_rate() {
    let address = Arc::new(Address::default());
    let (old, new) = (Issuer::ed25519(), Issuer::p256());
    address.publish(&[old.jwk("old")]);
    let authenticator = start(&address, settings()).await;
    assert_eq!(address.asked(), 1);
    address.publish(&[old.jwk("old"), new.jwk("new")]);
    let token = new.sign("new", &claims());
    // All who come with it at once wait for the same reading.
    let headers = headers(&token);
    let all = (0..20).map(|_| authenticator.grants(&headers));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    assert_eq!(address.asked(), 2);
    for index in 0..50 {
        told(&authenticator, &new.sign(&format!("invented {index}"), &claims())).await;
    }
    assert_eq!(address.asked(), 3, "twice in thirty seconds, whatever is invented");
    assert!(told(&authenticator, &token).await.contains("authenticated: true"), "known keys go on");
    tokio::time::advance(Duration::from_secs(30)).await;
    told(&authenticator, &new.sign("invented", &claims())).await;
    assert_eq!(address.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_current_and_the_last_good_ones_stay() {
    let address = Arc::new(Address::default());
    let (old, new) = (Issuer::ed25519(), Issuer::ed25519());
    let authenticator = start(&address, settings()).await;
    let token = old.sign("old", &claims());
    let without_keys = Err(Refused::NoKeys);
    assert_eq!(authenticator.grants(&headers(&token)).await, without_keys, "nobody can tell yet");
    assert!(authenticator.grants(&HeaderMap::new()).await.is_ok(), "strangers are served");
    let known = async |token: &str| authenticator.grants(&headers(token)).await.is_ok();
    let check = async {
        address.publish(&[old.jwk("old")]);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert!(known(&token).await);
        for broken in [None, Some(json!({"keys": []})), Some(json!("<html>"))] {
            *address.set.lock().unwrap() = broken;
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert!(known(&token).await, "what cannot be read changes nothing");
        }
        address.publish(&[new.jwk("new")]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!known(&token).await, "a key that is withdrawn counts no more");
        assert!(known(&new.sign("new", &claims())).await);
    };
    tokio::select! {
        () = check => {}
        () = authenticator.keep_current() => panic!("it ended"),
    }
}

#[tokio::test]
async fn a_file_of_keys_is_read_at_the_start_or_the_start_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let ed = Issuer::ed25519();
    let settings = Settings { keys: vec![KeySource::File(file.clone())], ..settings() };
    let loaders = Loaders::new(weft_loaders::Settings::default());
    let failed = Authenticator::start(settings.clone(), loaders.clone()).await.unwrap_err();
    assert!(failed.contains("keys.json cannot be read: No such file"), "{failed}");
    std::fs::write(&file, r#"{"keys":[{"kty":"oct","k":"AA"}]}"#).unwrap();
    let failed = Authenticator::start(settings.clone(), loaders.clone()).await.unwrap_err();
    assert!(failed.contains("it has no key that can be used (key 1: it is symmetric"), "{failed}");
    std::fs::write(&file, json!({"keys": [ed.jwk("ed")]}).to_string()).unwrap();
    let authenticator = Authenticator::start(settings, loaders).await.unwrap();
    assert!(authenticator.grants(&headers(&ed.sign("ed", &claims()))).await.unwrap().authenticated);
}

/// Whatever is sent is refused, and nothing panics.
#[tokio::test]
async fn mangled_tokens_are_refused() {
    let address = Arc::new(Address::default());
    let ed = Issuer::ed25519();
    address.publish(&[ed.jwk("ed")]);
    let authenticator = start(&address, settings()).await;
    let good = ed.sign("ed", &claims());
    for at in 0..good.len() {
        let cut = &good[..at];
        assert!(authenticator.grants(&headers(cut)).await.is_err(), "{cut}");
        let other = if good.as_bytes()[at] == b'A' { "B" } else { "A" };
        let changed = format!("{}{other}{}", &good[..at], &good[at + 1..]);
        assert!(authenticator.grants(&headers(&changed)).await.is_err(), "{changed}");
    }
}
