//! The methods of the mapping language: their names and how many arguments each takes.
//!
//! What they do is in `eval`; what they do to the shape of a value is in `shape`.

use std::ops::RangeInclusive;

macro_rules! methods {
    ($($variant:ident $name:literal $arguments:expr,)*) => {
        /// A method of the mapping language.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Method {
            $(#[doc = $name] $variant,)*
        }

        impl Method {
            /// All of them, `as` excepted, whose argument is no expression.
            pub(crate) const ALL: &[(&str, Self, RangeInclusive<usize>)] =
                &[$(($name, Self::$variant, $arguments),)*];
        }
    };
}

/// Any number of arguments from one on.
const MANY: RangeInclusive<usize> = 1..=64;

methods! {
    Add "add" MANY,
    And "and" MANY,
    Contains "contains" 1..=1,
    Div "div" MANY,
    Echo "echo" 1..=1,
    Entries "entries" 0..=0,
    Eq "eq" 1..=1,
    Filter "filter" 1..=1,
    Find "find" 1..=1,
    First "first" 0..=0,
    Get "get" 1..=1,
    Gt "gt" 1..=1,
    Gte "gte" 1..=1,
    In "in" 1..=1,
    JoinNotNull "joinNotNull" 1..=1,
    JsonParse "jsonParse" 0..=0,
    JsonStringify "jsonStringify" 0..=0,
    Last "last" 0..=0,
    Lt "lt" 1..=1,
    Lte "lte" 1..=1,
    Map "map" 1..=1,
    Match "match" MANY,
    Mod "mod" MANY,
    Mul "mul" MANY,
    Ne "ne" 1..=1,
    Not "not" 0..=0,
    Or "or" MANY,
    ParseInt "parseInt" 0..=1,
    Size "size" 0..=0,
    Slice "slice" 1..=2,
    Split "split" 1..=2,
    Sub "sub" MANY,
    ToString "toString" 0..=0,
    Trim "trim" 0..=0,
    TrimEnd "trimEnd" 0..=0,
    TrimStart "trimStart" 0..=0,
}

/// Methods that people know from elsewhere, and what to write here instead.
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("matchIf", "Match a condition instead: `$($.age->gt(17))->match([true, 'ADULT'], [@, 'CHILD'])`."),
    ("typeof", "There is no method for a value's type; say what you expect with `->match`."),
    ("has", "Test a property with `??`: `$($.name ?? null)->ne(null)`."),
    ("keys", "Write `->entries.key`."),
    ("values", "Write `->entries.value`."),
    ("keysToCamelCase", "Name each property: `loginName: login_name`."),
    ("keysToCamelCaseDeep", "Name each property: `loginName: login_name`."),
    ("withError", "Use `errors: {message: …}` of `@connect`."),
    ("withWarning", "Use `errors: {message: …}` of `@connect`."),
];

impl Method {
    /// The method of that name, and how many arguments it takes.
    pub(crate) fn named(name: &str) -> Option<(Self, RangeInclusive<usize>)> {
        Self::ALL.iter().find(|(known, ..)| *known == name).map(|(_, method, arguments)| (*method, arguments.clone()))
    }

    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, method, _)| *method == self).map_or("", |(name, ..)| name)
    }
}
