//! A downstream operation without some of its fields, for objects that lack what those require.
//!
//! In: a planned operation. Out: the same, that much smaller. This is done when something has failed, so it is not planned for:
//! which fields those are is only known then. Deliberately absent: which ones to leave out.
//! The recursion follows a text that the planner wrote.

use apollo_compiler::ast::{Argument, Definition, Document, Selection};
use apollo_compiler::collections::HashSet;
use apollo_compiler::{Name, Node};

use crate::planner::plan::DownstreamOperation;

/// The operation, in whose root field of that response key nothing is asked under these response keys.
/// `None`: its text cannot be read, which does not happen to what the planner writes.
pub(crate) fn without(operation: &DownstreamOperation, root: &str, keys: &[&Name]) -> Option<DownstreamOperation> {
    let mut document = Document::parse(operation.text.as_str(), "downstream.graphql").ok()?;
    let [Definition::OperationDefinition(definition)] = document.definitions.as_mut_slice() else { return None };
    let definition = definition.make_mut();
    for selection in &mut definition.selection_set {
        if let Selection::Field(field) = selection
            && field.response_name() == root
        {
            let field = field.make_mut();
            leave_out(&mut field.selection_set, keys);
            if field.selection_set.is_empty() {
                field.selection_set.push(typename());
            }
        }
    }
    let mut used = HashSet::default();
    variables(&definition.selection_set, &mut used);
    definition.variables.retain(|variable| used.contains(&variable.name));
    let mut variables = operation.variables.clone();
    variables.retain(|variable| used.contains(&variable.name));
    let text = document.serialize().no_indent().to_string();
    Some(DownstreamOperation { text, name: operation.name.clone(), variables })
}

/// Of an entity, through its type conditions; not what is asked of the objects below it.
fn leave_out(selections: &mut Vec<Selection>, keys: &[&Name]) {
    selections.retain_mut(|selection| match selection {
        Selection::Field(field) => !keys.contains(&field.response_name()),
        Selection::InlineFragment(fragment) => {
            let fragment = fragment.make_mut();
            leave_out(&mut fragment.selection_set, keys);
            !fragment.selection_set.is_empty()
        }
        Selection::FragmentSpread(_) => true,
    });
}

fn typename() -> Selection {
    let name = apollo_compiler::name!("__typename");
    let field = apollo_compiler::ast::Field {
        alias: None,
        name,
        arguments: Vec::new(),
        directives: Default::default(),
        selection_set: Vec::new(),
    };
    Selection::Field(Node::new(field))
}

fn variables(selections: &[Selection], used: &mut HashSet<Name>) {
    for selection in selections {
        let (directives, below) = match selection {
            Selection::Field(field) => {
                in_arguments(&field.arguments, used);
                (&field.directives, &field.selection_set)
            }
            Selection::InlineFragment(fragment) => (&fragment.directives, &fragment.selection_set),
            Selection::FragmentSpread(_) => continue,
        };
        directives.iter().for_each(|directive| in_arguments(&directive.arguments, used));
        variables(below, used);
    }
}

fn in_arguments(arguments: &[Node<Argument>], used: &mut HashSet<Name>) {
    arguments.iter().for_each(|argument| crate::operation::value_variables(&argument.value, used));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Variable;

    #[test]
    fn fields_go_with_their_variables() {
        let variable = |name: &str, ty: &str| Variable {
            name: Name::new(name).unwrap(),
            ty: apollo_compiler::ast::Type::parse(ty, "type").unwrap().into(),
        };
        let operation = DownstreamOperation {
            text: "query($r0:[_Any!]!,$r1:[_Any!]!,$w:Boolean!,$a:Int,$b:[Int],$c:I){\
                   _e0:_entities(representations:$r0){...on X{k:x(a:$a)y{k(b:$b)}}...on Y{k:z(c:{d:[$c]})}}\
                   _e1:_entities(representations:$r1){...on X{k}} _e2_q:q@include(if:$w)}"
                .into(),
            name: None,
            variables: vec![variable("a", "Int"), variable("b", "[Int]"), variable("c", "I")],
        };
        let k = Name::new("k").unwrap();
        let smaller = without(&operation, "_e0", &[&k]).unwrap();
        let expected = "query($r0: [_Any!]!, $r1: [_Any!]!, $w: Boolean!, $b: [Int]) { \
                        _e0: _entities(representations: $r0) { ... on X { y { k(b: $b) } } } \
                        _e1: _entities(representations: $r1) { ... on X { k } } _e2_q: q @include(if: $w) }";
        assert_eq!(smaller.text.trim(), expected);
        assert_eq!(smaller.variables, [variable("b", "[Int]")]);
        let smaller = without(&operation, "_e1", &[&k]).unwrap();
        assert!(smaller.text.contains("_e1: _entities(representations: $r1) { __typename }"), "{}", smaller.text);
    }
}
