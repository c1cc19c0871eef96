//! Mappings that only pick and rename, as plain data: what they describe can be read straight from a service's bytes.
//!
//! Deliberately absent: anything that computes a value, and paths whose properties join the object around them.

use super::ast::{Head, Item, Path, Selection, StepKind};

/// What is taken from a value: walk `path`, then keep it whole or keep some `fields`.
///
/// Semantics, the same as the mapping's: a key is looked up in an object, and in each element of a list (an element
/// that lacks it gives null); what is missing is left out of the object around it; `fields` of null are null, of a
/// list they are the list of those of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Keys to walk, from the value that the enclosing pick arrived at.
    pub path: Vec<String>,
    /// `None`: the value as it is. Otherwise an object of these; the names are distinct.
    pub fields: Option<Vec<PickField>>,
}

/// One member of a picked object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickField {
    /// Its name in the output.
    pub name: String,
    /// Where its value comes from.
    pub pick: Pick,
}

/// The pick that a selection is, if it is one.
pub(super) fn of(selection: &Selection) -> Option<Pick> {
    match selection.items.as_slice() {
        [] => None,
        [Item { name: None, path, spread: false, .. }] => of_path(path),
        _ => Some(Pick { path: Vec::new(), fields: Some(of_items(selection)?) }),
    }
}

fn of_items(selection: &Selection) -> Option<Vec<PickField>> {
    let mut fields: Vec<PickField> = Vec::with_capacity(selection.items.len());
    for item in &selection.items {
        let name = item.name.clone()?;
        if fields.iter().any(|field| field.name == name) {
            return None;
        }
        fields.push(PickField { name, pick: of_path(&item.path)? });
    }
    Some(fields)
}

fn of_path(path: &Path) -> Option<Pick> {
    if !matches!(path.head, Head::Dollar) || path.optional {
        return None;
    }
    let keys = path.steps.iter().map(|step| match &step.kind {
        // `a?` makes null missing, which a pick cannot say.
        StepKind::Key(key) if !step.optional => Some(key.clone()),
        _ => None,
    });
    let mut keys: Vec<String> = keys.collect::<Option<_>>()?;
    let fields = match &path.selection {
        None => None,
        Some(selection) => match of(selection)? {
            // `a { $.b }` is `a.b`, other than for null, which braces keep.
            Pick { path, fields: Some(fields) } if path.is_empty() => Some(fields),
            _ => return None,
        },
    };
    keys.shrink_to_fit();
    Some(Pick { path: keys, fields })
}
