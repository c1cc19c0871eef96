//! `@inaccessible`: what is hidden must not leave holes in what is shown.

use apollo_compiler::ast::{InputValueDefinition, Value};
use apollo_compiler::schema::{ExtendedType, Type};
use apollo_compiler::{Name, Node, Schema};

use crate::compose::subgraph::{Applied, Subgraph, fields_of};
use crate::diagnostic::{Diagnostic, Span};

pub(super) fn check(subgraphs: &[Subgraph], document: &Schema, out: &mut Vec<Diagnostic>) {
    let mut rule = Rule { subgraphs, document, out };
    for (name, ty) in document.types.iter().filter(|(name, ty)| !ty.is_built_in() && !name.contains("__")) {
        if hidden(ty.directives()) {
            if name == "Query" {
                rule.error(
                    "QUERY_ROOT_TYPE_INACCESSIBLE",
                    "`Query` is `@inaccessible`: nobody could ask anything.".to_owned(),
                    name,
                    None,
                );
            }
        } else {
            rule.visible_type(name, ty);
        }
    }
}

struct Rule<'a> {
    subgraphs: &'a [Subgraph],
    document: &'a Schema,
    out: &'a mut Vec<Diagnostic>,
}

fn hidden(directives: &impl Applied) -> bool {
    directives.nodes().any(|d| d.name == "inaccessible")
}

