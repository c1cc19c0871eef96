//! Variables: what the client sent → values of the declared types.
//!
//! Messages name the variable, the path into its value and the expected type; they repeat no more of the value
//! than its kind, so that a log of them holds no secret.
//! Source: GraphQL specification, CoerceVariableValues and the input coercion of each kind of type.

use apollo_compiler::ast::{Type, Value};
use apollo_compiler::parser::SourceMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Node, Schema};
use serde_json::{Map, Value as Json};

use super::{Document, DocumentOperation, Location, RequestError, RequestErrorKind};

/// Coerced values by variable name, defaults applied. A nullable variable that was not given is absent.
pub type Variables = Map<String, Json>;

/// No more errors than this are told of one request.
const ERRORS_MAX: usize = 20;

/// Coerces what the client sent. Unknown variables are ignored.
/// Errors: each variable that is missing or of the wrong type.
pub fn coerce_variables(
    document: &Document,
    operation: &DocumentOperation,
    values: &Map<String, Json>,
) -> Result<Variables, Vec<RequestError>> {
    let schema: &Schema = document.api();
    let mut coerced = Map::new();
    let mut errors = Vec::new();
    for definition in &operation.definition.variables {
        let name = definition.name.as_str();
        let mut report = Report { variable: name, path: Vec::new(), messages: Vec::new() };
        match (values.get(name), &definition.default_value) {
            (Some(value), _) => {
                let value = coerce(schema, &definition.ty, value, &mut report);
                coerced.insert(name.to_owned(), value);
            }
            (None, Some(default)) => {
                let value = coerce_literal(schema, &definition.ty, default);
                coerced.insert(name.to_owned(), value);
            }
            (None, None) if definition.ty.is_non_null() => report
                .messages
                .push(format!("Variable \"${name}\" of required type \"{}\" was not provided.", definition.ty)),
            (None, None) => {}
        }
        let locations = locate(definition, &document.executable().sources);
        errors.extend(report.messages.into_iter().map(|message| RequestError {
            kind: RequestErrorKind::Variables,
            message,
            locations: locations.clone(),
        }));
        if errors.len() >= ERRORS_MAX {
            break;
        }
    }
    if errors.is_empty() { Ok(coerced) } else { Err(errors) }
}

fn locate<T>(node: &Node<T>, sources: &SourceMap) -> Vec<Location> {
    let start = node.line_column_range(sources).map(|range| range.start);
    start.iter().map(|l| Location { line: l.line, column: l.column }).collect()
}

struct Report<'a> {
    variable: &'a str,
    path: Vec<String>,
    messages: Vec<String>,
}

impl Report<'_> {
    /// Says what is wrong at the current path, and yields a value that nobody will see.
    fn wrong(&mut self, what: impl AsRef<str>) -> Json {
        if self.messages.len() < ERRORS_MAX {
            let at = if self.path.is_empty() {
                String::new()
            } else {
                format!(" at \"{}{}\"", self.variable, self.path.concat())
            };
            self.messages.push(format!("Variable \"${}\" got an invalid value{at}; {}", self.variable, what.as_ref()));
        }
        Json::Null
    }
}

/// The kind of a JSON value, for messages.
fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// Recursion is bounded: by the type for lists, and by the nesting of the JSON text, which its parser limits.
fn coerce(schema: &Schema, ty: &Type, value: &Json, report: &mut Report<'_>) -> Json {
    if value.is_null() {
        if ty.is_non_null() {
            return report.wrong(format!("Expected non-nullable type \"{ty}\" not to be null."));
        }
        return Json::Null;
    }
    let name = match ty {
        Type::List(inner) | Type::NonNullList(inner) => {
            return match value {
                Json::Array(items) => {
                    let mut coerced = Vec::with_capacity(items.len());
                    for (index, item) in items.iter().enumerate() {
                        report.path.push(format!("[{index}]"));
                        coerced.push(coerce(schema, inner, item, report));
                        report.path.pop();
                    }
                    Json::Array(coerced)
                }
                // A single value stands for a list of one.
                single => Json::Array(vec![coerce(schema, inner, single, report)]),
            };
        }
        Type::Named(name) | Type::NonNullNamed(name) => name,
    };
    match schema.types.get(name) {
        Some(ExtendedType::Scalar(_)) => coerce_scalar(name, value, report),
        Some(ExtendedType::Enum(definition)) => match value {
            Json::String(text) if definition.values.contains_key(text.as_str()) => value.clone(),
            Json::String(text) => {
                let names = definition.values.keys().map(|name| name.as_str());
                let near = nearest(text, names).map(|near| format!(" Did you mean the enum value \"{near}\"?"));
                report.wrong(format!("Value does not exist in \"{name}\" enum.{}", near.unwrap_or_default()))
            }
            other => report.wrong(format!("Enum \"{name}\" cannot represent {}.", kind(other))),
        },
        Some(ExtendedType::InputObject(definition)) => {
            let Json::Object(object) = value else {
                return report.wrong(format!("Expected type \"{name}\" to be an object, found {}.", kind(value)));
            };
            let mut coerced = Map::with_capacity(object.len());
            for (field, definition) in &definition.fields {
                report.path.push(format!(".{field}"));
                match (object.get(field.as_str()), &definition.default_value) {
                    (Some(value), _) => {
                        coerced.insert(field.to_string(), coerce(schema, &definition.ty, value, report));
                    }
                    (None, Some(default)) => {
                        coerced.insert(field.to_string(), coerce_literal(schema, &definition.ty, default));
                    }
                    (None, None) if definition.ty.is_non_null() => {
                        report.path.pop();
                        report.wrong(format!(
                            "Field \"{field}\" of required type \"{}\" was not provided.",
                            definition.ty
                        ));
                        continue;
                    }
                    (None, None) => {}
                }
                report.path.pop();
            }
            for key in object.keys().filter(|key| !definition.fields.contains_key(key.as_str())) {
                let near = nearest(key, definition.fields.keys().map(|name| name.as_str()));
                let near = near.map(|near| format!(" Did you mean \"{near}\"?")).unwrap_or_default();
                report.wrong(format!("Field \"{}\" is not defined by type \"{name}\".{near}", shorten(key)));
            }
            Json::Object(coerced)
        }
        // Validation refuses variables of output types.
        Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)) | None => {
            report.wrong(format!("\"{name}\" is not an input type."))
        }
    }
}

