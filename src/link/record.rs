//! The record of a link.

use super::active::LinkId;
use super::slot::SlotId;
use crate::store::FuncRef;

/// The record of a link, by which it can be undone. If the caller drops it, the link stays active but can no longer be
/// undone.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The slot
    pub slot: SlotId,
    /// Its id; 0 if it has been undone
    pub id: LinkId,
    /// The newest link of the slot before it; 0 if there was none
    pub below: LinkId,
    /// Address of the function that it put there
    pub implementation: usize,
    /// Number of skipped entries
    pub skipped: usize,
    /// The function that the slot held before
    pub previous: Option<FuncRef>,
}
