//! Merges scalars: any definition is as good as another.

use apollo_compiler::Name;
use apollo_compiler::schema::{DirectiveList, ExtendedType, ScalarType};

use super::marks::Element;
use super::{Merger, TypeSources, component};

impl<'a> Merger<'a> {
    pub(super) fn merge_scalar(&mut self, name: &Name, sources: &TypeSources<'a>) -> ExtendedType {
        let elements = elements(sources);
        let description = self.description(&format!("`{name}`"), &elements);
        let mut directives = self.type_joins(sources);
        directives.extend(self.marks(&format!("`{name}`"), &elements).into_iter().map(component));
        // Where the scalar is specified is kept when nobody says otherwise.
        let mut specified = elements.iter().flat_map(|e| e.directives.iter()).filter(|d| d.name == "specifiedBy");
        if let Some(first) = specified.next().filter(|first| specified.all(|other| other.node == first.node)) {
            directives.push(first.clone());
        }
        let scalar = ScalarType { description, name: name.clone(), directives: DirectiveList(directives) };
        ExtendedType::Scalar(apollo_compiler::Node::new(scalar))
    }
}

/// A type's description and directives, per subgraph.
pub(super) fn elements<'e>(sources: &'e TypeSources<'_>) -> Vec<Element<'e, DirectiveList>> {
    sources
        .iter()
        .map(|(subgraph, ty)| Element {
            subgraph: *subgraph,
            description: ty.description(),
            directives: ty.directives(),
            overridden: false,
        })
        .collect()
}
