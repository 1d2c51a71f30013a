use crate::engine::{CompileOptions, Compiler, Reserve, compile};
use crate::error::{Error, ErrorKind, Result};
use crate::rewrite::{Columns, PAGE, batch};
use crate::store::call::trap::Failure;
use crate::store::gc::rooted::Rooted;
use crate::store::instance::entity::Instance;
use crate::store::object::extern_value::Extern;
use crate::store::{FuncRef, MemoryId, RawValue, Reference, Store, TableId};
use crate::wasm::{FuncType, Limits};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// What calls functions many times in one crossing: a loop in wasm for each type, and a memory that they share, in which
/// arguments and results stand in columns.
#[derive(Default)]
pub struct Batches {
    memory: Option<Rooted<MemoryId>>,
    drivers: FxHashMap<(FuncType, Compiler), Rc<Driver>>,
    /// The batches on the stack, each of which has a page of the memory: the table of its driver, and what it calls
    running: Vec<(TableId, FuncRef)>,
}

struct Driver {
    /// Keeps the function and the table
    _instance: Rooted<Rc<Instance>>,
    run: FuncRef,
    /// Holds the function that is called
    table: TableId,
    columns: Columns,
}

/// A batch that is being made, until it is dropped.
pub struct Batch<'a> {
    store: &'a Store,
    driver: Rc<Driver>,
    memory: MemoryId,
    page: usize,
}

impl Store {
    /// Makes ready to call `function` many times. Its values must have a width.
    ///
    /// # Errors
    /// `Memory` where there is no room for another batch; what instantiating may refuse.
    pub fn batch(&self, function: FuncRef, ty: &FuncType, compiler: Compiler) -> Result<Batch<'_>, Failure> {
        let memory = self.batch_memory()?;
        let driver = self.driver(ty, compiler, memory)?;
        let page = self.batches.borrow().running.len();
        if self.memory_data(memory).1 <= page * PAGE {
            self.memory_grow(memory, 1)?;
        }
        let shorter = self.held_by_slot_of(function, driver.table);
        self.table_set(driver.table, 0, Reference::Func(Some(shorter.unwrap_or(function))))?;
        self.batches.borrow_mut().running.push((driver.table, function));
        if shorter.is_some() {
            self.has_shortcuts.set(true);
        }
        Ok(Batch { store: self, driver, memory, page })
    }

    /// What the slot holds that `function` calls through, if it does nothing else, and if callers of `table` can call that.
    fn held_by_slot_of(&self, function: FuncRef, table: TableId) -> Option<FuncRef> {
        let (instance, index) = self.locate(function)?;
        let code = instance.code();
        let home = code.slots[code.slot_of_thunk(index)? as usize].primary_entry;
        // Into other tables, code writes too, and nobody would notice.
        if home.table != code.dispatch_table() {
            return None;
        }
        let held = self.table_get(self.instance_table(&instance, home.table), home.index).ok()??;
        self.is_native_to_table(held, table).then_some(held)
    }

    /// Has batches that are running call through slots again, since what these hold may change now.
    #[cold]
    pub(in crate::store) fn end_shortcuts(&self) {
        self.has_shortcuts.set(false);
        // The last one of a driver runs now, and stands in its table.
        let running = self.batches.borrow().running.clone();
        for (table, function) in running {
            self.call_in_batch(table, Some(function));
        }
    }

    /// Puts a function into the table of a driver, in which it has stood before.
    fn call_in_batch(&self, table: TableId, function: Option<FuncRef>) {
        let written = self.table_set(table, 0, Reference::Func(function));
        debug_assert!(written.is_ok(), "an entry that there is, and a function that stood there before");
    }

    /// Lets go of what batches need, unless one is on the stack.
    pub fn end_batches(&self) {
        let mut batches = self.batches.borrow_mut();
        if batches.running.is_empty() {
            *batches = Batches::default();
        }
    }

    fn batch_memory(&self) -> Result<MemoryId> {
        if let Some(memory) = &self.batches.borrow().memory {
            return Ok(**memory);
        }
        let memory = self.root(self.memory_new(Limits { minimum: 1, maximum: None }, Reserve::available())?);
        Ok(**self.batches.borrow_mut().memory.insert(memory))
    }

    fn driver(&self, ty: &FuncType, compiler: Compiler, memory: MemoryId) -> Result<Rc<Driver>> {
        let key = (ty.clone(), compiler);
        if let Some(driver) = self.batches.borrow().drivers.get(&key) {
            return Ok(driver.clone());
        }
        // The memory may have been made when there was less room than now.
        let reserve = if self.memory_is_full(memory) { Reserve::Full } else { Reserve::Small };
        let code = compile(&batch(ty), &CompileOptions { reserve, ..CompileOptions::plain(compiler) })?;
        // SAFETY: the module has neither a start function nor a segment, so nothing runs.
        let instance =
            unsafe { self.instantiate(&code, vec![Extern::Memory(memory)], |instance| instance.make_adapter()) };
        let instance = instance.map_err(|failure| match failure {
            Failure::Error(error) => error,
            other => Error::from(ErrorKind::Internal { message: format!("a driver failed: {other:?}") }),
        })?;
        let (run, table) = (self.function(&instance, 0), self.instance_table(&instance, 0));
        let driver = Rc::new(Driver { _instance: self.root(instance), run, table, columns: Columns::new(ty) });
        self.batches.borrow_mut().drivers.insert(key, driver.clone());
        Ok(driver)
    }
}

impl Batch<'_> {
    /// How many calls there is room for at once.
    pub fn room(&self) -> usize {
        self.driver.columns.room
    }

    /// The bytes of a column, of which there is one for each parameter and then one for each result. Good until wasm runs.
    pub fn column(&self, index: usize) -> *mut u8 {
        let (base, _) = self.store.memory_data(self.memory);
        base.wrapping_add(self.page * PAGE + self.driver.columns.offsets[index])
    }

    /// Makes `count` calls, with the arguments that stand in the columns; no more than there is room for.
    ///
    /// # Errors
    /// Why a call ended early; those after it are not made.
    ///
    /// # Safety
    /// As for `Store::call`.
    pub unsafe fn run(&self, count: usize) -> Result<(), Failure> {
        if count == 0 {
            return Ok(());
        }
        let mut values = [count, self.page * PAGE].map(|number| RawValue { u128: (number as u32).into() });
        // SAFETY: the driver takes two values, and gives none; the rest by the contract of this function.
        unsafe { self.store.call(self.driver.run, values.as_mut_ptr()) }
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
        self.store.call_in_batch(self.driver.table, outer);
    }
}
