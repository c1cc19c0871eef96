//! The mapping language: `id title: name owner { id } tags->first total: $.meta.total`.

/// A parsed mapping.
#[derive(Debug)]
pub struct Mapping {
    /// As it was written.
    pub text: String,
}
