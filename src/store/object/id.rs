//! Ids of a store's instances and objects.

/// The id of an instance in its store.
pub type InstanceId = u32;

/// A memory of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemoryId(pub u32);

/// A table of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableId(pub u32);

/// A global of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalId(pub u32);

/// An exception tag of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TagId(pub u32);

/// The next free id. Ids are reused only after all others were used, so a stale id finds nothing.
pub fn free_id(next: &mut u32, is_taken: impl Fn(u32) -> bool) -> u32 {
    while is_taken(*next) {
        *next = next.wrapping_add(1);
    }
    let id = *next;
    *next = next.wrapping_add(1);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_begin_anew_and_leave_out_what_is_taken() {
        let mut next = u32::MAX;
        let ids = [0; 3].map(|_| free_id(&mut next, |id| id == 0));
        assert_eq!(ids, [u32::MAX, 1, 2]);
    }
}
