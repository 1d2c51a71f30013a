//! The link API for `lib/`: its frequent functions, the cold methods of slots, link records, and the steps of a link in a context.

pub(in crate::napi) mod clock;
pub(in crate::napi) mod facts;
pub(in crate::napi) mod linking;
pub(in crate::napi) mod raw_callbacks;
pub(in crate::napi) mod record;
pub(in crate::napi) mod relink;
