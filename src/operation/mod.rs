//! Operations: text → valid, normalized [`Operation`].
//!
//! In: the client's text, the name of the operation and its variables, the API schema. Out: a
//! [`Document`] (parsed and validated, kept with the snapshot), coerced variables, and an [`Operation`] in
//! which nothing is left to decide but runtime types: named fragments are expanded, `@skip` and `@include` are
//! decided, what the client may not see is marked, equal response keys are merged, and each selection set says per concrete type what is selected.
//! Deliberately absent: where a field lives.
//!
//! Conditions are decided before planning because a plan is then exact for what is included: nothing of a
//! skipped field is fetched, required or sent. A plan is cached by the operation's text *and* the values of the
//! variables that its conditions use.
//! Source: GraphQL specification, CollectFields, MergeSelectionSets, CoerceVariableValues.

mod document;
mod limits;
mod normalize;
mod overlap;
mod variables;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use apollo_compiler::ast::{Type, Value};
use apollo_compiler::response::GraphQLError;
use apollo_compiler::{Name, Node};

pub(crate) use crate::supergraph::possible_types;
pub use apollo_compiler::ast::OperationType;
pub use document::{Document, DocumentOperation};
pub use limits::Limits;
pub(crate) use normalize::value_variables;
pub use normalize::{normalize, normalize_for};
pub use variables::{Variables, coerce_variables};

/// Why a request has no `data`: the text, the operation's name, its variables, or a limit.
/// Source: GraphQL specification, request errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// What kind of mistake it is.
    pub kind: RequestErrorKind,
    /// One sentence for the client's author.
    pub message: String,
    /// Places in the operation's text.
    pub locations: Vec<Location>,
}

/// A place in an operation's text; both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// What kind of mistake a [`RequestError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestErrorKind {
    /// The text is no GraphQL.
    Syntax,
    /// The document is not valid for the schema.
    Validation,
    /// The document has no such operation.
    OperationName,
    /// A variable is missing or of the wrong type.
    Variables,
    /// A limit is exceeded.
    Limit,
}

impl RequestError {
    fn new(kind: RequestErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), locations: Vec::new() }
    }

    fn from_graphql(kind: RequestErrorKind, error: GraphQLError) -> Self {
        let locations = error.locations.iter().map(|l| Location { line: l.line, column: l.column }).collect();
        Self { kind, message: error.message, locations }
    }

    /// What `extensions.code` says.
    pub fn code(&self) -> &'static str {
        match self.kind {
            RequestErrorKind::Syntax => "GRAPHQL_PARSE_FAILED",
            RequestErrorKind::Validation => "GRAPHQL_VALIDATION_FAILED",
            RequestErrorKind::OperationName => "OPERATION_RESOLUTION_FAILURE",
            RequestErrorKind::Variables => "BAD_USER_INPUT",
            RequestErrorKind::Limit => "OPERATION_TOO_COMPLEX",
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A normalized operation, for one assignment of the variables that its conditions use.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// The client's name for it.
    pub name: Option<Name>,
    /// The root type's name in the API schema.
    pub root_type: Name,
    /// What is selected on the root. One branch, of the root type.
    pub selection: SelectionSet,
    /// The variables that the selection still uses, in the client's order.
    pub variables: Vec<Variable>,
}

/// A variable definition. Its default has been applied by coercion.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variable {
    /// Without the `$`.
    pub name: Name,
    /// As the client declared it.
    pub ty: Node<Type>,
}

/// What is selected on an object, by its runtime type.
///
/// An object whose concrete type is in no branch selects nothing: `{}`. Sets that are equal are one within their operation, so
/// that sharing, comparing and hashing them costs the same however much hangs below.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SelectionSet {
    /// Disjoint sets of types; types with the same fields share a branch.
    pub branches: Branches,
}

/// The branches of a selection set, shared by all places that select the same. Equal means: the same.
#[derive(Clone, Debug)]
pub struct Branches(Arc<[Branch]>);

impl From<Vec<Branch>> for Branches {
    fn from(branches: Vec<Branch>) -> Self {
        Self(branches.into())
    }
}

impl Deref for Branches {
    type Target = [Branch];

    fn deref(&self) -> &[Branch] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Branches {
    type Item = &'a Branch;
    type IntoIter = std::slice::Iter<'a, Branch>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl PartialEq for Branches {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Branches {}

impl Hash for Branches {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ptr().hash(state);
    }
}

/// The fields that are selected on some concrete types.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Branch {
    /// Concrete object types of the API schema, sorted; never empty.
    pub types: Vec<Name>,
    /// In response order; response keys are unique.
    pub fields: Vec<Field>,
}

/// A selected field. Several `__typename`s under different response keys are several fields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The alias, or the name.
    pub response_key: Name,
    /// The field's name: a field of the type, `__typename`, and on the query root `__schema` and `__type`.
    pub name: Name,
    /// As the client wrote them: constants and variables. Defaults are not filled in.
    pub arguments: Vec<(Name, Node<Value>)>,
    /// The field's type in the API schema.
    pub ty: Type,
    /// What is selected on its objects; `None` for a leaf.
    pub selection: Option<SelectionSet>,
    /// The client may not see it: it is null, nobody is asked for it, and nothing is known of what was selected below it.
    pub is_denied: bool,
}

#[cfg(test)]
mod tests;
