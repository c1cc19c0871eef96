//! Text → parsed and validated [`Document`], kept with the snapshot.
//!
//! The order is the point: text size, tokens and nesting while parsing, then sizes after expansion, then the cost
//! of comparing fields, and only then validation.

use std::sync::Arc;

use apollo_compiler::ast::{self, OperationType};
use apollo_compiler::collections::{HashSet, IndexSet};
use apollo_compiler::executable::{self, ExecutableDocument, Selection, SelectionSet};
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{Name, Node, Schema};

use super::{Limits, RequestError, RequestErrorKind, limits, overlap};

/// No more errors than this are told of one document.
const ERRORS_MAX: usize = 20;

/// A document that is valid for the API schema.
#[derive(Debug)]
pub struct Document {
    api: Arc<Valid<Schema>>,
    executable: Valid<ExecutableDocument>,
    operations: Vec<DocumentOperation>,
    pub(super) merge_steps_max: usize,
}

/// One operation of a document.
#[derive(Debug)]
pub struct DocumentOperation {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// Its definition.
    pub definition: Node<executable::Operation>,
    /// The variables that its `@skip` and `@include` use: all that decides, beside the text, what is selected.
    pub condition_variables: Vec<Name>,
}

impl Document {
    /// Parses and validates. Errors: syntax, validation, limits; never more than a screenful.
    pub fn parse(text: &str, api: &Arc<Valid<Schema>>, limits: &Limits) -> Result<Self, Vec<RequestError>> {
        if text.len() > limits.text_bytes {
            let message = format!(
                "The operation's text is {} bytes, which exceeds the limit of {}.",
                text.len(),
                limits.text_bytes
            );
            return Err(vec![RequestError::new(RequestErrorKind::Limit, message)]);
        }
        let ast = Parser::new()
            .recursion_limit(limits.recursion)
            .token_limit(limits.tokens)
            .parse_ast(text, "operation.graphql")
            .map_err(|failed| syntax_errors(&failed.errors))?;
        limits::check(&ast, limits).map_err(|error| vec![error])?;
        let executable = ast.to_executable(api).map_err(|failed| validation_errors(&failed.errors))?;
        overlap::check(api, &executable, limits.merge_steps).map_err(|error| vec![error])?;
        let executable = executable.validate(api).map_err(|failed| validation_errors(&failed.errors))?;
        let operations = executable
            .operations
            .iter()
            .map(|definition| DocumentOperation {
                kind: definition.operation_type,
                definition: definition.clone(),
                condition_variables: condition_variables(&executable, definition),
            })
            .collect();
        Ok(Self { api: Arc::clone(api), executable, operations, merge_steps_max: limits.merge_steps })
    }

    /// The operation to run. Source: GraphQL specification, GetOperation.
    pub fn operation(&self, name: Option<&str>) -> Result<&DocumentOperation, RequestError> {
        let error = |message: String| RequestError::new(RequestErrorKind::OperationName, message);
        match (name, self.operations.as_slice()) {
            (_, []) => Err(error("Must provide an operation.".to_owned())),
            (None, [only]) => Ok(only),
            (None, _) => Err(error("Must provide operation name if query contains multiple operations.".to_owned())),
            (Some(name), operations) => operations
                .iter()
                .find(|operation| operation.definition.name.as_deref() == Some(name))
                .ok_or_else(|| error(format!("Unknown operation named \"{name}\"."))),
        }
    }

    /// The parsed document.
    pub fn executable(&self) -> &Valid<ExecutableDocument> {
        &self.executable
    }

    /// The schema that it is valid for.
    pub fn api(&self) -> &Arc<Valid<Schema>> {
        &self.api
    }
}

fn syntax_errors(errors: &DiagnosticList) -> Vec<RequestError> {
    let convert = |kind| {
        move |diagnostic: apollo_compiler::diagnostic::Diagnostic<'_, apollo_compiler::validation::DiagnosticData>| {
            let mut error = RequestError::from_graphql(kind, diagnostic.to_json());
            if error.message.contains("limit reached") {
                error.kind = RequestErrorKind::Limit;
            }
            error.message = format!("Syntax Error: {}", error.message.trim_start_matches("syntax error: "));
            error
        }
    };
    errors.iter().take(ERRORS_MAX).map(convert(RequestErrorKind::Syntax)).collect()
}

fn validation_errors(errors: &DiagnosticList) -> Vec<RequestError> {
    errors
        .iter()
        .take(ERRORS_MAX)
        .map(|diagnostic| {
            RequestError::from_graphql(RequestErrorKind::Validation, diagnostic.unstable_to_json_compat())
        })
        .collect()
}

/// Variables in `if:` of every `@skip` and `@include` that the operation reaches, in the order of their definitions.
fn condition_variables(document: &ExecutableDocument, operation: &executable::Operation) -> Vec<Name> {
    let mut found = IndexSet::default();
    let mut seen = HashSet::default();
    let mut pending: Vec<&SelectionSet> = vec![&operation.selection_set];
    while let Some(set) = pending.pop() {
        for selection in &set.selections {
            let (directives, inner) = match selection {
                Selection::Field(field) => (&field.directives, Some(&field.selection_set)),
                Selection::InlineFragment(inline) => (&inline.directives, Some(&inline.selection_set)),
                Selection::FragmentSpread(spread) => {
                    let inner =
                        seen.insert(&spread.fragment_name).then(|| document.fragments.get(&spread.fragment_name));
                    (&spread.directives, inner.flatten().map(|fragment| &fragment.selection_set))
                }
            };
            pending.extend(inner);
            for directive in directives.iter().filter(|d| d.name == "skip" || d.name == "include") {
                if let Some(ast::Value::Variable(name)) = directive.specified_argument_by_name("if").map(|v| &**v) {
                    found.insert(name);
                }
            }
        }
    }
    operation.variables.iter().map(|variable| &variable.name).filter(|name| found.contains(*name)).cloned().collect()
}
