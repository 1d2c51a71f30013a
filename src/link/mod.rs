//! Relinking: slots, the checks before a link, the commit, and undo.
#![forbid(unsafe_code)]

mod check;
mod entry;
mod links;
mod shortcuts;
mod slot;
mod slots;

pub use entry::TableEntry;
pub use links::{Change, Link};
pub use shortcuts::{held_by_slot_of, skip_forwarders};
pub use slots::{SlotId, Slots};
