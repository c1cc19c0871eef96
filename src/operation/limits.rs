//! What an operation may cost, measured before the work that it would cause.
//!
//! In: a parsed, not yet validated document. Out: nothing, or the limit that it exceeds. Fragments are
//! measured once each and their sizes added up where they are spread (saturating), so a document whose fragments
//! double at every level is refused in the time that its text takes to read. Deliberately absent: the schema.

use apollo_compiler::Name;
use apollo_compiler::ast;
use apollo_compiler::collections::HashMap;

use super::{Location, RequestError, RequestErrorKind};

/// The largest operation that is accepted. Each is checked before the work that it bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text.
    pub text_bytes: usize,
    /// Tokens of the text.
    pub tokens: usize,
    /// Nesting that the parser follows.
    pub recursion: usize,
    /// Levels of fields.
    pub depth: u64,
    /// Levels of fields, inline fragments and named fragments together.
    pub nesting: u64,
    /// Aliases, after expansion.
    pub aliases: u64,
    /// Fields on the root, after expansion.
    pub root_fields: u64,
    /// Directives, after expansion.
    pub directives: u64,
    /// Fields after expansion.
    pub fields: u64,
    /// Steps of comparing fields that share a response key (see the `overlap` module), and fields after they have
    /// been merged for each runtime type.
    pub merge_steps: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_bytes: 32 * 1024,
            tokens: 15_000,
            recursion: 64,
            depth: 100,
            nesting: 200,
            aliases: 30,
            root_fields: 20,
            directives: 50,
            fields: 3_500,
            merge_steps: 100_000,
        }
    }
}

/// Sizes of a selection set after expansion. All saturate.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    depth: u64,
    nesting: u64,
    aliases: u64,
    top_fields: u64,
    directives: u64,
    fields: u64,
}

struct Measure<'a> {
    fragments: HashMap<&'a Name, &'a ast::FragmentDefinition>,
    /// `None` while a fragment is being measured: meeting it again is a cycle.
    known: HashMap<&'a Name, Option<Size>>,
    document: &'a ast::Document,
    nesting_max: u64,
}

/// Refuses a document of which any operation is too large, or whose fragments form a circle.
pub(super) fn check(document: &ast::Document, limits: &Limits) -> Result<(), RequestError> {
    let mut fragments = HashMap::default();
    for definition in &document.definitions {
        if let ast::Definition::FragmentDefinition(fragment) = definition {
            fragments.insert(&fragment.name, &**fragment);
        }
    }
    let mut measure = Measure { fragments, known: HashMap::default(), document, nesting_max: limits.nesting };
    for definition in &document.definitions {
        match definition {
            ast::Definition::OperationDefinition(operation) => {
                let mut size = measure.selection_set(&operation.selection_set, 1)?;
                let own = operation.directives.len()
                    + operation.variables.iter().map(|variable| variable.directives.len()).sum::<usize>();
                size.directives = size.directives.saturating_add(own as u64);
                within("depth", size.depth, limits.depth)?;
                within("number of aliases", size.aliases, limits.aliases)?;
                within("number of root fields", size.top_fields, limits.root_fields)?;
                within("number of directives", size.directives, limits.directives)?;
                within("number of fields after expansion of fragments", size.fields, limits.fields)?;
            }
            // Also those that nobody spreads: validation walks them.
            ast::Definition::FragmentDefinition(fragment) => {
                measure.fragment(&fragment.name, 1)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn within(what: &str, value: u64, max: u64) -> Result<(), RequestError> {
    if value <= max {
        return Ok(());
    }
    Err(RequestError::new(
        RequestErrorKind::Limit,
        format!("The operation's {what} is {value}, which exceeds the limit of {max}."),
    ))
}

impl<'a> Measure<'a> {
    fn selection_set(&mut self, selections: &'a [ast::Selection], level: u64) -> Result<Size, RequestError> {
        within("nesting", level, self.nesting_max)?;
        let mut sum = Size { nesting: 1, ..Size::default() };
        for selection in selections {
            let part = match selection {
                ast::Selection::Field(field) => {
                    let inner = if field.selection_set.is_empty() {
                        Size::default()
                    } else {
                        self.selection_set(&field.selection_set, level + 1)?
                    };
                    Size {
                        depth: inner.depth.saturating_add(1),
                        nesting: inner.nesting,
                        aliases: inner.aliases.saturating_add(u64::from(field.alias.is_some())),
                        top_fields: 1,
                        directives: inner.directives.saturating_add(field.directives.len() as u64),
                        fields: inner.fields.saturating_add(1),
                    }
                }
                ast::Selection::InlineFragment(inline) => {
                    let mut inner = self.selection_set(&inline.selection_set, level + 1)?;
                    inner.directives = inner.directives.saturating_add(inline.directives.len() as u64);
                    inner
                }
                ast::Selection::FragmentSpread(spread) => {
                    let mut inner = self.fragment(&spread.fragment_name, level + 1)?;
                    inner.directives = inner.directives.saturating_add(spread.directives.len() as u64);
                    inner
                }
            };
            sum.depth = sum.depth.max(part.depth);
            sum.nesting = sum.nesting.max(part.nesting.saturating_add(1));
            sum.aliases = sum.aliases.saturating_add(part.aliases);
            sum.top_fields = sum.top_fields.saturating_add(part.top_fields);
            sum.directives = sum.directives.saturating_add(part.directives);
            sum.fields = sum.fields.saturating_add(part.fields);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Name, level: u64) -> Result<Size, RequestError> {
        match self.known.get(name) {
            Some(Some(size)) => {
                within("nesting", level.saturating_add(size.nesting), self.nesting_max)?;
                return Ok(*size);
            }
            Some(None) => return Err(self.cycle(name)),
            None => {}
        }
        // An unknown fragment is validation's to report.
        let Some(fragment) = self.fragments.get(name).copied() else { return Ok(Size::default()) };
        self.known.insert(name, None);
        let size = self.selection_set(&fragment.selection_set, level)?;
        self.known.insert(name, Some(size));
        Ok(size)
    }

    fn cycle(&self, name: &Name) -> RequestError {
        let location = name.line_column_range(&self.document.sources).map(|range| range.start);
        RequestError {
            kind: RequestErrorKind::Validation,
            message: format!("Cannot spread fragment \"{name}\" within itself."),
            locations: location.iter().map(|l| Location { line: l.line, column: l.column }).collect(),
        }
    }
}
