//! What two fragments' types of one field have in common.

use apollo_compiler::Name;
use apollo_compiler::schema::Type;

/// The narrowest type that both output types fit in: nullable where one is, the supertype where one is.
/// `None` where there is none.
pub(super) fn unite(a: &Type, b: &Type, is_subtype: &impl Fn(&Name, &Name) -> bool) -> Option<Type> {
    let non_null = a.is_non_null() && b.is_non_null();
    let inner = match (a, b) {
        (Type::List(a) | Type::NonNullList(a), Type::List(b) | Type::NonNullList(b)) => {
            Type::List(Box::new(unite(a, b, is_subtype)?))
        }
        (Type::Named(a) | Type::NonNullNamed(a), Type::Named(b) | Type::NonNullNamed(b)) => {
            if a == b || is_subtype(b, a) {
                Type::Named(a.clone())
            } else if is_subtype(a, b) {
                Type::Named(b.clone())
            } else {
                return None;
            }
        }
        _ => return None,
    };
    Some(if non_null { inner.non_null() } else { inner })
}

/// The widest type whose values fit in both input types: non-null where one is. `None` where there is none.
pub(super) fn intersect(a: &Type, b: &Type) -> Option<Type> {
    let non_null = a.is_non_null() || b.is_non_null();
    let inner = match (a, b) {
        (Type::List(a) | Type::NonNullList(a), Type::List(b) | Type::NonNullList(b)) => {
            Type::List(Box::new(intersect(a, b)?))
        }
        (Type::Named(a) | Type::NonNullNamed(a), Type::Named(b) | Type::NonNullNamed(b)) if a == b => {
            Type::Named(a.clone())
        }
        _ => return None,
    };
    Some(if non_null { inner.non_null() } else { inner })
}

#[cfg(test)]
mod tests {
    use apollo_compiler::parser::Parser;

    use super::*;

    fn parse(text: &str) -> Type {
        Parser::new().parse_type(text, "type").unwrap()
    }

    /// Catches a merge that promises more than the weaker side keeps.
    #[test]
    fn output_types_unite() {
        let is_subtype = |sub: &Name, of: &Name| sub == "Cat" && of == "Animal";
        for (a, b, expected) in [
            ("Int", "Int!", Some("Int")),
            ("[Int!]!", "[Int]!", Some("[Int]!")),
            ("Cat!", "Animal", Some("Animal")),
            ("Animal!", "Cat", Some("Animal")),
            ("[Cat!]", "[Animal]!", Some("[Animal]")),
            ("Int", "[Int]", None),
            ("Cat", "Dog", None),
        ] {
            let united = unite(&parse(a), &parse(b), &is_subtype).map(|t| t.to_string());
            assert_eq!(united.as_deref(), expected, "{a} and {b}");
        }
    }

    /// Catches a merge that accepts what one side would refuse.
    #[test]
    fn input_types_intersect() {
        for (a, b, expected) in [
            ("Int", "Int!", Some("Int!")),
            ("[Int!]", "[Int]!", Some("[Int!]!")),
            ("Int", "[Int]", None),
            ("Int", "ID", None),
        ] {
            assert_eq!(intersect(&parse(a), &parse(b)).map(|t| t.to_string()).as_deref(), expected, "{a} and {b}");
        }
    }
}
