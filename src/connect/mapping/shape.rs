//! The tree of names that a mapping can produce, found without an answer.
//!
//! In: a parsed mapping. Out: [`MappingShape`]. A list and a single value have the same shape wherever the mapping does
//! not tell them apart, because keys and braces go through lists by themselves.

use std::ops::Range;

use super::ast::{Expression, Head, Item, Path, Selection, Step, StepKind, Variable};
use super::methods::Method;

/// What a mapping (or a part of one) produces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappingShape {
    /// Whatever the service (or an argument) holds at that place: nothing is known of it.
    Any,
    /// Certainly no object: a literal, or the result of a method such as `->size`.
    Leaf,
    /// An object of these members, or lists of such objects.
    Object(Vec<MappingField>),
}

/// One member of a produced object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingField {
    /// Its name.
    pub name: String,
    /// Where it is named, as bytes of the mapping's text.
    pub at: Range<usize>,
    /// What it holds.
    pub shape: MappingShape,
    /// Its text, where it is always the same: `__typename: $("Movie")`.
    pub constant: Option<String>,
}

impl MappingShape {
    /// The members, for an object.
    pub fn fields(&self) -> &[MappingField] {
        match self {
            Self::Object(fields) => fields,
            Self::Any | Self::Leaf => &[],
        }
    }

    /// The member of that name.
    pub fn field(&self, name: &str) -> Option<&MappingField> {
        self.fields().iter().find(|field| field.name == name)
    }
}

pub(super) fn of(selection: &Selection) -> MappingShape {
    of_selection(selection, &Scope { dollar: &MappingShape::Any, at: &MappingShape::Any, locals: None })
}

#[derive(Clone, Copy)]
struct Scope<'s> {
    dollar: &'s MappingShape,
    at: &'s MappingShape,
    locals: Option<&'s Local<'s>>,
}

struct Local<'s> {
    name: &'s str,
    shape: MappingShape,
    outer: Option<&'s Local<'s>>,
}

fn of_selection(selection: &Selection, scope: &Scope<'_>) -> MappingShape {
    if let [Item { name: None, path, spread: false, .. }] = selection.items.as_slice() {
        return of_path(path, scope);
    }
    let mut fields: Vec<MappingField> = Vec::new();
    let mut open = false;
    for item in &selection.items {
        let shape = of_path(&item.path, scope);
        match &item.name {
            Some(name) => {
                let constant = constant_of(&item.path);
                add(&mut fields, MappingField { name: name.clone(), at: item.name_at.clone(), shape, constant });
            }
            None => match shape {
                MappingShape::Object(inner) => inner.into_iter().for_each(|field| add(&mut fields, field)),
                MappingShape::Any => open = true,
                MappingShape::Leaf => {}
            },
        }
    }
    // A spread of something unknown could bring any name.
    if open && fields.is_empty() { MappingShape::Any } else { MappingShape::Object(fields) }
}

