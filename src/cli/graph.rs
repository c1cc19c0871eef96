//! `weft check`, `weft compose`, `weft plan`: what can be said of a graph without serving it.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use weft::config::{Config, Flags};
use weft::control::{self, Built, Texts};
use weft::diagnostic::{Diagnostic, Severity, Source, Span};
use weft::gateway::{self, RequestError, Snapshot};
use weft::operation::{self, Document, DocumentOperation};

use super::arguments::{Check, Compose, Input, Plan};
use super::{Failure, assemble, print};

/// `weft check`: its report is what it prints.
pub(super) fn check(Check { input, config }: &Check) -> Result<(), Failure> {
    let (texts, mut built) = read(input, config)?;
    if let Some(supergraph) = &built.supergraph {
        built.diagnostics.extend(control::without_address(supergraph));
    }
    print(&control::render(&built.diagnostics))?;
    let Some(supergraph) = built.supergraph else {
        let errors: Vec<_> = built.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
        let count = errors.len();
        let noun = if count == 1 { "error" } else { "errors" };
        let summary = match &texts {
            Texts::Supergraph(source) => format!("{count} {noun}: {} is no supergraph that can be served", source.name),
            Texts::Fragments(fragments) => {
                // Those alone that an error points into: the others wait for them.
                let is_wrong = |name: &str| {
                    errors.iter().flat_map(|error| &error.labels).any(|label| label.span.source.name == name)
                };
                let wrong = fragments.iter().filter(|fragment| is_wrong(&fragment.source.name)).count();
                format!("{count} {noun} in {wrong} of {}: nothing is composed", fragments_of(fragments.len()))
            }
        };
        print(&format!("\n{summary}\n"))?;
        return Err(Failure::Told);
    };
    let (types, fields) = control::count(&supergraph.api);
    print(&format!("{}: {types} types, {fields} fields\n", subject(&texts, "composes", "compose")))
}

fn fragments_of(count: usize) -> String {
    format!("{count} fragment{}", if count == 1 { "" } else { "s" })
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
    let (_, mut built) = read(&arguments.input, &None)?;
    let document = built.document.or_else(|| Some(built.supergraph?.sdl));
    let Some(document) = document else { return Err(Failure::Diagnosed(control::render(&built.diagnostics))) };
    // The document is sound: what this gateway cannot run, another one may.
    built.diagnostics.iter_mut().for_each(|diagnostic| diagnostic.severity = Severity::Hint);
    let _ = io::stderr().write_all(control::render(&built.diagnostics).as_bytes());
    let mut sdl = document.trim_end().to_owned();
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
    let supergraph = composed(&input, &arguments.config)?;
    check_variables(&source, arguments.operation.as_deref(), &variables, &supergraph)?;
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

/// As `weft serve` would, with the same configuration.
fn read(input: &Input, config: &Option<PathBuf>) -> Result<(Texts, Built), Failure> {
    let flags = Flags {
        config: config.clone(),
        schema: input.schema.clone(),
        supergraph: input.supergraph.clone(),
        ..Flags::default()
    };
    let mut config = Config::load(&flags)?;
    let _ = io::stderr().write_all(control::render(&config.hints).as_bytes());
    assemble::name_services(&mut config);
    let texts = assemble::source(&config).read()?;
    let built = control::build(&texts, &assemble::services(&config));
    Ok((texts, built))
}

/// A graph for a command whose own output is something else: hints and errors go to standard error.
fn composed(input: &Input, config: &Option<PathBuf>) -> Result<weft::supergraph::Supergraph, Failure> {
    let (_, built) = read(input, config)?;
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

/// Variables that are given have to fit; the others need not be there, because a plan does not depend on them.
fn check_variables(
    source: &Arc<Source>,
    name: Option<&str>,
    values: &Map<String, Value>,
    supergraph: &weft::supergraph::Supergraph,
) -> Result<(), Failure> {
    // What is wrong with the operation itself is told when it is planned.
    let Ok(document) = Document::parse(&source.text, &supergraph.api, &operation::Limits::default()) else {
        return Ok(());
    };
    let Ok(found) = document.operation(name) else { return Ok(()) };
    let mut given = DocumentOperation {
        kind: found.kind,
        definition: found.definition.clone(),
        condition_variables: found.condition_variables.clone(),
    };
    given.definition.make_mut().variables.retain(|variable| values.contains_key(variable.name.as_str()));
    operation::coerce_variables(&document, &given, values).map(|_| ()).map_err(|errors| {
        let diagnostics: Vec<_> = errors.into_iter().map(|error| diagnose(&error.into(), source)).collect();
        Failure::Diagnosed(control::render(&diagnostics))
    })
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
