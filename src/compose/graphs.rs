//! Names the fragments in `join__Graph`.

use apollo_compiler::Name;
use apollo_compiler::collections::HashSet;

use super::Fragment;
use crate::diagnostic::{Diagnostic, Span};

/// One enum value per fragment, in their order. Names that are no good are told.
pub(crate) fn name(fragments: &[Fragment], out: &mut Vec<Diagnostic>) -> Vec<Name> {
    let mut names = HashSet::default();
    let mut values: HashSet<String> = HashSet::default();
    let mut graphs = Vec::with_capacity(fragments.len());
    for fragment in fragments {
        let place = Some(Span::new(&fragment.source, 0, 0));
        if fragment.name.trim().is_empty() {
            out.push(Diagnostic::error("INVALID_SUBGRAPH_NAME", "A fragment has no name.").at(place, ""));
        } else if fragment.name == "_" {
            let error = Diagnostic::error("INVALID_SUBGRAPH_NAME", "A fragment cannot be named `_`.");
            out.push(
                error.at(place, "").help("A fragment is named after its file, without the folder: rename the file."),
            );
        } else if !names.insert(fragment.name.as_str()) {
            let message = format!("Two fragments are named `{}`.", fragment.name);
            let help = "A fragment is named after its file, without the folder: rename one of the files.";
            out.push(Diagnostic::error("INVALID_SUBGRAPH_NAME", message).at(place, "").help(help));
        }
        let stem = enum_value(&fragment.name);
        let mut value = stem.clone();
        let mut count = 1;
        while !values.insert(value.clone()) {
            count += 1;
            value = format!("{stem}_{count}");
        }
        // Only letters, digits and `_` are left, and no digit comes first.
        graphs.push(Name::new_unchecked(&value));
    }
    graphs
}

/// `video-search` → `VIDEO_SEARCH`.
fn enum_value(name: &str) -> String {
    let mut value: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if !value.starts_with(|c: char| c.is_ascii_alphabetic()) {
        value.insert(0, '_');
    }
    value
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Source;

    /// Catches two fragments that would be one enum value, and values that are no names.
    #[test]
    fn every_fragment_has_a_value_of_its_own() {
        let fragment = |name: &str| Fragment {
            name: name.to_owned(),
            source: Arc::new(Source { name: name.to_owned(), text: String::new() }),
            url: None,
        };
        let mut out = Vec::new();
        let found = name(&["video-search", "video_search", "3d", "é"].map(fragment), &mut out);
        assert_eq!(
            found.iter().map(|n| n.as_str()).collect::<Vec<_>>(),
            ["VIDEO_SEARCH", "VIDEO_SEARCH_2", "_3D", "__"]
        );
        assert_eq!(out, []);
        name(&["a", "a", " ", "_"].map(fragment), &mut out);
        assert_eq!(out.iter().map(|d| d.code).collect::<Vec<_>>(), ["INVALID_SUBGRAPH_NAME"; 3]);
    }
}
