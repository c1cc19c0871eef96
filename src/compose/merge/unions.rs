//! Merges unions: a member anywhere is a member.

use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{ComponentName, DirectiveList, ExtendedType, UnionType};
use apollo_compiler::{Name, Node};

use super::scalars::elements;
use super::{Merger, TypeSources, component, directive, string};
use crate::diagnostic::Diagnostic;

impl<'a> Merger<'a> {
    pub(super) fn merge_union(&mut self, name: &Name, sources: &TypeSources<'a>) -> ExtendedType {
        let elements = elements(sources);
        let description = self.description(&format!("`{name}`"), &elements);
        let mut directives = self.type_joins(sources);
        let mut members: IndexMap<Name, Vec<usize>> = IndexMap::default();
        for (index, ty) in sources {
            for member in ty.as_union().into_iter().flat_map(|u| &u.members) {
                members.entry(member.name.clone()).or_default().push(*index);
                let graph = ("graph", self.graph_value(*index));
                let member = ("member", string(member.name.as_str()));
                directives.push(component(directive("join__unionMember", vec![graph, member])));
            }
        }
        directives.extend(self.marks(&format!("`{name}`"), &elements).into_iter().map(component));
        for (member, in_) in members.iter().filter(|(_, in_)| in_.len() < sources.len()) {
            let missing = sources.iter().find(|(index, _)| !in_.contains(index));
            let message = format!("`{member}` is a member of `{name}` in {} only.", self.list(in_.iter().copied()));
            let hint = Diagnostic::hint("INCONSISTENT_UNION_MEMBER", message);
            self.out.push(match missing {
                Some((index, ty)) => hint.at(self.subgraphs[*index].at_name(ty.name()), "not a member here"),
                None => hint,
            });
        }
        let members = members.into_keys().map(ComponentName::from).collect();
        let union = UnionType { description, name: name.clone(), directives: DirectiveList(directives), members };
        ExtendedType::Union(Node::new(union))
    }
}
