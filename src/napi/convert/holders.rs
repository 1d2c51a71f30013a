//! Holders: which nodes hold each externref.

use crate::napi::convert::exceptions::Exceptions;
use crate::store::{ExternRef, Node, Store};
use rustc_hash::FxHashMap;

/// The holder of a number that no object holds.
pub const UNHELD: u32 = 0;
/// The holder of a number that several nodes hold, or that something besides a node holds.
pub const SHARED: u32 = 1;
/// The holder of a number that only the first node of `nodes` holds.
const FIRST_NODE: u32 = 2;

/// The holder of each externref.
pub struct Holders {
    /// The nodes that hold externrefs
    pub nodes: Vec<Node>,
    /// `UNHELD`, `SHARED`, or the holder of a node, by number
    pub of: Vec<u32>,
    by_node: FxHashMap<Node, u32>,
    /// The node that was looked up last, since a table has many externrefs
    last: Option<(Node, u32)>,
}

impl Holders {
    /// The holders of all numbers below `end`. `results` are held, too.
    pub fn of(store: &Store, exceptions: &Exceptions, results: &[ExternRef], end: u32) -> Self {
        let of = vec![UNHELD; end as usize];
        let mut holders = Self { nodes: Vec::new(), of, by_node: FxHashMap::default(), last: None };
        ExternRef::each(store, |node, reference| holders.hold(node, reference));
        exceptions.each_externref(|reference| holders.hold(None, reference));
        results.iter().for_each(|reference| holders.hold(None, *reference));
        holders
    }

    fn hold(&mut self, node: Option<Node>, ExternRef(number): ExternRef) {
        let holder = node.map_or(SHARED, |node| self.add(node));
        // A greater number is no externref, but a word on the stack of a suspended call.
        if let Some(known) = self.of.get_mut(number as usize) {
            *known = if *known == UNHELD || *known == holder { holder } else { SHARED };
        }
    }

    /// The holder of a node.
    fn add(&mut self, node: Node) -> u32 {
        if let Some((_, holder)) = self.last.filter(|(last, _)| *last == node) {
            return holder;
        }
        let Self { nodes, by_node, .. } = self;
        let holder = *by_node.entry(node).or_insert_with(|| {
            nodes.push(node);
            nodes.len() as u32 - 1 + FIRST_NODE
        });
        self.last = Some((node, holder));
        holder
    }

    /// The holder of a node; `UNHELD` if it holds nothing.
    pub fn of_node(&self, node: Node) -> u32 {
        self.by_node.get(&node).copied().unwrap_or(UNHELD)
    }

    /// For each node of `nodes`, the numbers from `first` on that only this node holds, in order.
    pub fn numbers(&self, first: u32) -> Vec<Vec<u32>> {
        let mut numbers = vec![Vec::new(); self.nodes.len()];
        for (number, holder) in (0..).zip(&self.of).skip(first as usize) {
            if let Some(node) = holder.checked_sub(FIRST_NODE) {
                numbers[node as usize].push(number);
            }
        }
        numbers
    }
}
