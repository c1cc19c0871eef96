//! Who may see what: `@authenticated`, `@requiresScopes` and `@policy`, and what a client was granted.
//!
//! In: the directives as they stand in the supergraph, and a client's [`Grants`]. Out: whether one suffices for the other.
//! What a directive on an interface or on a required field means for other fields is not said here.
//! Deliberately absent: where grants come from.
//! Source: Apollo Federation subgraph specification v2.5 and v2.6; authenticated, requiresScopes and policy v0.1.

use std::collections::BTreeSet;
use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::collections::IndexMap;

/// Linked by a document in which interfaces, and their fields, ask for no more than what their implementations ask for
/// together: it is written there for tools that decide by the type that is selected. Whoever decides for each object need
/// not look at it.
pub(crate) const OF_IMPLEMENTATIONS: &str = "https://specs.weft.graph/access/v1.0";

/// What a client needs to see one type or field. All three parts have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Access {
    /// `@authenticated`: the client has shown who it is.
    pub authenticated: bool,
    /// `@requiresScopes`: all scopes of one of these lists. Empty: none are needed.
    pub scopes: Vec<Vec<String>>,
    /// `@policy`: all policies of one of these lists. Empty: none are needed.
    pub policies: Vec<Vec<String>>,
}

/// What a client was granted. The default is the anonymous client's: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// It has shown who it is.
    pub authenticated: bool,
    /// Its scopes.
    pub scopes: BTreeSet<String>,
    /// The policies that hold for it.
    pub policies: BTreeSet<String>,
}

impl Access {
    /// Whether a client with these grants may see it.
    pub fn is_granted(&self, grants: &Grants) -> bool {
        let one_of = |alternatives: &[Vec<String>], granted: &BTreeSet<String>| {
            alternatives.is_empty() || alternatives.iter().any(|all| all.iter().all(|one| granted.contains(one)))
        };
        (!self.authenticated || grants.authenticated)
            && one_of(&self.scopes, &grants.scopes)
            && one_of(&self.policies, &grants.policies)
    }

    /// Whether it asks for nothing.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

/// The access that a supergraph declares, by the names in it. What is not here is open.
#[derive(Debug, Default)]
pub struct AccessRules {
    /// On object, interface, scalar and enum types.
    pub types: IndexMap<Name, Arc<Access>>,
    /// On fields of object and interface types.
    pub fields: IndexMap<Name, IndexMap<Name, Arc<Access>>>,
}

impl AccessRules {
    /// What a type itself declares.
    pub fn of_type(&self, name: &Name) -> Option<&Arc<Access>> {
        self.types.get(name)
    }

    /// What a field itself declares.
    pub fn of_field(&self, type_name: &Name, field: &Name) -> Option<&Arc<Access>> {
        self.fields.get(type_name)?.get(field)
    }

    /// Whether nothing declares any.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty() && self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(lists: &[&[&str]]) -> Vec<Vec<String>> {
        lists.iter().map(|list| list.iter().map(|one| (*one).to_owned()).collect()).collect()
    }

    #[test]
    fn one_list_has_to_hold_whole_and_every_kind_has_to() {
        let scopes = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        let access = Access { authenticated: true, scopes: lists(&[&["a", "b"], &["c"]]), policies: lists(&[&["p"]]) };
        for (authenticated, granted, policies, expected) in [
            (true, "a b", "p", true),
            (true, "c", "p q", true),
            (false, "c", "p", false),
            (true, "a", "p", false),
            (true, "b x", "p", false),
            (true, "c", "", false),
            (true, "C", "p", false),
            (false, "", "", false),
        ] {
            let grants = Grants { authenticated, scopes: scopes(granted), policies: scopes(policies) };
            assert_eq!(access.is_granted(&grants), expected, "{grants:?}");
        }
        assert!(Access::default().is_open() && Access::default().is_granted(&Grants::default()));
    }
}