fn coerce_scalar(name: &str, value: &Json, report: &mut Report<'_>) -> Json {
    let whole = |number: &serde_json::Number| {
        number.as_i64().or_else(|| number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i64))
    };
    match (name, value) {
        ("Int", Json::Number(number)) => match whole(number) {
            Some(int) if i32::try_from(int).is_ok() => Json::from(int),
            Some(_) => report.wrong("Int cannot represent non 32-bit signed integer value."),
            None => report.wrong("Int cannot represent non-integer value."),
        },
        ("Int", other) => report.wrong(format!("Int cannot represent {}.", kind(other))),
        ("Float", Json::Number(number)) if number.as_f64().is_some_and(f64::is_finite) => value.clone(),
        ("Float", other) => report.wrong(format!("Float cannot represent {}.", kind(other))),
        ("String", Json::String(_)) | ("Boolean", Json::Bool(_)) | ("ID", Json::String(_)) => value.clone(),
        ("String" | "Boolean", other) => report.wrong(format!("{name} cannot represent {}.", kind(other))),
        ("ID", Json::Number(number)) if number.is_i64() || number.is_u64() => Json::String(number.to_string()),
        ("ID", other) => report.wrong(format!("ID cannot represent {}.", kind(other))),
        // A custom scalar is whatever its service makes of it.
        _ => value.clone(),
    }
}

/// A default value, which validation has checked against its type.
fn coerce_literal(schema: &Schema, ty: &Type, literal: &Value) -> Json {
    match (ty, literal) {
        (_, Value::Null | Value::Variable(_)) => Json::Null,
        (Type::List(inner) | Type::NonNullList(inner), Value::List(items)) => {
            items.iter().map(|item| coerce_literal(schema, inner, item)).collect()
        }
        (Type::List(inner) | Type::NonNullList(inner), single) => {
            Json::Array(vec![coerce_literal(schema, inner, single)])
        }
        (Type::Named(name) | Type::NonNullNamed(name), Value::Object(members)) => {
            let Some(definition) = schema.get_input_object(name) else { return untyped(literal) };
            let mut object = Map::new();
            for (field, definition) in &definition.fields {
                let given = members.iter().find(|(name, _)| name == field).map(|(_, value)| value);
                if let Some(value) = given.or(definition.default_value.as_ref()) {
                    object.insert(field.to_string(), coerce_literal(schema, &definition.ty, value));
                }
            }
            Json::Object(object)
        }
        (Type::Named(name) | Type::NonNullNamed(name), Value::Int(int)) if name == "ID" => {
            Json::String(int.as_str().to_owned())
        }
        _ => untyped(literal),
    }
}

/// A literal as JSON, for a leaf or a custom scalar.
fn untyped(literal: &Value) -> Json {
    match literal {
        Value::Null | Value::Variable(_) => Json::Null,
        Value::Enum(name) => Json::from(name.as_str()),
        Value::String(text) => Json::from(text.as_str()),
        Value::Boolean(value) => Json::from(*value),
        Value::Int(int) => int.as_str().parse().map_or(Json::Null, Json::Number),
        Value::Float(float) => float.as_str().parse().map_or(Json::Null, Json::Number),
        Value::List(items) => items.iter().map(|item| untyped(item)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.to_string(), untyped(value))).collect(),
    }
}

fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing is quadratic in the lengths.
    if given.len() > 64 {
        return None;
    }
    known
        .take(500)
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn shorten(text: &str) -> &str {
    let end = text.char_indices().nth(64).map_or(text.len(), |(index, _)| index);
    &text[..end]
}
