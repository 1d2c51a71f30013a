use crate::store::Store;
use crate::store::instance::entity::Instance;
use crate::wasm::FuncType;
use std::ptr::NonNull;
use std::rc::Rc;
use wasmer::sys::vm::{VMCallerCheckedAnyfunc, VMFuncRef};

/// A function of a store: a wasm function of an instance, or a host function. One value for each
/// function, wherever it was imported, exported or put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FuncRef(NonNull<VMCallerCheckedAnyfunc>);

impl FuncRef {
    /// # Safety
    /// `pointer` must be that of a function of a store, which is used no longer than something reaches it there.
    pub(in crate::store) unsafe fn new(pointer: NonNull<VMCallerCheckedAnyfunc>) -> Self {
        Self(pointer)
    }

    /// How many functions of one instance lie between `first` and this.
    pub(in crate::store) fn distance(self, first: Self) -> u32 {
        let bytes = self.address().wrapping_sub(first.address());
        (bytes / size_of::<VMCallerCheckedAnyfunc>()) as u32
    }

    /// Where it is: of no other function of the store, as long as it is there.
    pub fn address(self) -> usize {
        self.0.as_ptr() as usize
    }

    /// As tables hold it.
    pub(in crate::store) fn raw(self) -> VMFuncRef {
        VMFuncRef(self.0)
    }

    /// What compiled code needs to call it.
    pub(in crate::store) fn callee(self) -> VMCallerCheckedAnyfunc {
        // SAFETY: by `new`, the function is there, and no one writes to it once
        // its instance is linked.
        unsafe { *self.0.as_ptr() }
    }

    /// Address of the context that the function runs in.
    pub(in crate::store) fn context(self) -> usize {
        // SAFETY: both members of the union are a pointer.
        unsafe { self.callee().vmctx.host_env as usize }
    }
}

impl Store {
    /// The type of `function`.
    ///
    /// # Panics
    /// Never: a function gets into a store together with its type.
    pub fn type_of(&self, function: FuncRef) -> Rc<FuncType> {
        let hash = function.callee().type_signature_hash;
        self.signatures.borrow().get(hash).expect("the types of every module are registered before it is instantiated")
    }

    /// Whether two functions have the same type: no two types of a store have the same hash.
    pub fn same_type(&self, one: FuncRef, other: FuncRef) -> bool {
        one.callee().type_signature_hash == other.callee().type_signature_hash
    }

    /// The instance that defines `function`; none for a host function.
    pub fn instance_of(&self, function: FuncRef) -> Option<Rc<Instance>> {
        let by_context = self.by_context.borrow();
        let resident = by_context.get(&function.context()).filter(|resident| !resident.is_host)?;
        Some(resident.instance.clone())
    }

    /// The instance that `function` goes with: the one that defines it or, of a function of the host, the one that
    /// imports it. None while that is still being made.
    pub fn owner_of(&self, function: FuncRef) -> Option<Rc<Instance>> {
        self.by_context.borrow().get(&function.context()).map(|resident| resident.instance.clone())
    }
}

impl FuncRef {
    /// As a raw value holds it: null for none.
    pub fn to_raw(function: Option<Self>) -> usize {
        function.map_or(0, |function| function.0.as_ptr() as usize)
    }

    /// What a raw value of type funcref holds.
    ///
    /// # Safety
    /// `raw` is a funcref that wasm of the store gave.
    pub unsafe fn from_raw(raw: usize) -> Option<Self> {
        NonNull::new(raw as *mut VMCallerCheckedAnyfunc).map(Self)
    }
}
