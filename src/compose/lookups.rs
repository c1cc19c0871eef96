//! Internal lookups of several fragments may have the same name: clients never see it.
//!
//! In: all fragments, read. Out: the same, each internal lookup with a name of its own in the graph. A name that is free
//! stays as its author wrote it; `items` of the fragment `stock` becomes `items__stock` otherwise.

use apollo_compiler::Name;
use apollo_compiler::collections::HashMap;
use apollo_compiler::schema::ExtendedType;

use super::directives::Known;
use super::subgraph::Subgraph;

/// Renames those that meet another root field.
pub(crate) fn rename_collisions(subgraphs: &mut [Subgraph]) {
    let mut uses: HashMap<Name, u32> = HashMap::default();
    for subgraph in subgraphs.iter() {
        for field in subgraph.fields("Query").into_iter().flat_map(|fields| fields.keys()) {
            *uses.entry(field.clone()).or_default() += 1;
        }
    }
    for subgraph in subgraphs.iter_mut() {
        let internal: Vec<Name> = subgraph
            .fields("Query")
            .into_iter()
            .flatten()
            .filter(|(name, field)| {
                uses.get(*name).is_some_and(|n| *n > 1) && subgraph.has(&field.directives, Known::Internal)
            })
            .map(|(name, _)| name.clone())
            .collect();
        let suffix = subgraph.graph.to_ascii_lowercase();
        let Some(ExtendedType::Object(query)) = subgraph.schema.types.get_mut("Query") else { continue };
        for name in internal {
            let fields = &mut query.make_mut().fields;
            let Some(mut field) = fields.shift_remove(&name) else { continue };
            // The graph's value has letters, digits and `_` only.
            let renamed = Name::new_unchecked(&format!("{name}__{suffix}"));
            field.make_mut().name = renamed.clone();
            fields.insert(renamed, field);
        }
    }
}
