//! Batches: many calls of a function in one call into wasm.

use crate::engine::{CompileOptions, Compiler, Reserve, compile};
use crate::error::{Error, ErrorKind, Result};
use crate::rewrite::{Columns, batch};
use crate::store::batch::batches::{Batches, Driver};
use crate::store::call::stack_pointer::StackPointer;
use crate::store::gc::rooted::Rooted;
use crate::store::instance::entity::Instance;
use crate::store::instance::extern_value::Extern;
use crate::store::trap::Failure;
use crate::store::{FuncRef, MemoryId, RawValue, Reference, Store, TableId};
use crate::wasm::{FuncType, Limits, PAGE_SIZE};
use std::rc::Rc;

/// A running batch; ends when it is dropped.
pub struct Batch<'a> {
    store: &'a Store,
    driver: Rc<Driver>,
    memory: MemoryId,
    page: usize,
    pointer: StackPointer,
}

impl<'a> Batch<'a> {
    /// Prepares to call `function` many times. Its parameters and results must be i32, i64, f32 or f64. `shortcut` is a
    /// function to call in its place, if code of `compiler` can call it, until `end_shortcuts`.
    ///
    /// # Errors
    /// `Memory` where there is no room for another batch; the errors of `Instance::new`.
    pub fn new(
        store: &'a Store,
        function: FuncRef,
        shortcut: Option<FuncRef>,
        ty: &FuncType,
        compiler: Compiler,
    ) -> Result<Self, Failure> {
        let memory = batch_memory(store)?;
        let driver = driver(store, ty, compiler, memory)?;
        let page = store.batches.borrow().running.len();
        if memory.data(store).1 <= page * PAGE_SIZE {
            memory.grow(store, 1)?;
        }
        let shortcut = shortcut.filter(|shortcut| driver.table.is_native(store, *shortcut));
        driver.table.set(store, 0, Reference::Func(Some(shortcut.unwrap_or(function))))?;
        store.batches.borrow_mut().running.push((driver.table, function));
        if shortcut.is_some() {
            store.has_shortcuts.set(true);
        }
        Ok(Self { store, driver, memory, page, pointer: function.stack_pointer(store) })
    }

    /// Makes running batches call the functions that they were made for again, instead of shortcuts.
    #[inline]
    pub fn end_shortcuts(store: &Store) {
        if store.has_shortcuts.get() {
            Self::end_all_shortcuts(store);
        }
    }

    #[cold]
    fn end_all_shortcuts(store: &Store) {
        store.has_shortcuts.set(false);
        // Outer batches come first in the list, so each driver's table finally holds the function of its innermost
        // batch.
        let running = store.batches.borrow().running.clone();
        for (table, function) in running {
            call_in_batch(store, table, Some(function));
        }
    }

    /// Drops the drivers and the memory, unless a batch is on the stack.
    pub fn end_all(store: &Store) {
        let mut batches = store.batches.borrow_mut();
        if batches.running.is_empty() {
            *batches = Batches::default();
        }
    }
}

impl Batch<'_> {
    /// Maximum number of calls in one `run`.
    pub fn room(&self) -> usize {
        self.driver.columns.room
    }

    /// The bytes of a column. The columns of the parameters come first, then the columns of the results. Valid until
    /// wasm runs.
    pub fn column(&self, index: usize) -> *mut u8 {
        let (base, _) = self.memory.data(self.store);
        base.wrapping_add(self.page * PAGE_SIZE + self.driver.columns.offsets[index])
    }

    /// Makes `count` calls, `room` at most, with the arguments in the columns.
    ///
    /// # Errors
    /// The failure of a call; the calls after it are not made.
    ///
    /// # Safety
    /// As for `FuncRef::call`.
    pub unsafe fn run(&self, count: usize) -> Result<(), Failure> {
        if count == 0 {
            return Ok(());
        }
        let mut values = [count, self.page * PAGE_SIZE].map(|number| RawValue { u128: (number as u32).into() });
        // SAFETY: the driver has two i32 parameters and no results; the rest by the contract of this function.
        unsafe { self.driver.run.call(self.store, self.pointer, values.as_mut_ptr()) }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut batches = self.store.batches.borrow_mut();
        batches.running.pop();
        if batches.running.is_empty() {
            self.store.has_shortcuts.set(false);
        }
        let outer = batches.running.iter().rev().find(|(table, _)| *table == self.driver.table);
        let outer = outer.map(|(_, function)| *function);
        drop(batches);
        call_in_batch(self.store, self.driver.table, outer);
    }
}

