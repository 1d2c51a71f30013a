//! Relinking: slots, the checks before a link, the commit, and undo.
#![forbid(unsafe_code)]

mod active;
mod allowed;
mod call_sites;
mod check;
mod collect;
mod commit;
mod entry;
mod forwarding;
mod implementation;
mod manifest;
mod planned;
mod record;
mod recycled;
mod rust_types;
mod shortcuts;
mod slot;
mod slots;
#[cfg(test)]
mod tests;
mod thunks;
mod traced;
mod undo;

pub use allowed::Allowed;
pub use commit::Change;
pub use entry::TableEntry;
pub use manifest::check_manifest;
pub use record::Link;
pub use shortcuts::{held_by_slot_of, skip_forwarders};
pub use slot::SlotId;
pub use slots::Slots;
