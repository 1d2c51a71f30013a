//! References to functions of a store.

use std::ptr::NonNull;
use wasmer::sys::vm::{VMCallerCheckedAnyfunc, VMFuncRef};

/// A function of a store: a wasm function of an instance, or a host function. All references to one function are equal,
/// wherever it was imported, exported or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FuncRef(NonNull<VMCallerCheckedAnyfunc>);

impl FuncRef {
    /// Distance in memory between functions that follow each other, in bytes
    pub(in crate::store) const SIZE: usize = size_of::<VMCallerCheckedAnyfunc>();

    /// # Safety
    /// `pointer` is that of a function of a store. The result is used only while the store keeps the function alive.
    pub(in crate::store) unsafe fn new(pointer: NonNull<VMCallerCheckedAnyfunc>) -> Self {
        Self(pointer)
    }

    /// Number of functions from `first` to this function; the same instance defines both.
    pub(in crate::store) fn distance(self, first: Self) -> u32 {
        let bytes = self.address().wrapping_sub(first.address());
        (bytes / Self::SIZE) as u32
    }

    /// The function that follows this one by `distance` functions of its instance, which defines both.
    pub(in crate::store) fn after(self, distance: u32) -> Self {
        // SAFETY: the functions that an instance defines follow each other in memory.
        Self(unsafe { self.0.add(distance as usize) })
    }

    /// Address of the function. No other function of the store has it while this one lives.
    pub fn address(self) -> usize {
        self.0.as_ptr() as usize
    }

    /// The form in which tables hold it.
    pub(in crate::store) fn raw(self) -> VMFuncRef {
        VMFuncRef(self.0)
    }

    /// The data that compiled code needs to call it.
    pub(in crate::store) fn callee(self) -> VMCallerCheckedAnyfunc {
        // SAFETY: the function is alive by the contract of `new`, and is not written once its instance is linked.
        unsafe { *self.0.as_ptr() }
    }

    /// Address of the context that the function runs in.
    pub(in crate::store) fn context(self) -> usize {
        // SAFETY: both members of the union are pointers.
        unsafe { self.callee().vmctx.host_env as usize }
    }

    /// Whether two functions have the same type. `Signatures` refuses two types with one hash.
    pub fn has_type_of(self, other: FuncRef) -> bool {
        self.callee().type_signature_hash == other.callee().type_signature_hash
    }

    /// The raw value of a funcref; null for none.
    pub fn to_raw(function: Option<Self>) -> usize {
        function.map_or(0, |function| function.0.as_ptr() as usize)
    }

    /// The function in a raw value of type funcref.
    ///
    /// # Safety
    /// `raw` is a funcref that wasm of the store passed.
    pub unsafe fn from_raw(raw: usize) -> Option<Self> {
        NonNull::new(raw as *mut VMCallerCheckedAnyfunc).map(Self)
    }
}
