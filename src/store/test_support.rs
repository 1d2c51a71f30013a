//! Helpers of the unit tests of the store and of links.

use crate::engine::{Code, Compiler, Quota};
use crate::rewrite::Selection;
use crate::store::{
    Batch, Callable, DEFAULT_SIZE, Extern, Failure, FuncRef, HostFunction, Instance, MemoryId, RawValue, Roots, Store,
    Swept, TableId, Thrown,
};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::vm::{StoreObject, TableElement, VMFunction, VMGlobal, VMInstance, VMMemory, VMTable, VMTag};

/// Both compilers.
pub const COMPILERS: [Compiler; 2] = [Compiler::Cranelift, Compiler::Singlepass];

/// A store of the default stack size.
pub fn new_store() -> Store {
    Store::new(DEFAULT_SIZE, Quota::unlimited()).unwrap()
}

/// Compiles a module without slots.
pub fn compile(text: &str, compiler: Compiler) -> Arc<Code> {
    compile_with(text, compiler, &Selection::None)
}

/// Compiles a module with slots.
pub fn compile_with(text: &str, compiler: Compiler, selection: &Selection) -> Arc<Code> {
    Code::compile(&wat::parse_str(text).unwrap(), compiler, selection).unwrap()
}

/// Makes an instance. The test keeps the store alive to its end, and makes host functions for one call.
pub fn instantiate(store: &Store, code: &Arc<Code>, imports: Vec<Extern>) -> Result<Rc<Instance>, Failure> {
    // SAFETY: as said above.
    unsafe { Instance::new(store, code, imports, Vec::new(), Some(&store.quota), |_| {}) }
}

/// An export.
pub fn export(store: &Store, instance: &Instance, name: &str) -> Extern {
    let mut exports = instance.exports(store).into_iter();
    exports.find(|(each, _)| each == name).map(|(_, value)| value).unwrap()
}

/// An exported function.
pub fn function(store: &Store, instance: &Instance, name: &str) -> FuncRef {
    match export(store, instance, name) {
        Extern::Function(Callable::Wasm(function)) => function,
        _ => panic!("{name} is no function"),
    }
}

/// An exported table.
pub fn table(store: &Store, instance: &Instance, name: &str) -> TableId {
    match export(store, instance, name) {
        Extern::Table(table) => table,
        _ => panic!("{name} is no table"),
    }
}

/// An exported memory.
pub fn memory(store: &Store, instance: &Instance, name: &str) -> MemoryId {
    match export(store, instance, name) {
        Extern::Memory(memory) => memory,
        _ => panic!("{name} is no memory"),
    }
}

/// The function in an entry, which may be a bridge or a forwarder.
pub fn stored(store: &Store, table: TableId, index: u32) -> Option<FuncRef> {
    let handle = table.handle(store);
    match store.with_objects(|objects| handle.get(objects).get(index)) {
        // SAFETY: every entry of a funcref table points to a function of its store.
        Some(TableElement::FuncRef(entry)) => entry.map(|entry| unsafe { FuncRef::new(entry.0) }),
        _ => None,
    }
}

/// Calls a function of type () -> i32.
pub fn call(store: &Store, function: FuncRef) -> Result<i32, Failure> {
    assert_eq!(function.ty(store).to_string(), "() -> i32");
    let mut value = RawValue::default();
    // SAFETY: the type was checked, and every test keeps its store alive.
    unsafe { function.call(store, function.stack_pointer(store), &mut value).map(|()| value.i32) }
}

/// The result of one call of a batch over a function of type () -> i32.
pub fn run_once(batch: &Batch<'_>) -> i32 {
    // SAFETY: the function has no parameters, and the column has room for one result.
    unsafe {
        batch.run(1).unwrap();
        batch.column(0).cast::<i32>().read()
    }
}

/// Frees everything that `roots` do not reach.
pub fn collect(store: &Store, roots: &Roots) -> Swept {
    let marks = store.mark(roots, &|_| Vec::new());
    store.sweep(&marks)
}

/// A module whose `call` goes through entry 0 of a table with these limits.
pub fn through_table(limits: &str) -> String {
    format!(
        r#"(module
            (type (func (result i32)))
            (table (export "table") {limits} funcref)
            (elem (i32.const 0) $ten)
            (func $ten (result i32) i32.const 10)
            (func (export "fifty") (result i32) i32.const 50)
            (func (export "call") (result i32) i32.const 0 call_indirect (type 0))
            (func (export "grow") (result i32) ref.null func i32.const 1 table.grow 0))"#
    )
}

/// Adds one to its parameter, and counts its calls.
pub struct Counts(pub Rc<Cell<u32>>);

impl HostFunction for Counts {
    unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown> {
        self.0.set(self.0.get() + 1);
        // SAFETY: by the contract of `call`, for a function of type (i32) -> i32.
        unsafe { (*values).i32 += 1 };
        Ok(())
    }
}

/// Lengths of wasmer's lists.
pub fn lengths(store: &Store) -> [usize; 6] {
    store.with_objects(|objects| {
        [
            VMMemory::list(objects).len(),
            VMTable::list(objects).len(),
            VMGlobal::list(objects).len(),
            VMTag::list(objects).len(),
            VMFunction::list(objects).len(),
            VMInstance::list(objects).len(),
        ]
    })
}

/// A module with an object of every kind.
pub const EVERYTHING: &str = r#"(module
    (import "e" "f" (func $f (param i32) (result i32)))
    (memory (export "memory") 1)
    (table (export "table") 2 funcref)
    (global (export "global") (mut i32) (i32.const 7))
    (tag $one (param i32))
    (tag $two (param i64))
    (elem (i32.const 0) $seven)
    (func $seven (export "seven") (result i32) global.get 0)
    (func (export "call") (result i32) i32.const 41 call $f))"#;

pub fn everything(store: &Store, code: &Arc<Code>) -> Rc<Instance> {
    let host = Callable::Host(Box::new(Counts(Rc::default())));
    instantiate(store, code, vec![Extern::Function(host)]).unwrap()
}
