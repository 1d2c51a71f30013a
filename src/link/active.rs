//! The active links of a slot.

/// A link of a store. Ids are unique, increase from link to link, and are never 0.
pub type LinkId = u64;

/// The active links of a slot.
#[derive(Debug, Default)]
pub struct ActiveLinks {
    /// The newest active link; 0 if there is none
    pub(super) newest: LinkId,
    /// Links with a smaller id have ended
    pub(super) ended: LinkId,
}

impl ActiveLinks {
    /// Whether the slot has an active link.
    pub fn is_any(&self) -> bool {
        self.newest != 0
    }

    /// Ends all links.
    pub fn end(&mut self) {
        self.ended = self.ended.max(self.newest + 1);
        self.newest = 0;
    }
}
