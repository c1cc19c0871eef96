//! Says of fields that cannot be resolved how a client gets there, and what stands in the way.

use apollo_compiler::Name;
use apollo_compiler::collections::IndexMap;

use super::Search;
use super::reach::Reached;
use crate::compose::merge::list_of;
use crate::diagnostic::Diagnostic;
use crate::supergraph::Subgraph;

/// Places that one diagnostic shows.
const PLACES_MAX: usize = 5;

impl Search<'_> {
    /// Tells of fields of an object that nobody can be asked for, each once.
    pub(super) fn tell(&mut self, step: usize, ty: &Name, mut fields: Vec<Name>, reached: &Reached) {
        fields.retain(|field| self.told.insert((ty.clone(), field.clone())));
        if fields.is_empty() {
            return;
        }
        let at = self.reach.subgraphs(ty, reached);
        let known: Vec<String> = at.iter().map(|i| self.called(*i)).collect();
        let mut by_reasons: IndexMap<Vec<(usize, String)>, Vec<Name>> = IndexMap::default();
        for field in fields {
            let all = 0..self.supergraph.subgraphs.len();
            let reasons = all.filter_map(|i| Some((i, self.reason(i, ty, &field, reached, &at, &known)?))).collect();
            by_reasons.entry(reasons).or_default().push(field);
        }
        for (reasons, fields) in by_reasons {
            let Some(first) = fields.first() else { continue };
            let query = self.query(step, ty, first);
            let names: Vec<String> = fields.iter().map(|field| format!("`{ty}.{field}`")).collect();
            let mut message = format!("{} cannot be resolved for `{query}`.", list_of(&names));
            for (_, reason) in &reasons {
                message.push(' ');
                message.push_str(reason);
            }
            if reasons.is_empty() {
                message.push_str(" No fragment resolves it for this type.");
            }
            let mut error = Diagnostic::error("SATISFIABILITY_ERROR", message);
            let places = reasons.iter().flat_map(|(index, _)| fields.iter().map(|field| (*index, field)));
            for (index, field) in places.take(PLACES_MAX) {
                error = error.at(self.place(index, ty, field), "");
            }
            let known = list_of(&known);
            self.out.push(error.help(match ty.as_str() {
                // It runs at the root of an operation, in the client's order.
                "Mutation" | "Subscription" => {
                    format!("Nobody can be asked for a `{ty}` below an object: remove the field, or move what is asked for to {known}.")
                }
                _ => format!(
                    "Give `{ty}` a `@key` there with fields that can be had from {known}, or move what is asked for to where the object comes from."
                ),
            }));
        }
    }

    /// Tells of an interface object whose concrete types cannot be learned.
    pub(super) fn tell_typename(&mut self, step: usize, ty: &Name, reached: &Reached) {
        let at = self.reach.subgraphs(ty, reached);
        let Some((from, field)) = self.steps[step].field.clone() else { return };
        if !self.told.insert((from.clone(), field.clone())) {
            return;
        }
        let query = self.query(step, ty, &Name::new_static_unchecked("__typename"));
        let known: Vec<String> = at.iter().map(|i| self.called(*i)).collect();
        let message = format!(
            "The concrete type of what `{from}.{field}` returns cannot be learned for `{query}`: in {} an `@interfaceObject` \
             stands for it, and no fragment that defines the interface can be entered from there.",
            list_of(&known)
        );
        let mut error = Diagnostic::error("SATISFIABILITY_ERROR", message);
        for index in at {
            error = error.at(self.place(index, &from, &field), "");
        }
        self.out.push(
            error.help("Give the interface a resolvable `@key` where it is defined, with fields that are known here."),
        );
    }

    /// Why a subgraph that has the field cannot be asked; `None` for one that has not.
    fn reason(
        &self,
        index: usize,
        ty: &Name,
        field: &Name,
        reached: &Reached,
        at: &[usize],
        known: &[String],
    ) -> Option<String> {
        let subgraph: &Subgraph = &self.supergraph.subgraphs[index];
        let facts =
            self.names_in(index, ty).into_iter().find_map(|name| subgraph.types.get(&name)?.fields.get(field))?;
        let name = self.called(index);
        if facts.overridden {
            return None;
        }
        if at.contains(&index) {
            if let Some(requires) = &facts.requires {
                return Some(format!("{name} has it, but needs `{requires}`, which cannot be had here."));
            }
            if facts.external {
                return None;
            }
            return Some(format!("{name} has the object, but none of its answers holds the field here."));
        }
        if facts.external {
            return None;
        }
        let keys = self.reach.keys_into(ty, reached, index);
        if keys.is_empty() {
            return Some(format!("{name} has it, but cannot be asked for a `{ty}`: it has no key or lookup for it."));
        }
        let keys: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
        Some(format!("{name} has it, but its key {} cannot be had from {}.", list_of(&keys), list_of(known)))
    }

    /// The names under which a subgraph may know a concrete type: its own, or those of interface objects.
    fn names_in(&self, index: usize, ty: &Name) -> Vec<Name> {
        let mut names = vec![ty.clone()];
        let facts = &self.supergraph.subgraphs[index].types;
        let interfaces = self.supergraph.schema.get_object(ty).map(|t| &t.implements_interfaces);
        for interface in interfaces.into_iter().flatten() {
            if facts.get(&interface.name).is_some_and(|facts| facts.is_interface_object) {
                names.push(interface.name.clone());
            }
        }
        names
    }

    /// The author's place of a field.
    fn place(&self, index: usize, ty: &Name, field: &Name) -> Option<crate::diagnostic::Span> {
        let name = &self.supergraph.subgraphs[index].name;
        let subgraph = self.subgraphs.iter().find(|s| *s.name == **name)?;
        self.names_in(index, ty).into_iter().find_map(|ty| subgraph.at_name(&subgraph.fields(&ty)?.get(field)?.name))
    }

    fn called(&self, index: usize) -> String {
        format!("`{}`", self.supergraph.subgraphs[index].name)
    }

    /// A query that ends in the field.
    fn query(&self, step: usize, ty: &Name, field: &Name) -> String {
        let mut fields: Vec<(Name, Name)> = vec![(ty.clone(), field.clone())];
        let mut root = ty.clone();
        let mut at = Some(step);
        while let Some(index) = at {
            let step = &self.steps[index];
            root = step.ty.clone();
            fields.extend(step.field.clone());
            at = step.from;
        }
        fields.reverse();
        let mut text = match root.as_str() {
            "Mutation" => "mutation ".to_owned(),
            "Subscription" => "subscription ".to_owned(),
            _ => String::new(),
        };
        let mut open = 0;
        let mut declared: Option<Name> = None;
        for (parent, name) in &fields {
            text.push_str("{ ");
            open += 1;
            if declared.as_ref().is_some_and(|declared| declared != parent) {
                text.push_str(&format!("... on {parent} {{ "));
                open += 1;
            }
            text.push_str(name);
            text.push(' ');
            let of = self.supergraph.schema.get_object(parent).and_then(|t| t.fields.get(name));
            declared = of.map(|f| f.ty.inner_named_type().clone());
        }
        text.push_str(&"} ".repeat(open));
        text.trim_end().to_owned()
    }
}
