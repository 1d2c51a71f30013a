//! The link API for `lib/`: cold link methods, and link records.

pub(in crate::napi) mod record;
pub(in crate::napi) mod relink;
