//! Relinking: what a slot is, the checks before a link, the commit, and the way back.
#![forbid(unsafe_code)]

mod check;
mod slot;
mod slots;

pub use slot::SlotKind;
pub use slots::{LinkId, Linked, SlotId, Slots};
