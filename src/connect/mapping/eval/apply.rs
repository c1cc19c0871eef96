//! What each method does.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::{Evaluator, Scope};
use crate::connect::mapping::ast::Expression;
use crate::connect::mapping::methods::Method;

/// The value that a method gives, nothing, or a sentence that goes on from the method's name.
pub(super) type Applied = Result<Option<Value>, String>;

pub(super) fn method<'v>(
    evaluator: &mut Evaluator<'_>,
    method: Method,
    arguments: &'v [Expression],
    input: &Value,
    scope: &Scope<'v>,
) -> Applied {
    let mut call = Call { evaluator, arguments, input, scope };
    match method {
        Method::Add | Method::Sub | Method::Mul | Method::Div | Method::Mod => call.arithmetic(method),
        Method::And | Method::Or => call.logic(method),
        Method::Not => Ok(Some(Value::Bool(!boolean(input)?))),
        Method::Eq => call.one().map(|other| Some(Value::Bool(equal(input, &other)))),
        Method::Ne => call.one().map(|other| Some(Value::Bool(!equal(input, &other)))),
        Method::Gt => call.compare(|order| order == Ordering::Greater),
        Method::Gte => call.compare(|order| order != Ordering::Less),
        Method::Lt => call.compare(|order| order == Ordering::Less),
        Method::Lte => call.compare(|order| order != Ordering::Greater),
        Method::In => match call.one()? {
            Value::Array(items) => Ok(Some(Value::Bool(items.iter().any(|item| equal(item, input))))),
            other => Err(format!("needs a list as its argument, not {}.", kind(&other))),
        },
        Method::Contains => {
            let items = list(input)?;
            let wanted = call.one()?;
            Ok(Some(Value::Bool(items.iter().any(|item| equal(item, &wanted)))))
        }
        Method::Echo => Ok(call.argument(0, input)),
        Method::Entries => match input {
            Value::Object(fields) => Ok(Some(Value::Array(fields.iter().map(entry).collect()))),
            other => Err(format!("needs an object, not {}.", kind(other))),
        },
        Method::Filter => {
            let mut kept = Vec::new();
            for element in elements(input) {
                if call.holds(element)? {
                    kept.push(element.clone());
                }
            }
            Ok(Some(Value::Array(kept)))
        }
        Method::Find => {
            for element in elements(input) {
                if call.holds(element)? {
                    return Ok(Some(element.clone()));
                }
            }
            Ok(None)
        }
        Method::First => Ok(match input {
            Value::Array(items) => items.first().cloned(),
            Value::String(text) => text.chars().next().map(text_of),
            single => Some(single.clone()),
        }),
        Method::Last => Ok(match input {
            Value::Array(items) => items.last().cloned(),
            Value::String(text) => text.chars().next_back().map(text_of),
            single => Some(single.clone()),
        }),
        Method::Get => call.get(),
        Method::JoinNotNull => call.join(),
        Method::JsonParse => match input {
            Value::String(text) => {
                serde_json::from_str(text).map(Some).map_err(|_| "was given a text that is no JSON.".to_owned())
            }
            other => Err(format!("needs a string, not {}.", kind(other))),
        },
        Method::JsonStringify => Ok(Some(Value::String(input.to_string()))),
        Method::Map => {
            let mut mapped = Vec::new();
            for element in elements(input) {
                let value = call.argument(0, element).unwrap_or(Value::Null);
                if !call.evaluator.pay(&value) {
                    return Err("builds too much.".to_owned());
                }
                mapped.push(value);
            }
            Ok(Some(Value::Array(mapped)))
        }
        Method::Match => call.match_(),
        Method::ParseInt => call.parse_int(),
        Method::Size => match input {
            Value::Array(items) => Ok(Some(Value::from(items.len()))),
            Value::Object(fields) => Ok(Some(Value::from(fields.len()))),
            Value::String(text) => Ok(Some(Value::from(text.chars().count()))),
            other => Err(format!("needs a list, a string or an object, not {}.", kind(other))),
        },
        Method::Slice => call.slice(),
        Method::Split => call.split(),
        Method::ToString => match input {
            Value::Array(_) | Value::Object(_) => Err(format!("needs a scalar, not {}.", kind(input))),
            Value::Null => Ok(Some(Value::String(String::new()))),
            Value::String(_) => Ok(Some(input.clone())),
            scalar => Ok(Some(Value::String(scalar.to_string()))),
        },
        Method::Trim => string(input).map(|text| Some(Value::from(text.trim()))),
        Method::TrimEnd => string(input).map(|text| Some(Value::from(text.trim_end()))),
        Method::TrimStart => string(input).map(|text| Some(Value::from(text.trim_start()))),
    }
}

struct Call<'c, 'e, 'v> {
    evaluator: &'c mut Evaluator<'e>,
    arguments: &'v [Expression],
    input: &'c Value,
    scope: &'c Scope<'v>,
}

