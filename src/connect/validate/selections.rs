//! What selections produce, against the types that the schema declares.

use std::collections::BTreeSet;
use std::ops::Range;

use apollo_compiler::Name;
use apollo_compiler::collections::HashSet;
use apollo_compiler::schema::ExtendedType;

use super::lookups::key_paths;
use super::{Context, Field};
use crate::connect::mapping::nearest;
use crate::connect::{Connector, MappingShape};
use crate::diagnostic::{Diagnostic, Span};

pub(super) fn check(context: &Context<'_>, out: &mut Vec<Diagnostic>) {
    let mut checker = Checker { context, given: HashSet::default(), out };
    let mut all_read = true;
    for field in &context.fields {
        let Some(connector) = &field.connector else {
            all_read &= field.connects.is_empty();
            continue;
        };
        let whole = 0..connector.selection.text.len();
        let at = At { field, connector };
        checker.shape(&connector.selection.shape(), field.definition.ty.inner_named_type(), &whole, &at);
    }
    // A connector that could not be read may give anything.
    if all_read {
        checker.unresolved();
    }
}

struct Checker<'c, 'o> {
    context: &'c Context<'c>,
    /// (type, field) of everything that a selection gives.
    given: HashSet<(Name, Name)>,
    out: &'o mut Vec<Diagnostic>,
}

/// The connector whose selection is looked at.
struct At<'a> {
    field: &'a Field<'a>,
    connector: &'a Connector,
}

impl At<'_> {
    fn span(&self, range: &Range<usize>, context: &Context<'_>) -> Option<Span> {
        let place = self.connector.selection.place.as_ref();
        let within = place.map(|place| if range.is_empty() { place.whole() } else { place.span(range.clone()) });
        within.or_else(|| context.name_span(&self.field.definition.name))
    }
}

