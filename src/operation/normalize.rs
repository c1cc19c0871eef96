//! A valid operation → [`Operation`]: what is selected on each runtime type, with nothing left to decide.
//!
//! Types that the conditions of a selection set do not tell apart share all work and one branch, so an interface with
//! many implementers costs what its fragments distinguish, not what it has members.
//! Source: GraphQL specification, CollectFields and MergeSelectionSets.

use apollo_compiler::ast::{self, Type, Value};
use apollo_compiler::collections::{HashMap, HashSet, IndexMap, IndexSet};
use apollo_compiler::executable::{self, Selection};
use apollo_compiler::{Name, Node, Schema};

use super::{
    Branch, Document, DocumentOperation, Field, Operation, RequestError, SelectionSet, Variable, overlap,
    possible_types,
};

/// [`normalize_for`] a client who may see everything.
pub fn normalize(
    document: &Document,
    operation: &DocumentOperation,
    conditions: &dyn Fn(&Name) -> bool,
) -> Result<Operation, RequestError> {
    normalize_for(document, operation, conditions, &|_, _, _| false)
}

/// Normalizes for one assignment of the variables that the operation's conditions use (see
/// [`DocumentOperation::condition_variables`]), where a variable that is absent counts as false; and for a client from whom
/// the fields are kept that `is_denied` says: by the type that a field is selected on, the object's type, and the field.
/// Errors: fields overlap in more ways than the limits of the document allow.
pub fn normalize_for(
    document: &Document,
    operation: &DocumentOperation,
    conditions: &dyn Fn(&Name) -> bool,
    is_denied: &dyn Fn(&Name, &Name, &Name) -> bool,
) -> Result<Operation, RequestError> {
    let mut normalize = Normalize {
        is_denied,
        schema: document.api(),
        fragments: &document.executable().fragments,
        conditions,
        possible: HashMap::default(),
        known: HashMap::default(),
        interned: HashMap::default(),
        steps_left: document.merge_steps_max,
    };
    let definition = &operation.definition;
    let root_type = definition.selection_set.ty.clone();
    let selection =
        normalize.selection_set(&root_type, vec![&definition.selection_set]).ok_or_else(overlap::too_complex)?;
    let mut used = HashSet::default();
    collect_variables(&selection, &mut HashSet::default(), &mut used);
    let variables = definition
        .variables
        .iter()
        .filter(|variable| used.contains(&variable.name))
        .map(|variable| Variable { name: variable.name.clone(), ty: variable.ty.clone() })
        .collect();
    Ok(Operation { kind: operation.kind, name: definition.name.clone(), root_type, selection, variables })
}

/// A field, and the type that it is selected on.
type Selected<'a> = (&'a Name, &'a Node<executable::Field>);

struct Normalize<'a> {
    schema: &'a Schema,
    fragments: &'a executable::FragmentMap,
    conditions: &'a dyn Fn(&Name) -> bool,
    is_denied: &'a dyn Fn(&Name, &Name, &Name) -> bool,
    possible: HashMap<Name, Vec<Name>>,
    /// By the declared type and the addresses of the merged selection sets.
    known: HashMap<(Name, Vec<*const executable::SelectionSet>), SelectionSet>,
    /// Equal sets are one.
    interned: HashMap<Vec<Branch>, SelectionSet>,
    steps_left: usize,
}

impl<'a> Normalize<'a> {
    fn possible(&mut self, name: &Name) -> Vec<Name> {
        if let Some(types) = self.possible.get(name) {
            return types.clone();
        }
        let types = possible_types(self.schema, name);
        self.possible.insert(name.clone(), types.clone());
        types
    }

    /// `None`: out of steps.
    fn selection_set(&mut self, declared: &Name, sets: Vec<&'a executable::SelectionSet>) -> Option<SelectionSet> {
        let key = (declared.clone(), sets.iter().map(|set| std::ptr::from_ref(*set)).collect());
        if let Some(known) = self.known.get(&key) {
            return Some(known.clone());
        }
        let mut conditions = IndexSet::default();
        for set in &sets {
            self.type_conditions(set, &mut HashSet::default(), &mut conditions)?;
        }
        let mut members = Vec::with_capacity(conditions.len());
        for condition in conditions {
            members.push(self.possible(condition));
        }
        let mut classes: IndexMap<Vec<bool>, Vec<Name>> = IndexMap::default();
        let possible = self.possible(declared);
        self.step(possible.len())?;
        for name in possible {
            let signature = members.iter().map(|types| types.binary_search(&name).is_ok()).collect();
            classes.entry(signature).or_default().push(name);
        }
        let mut branches: IndexMap<Vec<Field>, Vec<Name>> = IndexMap::default();
        for types in classes.into_values() {
            for (types, fields) in self.fields(types, &sets)? {
                branches.entry(fields).or_default().extend(types);
            }
        }
        let branches: Vec<Branch> = branches
            .into_iter()
            .filter(|(fields, _)| !fields.is_empty())
            .map(|(fields, mut types)| {
                types.sort();
                Branch { types, fields }
            })
            .collect();
        let selection = match self.interned.get(&branches) {
            Some(same) => same.clone(),
            None => {
                let selection = SelectionSet { branches: branches.clone().into() };
                self.interned.insert(branches, selection.clone());
                selection
            }
        };
        self.known.insert(key, selection.clone());
        Some(selection)
    }

