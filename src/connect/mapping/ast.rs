//! The mapping language as a tree.

use std::ops::Range;

use serde_json::Number;

use super::methods::Method;

/// A list of selections: a whole mapping, or what stands between braces.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) items: Vec<Item>,
}

/// One selection.
#[derive(Debug)]
pub(crate) struct Item {
    /// The name that the value gets in the output. `None`: the value itself is the output (a path that stands alone), or
    /// its properties join the surrounding object's (a path with braces, or a spread).
    pub(crate) name: Option<String>,
    /// Where the name was written (the alias, or the key).
    pub(crate) name_at: Range<usize>,
    /// Where the value comes from.
    pub(crate) path: Path,
    /// Written with `...`.
    pub(crate) spread: bool,
}

/// A value, and the steps that lead on from it.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) head: Head,
    /// `?` directly after the head.
    pub(crate) optional: bool,
    pub(crate) steps: Vec<Step>,
    /// Braces at the end.
    pub(crate) selection: Option<Selection>,
    /// Bytes of the mapping's text.
    pub(crate) at: Range<usize>,
}

/// Where a path begins.
#[derive(Debug)]
pub(crate) enum Head {
    /// `$`, or nothing before a key: the value that the enclosing braces received.
    Dollar,
    /// `@`: the value that a method is applied to.
    At,
    /// `$args` and its like.
    Variable(Variable),
    /// `$name`, bound by `->as($name)`.
    Local(String),
    /// `$( … )`, or a literal with steps behind it.
    Expression(Box<Expression>),
}

/// The variables that the gateway gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `$args`: the field's arguments.
    Args,
    /// `$config`: values of the configuration.
    Config,
    /// `$request`: only `headers`, of the client's request.
    Request,
    /// `$response`: only `headers`, of the service's answer.
    Response,
    /// `$status` of the service's answer.
    Status,
}

/// One step of a path.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    /// `?` after it: nothing and null end the path here, silently.
    pub(crate) optional: bool,
    pub(crate) at: Range<usize>,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum StepKind {
    /// `.key`
    Key(String),
    /// `->method(arguments)`
    Method { method: Method, arguments: Vec<Expression> },
    /// `->as($name)`, `->as($name, expression)`
    As { name: String, value: Option<Box<Expression>> },
}

/// What may stand in `$( )` and in the arguments of a method.
#[derive(Debug)]
pub(crate) enum Expression {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Object(Vec<(String, Range<usize>, Expression)>),
    Array(Vec<Expression>),
    Path(Path),
    /// `a ?? b ?? c`, `a ?! b`
    Chain(ChainOperator, Vec<Expression>),
}

/// How the alternatives of a chain are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChainOperator {
    /// `??`: the next one where this one is null or missing.
    NullOrMissing,
    /// `?!`: the next one where this one is missing.
    Missing,
}

impl Variable {
    /// All of them, as they are written.
    pub(crate) const ALL: [(&str, Self); 5] = [
        ("$args", Self::Args),
        ("$config", Self::Config),
        ("$request", Self::Request),
        ("$response", Self::Response),
        ("$status", Self::Status),
    ];

    /// As it is written.
    pub fn text(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, variable)| *variable == self).map_or("$", |(text, _)| text)
    }
}
