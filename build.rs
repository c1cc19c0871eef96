//! Embeds the playground, and notes which commit a release is built from.
//!
//! In: `playground/dist/`, which may be absent. Out: `$OUT_DIR/playground.rs` with the list of its files and, beside it,
//! each file compressed with gzip; `WEFT_VERSION`, and `WEFT_COMMIT` where it is known.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    embed_playground()?;
    note_version();
    Ok(())
}

fn embed_playground() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    let dist = Path::new("playground/dist");
    // Cargo runs this again on every build while a watched path is missing, and would compile everything again each
    // time. An empty folder, which git ignores, is noticed when it is filled. Where it cannot be made, nothing is lost.
    if !dist.exists() && fs::create_dir_all(dist).is_ok() {
        // Younger than this run it would count as changed, and everything would be compiled once more.
        let _ = fs::File::open(dist).and_then(|folder| folder.set_modified(SystemTime::UNIX_EPOCH));
    }
    println!("cargo::rerun-if-changed={}", dist.display());

    let mut files = Vec::new();
    collect(dist, &mut files)?;
    let mut assets: Vec<(String, PathBuf)> = files
        .into_iter()
        .filter_map(|file| {
            let parts = file.strip_prefix(dist).ok()?.components();
            let path = parts.map(|part| part.as_os_str().to_str()).collect::<Option<Vec<_>>>()?.join("/");
            // Source maps would double the program for nobody.
            (!path.ends_with(".map")).then_some((path, file))
        })
        .collect();
    assets.sort();

    let mut list = String::from("static ASSETS: &[Asset] = &[\n");
    for (index, (path, file)) in assets.iter().enumerate() {
        println!("cargo::rerun-if-changed={}", file.display());
        let content = fs::read(file)?;
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        let compressed = out.join(format!("playground-{index}.gz"));
        let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&compressed)?, flate2::Compression::best());
        encoder.write_all(&content)?;
        encoder.finish()?;
        // What Vite puts below `assets/` has a hash of its content in its name.
        let immutable = path.starts_with("assets/");
        let content_type = content_type(path);
        let compressed = compressed.to_string_lossy();
        writeln!(
            list,
            "    Asset {{ path: {path:?}, content_type: {content_type:?}, etag: {etag:?}, immutable: {immutable}, \
             gzip: include_bytes!({compressed:?}) }},"
        )
        .map_err(io::Error::other)?;
    }
    list.push_str("];\n");
    fs::write(out.join("playground.rs"), list)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// `WEFT_VERSION` always, `WEFT_COMMIT` where it is known. Git is asked only for release builds: a development build
/// would be compiled again after every commit, or tell an old one.
fn note_version() {
    println!("cargo::rerun-if-env-changed=WEFT_COMMIT");
    let given = env::var("WEFT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let asked = || if env::var("PROFILE").as_deref() == Ok("release") { ask_git() } else { None };
    let commit = given.or_else(asked);
    let number = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    match commit {
        Some(commit) => {
            println!("cargo::rustc-env=WEFT_COMMIT={commit}");
            println!("cargo::rustc-env=WEFT_VERSION={number} ({commit})");
        }
        None => println!("cargo::rustc-env=WEFT_VERSION={number}"),
    }
}

fn ask_git() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    // The log of HEAD changes with every commit and every switch of branches.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=9", "HEAD"])
}