/// Makes a driver call `function` again, which its table has held before.
fn call_in_batch(store: &Store, table: TableId, function: Option<FuncRef>) {
    let written = table.set(store, 0, Reference::Func(function));
    debug_assert!(written.is_ok(), "an entry that there is, and a function that stood there before");
}

fn batch_memory(store: &Store) -> Result<MemoryId> {
    if let Some(memory) = &store.batches.borrow().memory {
        return Ok(**memory);
    }
    let memory = Rooted::new(store, MemoryId::new(store, Limits { minimum: 1, maximum: None }, Reserve::available())?);
    Ok(**store.batches.borrow_mut().memory.insert(memory))
}

fn driver(store: &Store, ty: &FuncType, compiler: Compiler, memory: MemoryId) -> Result<Rc<Driver>> {
    let key = (ty.clone(), compiler);
    if let Some(driver) = store.batches.borrow().drivers.get(&key) {
        return Ok(driver.clone());
    }
    // The memory may be small: there may have been less room when it was made.
    let reserve = if memory.is_full(store) { Reserve::Full } else { Reserve::Small };
    let code = compile(&batch(ty), &CompileOptions { reserve, ..CompileOptions::plain(compiler) })?;
    // SAFETY: the module has neither a start function nor a segment, so no wasm runs.
    let instance = unsafe {
        Instance::new(store, &code, vec![Extern::Memory(memory)], Vec::new(), None, |instance| instance.make_adapter())
    };
    let instance = instance.map_err(|failure| match failure {
        Failure::Error(error) => error,
        other => Error::from(ErrorKind::Internal { message: format!("a driver failed: {other:?}") }),
    })?;
    let (run, table) = (instance.function(store, 0), instance.table(store, 0));
    let driver = Rc::new(Driver { _instance: Rooted::new(store, instance), run, table, columns: Columns::new(ty) });
    store.batches.borrow_mut().drivers.insert(key, driver.clone());
    Ok(driver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::{COMPILERS, compile, function, instantiate, new_store, run_once, through_table};

    #[test]
    fn a_batch_fills_its_columns_row_by_row() {
        let text = r#"(module (func (export "f") (param i32 i64) (result i64)
            local.get 0 i64.extend_i32_s local.get 1 i64.mul))"#;
        for compiler in COMPILERS {
            let store = new_store();
            let instance = instantiate(&store, &compile(text, compiler), Vec::new()).unwrap();
            let function = function(&store, &instance, "f");
            let batch = Batch::new(&store, function, None, &function.ty(&store), compiler).unwrap();
            for row in 0..3_usize {
                // SAFETY: a batch has room for more than three rows.
                unsafe {
                    batch.column(0).cast::<i32>().add(row).write(row as i32);
                    batch.column(1).cast::<i64>().add(row).write(-1 << 40);
                }
            }
            // SAFETY: the columns hold the arguments.
            let results = unsafe {
                batch.run(3).unwrap();
                [0, 1, 2].map(|row| batch.column(2).cast::<i64>().add(row).read())
            };
            assert_eq!(results, [0, -1 << 40, -2 << 40]);
            assert!(batch.room() >= 3);
        }
    }

    #[test]
    fn a_batch_inside_a_batch_leaves_the_outer_ones_function() {
        let store = new_store();
        let instance = instantiate(&store, &compile(&through_table("1"), Compiler::Cranelift), Vec::new()).unwrap();
        let (fifty, ten) = (function(&store, &instance, "fifty"), function(&store, &instance, "call"));
        let batch =
            |function: FuncRef| Batch::new(&store, function, None, &function.ty(&store), Compiler::Cranelift).unwrap();
        let outer = batch(fifty);
        {
            let inner = batch(ten);
            assert_eq!(run_once(&inner), 10);
            Batch::end_all(&store);
            assert_eq!(run_once(&inner), 10, "running batches keep their driver");
        }
        assert_eq!(run_once(&outer), 50);
    }

    #[test]
    fn a_shortcut_is_called_until_shortcuts_end() {
        let store = new_store();
        let instance = instantiate(&store, &compile(&through_table("1"), Compiler::Cranelift), Vec::new()).unwrap();
        let (fifty, ten) = (function(&store, &instance, "fifty"), function(&store, &instance, "call"));
        let batch = Batch::new(&store, fifty, Some(ten), &fifty.ty(&store), Compiler::Cranelift).unwrap();
        assert_eq!(run_once(&batch), 10);
        Batch::end_shortcuts(&store);
        assert_eq!(run_once(&batch), 50);
    }
}
