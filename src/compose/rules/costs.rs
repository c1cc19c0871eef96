//! `@cost` and `@listSize`: where an estimate can be one.

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, FieldDefinition};
use apollo_compiler::schema::{ExtendedType, Type};

use crate::compose::directives::Known;
use crate::compose::links::nearest;
use crate::compose::subgraph::{Subgraph, fields_of};
use crate::diagnostic::Diagnostic;

pub(super) fn check(subgraph: &Subgraph, out: &mut Vec<Diagnostic>) {
    for (name, ty) in subgraph.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        for (field_name, field) in fields_of(ty).into_iter().flatten() {
            let coordinate = format!("{name}.{field_name}");
            if ty.is_interface() {
                on_interface(subgraph, &coordinate, field, out);
            }
            for applied in subgraph.all(&field.directives, Known::ListSize) {
                ListSize { subgraph, coordinate: &coordinate, field, applied, out }.check();
            }
        }
    }
}

/// What it costs is known of the object behind the interface.
fn on_interface(subgraph: &Subgraph, coordinate: &str, field: &FieldDefinition, out: &mut Vec<Diagnostic>) {
    let of_arguments = field.arguments.iter().flat_map(|a| subgraph.all(&a.directives, Known::Cost));
    for applied in subgraph.all(&field.directives, Known::Cost).chain(of_arguments) {
        let message = format!("`{coordinate}` is a field of an interface, and has `@cost`.");
        out.push(
            Diagnostic::error("COST_APPLIED_TO_INTERFACE_FIELD", message)
                .at(subgraph.at(applied), "")
                .help("Mark the fields of the implementations instead."),
        );
    }
}

/// One `@listSize`.
struct ListSize<'a> {
    subgraph: &'a Subgraph,
    coordinate: &'a str,
    field: &'a FieldDefinition,
    applied: &'a Node<Directive>,
    out: &'a mut Vec<Diagnostic>,
}

impl ListSize<'_> {
    fn check(mut self) {
        let argument = |name| self.applied.specified_argument_by_name(name).filter(|value| !value.is_null());
        let names = |name| argument(name).and_then(|value| value.as_list());
        let (assumed, slicing, sized) = (argument("assumedSize"), names("slicingArguments"), names("sizedFields"));
        let coordinate = self.coordinate;
        if sized.is_none_or(<[_]>::is_empty) && !self.field.ty.is_list() {
            let message = format!("`{coordinate}` has `@listSize`, and returns no list.");
            let help = "Name the fields of the returned type that are the lists: `sizedFields: [\"edges\"]`.";
            self.error("LIST_SIZE_APPLIED_TO_NON_LIST", message, self.applied, Some(help));
        }
        if let Some(assumed) = assumed.filter(|value| value.to_i32().is_some_and(|size| size < 0)) {
            let message = format!("`{coordinate}` is assumed to have less than no items.");
            self.error("LIST_SIZE_INVALID_ASSUMED_SIZE", message, assumed, None);
        }
        for value in slicing.into_iter().flatten() {
            let Some(name) = value.as_str() else { continue };
            let found = self.field.argument_by_name(name);
            if found.is_some_and(|a| matches!(&*a.ty, Type::Named(ty) | Type::NonNullNamed(ty) if ty == "Int")) {
                continue;
            }
            let message = match found {
                Some(argument) => {
                    format!("The argument `{name}` of `{coordinate}` is `{}`: no number of items.", argument.ty)
                }
                None => format!("`{coordinate}` has no argument `{name}`."),
            };
            let near = nearest(name, self.field.arguments.iter().map(|a| a.name.as_str()).filter(|near| *near != name));
            let help = near.map(|near| format!("Did you mean `{near}`?"));
            self.error("LIST_SIZE_INVALID_SLICING_ARGUMENT", message, value, help.as_deref());
        }
        let returned = self.subgraph.schema.types.get(self.field.ty.inner_named_type());
        for value in sized.into_iter().flatten() {
            let Some(name) = value.as_str() else { continue };
            let fields = returned.and_then(fields_of);
            let is_list = fields.and_then(|fields| fields.get(name)).map(|field| field.ty.is_list());
            let ty = returned.map_or("?", |ty| ExtendedType::name(ty).as_str());
            let message = match is_list {
                Some(true) => continue,
                Some(false) => format!("`{ty}.{name}` is no list, so `{coordinate}` says nothing of its size."),
                None => format!("`{coordinate}` returns `{ty}`, which has no field `{name}`."),
            };
            self.error("LIST_SIZE_INVALID_SIZED_FIELD", message, value, None);
        }
    }

    fn error<T: ?Sized>(&mut self, code: &'static str, message: String, at: &Node<T>, help: Option<&str>) {
        let mut error = Diagnostic::error(code, message).at(self.subgraph.at(at), "");
        error.help = help.map(str::to_owned);
        self.out.push(error);
    }
}
