//! What GraphQL's own validation finds in a fragment, in the words and with the advice that authors need.
//!
//! In: the validator's findings, and the fragment's directives with their places. Out: diagnostics, and [`Soundness`]: how much
//! can still be said about the fragment.

use apollo_compiler::Schema;
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::DiagnosticList;

use super::directives::{DEFINED, Known};
use super::links::nearest;
use super::place::Places;
use crate::diagnostic::{Diagnostic, Span};

/// How much of a fragment can be relied on when looking for further mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Soundness {
    /// It is valid by itself.
    Sound,
    /// Only what some directive says is wrong; all types and fields are there.
    Values,
    /// A name means nothing: whatever is concluded from something that lacks may be its consequence.
    Gaps,
    /// Definitions were left out.
    Torn,
}

/// A known directive where it is applied.
pub(crate) struct AppliedAt {
    pub(crate) span: Span,
    pub(crate) known: Known,
    pub(crate) canonical: &'static str,
}

/// A finding in a `@connect` or `@source`. Its own reader tells the same better, as a rule; this is told if it doesn't.
#[derive(Debug)]
pub(crate) struct Deferred {
    /// The whole directive.
    pub(crate) within: Span,
    pub(crate) diagnostic: Diagnostic,
}

/// Findings about what is written in a directive, or as a default.
const OF_VALUES: [&str; 10] = [
    "UniqueArgument",
    "UniqueInputValue",
    "UndefinedArgument",
    "UndefinedEnumValue",
    "UndefinedInputValue",
    "RequiredArgument",
    "RequiredField",
    "UnsupportedValueType",
    "IntCoercionError",
    "FloatCoercionError",
];

/// Findings that leave every definition where it is.
const OF_NAMES: [&str; 3] = ["UndefinedDefinition", "UnsupportedLocation", "UniqueDirective"];

/// What was made of the findings about one fragment.
pub(crate) struct Findings<'a> {
    pub(crate) applied: &'a [AppliedAt],
    pub(crate) places: &'a Places,
    pub(crate) soundness: Soundness,
    pub(crate) deferred: Vec<Deferred>,
}

impl Findings<'_> {
    /// Passes the wanted findings on.
    pub(crate) fn tell(
        &mut self,
        errors: &DiagnosticList,
        schema: Option<&Schema>,
        out: &mut Vec<Diagnostic>,
        wanted: impl Fn(&str) -> bool,
    ) {
        for found in errors.iter() {
            let kind = found.error.unstable_error_name().unwrap_or_default();
            if !wanted(kind) {
                continue;
            }
            let mut message = sentence(&found.error.to_string().replace("weft__", "").replace("federation__", ""));
            let mut span = self.places.span(found.error.location());
            let around = around(self.applied, span.as_ref());
            self.soundness = self.soundness.max(soundness(kind, around.map(|applied| applied.known)));
            let names = quoted(&message);
            let mut help = None;
            match (kind, names.as_slice(), around) {
                ("UndefinedArgument", [name, ..], Some(applied)) => {
                    message = format!("`@{}` has no argument `{name}`.", applied.canonical);
                    if let Some(span) = &mut span {
                        // The finding's place is the argument with its value.
                        span.end = span.end.min(span.start + name.len());
                    }
                    let known = DEFINED.directives.get(applied.canonical);
                    let known: Vec<&str> = known.iter().flat_map(|d| &d.arguments).map(|a| a.name.as_str()).collect();
                    help = Some(match nearest(name, known.iter().copied()) {
                        Some(near) => format!("Did you mean `{near}`?"),
                        None if known.is_empty() => "It has no arguments.".to_owned(),
                        None => format!("It has: {}.", known.join(", ")),
                    });
                }
                ("UndefinedDefinition", [name, ..], _) => {
                    message = format!("There is no type `{name}` in this fragment.");
                    help = Some(unknown_type_help(name, schema));
                }
                ("UndefinedEnumValue", [value, of, ..], _) => {
                    message = format!("`{of}` has no value `{value}`.");
                    help = Some(alternatives(value, of, schema));
                }
                ("UndefinedInputValue", [value, of, ..], _) => {
                    message = format!("`{of}` has no field `{value}`.");
                    help = Some(alternatives(value, of, schema));
                }
                _ => {}
            }
            let mut diagnostic = Diagnostic::error("INVALID_GRAPHQL", message).at(span, "");
            diagnostic.help = help;
            match around {
                Some(applied)
                    if matches!(applied.known, Known::Connect | Known::Source) && OF_VALUES.contains(&kind) =>
                {
                    self.deferred.push(Deferred { within: applied.span.clone(), diagnostic });
                }
                _ => out.push(diagnostic),
            }
        }
    }
}

/// The directive that a place is in. They stand in the order of the text.
fn around<'a>(applied: &'a [AppliedAt], span: Option<&Span>) -> Option<&'a AppliedAt> {
    let at = span?.start;
    let after = applied.partition_point(|applied| applied.span.start <= at);
    applied[..after].last().filter(|applied| at < applied.span.end)
}

fn soundness(kind: &str, around: Option<Known>) -> Soundness {
    use Known::{
        Authenticated, CacheControl, Connect, Cost, Fallback, ListSize, Policy, RequiresScopes, Service, Source, Tag,
        Timeout,
    };
    match around {
        // What these say decides about nothing else.
        Some(
            Authenticated | CacheControl | Connect | Cost | Fallback | ListSize | Policy | RequiresScopes | Service
            | Source | Tag | Timeout,
        ) if OF_VALUES.contains(&kind) => Soundness::Values,
        _ if OF_VALUES.contains(&kind) || OF_NAMES.contains(&kind) => Soundness::Gaps,
        _ => Soundness::Torn,
    }
}

fn unknown_type_help(name: &str, schema: Option<&Schema>) -> String {
    let ours = |name: &&str| !name.contains("__");
    let known = schema.into_iter().flat_map(|s| s.types.keys()).map(|n| n.as_str()).filter(ours);
    let near = nearest(name, known.chain(["Int", "Float", "String", "Boolean", "ID"]));
    match near {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!(
            "Define it here, also if another fragment does: an entity with its key, `type {name} @key(fields: \"id\") {{ id: ID! }}`."
        ),
    }
}

/// What stands in the enum or input type instead.
fn alternatives(wrong: &str, of: &str, schema: Option<&Schema>) -> String {
    let types = schema.map(|s| &s.types);
    let find = |name: &str| types.and_then(|types| types.get(name));
    let ty = find(of).or_else(|| find(&format!("weft__{of}"))).or_else(|| find(&format!("federation__{of}")));
    let known: Vec<&str> = match ty {
        Some(ExtendedType::Enum(ty)) => ty.values.keys().map(|n| n.as_str()).collect(),
        Some(ExtendedType::InputObject(ty)) => ty.fields.keys().map(|n| n.as_str()).collect(),
        _ => Vec::new(),
    };
    match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!("It has: {}.", known.join(", ")),
    }
}

/// A capital first, unless a name comes first, and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let mut sentence: String = chars.next().map(|c| c.to_ascii_uppercase()).into_iter().collect();
    sentence.push_str(chars.as_str());
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

/// The names in backticks.
fn quoted(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
