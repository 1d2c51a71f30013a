//! Retained values: the externref values that the retainers of nodes hold, by number.

use crate::store::Node;
use rustc_hash::FxHashMap;

/// The place of an externref's value: the position of a node in `nodes`, counted from 1, and the value's index in the array of
/// that node's retainer. All zeros for a value that no retainer holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    pub node: u32,
    pub index: u32,
}

/// The externref values that retainers hold.
#[derive(Default)]
pub struct RetainedValues {
    /// The nodes whose retainers hold values, and how many
    pub nodes: Vec<(Node, u32)>,
    /// The positions of the nodes
    by_node: FxHashMap<Node, u32>,
    /// The places of the values, by number
    places: Vec<Place>,
}

impl RetainedValues {
    /// The values of `nodes`: those of each at the indices of its numbers. All numbers are below `end`.
    pub fn new(nodes: &[Node], numbers: &[Vec<u32>], end: u32) -> Self {
        let places = vec![Place::default(); end as usize];
        let mut retained = Self { places, ..Self::default() };
        for (node, numbers) in nodes.iter().zip(numbers).filter(|(_, numbers)| !numbers.is_empty()) {
            retained.nodes.push((*node, numbers.len() as u32));
            let position = retained.nodes.len() as u32;
            retained.by_node.insert(*node, position);
            (0..).zip(numbers).for_each(|(index, number)| {
                retained.places[*number as usize] = Place { node: position, index };
            });
        }
        retained
    }

    /// The node whose retainer holds the value of a number, and the value's index there.
    #[inline]
    pub fn place(&self, number: u32) -> Option<(Node, u32)> {
        let Place { node, index } = self.at(number);
        Some((self.nodes.get((node as usize).checked_sub(1)?)?.0, index))
    }

    /// The place of a number's value.
    #[inline]
    pub fn at(&self, number: u32) -> Place {
        self.places.get(number as usize).copied().unwrap_or_default()
    }

    /// The position of a node, counted from 1; 0 for a node that holds nothing.
    pub fn position(&self, node: Node) -> u32 {
        self.by_node.get(&node).copied().unwrap_or_default()
    }

    /// Whether the node at `position` holds the values of just these numbers, in this order.
    pub fn has(&self, position: u32, numbers: &[u32]) -> bool {
        let count = (position as usize).checked_sub(1).map_or(0, |index| self.nodes[index].1);
        let is_at = |(index, number): (u32, &u32)| self.at(*number) == Place { node: position, index };
        count as usize == numbers.len() && (0..).zip(numbers).all(is_at)
    }
}
