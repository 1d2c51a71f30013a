use std::collections::HashMap;
use wasmer::sys::vm::InternalStoreHandle;

/// The objects of one kind that JavaScript has seen, by an id of ours. One id for each object, so
/// that JavaScript can have one wrapper for each.
pub struct Registry<T> {
    handles: Vec<InternalStoreHandle<T>>,
    /// Ids by the address of the definition that compiled code uses
    by_address: HashMap<usize, u32>,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self { handles: Vec::new(), by_address: HashMap::new() }
    }
}

impl<T> Registry<T> {
    /// The id of the object whose definition is at `address`.
    pub fn id(&mut self, handle: InternalStoreHandle<T>, address: usize) -> u32 {
        *self.by_address.entry(address).or_insert_with(|| {
            self.handles.push(handle);
            self.handles.len() as u32 - 1
        })
    }

    /// The object with this id.
    ///
    /// # Panics
    /// If no object has it: ids come from `id` only.
    pub fn handle(&self, id: u32) -> InternalStoreHandle<T> {
        self.handles[id as usize]
    }
}
