//! The original index of each function.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Maps functions of the rewritten module to functions of the original one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Origins {
    /// For each removed import, in order: the index of the function that took its place
    gaps: Vec<u32>,
    /// Index of the first added function
    first_added: Option<u32>,
    /// For each added function, its function of the original module
    added: Vec<u32>,
    /// Functions whose code has moved to an added function
    entries: BTreeSet<u32>,
    /// The added functions that have such code, written by the author
    bodies: BTreeSet<u32>,
}

impl Origins {
    /// `removed` has the original indices of removed imports, in order. `added` has the original function of each
    /// function from `first_added` on.
    pub(in crate::rewrite) fn new(removed: &[u32], first_added: u32, added: Vec<u32>) -> Self {
        let gaps = (0..).zip(removed).map(|(before, removed)| removed - before).collect();
        Self { gaps, first_added: Some(first_added), added, ..Self::default() }
    }

    /// Adds functions at the end that have no function of the original module: they map to themselves.
    pub(in crate::rewrite) fn add(&mut self, first: u32, count: u32) {
        self.first_added.get_or_insert(first);
        self.added.extend(first..first + count);
    }

    /// Notes that the code of function `entry` has moved to the added function `body`.
    pub(in crate::rewrite) fn move_body(&mut self, entry: u32, body: u32) {
        let origin = self.of(entry);
        if let Some(added) = self.first_added.and_then(|first| self.added.get_mut((body - first) as usize)) {
            *added = origin;
        }
        if !self.is_added(entry) {
            self.bodies.insert(body);
            self.entries.insert(entry);
        }
    }

    /// Whether the author has not written the code of the function, such as of a thunk or a forwarder.
    pub fn is_added(&self, index: u32) -> bool {
        let added = self.first_added.and_then(|first| index.checked_sub(first));
        let is_added = added.is_some_and(|added| (added as usize) < self.added.len());
        self.entries.contains(&index) || (is_added && !self.bodies.contains(&index))
    }

    /// The index in the original module of function `index` of the rewritten one. A thunk or a forwarder has the index of
    /// its target.
    pub fn of(&self, index: u32) -> u32 {
        if let Some(added) = self.first_added.and_then(|first| index.checked_sub(first))
            && let Some(origin) = self.added.get(added as usize)
        {
            return *origin;
        }
        // Each removed import moved the functions after it down by one.
        index + self.gaps.partition_point(|gap| *gap <= index) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_go_back_to_where_they_came_from() {
        // Of functions 0 to 5, the imports 0 and 2 were removed. 4 and 5 of the new module were added.
        let origins = Origins::new(&[0, 2], 4, vec![2, 1]);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|index| origins.of(index)), [1, 3, 4, 5, 2, 1]);
        assert_eq!([3, 4, 5, 6].map(|index| origins.is_added(index)), [false, true, true, false]);
        let mut moved = Origins::new(&[0], 4, vec![2]);
        moved.add(5, 2);
        moved.move_body(1, 5);
        moved.move_body(4, 6);
        assert_eq!([1, 4, 5, 6].map(|index| moved.of(index)), [2, 2, 2, 2]);
        assert_eq!([1, 4, 5, 6].map(|index| moved.is_added(index)), [true, true, false, true]);
        assert_eq!(Origins::default().of(7), 7);
        assert!(!Origins::default().is_added(7));
    }
}