    /// The fields of types that meet the same conditions. The types part again where a field is declared with
    /// different types on them, or denied on some of them only.
    fn fields(
        &mut self,
        types: Vec<Name>,
        sets: &[&'a executable::SelectionSet],
    ) -> Option<Vec<(Vec<Name>, Vec<Field>)>> {
        let mut collected = IndexMap::default();
        let mut seen = HashSet::default();
        let first = types.first()?.clone();
        for set in sets {
            self.collect(&first, set, &mut seen, &mut collected)?;
        }
        let mut by_declaration: IndexMap<Vec<(Type, bool)>, Vec<Name>> = IndexMap::default();
        for name in types {
            let declared = collected.values().map(|fields: &Vec<Selected<'_>>| {
                let (_, first) = fields[0];
                let declared = self.schema.type_field(&name, &first.name);
                let ty = declared.map_or_else(|_| first.definition.ty.clone(), |definition| definition.ty.clone());
                // What may be seen by one of the ways in which it is selected may be seen.
                (ty, fields.iter().all(|(on, field)| (self.is_denied)(on, &name, &field.name)))
            });
            by_declaration.entry(declared.collect()).or_default().push(name);
        }
        let mut parts = Vec::with_capacity(by_declaration.len());
        for (declared, types) in by_declaration {
            let mut fields = Vec::with_capacity(collected.len());
            for ((response_key, selected), (ty, is_denied)) in collected.iter().zip(declared) {
                self.step(1)?;
                let (_, first) = selected[0];
                let (response_key, name) = ((*response_key).clone(), first.name.clone());
                if is_denied {
                    // Neither what it is asked with nor what is below it matters any more.
                    fields.push(Field { response_key, name, arguments: Vec::new(), ty, selection: None, is_denied });
                    continue;
                }
                let sets: Vec<_> = selected.iter().map(|(_, field)| &field.selection_set).collect();
                let selection = match sets.iter().any(|set| !set.selections.is_empty()) {
                    true => Some(self.selection_set(ty.inner_named_type(), sets)?),
                    false => None,
                };
                let arguments = first.arguments.iter().map(|a| (a.name.clone(), a.value.clone()));
                let mut arguments: Vec<_> = arguments.collect();
                // Their order means nothing; sorted, equal fields are equal.
                arguments.sort_by(|a, b| a.0.cmp(&b.0));
                fields.push(Field { response_key, name, arguments, ty, selection, is_denied });
            }
            parts.push((types, fields));
        }
        Some(parts)
    }

    fn collect(
        &mut self,
        runtime_type: &Name,
        set: &'a executable::SelectionSet,
        seen: &mut HashSet<&'a Name>,
        into: &mut IndexMap<&'a Name, Vec<Selected<'a>>>,
    ) -> Option<()> {
        for selection in &set.selections {
            self.step(1)?;
            if !self.included(selection.directives()) {
                continue;
            }
            let (condition, inner) = match selection {
                Selection::Field(field) => {
                    into.entry(field.response_key()).or_default().push((&set.ty, field));
                    continue;
                }
                Selection::InlineFragment(inline) => (inline.type_condition.as_ref(), &inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.fragments.get(&spread.fragment_name) else { continue };
                    if !seen.insert(&spread.fragment_name) {
                        continue;
                    }
                    (Some(fragment.type_condition()), &fragment.selection_set)
                }
            };
            if condition.is_none_or(|condition| self.possible(condition).binary_search(runtime_type).is_ok()) {
                self.collect(runtime_type, inner, seen, into)?;
            }
        }
        Some(())
    }

    /// All type conditions that can decide what this level of the selection set selects.
    fn type_conditions(
        &mut self,
        set: &'a executable::SelectionSet,
        seen: &mut HashSet<&'a Name>,
        into: &mut IndexSet<&'a Name>,
    ) -> Option<()> {
        for selection in &set.selections {
            self.step(1)?;
            if !self.included(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(_) => {}
                Selection::InlineFragment(inline) => {
                    into.extend(inline.type_condition.as_ref());
                    self.type_conditions(&inline.selection_set, seen, into)?;
                }
                Selection::FragmentSpread(spread) => {
                    if seen.insert(&spread.fragment_name)
                        && let Some(fragment) = self.fragments.get(&spread.fragment_name)
                    {
                        into.insert(fragment.type_condition());
                        self.type_conditions(&fragment.selection_set, seen, into)?;
                    }
                }
            }
        }
        Some(())
    }

    fn included(&self, directives: &executable::DirectiveList) -> bool {
        let holds = |name: &str| {
            let directive = directives.iter().find(|directive| directive.name == name)?;
            match &**directive.specified_argument_by_name("if")? {
                Value::Boolean(value) => Some(*value),
                Value::Variable(variable) => Some((self.conditions)(variable)),
                _ => None,
            }
        };
        !holds("skip").unwrap_or(false) && holds("include").unwrap_or(true)
    }

    fn step(&mut self, count: usize) -> Option<()> {
        self.steps_left = self.steps_left.checked_sub(count)?;
        Some(())
    }
}

fn collect_variables<'a>(selection: &'a SelectionSet, seen: &mut HashSet<&'a SelectionSet>, into: &mut HashSet<Name>) {
    if !seen.insert(selection) {
        return;
    }
    for field in selection.branches.iter().flat_map(|branch| &branch.fields) {
        for (_, value) in &field.arguments {
            value_variables(value, into);
        }
        if let Some(selection) = &field.selection {
            collect_variables(selection, seen, into);
        }
    }
}

/// The variables that occur in a value.
pub(crate) fn value_variables(value: &ast::Value, into: &mut HashSet<Name>) {
    match value {
        Value::Variable(name) => {
            into.insert(name.clone());
        }
        Value::List(items) => items.iter().for_each(|item| value_variables(item, into)),
        Value::Object(members) => members.iter().for_each(|(_, value)| value_variables(value, into)),
        _ => {}
    }
}
