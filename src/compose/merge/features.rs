//! Specifications that a document links only where it uses them: their definitions and links.
//!
//! Source: authenticated v0.1, requiresScopes v0.1, policy v0.1, cost v0.1, context v0.1.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use apollo_compiler::Schema;
use apollo_compiler::schema::SchemaBuilder;

/// One specification.
struct Feature {
    /// Its directives, by their names in the specification; each of them makes the document link it.
    directives: &'static [&'static str],
    /// The link, definitions of the directives, and of the types of their arguments.
    text: &'static str,
}

const FEATURES: &[Feature] = &[
    Feature {
        directives: &["authenticated"],
        text: r#"
extend schema @link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY)
directive @authenticated on ENUM | FIELD_DEFINITION | INTERFACE | OBJECT | SCALAR
"#,
    },
    Feature {
        directives: &["requiresScopes"],
        text: r#"
extend schema @link(url: "https://specs.apollo.dev/requiresScopes/v0.1", for: SECURITY)
directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on ENUM | FIELD_DEFINITION | INTERFACE | OBJECT | SCALAR
scalar requiresScopes__Scope
"#,
    },
    Feature {
        directives: &["policy"],
        text: r#"
extend schema @link(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)
directive @policy(policies: [[policy__Policy!]!]!) on ENUM | FIELD_DEFINITION | INTERFACE | OBJECT | SCALAR
scalar policy__Policy
"#,
    },
    Feature {
        directives: &["cost", "listSize"],
        text: r#"
extend schema @link(url: "https://specs.apollo.dev/cost/v0.1", import: ["@cost", "@listSize"])
directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!],
  requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
"#,
    },
    Feature {
        directives: &["context"],
        text: r#"
extend schema @link(url: "https://specs.apollo.dev/context/v0.1", for: SECURITY)
directive @context(name: String!) repeatable on INTERFACE | OBJECT | UNION
directive @context__fromContext(field: context__ContextFieldValue) on ARGUMENT_DEFINITION
scalar context__ContextFieldValue
"#,
    },
];

static PARSED: LazyLock<Vec<Schema>> = LazyLock::new(|| {
    let parse = |feature: &Feature| {
        let builder = SchemaBuilder::new().adopt_orphan_extensions();
        builder.parse(feature.text, "supergraph.graphql").build().expect("our own definitions parse")
    };
    FEATURES.iter().map(parse).collect()
});

/// Adds those of which a directive is used.
pub(super) fn link(document: &mut Schema, used: &BTreeSet<&'static str>) {
    for (feature, parsed) in FEATURES.iter().zip(PARSED.iter()) {
        if !feature.directives.iter().any(|directive| used.contains(directive)) {
            continue;
        }
        let links = parsed.schema_definition.directives.iter().map(|link| link.node.clone().into());
        document.schema_definition.make_mut().directives.0.extend(links);
        let own = parsed.directive_definitions.iter().filter(|(_, definition)| !definition.is_built_in());
        document.directive_definitions.extend(own.map(|(name, definition)| (name.clone(), definition.clone())));
        let types = parsed.types.iter().filter(|(_, ty)| !ty.is_built_in());
        document.types.extend(types.map(|(name, ty)| (name.clone(), ty.clone())));
    }
}

/// Whether a directive of that name may stand in a document with another meaning than somebody else's.
pub(super) fn is_standard(name: &str) -> bool {
    let own = ["link", "inaccessible", "tag"];
    let prefixed = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("__"));
    own.contains(&name)
        || FEATURES.iter().any(|feature| feature.directives.contains(&name))
        || ["join", "link", "context", "cost", "policy", "requiresScopes", "authenticated"].into_iter().any(prefixed)
}