impl Call<'_, '_, '_> {
    /// The argument, with `@` standing for `at`.
    fn argument(&mut self, index: usize, at: &Value) -> Option<Value> {
        let arguments = self.arguments;
        arguments.get(index).and_then(|argument| self.evaluate(argument, at))
    }

    fn evaluate(&mut self, expression: &Expression, at: &Value) -> Option<Value> {
        let scope = Scope { dollar: self.scope.dollar, at, locals: self.scope.locals };
        self.evaluator.expression(expression, &scope).map(Cow::into_owned)
    }

    /// The one argument; what is missing is null.
    fn one(&mut self) -> Result<Value, String> {
        Ok(self.argument(0, self.input).unwrap_or(Value::Null))
    }

    /// Whether the condition in the argument is true of an element.
    fn holds(&mut self, element: &Value) -> Result<bool, String> {
        match self.argument(0, element) {
            Some(Value::Bool(holds)) => Ok(holds),
            None | Some(Value::Null) => Ok(false),
            Some(other) => Err(format!("needs a condition that is true or false, not {}.", kind(&other))),
        }
    }

    fn compare(&mut self, wanted: fn(Ordering) -> bool) -> Applied {
        let other = self.one()?;
        let order = match (self.input, &other) {
            (Value::Number(a), Value::Number(b)) => number_order(a, b),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            _ => None,
        };
        match order {
            Some(order) => Ok(Some(Value::Bool(wanted(order)))),
            None => Err(format!("cannot compare {} with {}.", kind(self.input), kind(&other))),
        }
    }

    fn logic(&mut self, method: Method) -> Applied {
        let stops_at = method == Method::Or;
        if boolean(self.input)? == stops_at {
            return Ok(Some(Value::Bool(stops_at)));
        }
        for index in 0..self.arguments.len() {
            let value = self.argument(index, self.input).unwrap_or(Value::Null);
            if boolean(&value)? == stops_at {
                return Ok(Some(Value::Bool(stops_at)));
            }
        }
        Ok(Some(Value::Bool(!stops_at)))
    }

    fn arithmetic(&mut self, method: Method) -> Applied {
        let mut result = number(self.input)?.clone();
        for index in 0..self.arguments.len() {
            let other = self.argument(index, self.input).unwrap_or(Value::Null);
            result = calculate(method, &result, number(&other)?)?;
        }
        Ok(Some(Value::Number(result)))
    }

    fn get(&mut self) -> Applied {
        let index = self.one()?;
        match (self.input, &index) {
            (Value::Object(fields), Value::String(name)) => {
                fields.get(name).cloned().map(Some).ok_or_else(|| "found no property of that name.".to_owned())
            }
            (Value::Array(items), Value::Number(number)) => position(number, items.len())
                .and_then(|index| items.get(index).cloned())
                .map(Some)
                .ok_or_else(|| "found no element at that index.".to_owned()),
            (Value::String(text), Value::Number(number)) => position(number, text.chars().count())
                .and_then(|index| text.chars().nth(index))
                .map(|character| Some(text_of(character)))
                .ok_or_else(|| "found no character at that index.".to_owned()),
            (input, index) => Err(format!("cannot take {} out of {}.", kind(index), kind(input))),
        }
    }

    fn join(&mut self) -> Applied {
        let separator = match self.one()? {
            Value::String(separator) => separator,
            other => return Err(format!("needs a string as its argument, not {}.", kind(&other))),
        };
        let mut joined = String::new();
        let mut first = true;
        for element in list_or_scalar(self.input)? {
            let text = match element {
                Value::Null => continue,
                Value::String(text) => Cow::Borrowed(text.as_str()),
                Value::Array(_) | Value::Object(_) => return Err(format!("cannot join {}.", kind(element))),
                scalar => Cow::Owned(scalar.to_string()),
            };
            if !first {
                joined.push_str(&separator);
            }
            first = false;
            joined.push_str(&text);
        }
        Ok(Some(Value::String(joined)))
    }

    fn match_(&mut self) -> Applied {
        for argument in self.arguments {
            // The parser sees to it that each is a pair.
            let Expression::Array(pair) = argument else { continue };
            let [candidate, value] = pair.as_slice() else { continue };
            let candidate = self.evaluate(candidate, self.input).unwrap_or(Value::Null);
            if equal(&candidate, self.input) {
                return Ok(self.evaluate(value, self.input));
            }
        }
        // Nothing matched: null, which every place that a value can go to understands.
        Ok(Some(Value::Null))
    }

    fn parse_int(&mut self) -> Applied {
        let base = match self.argument(0, self.input) {
            None => 10,
            Some(Value::Number(base)) => base
                .as_u64()
                .and_then(|base| u32::try_from(base).ok())
                .filter(|base| (2..=36).contains(base))
                .ok_or_else(|| "needs a base between 2 and 36.".to_owned())?,
            Some(other) => return Err(format!("needs a number as its base, not {}.", kind(&other))),
        };
        match self.input {
            Value::String(text) => i64::from_str_radix(text.trim(), base)
                .map(|number| Some(Value::from(number)))
                .map_err(|_| "was given a text that is no whole number.".to_owned()),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(_), _) => Ok(Some(self.input.clone())),
                // A cast of an `f64` saturates; beyond 2^53 there is no telling which integer was meant.
                (None, Some(float)) if float.abs() <= 9_007_199_254_740_992.0 => Ok(Some(Value::from(float as i64))),
                _ => Err("was given a number that is too large.".to_owned()),
            },
            other => Err(format!("needs a string or a number, not {}.", kind(other))),
        }
    }

    fn slice(&mut self) -> Applied {
        let start = self.bound(0)?.unwrap_or(0);
        let end = self.bound(1)?.unwrap_or(usize::MAX);
        let len = end.saturating_sub(start);
        match self.input {
            Value::Array(items) => Ok(Some(items.iter().skip(start).take(len).cloned().collect())),
            Value::String(text) => Ok(Some(Value::String(text.chars().skip(start).take(len).collect()))),
            other => Err(format!("needs a list or a string, not {}.", kind(other))),
        }
    }

    /// A bound of a slice: nothing and null stand for none, below 0 is 0.
    fn bound(&mut self, index: usize) -> Result<Option<usize>, String> {
        match self.argument(index, self.input) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(bound) => Ok(Some(usize::try_from(bound).unwrap_or(0))),
                None => Err("needs whole numbers.".to_owned()),
            },
            Some(other) => Err(format!("needs numbers, not {}.", kind(&other))),
        }
    }

    fn split(&mut self) -> Applied {
        let text = string(self.input)?;
        let separator = match self.one()? {
            Value::String(separator) => separator,
            other => return Err(format!("needs a string as its separator, not {}.", kind(&other))),
        };
        let limit = self.bound(1)?.unwrap_or(usize::MAX);
        let parts: Vec<Value> = if separator.is_empty() {
            text.chars().take(limit).map(text_of).collect()
        } else {
            text.split(separator.as_str()).take(limit).map(Value::from).collect()
        };
        Ok(Some(Value::Array(parts)))
    }
}

