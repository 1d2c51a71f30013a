//! Relinking: slots, the checks before a link, the commit, and undo.
#![forbid(unsafe_code)]

mod check;
mod links;
mod slot;
mod slots;

pub use links::{Change, Link};
pub use slots::{SlotId, Slots};
