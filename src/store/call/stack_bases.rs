//! Where the wasm stacks of the process end: from an address on a stack to the base of that stack.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The base of each stack whose guard was set, the address after its highest byte, with its lowest address. Those of unmapped stacks stay until another
/// stack takes their addresses.
static BASES: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// Notes a stack, before wasm runs on it. No other stack has addresses between `low` and `base` any more.
pub fn note_stack(low: usize, base: usize) {
    let mut bases = BASES.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(stale) = bases.range(low + 1..base).next().map(|(stale, _)| *stale) {
        bases.remove(&stale);
    }
    bases.insert(base, low);
}

/// The base of the stack in use that has `address`; none if no such stack was noted.
pub fn stack_base(address: usize) -> Option<usize> {
    let bases = BASES.lock().unwrap_or_else(PoisonError::into_inner);
    let (base, low) = bases.range(address + 1..).next()?;
    (*low <= address).then_some(*base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_takes_the_addresses_of_stacks_that_were_unmapped() {
        // No stack is there: the upper half of the addresses is the system's.
        let at = usize::MAX - (1 << 40);
        note_stack(at, at + 0x1000);
        note_stack(at + 0x1000, at + 0x2000);
        assert_eq!(stack_base(at + 0x800), Some(at + 0x1000));
        assert_eq!(stack_base(at + 0x1000), Some(at + 0x2000), "the base is not on the stack");
        note_stack(at + 0x400, at + 0x3000);
        assert_eq!(stack_base(at + 0x800), Some(at + 0x3000));
        assert_eq!([at, at + 0x3000].map(stack_base), [None; 2]);
    }
}
