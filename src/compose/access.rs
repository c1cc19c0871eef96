//! What a person must have to read an element, as several fragments ask for it: [`Access`] joined and compared.
//!
//! In: applied directives. Out: one condition under which all of them hold, and the directives that say it.
//! Scopes and policies are alternatives of lists: one of the lists, and all that is in it. Two conditions joined hold
//! where both do, so that no fragment opens what another one keeps shut.
//! Deliberately absent: who has what; that is decided per request.

use std::fmt::Write;

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::collections::HashSet;

use super::directives::Known;
use crate::supergraph::Access;

/// Alternatives that a condition may have. Joining multiplies them; nobody writes so many, a program might.
const ALTERNATIVES_MAX: usize = 1_000;

type Alternatives = Vec<Vec<String>>;

/// Two conditions have too many alternatives together.
#[derive(Debug)]
pub(crate) struct TooMany;

/// What an applied directive asks for. One with a wrong argument asks for nothing: a rule tells of it, and nothing is composed.
pub(crate) fn asked(known: Known, applied: &Directive) -> Access {
    let list = |argument| alternatives(applied, argument).unwrap_or_default();
    match known {
        Known::Authenticated => Access { authenticated: true, ..Access::default() },
        Known::RequiresScopes => Access { scopes: list("scopes"), ..Access::default() },
        Known::Policy => Access { policies: list("policies"), ..Access::default() },
        _ => Access::default(),
    }
}

/// Asks for both.
pub(crate) fn join(access: &mut Access, other: &Access) -> Result<(), TooMany> {
    access.authenticated |= other.authenticated;
    access.scopes = both(std::mem::take(&mut access.scopes), &other.scopes)?;
    access.policies = both(std::mem::take(&mut access.policies), &other.policies)?;
    Ok(())
}

/// Asks for both, or where that has too many alternatives for more than both: for all that is in any of them.
/// Returns whether it is more.
pub(crate) fn join_or_strengthen(access: &mut Access, other: &Access) -> bool {
    access.authenticated |= other.authenticated;
    let mut more = false;
    for (own, other) in [(&mut access.scopes, &other.scopes), (&mut access.policies, &other.policies)] {
        *own = both(own.clone(), other).unwrap_or_else(|TooMany| {
            more = true;
            vec![sorted(own.iter().chain(other).flatten().cloned().collect())]
        });
    }
    more
}

/// Whether everybody who may see what asks for `access` may also see what asks for `other`.
pub(crate) fn implies(access: &Access, other: &Access) -> bool {
    let implied = |own: &Alternatives, other: &Alternatives| match (own.is_empty(), other.is_empty()) {
        (_, true) => true,
        (true, false) => false,
        (false, false) => {
            let others: Vec<HashSet<&String>> = other.iter().map(|list| list.iter().collect()).collect();
            own.iter().all(|list| others.iter().any(|o| o.len() <= list.len() && includes(list, o)))
        }
    };
    (access.authenticated || !other.authenticated)
        && implied(&access.scopes, &other.scopes)
        && implied(&access.policies, &other.policies)
}

/// Name, argument and value of each directive that says it.
pub(crate) fn written(access: &Access) -> impl Iterator<Item = (&'static str, Option<(&'static str, Node<Value>)>)> {
    let list =
        |name, argument, asked: &Alternatives| (!asked.is_empty()).then(|| (name, Some((argument, nested(asked)))));
    let authenticated = access.authenticated.then_some(("authenticated", None));
    let scopes = list("requiresScopes", "scopes", &access.scopes);
    authenticated.into_iter().chain(scopes).chain(list("policy", "policies", &access.policies))
}

/// For messages: `` `@authenticated`, `@policy(policies: [["p"]])` ``.
pub(crate) fn describe(access: &Access) -> String {
    let mut text = String::new();
    for (name, argument) in written(access) {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = match argument {
            None => write!(text, "{comma}`@{name}`"),
            Some((argument, value)) => {
                write!(text, "{comma}`@{name}({argument}: {})`", value.serialize().no_indent())
            }
        };
    }
    text
}

