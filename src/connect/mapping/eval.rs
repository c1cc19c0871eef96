//! What a mapping makes of a value.
//!
//! Missing (`None`) is not null: what is missing is left out of the object that it would have been in. Each function
//! gives the value or nothing, and notes why there is nothing. The depth of the recursion is bounded by that of the
//! mapping's text plus that of the value, both of which parsers bound.

use std::borrow::Cow;

use http::HeaderMap;
use serde_json::{Map, Value};

use super::ast::{ChainOperator, Expression, Head, Item, Path, Selection, Step, StepKind, Variable};
use super::methods::Method;

mod apply;

/// What variables stand for.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// `$args`
    pub args: &'a Map<String, Value>,
    /// `$config`: an object, or null.
    pub config: &'a Value,
    /// `$request.headers`
    pub request_headers: &'a HeaderMap,
    /// `$response.headers`; `None` before there is an answer.
    pub response_headers: Option<&'a HeaderMap>,
    /// `$status`; `None` before there is an answer.
    pub status: Option<u16>,
}

/// What a mapping gave.
#[derive(Debug)]
pub struct Evaluated {
    /// `None` where there is nothing, which is less than null.
    pub value: Option<Value>,
    /// Why something is missing. At most 20.
    pub problems: Vec<Problem>,
}

/// Something that a mapping could not do with a value. Says nothing of the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Byte in the mapping's text.
    pub offset: usize,
    /// One sentence.
    pub message: String,
}

/// How many problems are told of one value.
const PROBLEMS_MAX: usize = 20;

/// How many values the literals and lists of one evaluation may build: a text of a few lines could otherwise double
/// its value with each of its steps.
const NODES_MAX: usize = 4_000_000;

pub(super) fn evaluate(selection: &Selection, input: &Value, environment: &Environment<'_>) -> Evaluated {
    let mut evaluator = Evaluator { environment, problems: Vec::new(), nodes_left: NODES_MAX };
    let scope = Scope { dollar: input, at: input, locals: None };
    let value = evaluator.selection(selection, input, &scope).map(Cow::into_owned);
    // A body that is null (or none at all) has no properties; what is left of an object of them is null.
    let value = match value {
        Some(Value::Object(fields)) if input.is_null() && fields.is_empty() => Some(Value::Null),
        value => value,
    };
    Evaluated { value, problems: evaluator.problems }
}

/// What `$`, `@` and the locals stand for.
#[derive(Clone, Copy)]
struct Scope<'v> {
    dollar: &'v Value,
    at: &'v Value,
    locals: Option<&'v Local<'v>>,
}

/// `->as($name)`: a list that grows to the inside.
struct Local<'v> {
    name: &'v str,
    value: Option<Value>,
    outer: Option<&'v Local<'v>>,
}

struct Evaluator<'e> {
    environment: &'e Environment<'e>,
    problems: Vec<Problem>,
    nodes_left: usize,
}

type Found<'v> = Option<Cow<'v, Value>>;