fn entry((key, value): (&String, &Value)) -> Value {
    let mut entry = Map::with_capacity(2);
    entry.insert("key".to_owned(), Value::String(key.clone()));
    entry.insert("value".to_owned(), value.clone());
    Value::Object(entry)
}

/// The elements of a list; anything else is its own only element.
fn elements(input: &Value) -> &[Value] {
    match input {
        Value::Array(items) => items,
        single => std::slice::from_ref(single),
    }
}

/// One character as a value.
fn text_of(character: char) -> Value {
    Value::String(character.to_string())
}

fn position(number: &Number, len: usize) -> Option<usize> {
    let index = number.as_i64()?;
    // A negative index counts from the end.
    if index < 0 { len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?) } else { usize::try_from(index).ok() }
}

fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(value) => Ok(*value),
        other => Err(format!("needs true or false, not {}.", kind(other))),
    }
}

fn string(value: &Value) -> Result<&str, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("needs a string, not {}.", kind(other))),
    }
}

fn number(value: &Value) -> Result<&Number, String> {
    match value {
        Value::Number(number) => Ok(number),
        other => Err(format!("needs numbers, not {}.", kind(other))),
    }
}

fn list(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("needs a list, not {}.", kind(other))),
    }
}

fn list_or_scalar(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Null | Value::Object(_) => Err(format!("needs a list, not {}.", kind(value))),
        _ => Ok(elements(value)),
    }
}

/// What sort of value it is, in words that do not tell the value.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Equality of JSON values; `1` and `1.0` are equal.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => number_order(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

fn number_order(a: &Number, b: &Number) -> Option<Ordering> {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// Integers stay integers where the result is one.
fn calculate(method: Method, a: &Number, b: &Number) -> Result<Number, String> {
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        if b == 0 && matches!(method, Method::Div | Method::Mod) {
            return Err("cannot divide by zero.".to_owned());
        }
        let exact = match method {
            Method::Add => a.checked_add(b),
            Method::Sub => a.checked_sub(b),
            Method::Mul => a.checked_mul(b),
            Method::Div if a % b == 0 => a.checked_div(b),
            Method::Mod => a.checked_rem(b),
            _ => None,
        };
        if let Some(exact) = exact {
            return Number::from_i128(exact)
                .filter(|_| i64::try_from(exact).is_ok() || u64::try_from(exact).is_ok())
                .ok_or_else(|| "gives a number that is too large.".to_owned());
        }
    }
    let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
    let result = match method {
        Method::Add => a + b,
        Method::Sub => a - b,
        Method::Mul => a * b,
        Method::Div => a / b,
        _ => a % b,
    };
    Number::from_f64(result).ok_or_else(|| "gives no number.".to_owned())
}