/// `$("text")`
fn constant_of(path: &Path) -> Option<String> {
    match (&path.head, path.steps.is_empty(), &path.selection) {
        (Head::Expression(expression), true, None) => match &**expression {
            Expression::String(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn of_path(path: &Path, scope: &Scope<'_>) -> MappingShape {
    let head = match &path.head {
        Head::Dollar => scope.dollar.clone(),
        Head::At => scope.at.clone(),
        Head::Variable(Variable::Status) => MappingShape::Leaf,
        Head::Variable(_) => MappingShape::Any,
        Head::Local(name) => local(scope.locals, name),
        Head::Expression(expression) => of_expression(expression, scope),
    };
    of_steps(&path.steps, head, scope, path)
}

fn of_steps(steps: &[Step], mut shape: MappingShape, scope: &Scope<'_>, path: &Path) -> MappingShape {
    for (index, step) in steps.iter().enumerate() {
        shape = match &step.kind {
            StepKind::Key(key) => match &shape {
                MappingShape::Any => MappingShape::Any,
                shape => shape.field(key).map_or(MappingShape::Leaf, |field| field.shape.clone()),
            },
            StepKind::Method { method, arguments } => of_method(*method, arguments, shape, scope),
            StepKind::As { name, value } => {
                let bound = match value {
                    Some(value) => of_expression(value, &Scope { at: &shape, ..*scope }),
                    None => shape.clone(),
                };
                let local = Local { name, shape: bound, outer: scope.locals };
                let inner = Scope { locals: Some(&local), ..*scope };
                return of_steps(&steps[index + 1..], shape, &inner, path);
            }
        };
        if !fits(&shape, &mut { NODES_MAX }) {
            shape = MappingShape::Any;
        }
    }
    match &path.selection {
        None => shape,
        Some(selection) => of_selection(selection, &Scope { dollar: &shape, at: &shape, locals: scope.locals }),
    }
}

/// A shape with more members than this is not told apart: `->echo([@, @])` in a row doubles it each time.
const NODES_MAX: usize = 4096;

fn fits(shape: &MappingShape, left: &mut usize) -> bool {
    shape.fields().iter().all(|field| {
        *left = left.saturating_sub(1);
        *left > 0 && fits(&field.shape, left)
    })
}

fn of_method(method: Method, arguments: &[Expression], input: MappingShape, scope: &Scope<'_>) -> MappingShape {
    let argument = |at: &MappingShape| {
        arguments.first().map_or(MappingShape::Leaf, |argument| of_expression(argument, &Scope { at, ..*scope }))
    };
    match method {
        Method::Filter | Method::Find | Method::First | Method::Last | Method::Slice => input,
        Method::Get | Method::JsonParse => MappingShape::Any,
        Method::Echo | Method::Map => argument(&input),
        Method::Entries => {
            let member = |name: &str, shape| MappingField { name: name.to_owned(), at: 0..0, shape, constant: None };
            MappingShape::Object(vec![member("key", MappingShape::Leaf), member("value", MappingShape::Any)])
        }
        Method::Match => {
            let values = arguments.iter().filter_map(|argument| match argument {
                Expression::Array(pair) => pair.get(1),
                _ => None,
            });
            values
                .filter(|value| !matches!(value, Expression::Null))
                .map(|value| of_expression(value, &Scope { at: &input, ..*scope }))
                .reduce(unite)
                .unwrap_or(MappingShape::Leaf)
        }
        _ => MappingShape::Leaf,
    }
}

fn of_expression(expression: &Expression, scope: &Scope<'_>) -> MappingShape {
    match expression {
        Expression::Null | Expression::Bool(_) | Expression::Number(_) | Expression::String(_) => MappingShape::Leaf,
        Expression::Array(items) => {
            items.iter().map(|item| of_expression(item, scope)).reduce(unite).unwrap_or(MappingShape::Any)
        }
        Expression::Object(fields) => {
            let mut members = Vec::new();
            for (name, at, value) in fields {
                let constant = match value {
                    Expression::String(text) => Some(text.clone()),
                    _ => None,
                };
                let shape = of_expression(value, scope);
                add(&mut members, MappingField { name: name.clone(), at: at.clone(), shape, constant });
            }
            MappingShape::Object(members)
        }
        Expression::Path(path) => of_path(path, scope),
        Expression::Chain(_, operands) => operands
            .iter()
            .filter(|operand| !matches!(operand, Expression::Null))
            .map(|operand| of_expression(operand, scope))
            .reduce(unite)
            .unwrap_or(MappingShape::Leaf),
    }
}

fn local(locals: Option<&Local<'_>>, name: &str) -> MappingShape {
    let mut next = locals;
    while let Some(local) = next {
        if local.name == name {
            return local.shape.clone();
        }
        next = local.outer;
    }
    MappingShape::Any
}

/// Either of two shapes.
fn unite(a: MappingShape, b: MappingShape) -> MappingShape {
    match (a, b) {
        (MappingShape::Object(mut fields), MappingShape::Object(others)) => {
            others.into_iter().for_each(|field| add(&mut fields, field));
            MappingShape::Object(fields)
        }
        (MappingShape::Leaf, MappingShape::Leaf) => MappingShape::Leaf,
        // `a { id } ?? 'none'`: the names are what matters.
        (object @ MappingShape::Object(_), MappingShape::Leaf)
        | (MappingShape::Leaf, object @ MappingShape::Object(_)) => object,
        _ => MappingShape::Any,
    }
}

fn add(fields: &mut Vec<MappingField>, field: MappingField) {
    match fields.iter_mut().find(|known| known.name == field.name) {
        Some(known) => {
            if known.constant != field.constant {
                known.constant = None;
            }
            let shape = std::mem::replace(&mut known.shape, MappingShape::Any);
            known.shape = unite(shape, field.shape);
        }
        None => fields.push(field),
    }
}

/// Where a mapping first reads `$` of its input.
pub(super) fn first_input(selection: &Selection) -> Option<Range<usize>> {
    selection.items.iter().find_map(|item| input_of_path(&item.path, Rebound { dollar: false, at: false }))
}

/// Which of `$` and `@` stand for something else than the input.
#[derive(Clone, Copy)]
struct Rebound {
    dollar: bool,
    at: bool,
}

fn input_of_path(path: &Path, rebound: Rebound) -> Option<Range<usize>> {
    let from_head = match &path.head {
        // A group, `name: { … }`, reads nothing itself.
        Head::Dollar if path.steps.is_empty() && path.selection.is_some() => None,
        Head::Dollar => (!rebound.dollar).then(|| path.at.clone()),
        Head::At => (!rebound.at).then(|| path.at.clone()),
        Head::Variable(_) | Head::Local(_) => None,
        Head::Expression(expression) => input_of_expression(expression, rebound),
    };
    let from_steps = || {
        path.steps.iter().find_map(|step| match &step.kind {
            StepKind::Key(_) => None,
            StepKind::Method { arguments, .. } => {
                arguments.iter().find_map(|argument| input_of_expression(argument, Rebound { at: true, ..rebound }))
            }
            StepKind::As { value, .. } => {
                value.as_ref().and_then(|value| input_of_expression(value, Rebound { at: true, ..rebound }))
            }
        })
    };
    let from_selection = || {
        let is_group = matches!(path.head, Head::Dollar) && path.steps.is_empty();
        let inner = if is_group { rebound } else { Rebound { dollar: true, at: true } };
        path.selection.as_ref()?.items.iter().find_map(|item| input_of_path(&item.path, inner))
    };
    from_head.or_else(from_steps).or_else(from_selection)
}

fn input_of_expression(expression: &Expression, rebound: Rebound) -> Option<Range<usize>> {
    match expression {
        Expression::Null | Expression::Bool(_) | Expression::Number(_) | Expression::String(_) => None,
        Expression::Array(items) | Expression::Chain(_, items) => {
            items.iter().find_map(|item| input_of_expression(item, rebound))
        }
        Expression::Object(fields) => fields.iter().find_map(|(.., value)| input_of_expression(value, rebound)),
        Expression::Path(path) => input_of_path(path, rebound),
    }
}
