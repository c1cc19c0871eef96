//! `@authenticated`, `@requiresScopes` and `@policy` on types and fields → [`AccessRules`].
//!
//! Whatever is written of them is honoured or refused: one that stands where it means nothing, or whose lists cannot be
//! read, is an error, because leaving it out could show data to people who may not see it.

use std::sync::Arc;

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::collections::HashSet;
use apollo_compiler::schema::ExtendedType;

use super::{Reader, for_each_directive};
use crate::supergraph::access::{Access, AccessRules};

/// What the three are called in this document.
struct Called {
    authenticated: String,
    requires_scopes: String,
    policy: String,
}

impl Called {
    fn has(&self, directive: &Directive) -> bool {
        [&self.authenticated, &self.requires_scopes, &self.policy].into_iter().any(|name| directive.name == **name)
    }
}

impl Reader<'_> {
    /// The access that the document declares.
    pub(super) fn access(&mut self) -> AccessRules {
        let document = self.document;
        let called = Called {
            authenticated: self.names.directive("authenticated", "authenticated"),
            requires_scopes: self.names.directive("requiresScopes", "requiresScopes"),
            policy: self.names.directive("policy", "policy"),
        };
        let mut rules = AccessRules::default();
        let mut honoured = HashSet::default();
        for (name, ty) in document.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
            let fields = match ty {
                ExtendedType::Object(ty) => Some(&ty.fields),
                ExtendedType::Interface(ty) => Some(&ty.fields),
                ExtendedType::Scalar(_) | ExtendedType::Enum(_) => None,
                ExtendedType::Union(_) | ExtendedType::InputObject(_) => continue,
            };
            // What the implementations ask for is decided for each of them.
            let derived = ty.is_interface() && self.names.access_of_implementations;
            let written = ty.directives().iter().map(|directive| &directive.node);
            if let Some(access) = self.access_of(&called, written, &mut honoured).filter(|_| !derived) {
                rules.types.insert(name.clone(), access);
            }
            for (field_name, field) in fields.into_iter().flatten() {
                let access = self.access_of(&called, field.directives.iter(), &mut honoured);
                if let Some(access) = access.filter(|_| !derived) {
                    rules.fields.entry(name.clone()).or_default().insert(field_name.clone(), access);
                }
            }
        }
        self.refuse_misplaced(&called, &honoured);
        rules
    }

    /// What one element declares; `None` where that is nothing.
    fn access_of<'d>(
        &mut self,
        called: &Called,
        directives: impl Iterator<Item = &'d Node<Directive>>,
        honoured: &mut HashSet<*const Directive>,
    ) -> Option<Arc<Access>> {
        let mut access = Access::default();
        for directive in directives.filter(|directive| called.has(directive)) {
            honoured.insert(std::ptr::from_ref(&**directive));
            if directive.name == *called.authenticated {
                self.know_arguments(directive, &[]);
                access.authenticated = true;
                continue;
            }
            let (argument, list) = match directive.name == *called.policy {
                true => ("policies", &mut access.policies),
                false => ("scopes", &mut access.scopes),
            };
            self.know_arguments(directive, &[argument]);
            if !list.is_empty() {
                self.error(
                    "INVALID_ACCESS",
                    format!("`@{}` is said twice here.", directive.name),
                    directive.location(),
                );
                continue;
            }
            let lists = directive.specified_argument_by_name(argument).and_then(|value| alternatives(value));
            match lists {
                Some(lists) => *list = lists,
                None => {
                    let message = format!(
                        "`@{}({argument}:)` is a list of lists of strings, none of them empty: all of one inner list are needed.",
                        directive.name
                    );
                    self.error("INVALID_ACCESS", message, directive.location());
                }
            }
        }
        (!access.is_open()).then(|| Arc::new(access))
    }

    /// Refuses those that stand on unions, input types, arguments and values, where nothing could be kept from a client.
    fn refuse_misplaced(&mut self, called: &Called, honoured: &HashSet<*const Directive>) {
        let mut misplaced = Vec::new();
        for_each_directive(self.document, &mut |directive| {
            if called.has(directive) && !honoured.contains(&std::ptr::from_ref(&**directive)) {
                misplaced.push((directive.name.clone(), directive.location()));
            }
        });
        for (name, location) in misplaced {
            let message = format!(
                "`@{name}` stands on object, interface, scalar and enum types and on fields, and nowhere else."
            );
            self.error("INVALID_ACCESS", message, location);
        }
    }
}

/// `[["a", "b"], ["c"]]`, sorted: the order means nothing, and equal rules are then equal. A list that is not nested is not
/// read as one alternative each, nor as one of all: whoever wrote it may have meant either.
fn alternatives(value: &Value) -> Option<Vec<Vec<String>>> {
    let all_of = |list: &Node<Value>| {
        let items = list.as_list()?.iter().map(|item| item.as_str().map(str::to_owned));
        let mut all: Vec<String> = items.collect::<Option<_>>()?;
        all.sort();
        all.dedup();
        Some(all)
    };
    let mut lists: Vec<Vec<String>> = value.as_list()?.iter().map(all_of).collect::<Option<_>>()?;
    lists.sort();
    lists.dedup();
    let sound = !lists.is_empty() && lists.iter().all(|all| !all.is_empty());
    sound.then_some(lists)
}