impl<'c> Checker<'c, '_> {
    /// A shape where the schema has a type of this name. As deep as the mapping, which the parser bounded.
    fn shape(&mut self, shape: &MappingShape, type_name: &Name, place: &Range<usize>, at: &At<'_>) {
        let schema = self.context.fragment.schema;
        match (schema.types.get(type_name), shape) {
            (Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)), shape) => {
                self.composite(shape, type_name, place, at);
            }
            (Some(ExtendedType::Scalar(_) | ExtendedType::Enum(_)), MappingShape::Object(members)) => {
                let takes_objects = matches!(schema.types.get(type_name), Some(ExtendedType::Scalar(_)))
                    && !crate::connect::lookup::is_built_in_scalar(type_name);
                if !takes_objects {
                    let message = format!("An object is selected where `{type_name}` is declared.");
                    let help = match members.as_slice() {
                        [only] => {
                            format!("A name makes an object; the value itself is `$.{}`, without braces.", only.name)
                        }
                        _ => "Select a single value, without braces.".to_owned(),
                    };
                    self.tell("GROUP_SELECTION_IS_NOT_OBJECT", message, place, at, help);
                }
            }
            _ => {}
        }
    }

    fn composite(&mut self, shape: &MappingShape, type_name: &Name, place: &Range<usize>, at: &At<'_>) {
        let MappingShape::Object(members) = shape else {
            let message = format!("`{type_name}` has fields, but this selects none of them.");
            self.tell(
                "GROUP_SELECTION_REQUIRED_FOR_OBJECT",
                message,
                place,
                at,
                "Select them in braces: `owner { id name }`, or `$.result { id name }` for the whole answer.",
            );
            return;
        };
        let possible = self.possible_types(type_name);
        let is_abstract = self.context.fragment.schema.get_object(type_name).is_none();
        match shape.field("__typename") {
            Some(typename) => {
                if let Some(constant) = &typename.constant
                    && !possible.iter().any(|name| name == constant.as_str())
                {
                    let message = format!("`{constant}` is no type that `{type_name}` can be.");
                    let help = match nearest(constant, possible.iter().map(Name::as_str)) {
                        Some(near) => format!("Did you mean `{near}`?"),
                        None => {
                            format!("It can be: {}.", possible.iter().map(Name::as_str).collect::<Vec<_>>().join(", "))
                        }
                    };
                    self.tell("INVALID_TYPENAME", message, &typename.at, at, help);
                }
            }
            None if is_abstract => {
                let message = format!("`{type_name}` is abstract, and nothing tells the type of an object.");
                let help = "Map `__typename`: `__typename: kind->match(['movie', 'Movie'], ['series', 'Series'])`.";
                self.tell("MISSING_TYPENAME", message, place, at, help);
            }
            None => {}
        }
        for member in members.iter().filter(|member| member.name != "__typename") {
            let mut found = false;
            for possible in &possible {
                let fields = self.context.fields_of(possible);
                let Some((name, definition)) = fields.and_then(|fields| fields.get_key_value(member.name.as_str()))
                else {
                    continue;
                };
                self.given.insert((possible.clone(), name.clone()));
                // The same for each possible type, as far as the schema is valid.
                if found {
                    continue;
                }
                found = true;
                let is_own = at.field.type_name == possible && at.field.definition.name == *name;
                if is_own {
                    let message = format!("`{possible}.{name}` selects itself.");
                    let help = "Select the other fields only; the field is fetched for each object in turn.";
                    self.tell("CIRCULAR_REFERENCE", message, &member.at, at, help);
                    continue;
                }
                let is_connected = self.is_connected(possible, name);
                if !definition.arguments.is_empty() && !is_connected {
                    let message = format!("`{possible}.{name}` has arguments, which a selection cannot use.");
                    let help = "Give the field a `@connect` of its own, or remove its arguments.";
                    self.tell("FIELD_WITH_ARGUMENTS", message, &member.at, at, help);
                }
                self.shape(&member.shape, definition.ty.inner_named_type(), &member.at, at);
            }
            if !found && !possible.is_empty() {
                let names =
                    possible.iter().filter_map(|name| self.context.fields_of(name)).flat_map(|fields| fields.keys());
                let names: BTreeSet<&str> = names.map(Name::as_str).collect();
                let help = match nearest(&member.name, names.iter().copied()) {
                    Some(near) => format!(
                        "Did you mean `{near}`? A property that is called otherwise is renamed: `{near}: {}`.",
                        member.name
                    ),
                    None => format!("Remove it, or declare the field on `{type_name}`."),
                };
                let message = format!("`{type_name}` has no field `{}`.", member.name);
                self.tell("SELECTED_FIELD_NOT_FOUND", message, &member.at, at, help);
            }
        }
    }

    /// The object types that a type can be.
    fn possible_types(&self, type_name: &Name) -> Vec<Name> {
        let schema = self.context.fragment.schema;
        match schema.types.get(type_name) {
            Some(ExtendedType::Union(union)) => union.members.iter().map(|member| member.name.clone()).collect(),
            Some(ExtendedType::Interface(_)) => {
                let objects = schema.types.iter().filter_map(|(name, ty)| Some((name, ty.as_object()?)));
                objects
                    .filter(|(_, object)| object.implements_interfaces.contains(type_name))
                    .map(|(name, _)| name.clone())
                    .collect()
            }
            _ => vec![type_name.clone()],
        }
    }

    fn is_connected(&self, type_name: &Name, field_name: &Name) -> bool {
        self.context.fields.iter().any(|field| {
            field.type_name == type_name && field.definition.name == *field_name && !field.connects.is_empty()
        })
    }

    /// Fields that nothing fetches.
    fn unresolved(&mut self) {
        for field in &self.context.fields {
            let name = &field.definition.name;
            let is_given = field.root.is_some()
                || !field.connects.is_empty()
                || self.given.contains(&(field.type_name.clone(), name.clone()))
                || self.context.has(&field.definition.directives, "external")
                || self.is_key(field);
            if is_given {
                continue;
            }
            let message = format!("Nothing fetches `{}.{name}`.", field.type_name);
            self.out.push(
                Diagnostic::error("CONNECTORS_UNRESOLVED_FIELD", message)
                    .at(self.context.name_span(name), "")
                    .help(self.unresolved_help(field)),
            );
        }
    }

    /// An entity that nothing loads by its key lacks a lookup; elsewhere a selection lacks the field.
    fn unresolved_help(&self, field: &Field<'_>) -> String {
        let name = &field.definition.name;
        let ty = field.type_name;
        let schema = self.context.fragment.schema;
        let general = format!("Add `{name}` to the `selection` of a connector, or give it a `@connect` of its own.");
        let has_lookup = self.context.fields.iter().any(|f| f.is_lookup && f.definition.ty.inner_named_type() == ty);
        let Some(applied) = schema.types.get(ty).filter(|_| !has_lookup) else { return general };
        let keys = self.context.all(applied.directives().iter().map(|directive| &directive.node), "key");
        let Some(paths) = keys.first().and_then(|key| key_paths(key)) else { return general };
        let first = paths.iter().next().map(Vec::as_slice);
        let (Some([key]), 1) = (first, paths.len()) else {
            return format!(
                "`{ty}` needs a lookup that loads it by its key: a field of `Query` that returns `{ty}`, with `@lookup`, \
                 `@connect` and `{name}` in its `selection`."
            );
        };
        let key_type = self.context.fields_of(ty).and_then(|fields| fields.get(*key));
        let key_type = key_type.map_or("ID", |field| field.ty.inner_named_type().as_str());
        let applied = schema.schema_definition.directives.iter().map(|directive| &directive.node);
        let sources = self.context.all(applied, "source");
        let source = sources.first().and_then(|s| s.specified_argument_by_name("name")?.as_str()).unwrap_or("name");
        let plural = format!("{}{}s", ty[..1].to_ascii_lowercase(), &ty[1..]);
        format!(
            "`{ty}` needs a lookup that loads it by its key. In `type Query`: `{plural}ById(ids: [{key_type}!]! \
             @is(field: \"[{key}]\")): [{ty}]! @lookup @internal @connect(source: \"{source}\", http: {{GET: \"/{plural}\", \
             queryParams: \"ids: $args.ids\"}}, selection: \"{key} {name}\")`."
        )
    }

    /// Whether the field is part of a key, which another service may bring; also of the key of an object around it.
    fn is_key(&self, field: &Field<'_>) -> bool {
        let schema = self.context.fragment.schema;
        schema.types.iter().any(|(type_name, ty)| {
            let keys = self.context.all(ty.directives().iter().map(|directive| &directive.node), "key");
            keys.iter().filter_map(|key| key_paths(key)).flatten().any(|path| {
                let mut current = type_name.clone();
                path.iter().any(|step| {
                    if current == *field.type_name && field.definition.name == *step {
                        return true;
                    }
                    if let Some(next) = self.context.fields_of(&current).and_then(|fields| fields.get(*step)) {
                        current = next.ty.inner_named_type().clone();
                    }
                    false
                })
            })
        })
    }

    fn tell(
        &mut self,
        code: &'static str,
        message: String,
        place: &Range<usize>,
        at: &At<'_>,
        help: impl Into<String>,
    ) {
        let message = format!("`{}`: {message}", at.field.coordinate());
        self.out.push(Diagnostic::error(code, message).at(at.span(place, self.context), "").help(help));
    }
}
