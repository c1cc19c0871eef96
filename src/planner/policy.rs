//! What the owners of a fetch's fields declared: how long to wait, and how long the answer may be reused.
//!
//! Timeouts: the innermost of field, type and schema. Reuse: Apollo's rules for cache hints. The shortest lifetime of all
//! that is selected counts; a field that answers objects, and every root field, has lifetime 0 unless it or
//! its type says otherwise; a leaf takes its parent's; one private field makes all private.

use apollo_compiler::Name;

use super::draft::{CtxId, Draft, SelId};
use super::graph::Sym;
use super::plan::Reuse;
use crate::supergraph::{CacheControl, CacheScope, ConnectorId, SubgraphField, SubgraphId, Supergraph};

/// The bound of a fetch for a field by itself: a root field, or one with a connector of its own.
pub(super) fn root_timeout(
    supergraph: &Supergraph,
    subgraph: SubgraphId,
    type_name: &Name,
    field: &Name,
) -> Option<u64> {
    let own = field_facts(supergraph, subgraph, type_name, field);
    let subgraph = supergraph.subgraph(subgraph);
    let returned = subgraph.schema.type_field(type_name, field).ok().map(|field| field.ty.inner_named_type());
    own.and_then(|facts| facts.policy.timeout_ms)
        .or_else(|| returned.and_then(|name| subgraph.types.get(name)).and_then(|facts| facts.policy.timeout_ms))
        .or(subgraph.timeout_ms)
}

/// The bound of a fetch of entities.
pub(super) fn entity_timeout(
    supergraph: &Supergraph,
    subgraph: SubgraphId,
    type_name: &Name,
    lookup: Option<ConnectorId>,
) -> Option<u64> {
    let source = supergraph.subgraph(subgraph);
    let by_lookup = lookup.and_then(|connector| {
        let connector = source.connectors.get(connector.0 as usize)?;
        field_facts(supergraph, subgraph, &connector.type_name, &connector.field_name)?.policy.timeout_ms
    });
    by_lookup.or_else(|| source.types.get(type_name).and_then(|facts| facts.policy.timeout_ms)).or(source.timeout_ms)
}

/// What a subgraph says of a field of one of its types.
pub(super) fn field_facts<'a>(
    supergraph: &'a Supergraph,
    subgraph: SubgraphId,
    type_name: &Name,
    field: &Name,
) -> Option<&'a SubgraphField> {
    supergraph.subgraph(subgraph).types.get(type_name)?.fields.get(field)
}

/// A lifetime that is being narrowed.
struct Lifetime {
    max_age_s: Option<u32>,
    scope: CacheScope,
}

impl Lifetime {
    fn restrict(&mut self, max_age_s: Option<u32>, scope: Option<CacheScope>) {
        if let Some(age) = max_age_s {
            self.max_age_s = Some(self.max_age_s.map_or(age, |known| known.min(age)));
        }
        if scope == Some(CacheScope::Private) {
            self.scope = CacheScope::Private;
        }
    }
}

/// How long the answer to what is selected in a fetch may be reused. `entity`: the type that an entity fetch answers; its
/// fields are not root fields.
pub(super) fn reuse(draft: &Draft<'_>, sel: SelId, entity: Option<&[Sym]>) -> Option<Reuse> {
    let Lifetime { max_age_s, scope } = lifetime(draft, sel, entity);
    Some(Reuse { max_age_s: max_age_s.filter(|age| *age > 0)?, scope })
}

/// Whether any of what is selected is one user's alone, however long it may be reused. `entity`: see [`reuse`].
pub(super) fn is_private(draft: &Draft<'_>, sel: SelId, entity: Option<&[Sym]>) -> bool {
    lifetime(draft, sel, entity).scope == CacheScope::Private
}

fn lifetime(draft: &Draft<'_>, sel: SelId, entity: Option<&[Sym]>) -> Lifetime {
    let mut lifetime = Lifetime { max_age_s: None, scope: CacheScope::Public };
    let subgraph = draft.job(draft.ctx(draft.sel(sel).ctx).job).subgraph;
    for object in entity.unwrap_or_default() {
        let hint = type_hint(draft, subgraph, draft.sel(sel).ctx, *object);
        lifetime.restrict(Some(hint.max_age_s.unwrap_or(0)), hint.scope);
    }
    narrow(draft, sel, entity.is_none(), &mut lifetime);
    lifetime
}

fn narrow(draft: &Draft<'_>, sel: SelId, is_root: bool, lifetime: &mut Lifetime) {
    let ctx = draft.sel(sel).ctx;
    let subgraph = draft.job(draft.ctx(ctx).job).subgraph;
    for entry in &draft.sel(sel).entries {
        if entry.field == draft.graph.typename {
            continue;
        }
        for object in &entry.types {
            let Some(node) = draft.concrete(ctx, *object) else { continue };
            let type_name = draft.graph.name(draft.graph.node(node).type_name);
            let facts = field_facts(draft.supergraph, subgraph, type_name, draft.graph.name(entry.field));
            let own = facts.and_then(|facts| facts.policy.cache).unwrap_or_default();
            let returned = match (&entry.sub, &entry.ty) {
                (Some(_), Some(ty)) => {
                    let types = &draft.supergraph.subgraph(subgraph).types;
                    types.get(ty.inner_named_type()).and_then(|facts| facts.policy.cache).unwrap_or_default()
                }
                _ => CacheControl::default(),
            };
            let inherits = own.inherit_max_age || returned.inherit_max_age;
            let hint = own.max_age_s.or(returned.max_age_s);
            let starts_over = (is_root || entry.sub.is_some()) && !inherits;
            lifetime.restrict(hint.or(starts_over.then_some(0)), own.scope.or(returned.scope));
        }
        if let Some(sub) = entry.sub {
            narrow(draft, sub, false, lifetime);
        }
    }
}

fn type_hint(draft: &Draft<'_>, subgraph: SubgraphId, ctx: CtxId, object: Sym) -> CacheControl {
    let node = draft.concrete(ctx, object);
    let name = node.map(|node| draft.graph.name(draft.graph.node(node).type_name));
    let facts = name.and_then(|name| draft.supergraph.subgraph(subgraph).types.get(name));
    facts.and_then(|facts| facts.policy.cache).unwrap_or_default()
}

/// The lifetime of two answers that came together.
pub(super) fn both(a: Option<Reuse>, b: Option<Reuse>) -> Option<Reuse> {
    let (a, b) = (a?, b?);
    let is_private = a.scope == CacheScope::Private || b.scope == CacheScope::Private;
    let scope = if is_private { CacheScope::Private } else { CacheScope::Public };
    Some(Reuse { max_age_s: a.max_age_s.min(b.max_age_s), scope })
}
