use super::extern_value::Extern;
use super::instance::Instance;
use super::trap::Failure;
use super::{FuncRef, MemoryId, RawValue, Reference, Store, TableId};
use crate::engine::{Compiler, How, compile};
use crate::error::{Error, ErrorKind, Result};
use crate::rewrite::{batch, width};
use crate::wasm::{FuncType, Limits};
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

/// Size of a page in bytes.
const PAGE: usize = 65_536;

/// What calls functions many times in one crossing: a loop in wasm for each type, and a memory that they share, in which
/// arguments and results stand in columns.
#[derive(Default)]
pub struct Batches {
    memory: Option<MemoryId>,
    drivers: HashMap<(FuncType, Compiler), Driver>,
    /// How many batches are on the stack; each has a page of the memory
    depth: Rc<Cell<usize>>,
}

#[derive(Clone)]
struct Driver {
    instance: Rc<Instance>,
    run: FuncRef,
    /// Holds the function that is called
    table: TableId,
}

/// A batch that is being made, until it is dropped.
pub struct Batch<'a> {
    store: &'a Store,
    driver: Driver,
    /// What the driver's table held before
    outer: Option<FuncRef>,
    depth: Rc<Cell<usize>>,
    memory: MemoryId,
    page: usize,
    /// How many calls there is room for at once
    pub room: usize,
    /// Where each column is in the page, those of the parameters first
    offsets: Vec<usize>,
}

impl Batches {
    /// The instances that the store needs for itself.
    pub(super) fn instances(&self) -> impl Iterator<Item = &Rc<Instance>> {
        self.drivers.values().map(|driver| &driver.instance)
    }

    pub(super) fn memory(&self) -> Option<MemoryId> {
        self.memory
    }
}

impl Store {
    /// Makes ready to call `function` many times. Its values must have a width.
    ///
    /// # Errors
    /// `Memory` where there is no room for another batch; what instantiating may refuse.
    pub fn batch(&self, function: FuncRef, ty: &FuncType, compiler: Compiler) -> Result<Batch<'_>> {
        let memory = self.batch_memory()?;
        let driver = self.driver(ty, compiler, memory)?;
        let depth = self.batches.borrow().depth.clone();
        let page = depth.get();
        if self.memory_data(memory).1 <= page * PAGE {
            self.memory_grow(memory, 1)?;
        }
        let widths: Vec<usize> = ty
            .parameters
            .iter()
            .chain(&ty.results)
            .filter_map(|each| width(*each))
            .map(|width| width as usize)
            .collect();
        // A multiple of eight, so that each column begins at one.
        let room = (PAGE / widths.iter().sum::<usize>().max(8)) & !7;
        let offsets =
            widths.iter().scan(0, |offset, width| Some(std::mem::replace(offset, *offset + width * room))).collect();
        let outer = self.table_get(driver.table, 0)?;
        self.table_set(driver.table, 0, Reference::Func(Some(function)))?;
        depth.set(page + 1);
        Ok(Batch { store: self, driver, outer, depth, memory, page, room, offsets })
    }

    /// Lets go of what batches need, unless one is on the stack.
    pub fn end_batches(&self) {
        let mut batches = self.batches.borrow_mut();
        if batches.depth.get() == 0 {
            *batches = Batches::default();
        }
    }

    fn batch_memory(&self) -> Result<MemoryId> {
        if let Some(memory) = self.batches.borrow().memory {
            return Ok(memory);
        }
        let memory = self.memory_new(Limits { minimum: 1, maximum: None })?;
        self.batches.borrow_mut().memory = Some(memory);
        Ok(memory)
    }

    fn driver(&self, ty: &FuncType, compiler: Compiler, memory: MemoryId) -> Result<Driver> {
        let key = (ty.clone(), compiler);
        if let Some(driver) = self.batches.borrow().drivers.get(&key) {
            return Ok(driver.clone());
        }
        let code = compile(&batch(ty), &How::plain(compiler))?;
        // SAFETY: the module has neither a start function nor a segment, so nothing runs.
        let instance =
            unsafe { self.instantiate(&code, vec![Extern::Memory(memory)], |instance| instance.make_adapter()) };
        let instance = instance.map_err(|failure| match failure {
            Failure::Error(error) => error,
            other => Error::from(ErrorKind::Internal { message: format!("a driver failed: {other:?}") }),
        })?;
        let (run, table) = (self.function(&instance, 0), self.instance_table(&instance, 0));
        let driver = Driver { instance, run, table };
        self.batches.borrow_mut().drivers.insert(key, driver.clone());
        Ok(driver)
    }
}

impl Batch<'_> {
    /// The bytes of a column, of which there is one for each parameter and then one for each result. Good until wasm runs.
    pub fn column(&self, index: usize) -> *mut u8 {
        let (base, _) = self.store.memory_data(self.memory);
        base.wrapping_add(self.page * PAGE + self.offsets[index])
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
        let whole = |number: usize| RawValue { u128: (number as u32).into() };
        let addresses = self.offsets.iter().map(|offset| self.page * PAGE + offset);
        let mut values: Vec<_> = std::iter::once(count).chain(addresses).map(whole).collect();
        // SAFETY: the driver takes so many values, and gives none; the rest by the contract of this function.
        unsafe { self.store.call(self.driver.run, values.as_mut_ptr()) }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.depth.set(self.page);
        // An entry that there is, and a function that stood there before: nothing to refuse.
        let _ = self.store.table_set(self.driver.table, 0, Reference::Func(self.outer));
    }
}
