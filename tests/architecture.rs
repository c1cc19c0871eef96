//! Holds the import rules of ARCHITECTURE.md: data moves only rightwards through the rooms.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may name. What is not listed may not be imported.
const ROOMS: &[(&str, &[&str])] = &[
    ("diagnostic", &[]),
    ("connect", &["diagnostic"]),
    ("supergraph", &["diagnostic", "connect"]),
    ("authorization", &["supergraph"]),
    ("compose", &["diagnostic", "connect", "supergraph"]),
    ("operation", &["supergraph"]),
    ("planner", &["operation", "supergraph", "connect"]),
    ("execute", &["planner", "operation", "supergraph", "connect"]),
    ("gateway", &["execute", "planner", "operation", "supergraph", "connect"]),
    ("control", &["gateway", "compose", "supergraph", "connect", "diagnostic"]),
    ("server", &["control", "gateway", "authorization", "supergraph", "diagnostic"]),
    ("config", &["diagnostic"]),
    ("telemetry", &["config"]),
    ("demo", &[]),
];

/// Rooms that are pure: no async, no clock, no I/O, no configuration.
const PURE: &[&str] = &["diagnostic", "connect", "supergraph", "compose", "operation", "planner"];

/// What a pure room may not say.
const IMPURE: &[&str] = &[
    "tokio::",
    "reqwest::",
    "weft_loaders",
    "std::fs",
    "std::net",
    "std::env",
    "std::time::Instant",
    "SystemTime",
    "async fn",
    ".await",
    "std::thread",
];

fn rust_files(path: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries {
        let path = entry.expect("a readable source folder").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The files of a room, and what they say outside comments and outside `#[cfg(test)]` modules.
fn room_code(room: &str) -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src.join(room), &mut files);
    let file = src.join(format!("{room}.rs"));
    if file.exists() {
        files.push(file);
    }
    let is_test = |path: &PathBuf| path.components().any(|c| c.as_os_str() == "tests" || c.as_os_str() == "tests.rs");
    files
        .into_iter()
        .filter(|path| !is_test(path))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable source file");
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
            (path, code.join("\n"))
        })
        .collect()
}

/// Rooms named as `crate::room` or inside `use crate::{room, …}`.
fn named_rooms(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    c if depth == 0 && (c.is_alphanumeric() || c == '_') => {
                        word.push(c);
                        continue;
                    }
                    ':' if depth == 0 => {
                        named.insert(std::mem::take(&mut word));
                        continue;
                    }
                    ',' => word.clear(),
                    _ => continue,
                }
            }
            named.insert(word);
        } else {
            named.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    named.remove("");
    named
}

#[test]
fn rooms_import_only_what_stands_to_their_left() {
    let mut wrong = Vec::new();
    for (room, allowed) in ROOMS {
        for (path, code) in room_code(room) {
            for (other, _) in ROOMS {
                if other != room && !allowed.contains(other) && named_rooms(&code).contains(*other) {
                    wrong.push(format!("{}: `{room}` may not import `{other}`", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_stay_pure() {
    let mut wrong = Vec::new();
    for room in PURE {
        for (path, code) in room_code(room) {
            for word in IMPURE {
                if code.contains(word) {
                    wrong.push(format!("{}: `{word}` in the pure room `{room}`", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_execute_loads() {
    // `gateway` hands the loaders to `execute`; `control` passes them on and `server` reads their statistics. `authorization` fetches
    // keys, which are nobody's data.
    let known = ["execute", "gateway", "control", "server", "authorization"];
    for (room, _) in ROOMS.iter().filter(|(room, _)| !known.contains(room)) {
        for (path, code) in room_code(room) {
            assert!(!code.contains("weft_loaders"), "{}: `{room}` knows the loaders", path.display());
        }
    }
    for room in ["gateway", "control", "server"] {
        for (path, code) in room_code(room) {
            for word in ["oaders.load(", "oaders.call(", "weft_loaders::Batch", "weft_loaders::Call"] {
                assert!(!code.contains(word), "{}: `{room}` loads by itself", path.display());
            }
        }
    }
}

#[test]
fn every_room_is_listed() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("src/lib.rs");
    for line in lib.lines() {
        if let Some(room) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            assert!(ROOMS.iter().any(|(name, _)| *name == room), "`{room}` is a room without a rule");
        }
    }
}

#[test]
fn the_reader_of_imports_sees_them() {
    let code = "use crate::{compose::x, planner};\nfn f() { crate::server::run() }";
    let named: Vec<String> = named_rooms(code).into_iter().collect();
    assert_eq!(named, ["compose", "planner", "server"]);
}