/// A list of lists of strings, none of them empty, as a directive has it; `None` where it has no such thing.
pub(crate) fn alternatives(applied: &Directive, argument: &str) -> Option<Alternatives> {
    let lists = applied.specified_argument_by_name(argument)?.as_list()?;
    let list = |list: &Node<Value>| -> Option<Vec<String>> {
        let words = list.as_list()?.iter().map(|word| word.as_str().map(str::to_owned));
        Some(sorted(words.collect::<Option<_>>()?)).filter(|list| !list.is_empty())
    };
    let lists = smallest(lists.iter().map(list).collect::<Option<_>>()?);
    (!lists.is_empty()).then_some(lists)
}

fn both(a: Alternatives, b: &Alternatives) -> Result<Alternatives, TooMany> {
    if b.is_empty() || a == *b {
        return Ok(a);
    }
    if a.is_empty() {
        return Ok(b.clone());
    }
    if a.len().saturating_mul(b.len()) > ALTERNATIVES_MAX {
        return Err(TooMany);
    }
    let joined = a.iter().flat_map(|a| b.iter().map(|b| sorted(a.iter().chain(b).cloned().collect())));
    Ok(smallest(joined.collect()))
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort_unstable();
    words.dedup();
    words
}

fn includes(list: &[String], all: &HashSet<&String>) -> bool {
    list.iter().filter(|word| all.contains(word)).count() == all.len()
}

/// Sorted, and without lists that hold whenever a shorter one does.
fn smallest(mut lists: Alternatives) -> Alternatives {
    lists.sort_unstable();
    lists.dedup();
    if lists.len() > ALTERNATIVES_MAX {
        return lists;
    }
    let sets: Vec<HashSet<&String>> = lists.iter().map(|list| list.iter().collect()).collect();
    let is_minimal = |list: &Vec<String>| !sets.iter().any(|set| set.len() < list.len() && includes(list, set));
    let keep: Vec<bool> = lists.iter().map(is_minimal).collect();
    let mut keep = keep.into_iter();
    lists.retain(|_| keep.next().unwrap_or(true));
    lists
}

fn nested(lists: &Alternatives) -> Node<Value> {
    let list = |list: &Vec<String>| {
        Node::new(Value::List(list.iter().map(|word| Node::new(Value::String(word.clone()))).collect()))
    };
    Node::new(Value::List(lists.iter().map(list).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(lists: &[&[&str]]) -> Access {
        let lists = lists.iter().map(|list| sorted(list.iter().map(|s| (*s).to_owned()).collect())).collect();
        Access { scopes: smallest(lists), ..Access::default() }
    }

    fn joined(a: &Access, b: &Access) -> Access {
        let mut joined = a.clone();
        join(&mut joined, b).unwrap();
        joined
    }

    /// Catches a merge that lets somebody in whom one of the fragments keeps out, or keeps out more than both do.
    #[test]
    fn both_must_hold() {
        assert_eq!(
            joined(&scopes(&[&["a1", "a2"], &["a3"]]), &scopes(&[&["b1"], &["b2"]])),
            scopes(&[&["a1", "a2", "b1"], &["a1", "a2", "b2"], &["a3", "b1"], &["a3", "b2"]])
        );
        assert_eq!(joined(&scopes(&[&["a"]]), &scopes(&[&["a"], &["b"]])), scopes(&[&["a"]]), "who has a has a or b");
        assert_eq!(joined(&Access::default(), &scopes(&[&["a"]])), scopes(&[&["a"]]));
    }

    /// Catches a requirement that is taken for granted although somebody without it passes.
    #[test]
    fn implication() {
        let a = scopes(&[&["a", "b"], &["c"]]);
        assert!(implies(&a, &scopes(&[&["a"], &["c"], &["d"]])));
        assert!(!implies(&a, &scopes(&[&["a"]])));
        assert!(implies(&a, &Access::default()));
        assert!(!implies(&Access::default(), &a));
        assert!(!implies(&a, &Access { authenticated: true, ..Access::default() }));
    }

    /// Catches memory that grows exponentially with what is joined, and a strengthened condition that is weaker.
    #[test]
    fn alternatives_are_bounded() {
        let pair = |i: usize| scopes(&[&[&format!("a{i}")], &[&format!("b{i}")]]);
        let (mut all, mut strong, mut failed) = (Access::default(), Access::default(), false);
        for i in 0..20 {
            failed |= join(&mut all, &pair(i)).is_err();
            join_or_strengthen(&mut strong, &pair(i));
        }
        assert!(failed);
        (0..20).for_each(|i| assert!(implies(&strong, &pair(i)), "{i}"));
    }
}
