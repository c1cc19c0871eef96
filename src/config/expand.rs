//! `${NAME}` and `${NAME:-default}` inside a scalar of `weft.yaml`.
//!
//! In: the scalar's text and a way to look variables up. Out: the text with their values in it.
//! Values are put in as they are: they are neither expanded again nor read as YAML, so no variable can
//! change the file's structure.

/// Why a text cannot be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ExpandError {
    /// `${NAME}` without a default, and no such variable.
    Unset(String),
    /// `${` without `}`.
    Unclosed,
    /// Not a name: letters, digits and `_`, not starting with a digit.
    BadName(String),
}

/// Puts values in the place of references. `$${` stands for a literal `${`; any other `$` is just itself.
pub(crate) fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at]);
            out.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let body = &rest[at + 2..];
        let end = body.find('}').ok_or(ExpandError::Unclosed)?;
        let (name, default) = match body[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&body[..end], None),
        };
        if !is_name(name) {
            return Err(ExpandError::BadName(name.to_owned()));
        }
        // An empty variable counts as unset, as `:-` has it in shells and in compose files.
        match (lookup(name).filter(|value| default.is_none() || !value.is_empty()), default) {
            (Some(value), _) => out.push_str(&value),
            (None, Some(default)) => out.push_str(default),
            (None, None) => return Err(ExpandError::Unset(name.to_owned())),
        }
        rest = &body[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<String, ExpandError> {
        expand(text, &|name| match name {
            "HOST" => Some("rating.internal".into()),
            "EMPTY" => Some(String::new()),
            "TRICKY" => Some("a: ${HOST} # }".into()),
            _ => None,
        })
    }

    #[test]
    fn references_defaults_and_escapes() {
        assert_eq!(with("http://${HOST}:${PORT:-4103}/").as_deref(), Ok("http://rating.internal:4103/"));
        assert_eq!(with("${EMPTY}|${EMPTY:-x}").as_deref(), Ok("|x"));
        assert_eq!(with("$${HOST} costs $5").as_deref(), Ok("${HOST} costs $5"));
        assert_eq!(with("${TRICKY}").as_deref(), Ok("a: ${HOST} # }"), "a value is never expanded again");
        assert_eq!(with("${NOPE:-http://h:1/}").as_deref(), Ok("http://h:1/"));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(with("${NOPE}"), Err(ExpandError::Unset("NOPE".into())));
        assert_eq!(with("${HOST"), Err(ExpandError::Unclosed));
        assert_eq!(with("${9}"), Err(ExpandError::BadName("9".into())));
        assert_eq!(with("${A-b}"), Err(ExpandError::BadName("A-b".into())));
    }
}
