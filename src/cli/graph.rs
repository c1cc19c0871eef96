//! `weft check`, `weft compose`, `weft plan`: what can be said of a graph without serving it.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use weft::control::{self, Built, SchemaSource, Services, Texts};
use weft::diagnostic::{Diagnostic, Source, Span};
use weft::gateway::{self, RequestError, Snapshot};

use super::arguments::{Compose, Input, Plan};
use super::{Failure, print};

/// Where fragments are looked for if nothing is said.
const SCHEMA: &str = "schema";

/// `weft check`: its report is what it prints.
pub(super) fn check(input: &Input) -> Result<(), Failure> {
    let (texts, built) = read(input)?;
    print(&control::render(&built.diagnostics))?;
    let Some(supergraph) = built.supergraph else {
        let errors = built.diagnostics.iter().filter(|d| d.severity == weft::diagnostic::Severity::Error).count();
        let noun = if errors == 1 { "error" } else { "errors" };
        print(&format!("\n{errors} {noun}: {} not compose\n", subject(&texts, "does", "do")))?;
        return Err(Failure::Told);
    };
    let (types, fields) = control::count(&supergraph.api);
    print(&format!("{}: {types} types, {fields} fields\n", subject(&texts, "composes", "compose")))
}

/// "3 fragments compose", "1 fragment composes", "the supergraph composes".
fn subject(texts: &Texts, one: &str, many: &str) -> String {
    match texts {
        Texts::Supergraph(_) => format!("the supergraph {one}"),
        Texts::Fragments(fragments) if fragments.len() == 1 => format!("1 fragment {one}"),
        Texts::Fragments(fragments) => format!("{} fragments {many}", fragments.len()),
    }
}

/// `weft compose`.
pub(super) fn compose(arguments: &Compose) -> Result<(), Failure> {
    let supergraph = composed(&arguments.input)?;
    let mut sdl = supergraph.sdl.trim_end().to_owned();
    sdl.push('\n');
    match &arguments.output {
        None => print(&sdl),
        Some(path) => std::fs::write(path, sdl)
            .map_err(|error| Failure::Sentence(format!("{} cannot be written: {error}", path.display()))),
    }
}

/// `weft plan`.
pub(super) fn plan(arguments: &Plan) -> Result<(), Failure> {
    let source = read_query(&arguments.query)?;
    let variables = variables(arguments.variables.as_deref())?;
    let input = Input { schema: arguments.schema.clone(), supergraph: arguments.supergraph.clone() };
    let supergraph = composed(&input)?;
    // Whoever has the fragments may look into them.
    let settings = gateway::Settings { introspection: true, ..gateway::Settings::default() };
    let request =
        gateway::Request { query: source.text.clone(), operation_name: arguments.operation.clone(), variables };
    match Snapshot::new(supergraph, &settings).plan_text(&request) {
        Ok(plan) => print(&format!("{}\n", plan.trim_end())),
        Err(errors) => {
            let diagnostics: Vec<_> = errors.iter().map(|error| diagnose(error, &source)).collect();
            Err(Failure::Diagnosed(control::render(&diagnostics)))
        }
    }
}

fn read(input: &Input) -> Result<(Texts, Built), Failure> {
    let source = match (&input.supergraph, &input.schema) {
        (Some(supergraph), _) => SchemaSource::Supergraph(supergraph.clone()),
        (None, Some(schema)) => SchemaSource::Fragments(schema.clone()),
        (None, None) => SchemaSource::Fragments(SCHEMA.into()),
    };
    let texts = source.read()?;
    let built = control::build(&texts, &Services::new());
    Ok((texts, built))
}

/// A graph for a command whose own output is something else: hints and errors go to standard error.
fn composed(input: &Input) -> Result<weft::supergraph::Supergraph, Failure> {
    let (_, built) = read(input)?;
    let told = control::render(&built.diagnostics);
    match built.supergraph {
        Some(supergraph) => {
            let _ = io::stderr().write_all(told.as_bytes());
            Ok(supergraph)
        }
        None => Err(Failure::Diagnosed(told)),
    }
}

fn read_query(path: &Path) -> Result<Arc<Source>, Failure> {
    let failed = |error: io::Error| {
        Failure::Sentence(match error.kind() {
            io::ErrorKind::NotFound => format!("{} does not exist", path.display()),
            io::ErrorKind::InvalidData => format!("{} is not text in UTF-8", path.display()),
            _ => format!("{} cannot be read: {error}", path.display()),
        })
    };
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(Arc::new(Source { name: "query".into(), text }));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(Arc::new(Source { name: path.display().to_string(), text }))
}

fn variables(text: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let Some(text) = text else { return Ok(Map::new()) };
    serde_json::from_str(text)
        .map_err(|_| Failure::Sentence("--variables has to be a JSON object, such as '{\"id\": \"v1\"}'".into()))
}

/// An error of the operation, told as one of a fragment is.
fn diagnose(error: &RequestError, source: &Arc<Source>) -> Diagnostic {
    let span = error.locations.first().map(|(line, column)| {
        let before: usize = source.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = source.text.get(before..).unwrap_or_default();
        let inside: usize = rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
        Span::new(source, before + inside, before + inside + 1)
    });
    Diagnostic::error(error.code, error.message.clone()).at(span, "")
}