impl Evaluator<'_> {
    /// A whole mapping, or braces, applied to `input`; lists are gone through by the caller.
    fn selection<'v>(&mut self, selection: &'v Selection, input: &'v Value, scope: &Scope<'v>) -> Found<'v> {
        let scope = Scope { dollar: input, at: input, locals: scope.locals };
        if let [Item { name: None, path, spread: false, .. }] = selection.items.as_slice() {
            return self.path(path, &scope);
        }
        // At the root a list is gone through as anywhere else.
        if let Value::Array(items) = input {
            let mapped = items.iter().map(|item| {
                let found = if item.is_null() { None } else { self.selection(selection, item, &scope) };
                found.map_or(Value::Null, Cow::into_owned)
            });
            return Some(Cow::Owned(Value::Array(mapped.collect())));
        }
        let mut output = Map::new();
        for item in &selection.items {
            let Some(value) = self.path(&item.path, &scope) else { continue };
            match (&item.name, value.into_owned()) {
                (Some(name), value) => merge(&mut output, name.clone(), value),
                (None, Value::Object(fields)) => {
                    fields.into_iter().for_each(|(name, value)| merge(&mut output, name, value));
                }
                (None, Value::Null) => {}
                (None, _) => self.problem(item.path.at.start, "Only an object can join the object around it."),
            }
        }
        Some(Cow::Owned(Value::Object(output)))
    }

    /// Braces behind a path: null stays null, a list is gone through.
    fn braces<'v>(&mut self, selection: &'v Selection, input: &Value, scope: &Scope<'v>) -> Value {
        match input {
            Value::Null => Value::Null,
            Value::Array(items) => Value::Array(items.iter().map(|item| self.braces(selection, item, scope)).collect()),
            input => {
                let inner = Scope { dollar: input, at: input, locals: scope.locals };
                self.selection(selection, input, &inner).map_or(Value::Null, Cow::into_owned)
            }
        }
    }

    fn path<'v>(&mut self, path: &'v Path, scope: &Scope<'v>) -> Found<'v> {
        let mut found = match &path.head {
            Head::Dollar => Some(Cow::Borrowed(scope.dollar)),
            Head::At => Some(Cow::Borrowed(scope.at)),
            Head::Expression(expression) => self.expression(expression, scope),
            Head::Local(name) => local(scope.locals, name).map(Cow::Borrowed),
            Head::Variable(variable) => return self.variable(*variable, path, scope),
        };
        if path.optional && found.as_deref().is_none_or(Value::is_null) {
            found = None;
        }
        self.steps(&path.steps, found, scope, path)
    }

    /// The steps from here on, and the braces behind them.
    fn steps<'v>(&mut self, steps: &'v [Step], found: Found<'v>, scope: &Scope<'v>, path: &'v Path) -> Found<'v> {
        let mut found = found;
        for (index, step) in steps.iter().enumerate() {
            let value = found?;
            let told = self.problems.len();
            found = match &step.kind {
                StepKind::Key(key) => self.key(value, key, step),
                StepKind::Method { method, arguments } => self.method(*method, arguments, &value, scope, step),
                StepKind::As { name, value: expression } => {
                    let bound = match expression {
                        Some(expression) => {
                            let scope = Scope { at: &value, ..*scope };
                            self.expression(expression, &scope).map(Cow::into_owned)
                        }
                        None => Some(value.clone().into_owned()),
                    };
                    let local = Local { name, value: bound, outer: scope.locals };
                    let inner = Scope { locals: Some(&local), ..*scope };
                    let found = if step.optional && value.is_null() { None } else { Some(Cow::Borrowed(&*value)) };
                    return self.steps(&steps[index + 1..], found, &inner, path).map(|v| Cow::Owned(v.into_owned()));
                }
            };
            if step.optional && found.as_deref().is_none_or(Value::is_null) {
                self.problems.truncate(told);
                return None;
            }
        }
        let value = found?;
        match &path.selection {
            None => Some(value),
            Some(selection) => Some(Cow::Owned(self.braces(selection, &value, scope))),
        }
    }

    /// `.key` of an object, or of each element of a list.
    fn key<'v>(&mut self, value: Cow<'v, Value>, key: &str, step: &Step) -> Found<'v> {
        match value {
            Cow::Borrowed(Value::Object(fields)) => match fields.get(key) {
                Some(value) => Some(Cow::Borrowed(value)),
                None => self.missing(key, step),
            },
            Cow::Owned(Value::Object(mut fields)) => match fields.swap_remove(key) {
                Some(value) => Some(Cow::Owned(value)),
                None => self.missing(key, step),
            },
            value => match &*value {
                Value::Array(items) => {
                    let mapped = items
                        .iter()
                        .map(|item| self.key(Cow::Borrowed(item), key, step).map_or(Value::Null, Cow::into_owned));
                    Some(Cow::Owned(Value::Array(mapped.collect())))
                }
                _ => self.missing(key, step),
            },
        }
    }

    fn missing<'v>(&mut self, key: &str, step: &Step) -> Found<'v> {
        // An optional step is silent; building the message would be for nothing.
        if !step.optional {
            self.problem(step.at.start, format!("There is no property `{key}`."));
        }
        None
    }

    /// A path that begins with a variable.
    fn variable<'v>(&mut self, variable: Variable, path: &'v Path, scope: &Scope<'v>) -> Found<'v> {
        match variable {
            Variable::Args => {
                let args = self.environment.args;
                match path.steps.split_first() {
                    // An argument that the client left out is missing without being a problem.
                    Some((Step { kind: StepKind::Key(key), optional, .. }, rest)) => {
                        let value = args.get(key).filter(|value| !(*optional && value.is_null()))?;
                        self.steps(rest, Some(Cow::Owned(value.clone())), scope, path)
                    }
                    _ => self.steps(&path.steps, Some(Cow::Owned(Value::Object(args.clone()))), scope, path),
                }
            }
            Variable::Config => {
                let config = Some(self.environment.config).filter(|config| !(path.optional && config.is_null()));
                self.steps(&path.steps, config.map(|config| Cow::Owned(config.clone())), scope, path)
            }
            Variable::Status => {
                let status = self.environment.status.map(|status| Cow::Owned(Value::from(status)));
                self.steps(&path.steps, status, scope, path)
            }
            Variable::Request | Variable::Response => {
                let headers = match variable {
                    Variable::Request => Some(self.environment.request_headers),
                    _ => self.environment.response_headers,
                };
                // The parser lets these through only as `.headers.name`.
                let Some(Step { kind: StepKind::Key(name), optional, .. }) = path.steps.get(1) else { return None };
                let values: Vec<Value> = headers?
                    .get_all(name.as_str())
                    .iter()
                    .map(|value| Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned()))
                    .collect();
                if values.is_empty() {
                    if !optional {
                        self.problem(path.at.start, format!("There is no header `{name}`."));
                    }
                    return None;
                }
                self.steps(&path.steps[2..], Some(Cow::Owned(Value::Array(values))), scope, path)
            }
        }
    }

    fn expression<'v>(&mut self, expression: &'v Expression, scope: &Scope<'v>) -> Found<'v> {
        let value = match expression {
            Expression::Null => Value::Null,
            Expression::Bool(value) => Value::Bool(*value),
            Expression::Number(number) => Value::Number(number.clone()),
            Expression::String(text) => Value::String(text.clone()),
            Expression::Array(items) => {
                Value::Array(items.iter().map(|item| self.member(item, scope).unwrap_or(Value::Null)).collect())
            }
            Expression::Object(fields) => {
                let mut output = Map::new();
                for (name, _, expression) in fields {
                    if let Some(value) = self.member(expression, scope) {
                        output.insert(name.clone(), value);
                    }
                }
                Value::Object(output)
            }
            Expression::Path(path) => return self.path(path, scope),
            Expression::Chain(operator, operands) => return self.chain(*operator, operands, scope),
        };
        Some(Cow::Owned(value))
    }

    /// A member of a literal: a copy, which is paid for.
    fn member<'v>(&mut self, expression: &'v Expression, scope: &Scope<'v>) -> Option<Value> {
        let value = self.expression(expression, scope)?;
        self.pay(&value).then(|| value.into_owned())
    }

    /// Takes the size of a value from what may be built; false when nothing is left.
    fn pay(&mut self, value: &Value) -> bool {
        self.nodes_left = self.nodes_left.saturating_sub(size(value));
        if self.nodes_left == 0 {
            self.problem(0, "The mapping builds too much.");
        }
        self.nodes_left > 0
    }

    fn chain<'v>(&mut self, operator: ChainOperator, operands: &'v [Expression], scope: &Scope<'v>) -> Found<'v> {
        let told = self.problems.len();
        let mut last = None;
        for operand in operands {
            // What was wrong with an alternative that another one stands in for is no problem.
            self.problems.truncate(told);
            last = self.expression(operand, scope);
            let taken = match (operator, last.as_deref()) {
                (_, None) => false,
                (ChainOperator::NullOrMissing, Some(value)) => !value.is_null(),
                (ChainOperator::Missing, Some(_)) => true,
            };
            if taken {
                break;
            }
        }
        last
    }

    fn problem(&mut self, offset: usize, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { offset, message: message.into() });
        }
    }

    fn method<'v>(
        &mut self,
        method: Method,
        arguments: &'v [Expression],
        input: &Value,
        scope: &Scope<'v>,
        step: &Step,
    ) -> Found<'v> {
        match apply::method(self, method, arguments, input, scope) {
            Ok(found) => found.map(Cow::Owned),
            Err(message) => {
                self.problem(step.at.start, format!("`->{}` {message}", method.name()));
                None
            }
        }
    }
}

/// Values in a value; a long text counts for several.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(size).sum::<usize>(),
        Value::String(text) => 1 + text.len() / 32,
        _ => 1,
    }
}

fn local<'v>(locals: Option<&'v Local<'v>>, name: &str) -> Option<&'v Value> {
    let mut next = locals;
    while let Some(local) = next {
        if local.name == name {
            return local.value.as_ref();
        }
        next = local.outer;
    }
    None
}

/// Puts a value under a name; two objects under one name become one.
fn merge(output: &mut Map<String, Value>, name: String, value: Value) {
    match (output.get_mut(&name), value) {
        (Some(Value::Object(known)), Value::Object(fields)) => {
            fields.into_iter().for_each(|(name, value)| merge(known, name, value));
        }
        (_, value) => {
            output.insert(name, value);
        }
    }
}