impl Rule<'_> {
    /// Points at the element in every fragment that has it.
    fn error(&mut self, code: &'static str, message: String, ty: &Name, field: Option<&Name>) {
        self.error_at(code, message, ty, field, None);
    }

    fn error_at(
        &mut self,
        code: &'static str,
        message: String,
        ty: &Name,
        field: Option<&Name>,
        argument: Option<&Name>,
    ) {
        let places: Vec<Option<Span>> = self
            .subgraphs
            .iter()
            .filter_map(|subgraph| {
                let ty = subgraph.schema.types.get(ty)?;
                let Some(field) = field else { return Some(subgraph.at_name(ty.name())) };
                let name = match ty {
                    ExtendedType::InputObject(t) => &t.fields.get(field)?.name,
                    _ => {
                        let field = fields_of(ty)?.get(field)?;
                        match argument {
                            Some(argument) => &field.argument_by_name(argument)?.name,
                            None => &field.name,
                        }
                    }
                };
                Some(subgraph.at_name(name))
            })
            .collect();
        let mut error = Diagnostic::error(code, message);
        for place in places {
            error = error.at(place, "");
        }
        self.out.push(error);
    }

    fn visible_type(&mut self, name: &Name, ty: &ExtendedType) {
        let all_hidden = match ty {
            ExtendedType::Object(t) => t.fields.values().all(|f| hidden(&f.directives)),
            ExtendedType::Interface(t) => t.fields.values().all(|f| hidden(&f.directives)),
            ExtendedType::InputObject(t) => t.fields.values().all(|f| hidden(&f.directives)),
            ExtendedType::Enum(t) => t.values.values().all(|v| hidden(&v.directives)),
            ExtendedType::Union(t) => t.members.iter().all(|m| self.is_hidden_type(&m.name)),
            ExtendedType::Scalar(_) => false,
        };
        // Its author hid nothing: that there is nothing to ask for is told by itself.
        let has_only_lookups = name == "Query" && super::queries::has_only_internal_lookups(ty);
        if all_hidden && !has_only_lookups {
            let message = format!(
                "`{name}` is visible, and all that is in it is `@inaccessible`. Hide the type, or show something of it."
            );
            return self.error("ONLY_INACCESSIBLE_CHILDREN", message, name, None);
        }
        match ty {
            ExtendedType::InputObject(input) => {
                for field in input.fields.values() {
                    self.input_value(&format!("{name}.{}", field.name), field, name, &field.name);
                }
            }
            ExtendedType::Object(_) | ExtendedType::Interface(_) => self.fields(name, ty),
            _ => {}
        }
    }

    fn fields(&mut self, name: &Name, ty: &ExtendedType) {
        for (field_name, field) in fields_of(ty).into_iter().flatten() {
            if hidden(&field.directives) {
                if let Some(interface) = self.visible_promise(ty, field_name) {
                    let message = format!(
                        "`{name}.{field_name}` is `@inaccessible`, and `{interface}.{field_name}`, which it implements, is visible."
                    );
                    self.error("IMPLEMENTED_BY_INACCESSIBLE", message, name, Some(field_name));
                }
                continue;
            }
            self.reference(&format!("{name}.{field_name}"), &field.ty, name, field_name, None);
            for argument in &field.arguments {
                let place = format!("{name}.{field_name}({}:)", argument.name);
                self.input_value(&place, argument, name, field_name);
            }
        }
    }

    /// A visible interface of the object whose visible field this is.
    fn visible_promise(&self, ty: &ExtendedType, field: &Name) -> Option<Name> {
        let interfaces = match ty {
            ExtendedType::Object(t) => &t.implements_interfaces,
            ExtendedType::Interface(t) => &t.implements_interfaces,
            _ => return None,
        };
        let shows = |interface: &Name| {
            let definition = self.document.get_interface(interface)?;
            (!hidden(&definition.directives) && !hidden(&definition.fields.get(field)?.directives)).then_some(())
        };
        interfaces.iter().find(|i| shows(&i.name).is_some()).map(|i| i.name.clone())
    }

    fn input_value(&mut self, place: &str, value: &Node<InputValueDefinition>, ty: &Name, field: &Name) {
        if hidden(&value.directives) {
            // What the gateway fills itself, clients need not send.
            if value.is_required() && !self.is_filled(ty, field, &value.name) {
                let message =
                    format!("`{place}` is required and `@inaccessible`: no client could send it. Give it a default.");
                self.error_at("REQUIRED_INACCESSIBLE", message, ty, Some(field), Some(&value.name));
            }
            return;
        }
        self.reference(place, &value.ty, ty, field, Some(&value.name));
        if let Some(default) = &value.default_value
            && self.uses_hidden(default, value.ty.inner_named_type())
        {
            let message = format!("The default of `{place}` uses something that is `@inaccessible`.");
            self.error_at("DEFAULT_VALUE_USES_INACCESSIBLE", message, ty, Some(field), Some(&value.name));
        }
    }

    /// Whether the argument is a `@require`.
    fn is_filled(&self, ty: &Name, field: &Name, argument: &Name) -> bool {
        let field = self.document.types.get(ty).and_then(fields_of).and_then(|fields| fields.get(field));
        field.is_some_and(|field| {
            field.directives.get_all("join__directive").any(|d| {
                let text = |name: &str| d.specified_argument_by_name(name).and_then(|v| v.as_str());
                let args = d.specified_argument_by_name("args").and_then(|v| v.as_object()).unwrap_or_default();
                let of = args.iter().find(|(key, _)| key == "argument").and_then(|(_, v)| v.as_str());
                text("name") == Some("require") && of == Some(argument.as_str())
            })
        })
    }

    fn reference(&mut self, place: &str, reference: &Type, ty: &Name, field: &Name, argument: Option<&Name>) {
        let inner = reference.inner_named_type();
        if self.is_hidden_type(inner) {
            let message =
                format!("`{place}` is visible, and its type `{inner}` is `@inaccessible`. Hide both, or none.");
            self.error_at("REFERENCED_INACCESSIBLE", message, ty, Some(field), argument);
        }
    }

    fn is_hidden_type(&self, name: &Name) -> bool {
        self.document.types.get(name).is_some_and(|ty| hidden(ty.directives()))
    }

    /// Recursion is bounded by the parser's own limit on nesting.
    fn uses_hidden(&self, value: &Value, ty: &Name) -> bool {
        match (value, self.document.types.get(ty)) {
            (Value::Enum(value), Some(ExtendedType::Enum(ty))) => {
                ty.values.get(value).is_some_and(|v| hidden(&v.directives))
            }
            (Value::List(items), _) => items.iter().any(|item| self.uses_hidden(item, ty)),
            (Value::Object(members), Some(ExtendedType::InputObject(input))) => members.iter().any(|(name, value)| {
                input
                    .fields
                    .get(name)
                    .is_some_and(|f| hidden(&f.directives) || self.uses_hidden(value, f.ty.inner_named_type()))
            }),
            _ => false,
        }
    }
}
