//! Imports and exports of instances.

use crate::store::{FuncRef, GlobalId, HostFunction, MemoryId, Store, TableId, TagId};
use crate::wasm::{ExternType, Limits, MOST_ENTRIES};
use wasmer::sys::vm::LinearMemory;

/// An import or export of an instance.
pub enum Extern {
    /// A function
    Function(Callable),
    /// A table
    Table(TableId),
    /// A memory
    Memory(MemoryId),
    /// A global
    Global(GlobalId),
    /// An exception tag
    Tag(TagId),
}

/// A function that an instance imports.
pub enum Callable {
    /// A function of this store
    Wasm(FuncRef),
    /// A host function, which takes the type of the import
    Host(Box<dyn HostFunction>),
    /// The adapter of a host function
    Adapted(FuncRef),
}

impl Extern {
    /// The actual type of `value`, for an error message, if it cannot be imported as `expected`.
    pub(in crate::store) fn mismatch(&self, store: &Store, expected: &ExternType) -> Option<String> {
        match (self, expected) {
            (Extern::Function(Callable::Host(_) | Callable::Adapted(_)), ExternType::Function(_)) => None,
            (Extern::Function(Callable::Wasm(function)), ExternType::Function(ty)) => {
                let actual = function.ty(store);
                (*actual != *ty).then(|| format!("func {actual}"))
            }
            (Extern::Table(id), ExternType::Table(ty)) => {
                let handle = id.handle(store);
                let (actual, size) =
                    store.with_objects(|objects| (*handle.get(objects).ty(), handle.get(objects).size()));
                // wasmer gives every table a maximum; `MOST_ENTRIES` stands for none.
                let maximum = actual.maximum.filter(|maximum| *maximum < MOST_ENTRIES).map(u64::from);
                let limits = Limits { minimum: size.into(), maximum };
                let beyond = ty.limits.maximum.is_some_and(|maximum| maximum >= MOST_ENTRIES.into());
                let required = Limits { maximum: ty.limits.maximum.filter(|_| !beyond), ..ty.limits };
                let element = id.element_type(store);
                (element != ty.element || !fits(limits, required)).then(|| format!("table {element} {limits}"))
            }
            (Extern::Memory(id), ExternType::Memory { limits: required, shared }) => {
                let handle = id.handle(store);
                let (actual, pages) =
                    store.with_objects(|objects| (handle.get(objects).ty(), handle.get(objects).size()));
                let limits = Limits { minimum: pages.0.into(), maximum: actual.maximum.map(|most| most.0.into()) };
                let kind = if actual.shared { "shared memory" } else { "memory" };
                (actual.shared != *shared || !fits(limits, *required)).then(|| format!("{kind} {limits}"))
            }
            (Extern::Global(id), ExternType::Global(ty)) => {
                let actual = id.ty(store);
                (actual != *ty).then(|| ExternType::Global(actual).to_string())
            }
            (Extern::Tag(id), ExternType::Tag(ty)) => {
                let actual = id.ty(store);
                (actual != *ty).then(|| ExternType::Tag(actual).to_string())
            }
            (Extern::Function(_), _) => Some("a function".into()),
            (Extern::Table(_), _) => Some("a table".into()),
            (Extern::Memory(_), _) => Some("a memory".into()),
            (Extern::Global(_), _) => Some("a global".into()),
            (Extern::Tag(_), _) => Some("a tag".into()),
        }
    }
}

/// Whether an object with the current size `actual.minimum` may be imported as `required`.
fn fits(actual: Limits, required: Limits) -> bool {
    actual.minimum >= required.minimum
        && required.maximum.is_none_or(|most| actual.maximum.is_some_and(|maximum| maximum <= most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_fit_as_the_specification_says() {
        let limits = |minimum, maximum| Limits { minimum, maximum };
        assert!(fits(limits(2, None), limits(1, None)));
        assert!(fits(limits(2, Some(3)), limits(2, Some(3))));
        assert!(!fits(limits(1, Some(3)), limits(2, Some(3))));
        assert!(!fits(limits(2, None), limits(2, Some(3))));
        assert!(!fits(limits(2, Some(4)), limits(2, Some(3))));
    }
}
