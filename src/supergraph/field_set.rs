//! Field sets: the argument of `@key`, `@requires` and `@provides`.
//!
//! A selection set without its outer braces, and without aliases, variables and directives.

use std::fmt;

use apollo_compiler::ast::{self, Definition, Selection, Value};
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::{Parser, SourceSpan};
use apollo_compiler::{Name, Node};

/// How deep a field set may nest. Whatever walks one may recurse.
const NESTING_MAX: usize = 32;

/// A parsed field set, in the order in which it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldSet {
    /// Its selections; never empty for a valid directive.
    pub items: Vec<FieldSetItem>,
}

/// One selection of a field set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldSetItem {
    /// `name(arguments) { selection }`.
    Field {
        /// The field.
        name: Name,
        /// Constant arguments, in `@requires` only.
        arguments: Vec<(Name, Node<Value>)>,
        /// Empty for a leaf.
        selection: FieldSet,
    },
    /// `... on Type { selection }`.
    Inline {
        /// The type condition.
        type_condition: Name,
        /// What is selected on it.
        selection: FieldSet,
    },
}

/// Why a text is no field set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FieldSetError {
    /// The byte in the text that is to blame.
    pub offset: usize,
    /// One sentence.
    pub message: String,
}

impl FieldSet {
    /// Parses the text of a field set, with or without outer braces.
    pub fn parse(text: &str) -> Result<Self, FieldSetError> {
        if text.trim().is_empty() {
            return Err(FieldSetError { offset: 0, message: "It selects nothing.".to_owned() });
        }
        // A field set is the selection set of an anonymous query; the line break ends a comment at its end.
        let (query, shift) =
            if text.trim_start().starts_with('{') { (text.to_owned(), 0) } else { (format!("{{{text}\n}}"), 1) };
        let fail = |location: Option<SourceSpan>, message: &str| {
            let offset = location.map_or(0, |l| l.offset().saturating_sub(shift)).min(text.len());
            Err(FieldSetError { offset, message: message.to_owned() })
        };
        let document = match Parser::new().recursion_limit(NESTING_MAX).parse_ast(query, "field set") {
            Ok(document) => document,
            Err(failed) => {
                let Some(first) = failed.errors.iter().next() else { return fail(None, "It does not parse.") };
                let message = first.error.to_string();
                return fail(first.error.location(), &format!("It does not parse: {message}."));
            }
        };
        match document.definitions.as_slice() {
            [Definition::OperationDefinition(operation)] => {
                convert(&operation.selection_set).or_else(|(location, message)| fail(location, message))
            }
            definitions => fail(definitions.get(1).and_then(Definition::location), "Its braces do not match."),
        }
    }

    /// Whether it selects nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

type Refused = (Option<SourceSpan>, &'static str);

/// Recursion is bounded by the parser's limit.
fn convert(selections: &[Selection]) -> Result<FieldSet, Refused> {
    let mut items = Vec::with_capacity(selections.len());
    for selection in selections {
        match selection {
            Selection::Field(field) => items.push(convert_field(field)?),
            Selection::InlineFragment(inline) => {
                if !inline.directives.is_empty() {
                    return Err((inline.location(), "A field set has no directives."));
                }
                let selection = convert(&inline.selection_set)?;
                match &inline.type_condition {
                    Some(condition) => {
                        items.push(FieldSetItem::Inline { type_condition: condition.clone(), selection });
                    }
                    None => items.extend(selection.items),
                }
            }
            Selection::FragmentSpread(spread) => {
                return Err((spread.location(), "A field set has no named fragments."));
            }
        }
    }
    Ok(FieldSet { items })
}

fn convert_field(field: &Node<ast::Field>) -> Result<FieldSetItem, Refused> {
    if field.alias.is_some() {
        return Err((field.location(), "A field set has no aliases."));
    }
    if !field.directives.is_empty() {
        return Err((field.location(), "A field set has no directives."));
    }
    if field.arguments.iter().any(|argument| has_variable(&argument.value)) {
        return Err((field.location(), "A field set has no variables."));
    }
    Ok(FieldSetItem::Field {
        name: field.name.clone(),
        arguments: field.arguments.iter().map(|a| (a.name.clone(), a.value.clone())).collect(),
        selection: convert(&field.selection_set)?,
    })
}

fn has_variable(value: &Value) -> bool {
    match value {
        Value::Variable(_) => true,
        Value::List(items) => items.iter().any(|item| has_variable(item)),
        Value::Object(members) => members.iter().any(|(_, member)| has_variable(member)),
        _ => false,
    }
}

/// Prints it as it would stand in a directive.
impl fmt::Display for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            let selection = match item {
                FieldSetItem::Field { name, arguments, selection } => {
                    write!(f, "{name}")?;
                    for (index, (argument, value)) in arguments.iter().enumerate() {
                        write!(f, "{}{argument}: ", if index == 0 { "(" } else { ", " })?;
                        write!(f, "{}", value.serialize().no_indent())?;
                    }
                    if !arguments.is_empty() {
                        f.write_str(")")?;
                    }
                    selection
                }
                FieldSetItem::Inline { type_condition, selection } => {
                    write!(f, "... on {type_condition}")?;
                    selection
                }
            };
            if !selection.is_empty() {
                write!(f, " {{ {selection} }}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parsed() {
        for (text, printed) in [
            ("id", "id"),
            (" { id } ", "id"),
            ("id, branch{code,\n day} # why", "id branch { code day }"),
            ("price(currency: \"EUR\", of: {a: [1, X]})", "price(currency: \"EUR\", of: {a: [1, X]})"),
            ("media { ... on Book { isbn } ... { id } __typename }", "media { ... on Book { isbn } id __typename }"),
        ] {
            let parsed = FieldSet::parse(text).unwrap();
            assert_eq!(parsed.to_string(), printed);
            assert_eq!(FieldSet::parse(&parsed.to_string()).unwrap(), parsed);
        }
    }

    #[test]
    fn says_where_it_is_wrong() {
        let deep = format!("{}a{}", "a{".repeat(10_000), "}".repeat(10_000));
        for (text, offset) in [
            ("", 0),
            ("id {", 4),
            ("id }", 4),
            ("id } { x", 5),
            ("id } query Q { x", 5),
            ("id x: name", 3),
            ("id ...Parts", 3),
            ("id name @skip(if: true)", 3),
            ("id price(in: $c)", 3),
            ("id \"x\"", 3),
            (deep.as_str(), 64),
        ] {
            assert_eq!(FieldSet::parse(text).map_err(|e| e.offset), Err(offset), "{:.40}", text);
        }
    }
}
