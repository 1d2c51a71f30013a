//! Links, as JavaScript asks for them and holds them.

pub(in crate::napi) mod record;
pub(in crate::napi) mod relink;
