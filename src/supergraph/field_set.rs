//! Field sets: the argument of `@key`, `@requires` and `@provides`.
//!
//! A selection set without its outer braces, and without aliases, variables and directives.

use std::fmt;

use apollo_compiler::ast::Value;
use apollo_compiler::{Name, Node};

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

impl FieldSet {
    /// Whether it selects nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
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
                        write!(f, "{}{argument}: {value}", if index == 0 { "(" } else { ", " })?;
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
