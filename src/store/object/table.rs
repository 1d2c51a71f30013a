//! Tables.

use crate::engine::{
    charge_for_table, charge_table_growth, keep_table_charge, may_begin, may_grow, release_table_growth, table_type,
};
use crate::error::{ErrorKind, Result};
use crate::store::object::table_facts::TableFacts;
use crate::store::{ExternRef, FuncRef, Reference, Store, TableId};
use crate::wasm::{MOST_ENTRIES, RefType, TableType};
use wasmer::sys::vm::{InternalStoreHandle, TableElement, TableStyle, VMCallerCheckedAnyfunc, VMFuncRef, VMTable};

impl TableId {
    /// Makes a table, with null in every entry.
    ///
    /// # Errors
    /// `OutOfRange` for more than `MOST_ENTRIES` entries, `Limit`, `Memory` where there is no room for them.
    pub fn new(store: &Store, ty: &TableType) -> Result<Self> {
        if ty.limits.minimum > MOST_ENTRIES.into() {
            let message = format!("expected at most {MOST_ENTRIES} entries for a table, got {}", ty.limits.minimum);
            return Err(ErrorKind::OutOfRange { message }.into());
        }
        if !u32::try_from(ty.limits.minimum).is_ok_and(may_begin) {
            let message = format!("there is no room for a table of {} entries", ty.limits.minimum);
            return Err(ErrorKind::Memory { message }.into());
        }
        let charge = charge_for_table(&store.quota, ty.limits.minimum as u32)?;
        let table = VMTable::new(&table_type(ty), &TableStyle::CallerChecksSignature)
            .map_err(|message| ErrorKind::OutOfRange { message })?;
        keep_table_charge(&table, charge);
        let handle = store.with_objects(|objects| store.tables.borrow_mut().add(objects, table));
        Ok(Self::of(store, handle))
    }

    pub(in crate::store) fn of(store: &Store, handle: InternalStoreHandle<VMTable>) -> Self {
        let id = Self(store.tables.borrow_mut().id(handle));
        store.table_facts.borrow_mut().entry(id).or_insert(TableFacts {
            handle,
            compiler: None,
            copy: None,
            forwarders: None,
            tier_up_copy: None,
        });
        id
    }

    /// The facts about a table.
    ///
    /// # Panics
    /// If there is no such table: check an id that came from JavaScript with `has_table` first.
    pub(in crate::store) fn facts(self, store: &Store) -> TableFacts {
        store.table_facts.borrow()[&self]
    }

    /// Changes the facts about a table, if it exists.
    pub(in crate::store) fn change_facts(self, store: &Store, change: impl FnOnce(&mut TableFacts)) {
        store.table_facts.borrow_mut().get_mut(&self).map(change);
    }

    /// Forgets the facts about a freed table.
    pub(in crate::store) fn forget(self, store: &Store) {
        store.table_facts.borrow_mut().remove(&self);
    }

    /// Whether the table exists and JavaScript's handles of it have not ended.
    pub fn is_open(self, store: &Store) -> bool {
        store.tables.borrow().find(self.0).is_some()
    }

    pub(in crate::store) fn handle(self, store: &Store) -> InternalStoreHandle<VMTable> {
        self.facts(store).handle
    }

    /// The element type of the table.
    pub fn element_type(self, store: &Store) -> RefType {
        let handle = self.handle(store);
        match store.with_objects(|objects| handle.get(objects).ty().ty) {
            wasmer::Type::FuncRef => RefType::Func,
            _ => RefType::Extern,
        }
    }

    /// Number of entries.
    pub fn size(self, store: &Store) -> u32 {
        let handle = self.handle(store);
        store.with_objects(|objects| handle.get(objects).size())
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn get(self, store: &Store, index: u32) -> Result<Reference> {
        let handle = self.handle(store);
        match store.with_objects(|objects| handle.get(objects).get(index)) {
            Some(TableElement::FuncRef(entry)) => {
                // SAFETY: every entry of a funcref table points to a function of its store.
                let function = entry.map(|entry| unsafe { FuncRef::new(entry.0) }.canonical(store));
                Ok(Reference::Func(function))
            }
            Some(TableElement::ExternRef(entry)) => Ok(Reference::Extern(ExternRef::from_element(entry))),
            None => Err(self.out_of_bounds(store, index)),
        }
    }

    /// Reads an entry of a funcref table.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn function(self, store: &Store, index: u32) -> Result<Option<FuncRef>> {
        match self.get(store, index)? {
            Reference::Func(function) => Ok(function),
            Reference::Extern(_) => Ok(None),
        }
    }

    /// Reads an entry of a funcref table as it stands there: it may be a bridge or a forwarder. None for null, and out of bounds.
    pub fn stored(self, store: &Store, index: u32) -> Option<FuncRef> {
        let handle = self.handle(store);
        match store.with_objects(|objects| handle.get(objects).get(index)) {
            // SAFETY: every entry of a funcref table points to a function of its store.
            Some(TableElement::FuncRef(entry)) => entry.map(|entry| unsafe { FuncRef::new(entry.0) }),
            _ => None,
        }
    }

    /// Writes all entries of wasmer's copy again, if there is one, after the table itself was replaced.
    pub(in crate::store) fn write_copy(self, store: &Store) {
        let facts = self.facts(store);
        if facts.copy.is_some() {
            for index in 0..self.size(store) {
                let entry = self.stored(store, index).map(FuncRef::raw);
                let written = self.write(store, facts, index, entry);
                debug_assert!(written.is_ok(), "the index is in bounds");
            }
        }
    }

    /// Writes a reference of the table's element type, and wasmer's copy of a fixed table. Compiled code of every instance
    /// sees the write at once.
    ///
    /// # Errors
    /// `OutOfRange`, and the errors of `native_to`.
    pub fn set(self, store: &Store, index: u32, value: Reference) -> Result<()> {
        match self.element(store, value)? {
            TableElement::FuncRef(entry) => self.write(store, self.facts(store), index, entry),
            value @ TableElement::ExternRef(_) => {
                let handle = self.handle(store);
                store
                    .with_objects(|objects| handle.get_mut(objects).set(index, value))
                    .map_err(|_| self.out_of_bounds(store, index))
            }
        }
    }

    /// Writes a function that `native_to_table` returned for this table, or for another one of the same compiler.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn put(self, store: &Store, index: u32, native: FuncRef) -> Result<()> {
        let facts = self.facts(store);
        if facts.compiler.is_none() {
            self.bind(store, native.compiler(store));
        }
        self.write(store, facts, index, Some(native.raw()))
    }

    fn write(self, store: &Store, facts: TableFacts, index: u32, entry: Option<VMFuncRef>) -> Result<()> {
        let TableFacts { handle, copy, forwarders, tier_up_copy, .. } = facts;
        store
            .with_objects(|objects| handle.get_mut(objects).set(index, TableElement::FuncRef(entry)))
            .map_err(|_| self.out_of_bounds(store, index))?;
        if let Some(copy) = copy {
            let function = entry.map(|entry| {
                // SAFETY: the entry points to a function that the table now keeps alive.
                let function = unsafe { FuncRef::new(entry.0) };
                forwarders.map_or(function, |forwarders| forwarders.called(function)).callee()
            });
            let function = function.unwrap_or_else(VMCallerCheckedAnyfunc::null);
            // SAFETY: `set` has accepted the index, and a table with a copy cannot grow, so the copy has this entry. No
            // wasm runs meanwhile.
            unsafe { *copy.as_ptr().add(index as usize) = function };
        }
        match (tier_up_copy, entry) {
            (None, _) => Ok(()),
            (Some(tier_up_copy), None) => tier_up_copy.write(store, tier_up_copy.facts(store), index, None),
            (Some(tier_up_copy), Some(entry)) => {
                // SAFETY: callers write only functions of this store.
                let function = unsafe { FuncRef::new(entry.0) }.canonical(store);
                tier_up_copy.put(store, index, tier_up_copy.native(store, function)?)
            }
        }
    }

    /// Grows a table by `delta` entries of `value`, and returns the previous number of entries.
    ///
    /// # Errors
    /// `OutOfRange` beyond its maximum, `Limit`, `Memory` where there is no room, the errors of `native_to`; then it has
    /// not grown.
    pub fn grow(self, store: &Store, delta: u32, value: Reference) -> Result<u32> {
        let handle = self.handle(store);
        let size = self.size(store);
        let element = self.element(store, value)?;
        let most = store.with_objects(|objects| handle.get(objects).ty().maximum).unwrap_or(MOST_ENTRIES);
        if size.checked_add(delta).is_some_and(|entries| entries <= most) && !may_grow(size, delta) {
            let message = format!("there is no room for the table to grow from {size} entries by {delta}");
            return Err(ErrorKind::Memory { message }.into());
        }
        let definition = store.with_objects(|objects| handle.get(objects).vmtable());
        if size.checked_add(delta).is_some_and(|entries| entries <= most) {
            charge_table_growth(definition, delta)?;
        }
        let grown = store.with_objects(|objects| handle.get_mut(objects).grow(delta, element));
        grown.ok_or_else(|| {
            if size.checked_add(delta).is_some_and(|entries| entries <= most) {
                release_table_growth(definition, delta);
            }
            let message = format!("the table has {size} entries and at most {most}: it cannot grow by {delta} entries");
            ErrorKind::OutOfRange { message }.into()
        })
    }

    /// The table element for a reference: a function that callers of the table can call, or an externref.
    fn element(self, store: &Store, value: Reference) -> Result<TableElement> {
        let value = match value {
            Reference::Func(value) => value,
            Reference::Extern(value) => return Ok(value.element()),
        };
        let native = value.map(|function| self.native(store, function)).transpose()?;
        if let Some(function) = native {
            self.bind(store, function.compiler(store));
        }
        Ok(TableElement::FuncRef(native.map(FuncRef::raw)))
    }

    fn out_of_bounds(self, store: &Store, index: u32) -> crate::error::Error {
        let message = format!("table index {index} is out of bounds: the table has {} entries", self.size(store));
        ErrorKind::OutOfRange { message }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Code, Compiler, Resource, is_charged};
    use crate::store::Extern;
    use crate::store::test_support::{
        COMPILERS, call, compile, function, instantiate, new_store, table, through_table,
    };
    use std::sync::Arc;

    /// The result of `call` after entry 0 was set to `fifty`.
    fn after_a_write(code: &Arc<Code>) -> i32 {
        let store = new_store();
        let instance = instantiate(&store, code, Vec::new()).unwrap();
        assert_eq!(call(&store, function(&store, &instance, "call")).unwrap(), 10);
        let fifty = function(&store, &instance, "fifty");
        table(&store, &instance, "table").set(&store, 0, Reference::Func(Some(fifty))).unwrap();
        call(&store, function(&store, &instance, "call")).unwrap()
    }

    #[test]
    fn a_write_to_a_table_is_seen_whatever_its_limits() {
        for compiler in COMPILERS {
            for limits in ["1 1", "1 2", "1", "3 3"] {
                assert_eq!(after_a_write(&compile(&through_table(limits), compiler)), 50, "{limits} on {compiler:?}");
            }
        }
    }

    #[test]
    fn the_charges_of_tables_go_with_their_store() {
        let store = new_store();
        let instance = instantiate(&store, &compile(&through_table("1"), Compiler::Cranelift), Vec::new()).unwrap();
        let limits = crate::wasm::Limits { minimum: 3, maximum: None };
        let host = TableId::new(&store, &TableType { element: RefType::Func, limits }).unwrap();
        let definitions = [table(&store, &instance, "table"), host].map(|table| {
            let handle = table.handle(&store);
            store.with_objects(|objects| handle.get(objects).vmtable())
        });
        assert!(definitions.into_iter().all(is_charged));
        assert_eq!(store.quota.used(Resource::TableElements), 4, "the dispatch table of slots is not the author's");
        let quota = store.quota.clone();
        drop((store, instance));
        assert!(!definitions.into_iter().any(is_charged));
        assert_eq!(quota.used(Resource::TableElements), 0);
    }

    #[test]
    fn a_fixed_table_stays_of_fixed_size() {
        for compiler in COMPILERS {
            let store = new_store();
            let instance = instantiate(&store, &compile(&through_table("1 1"), compiler), Vec::new()).unwrap();
            assert_eq!(
                call(&store, function(&store, &instance, "grow")).unwrap(),
                -1,
                "the guest sees the written limit"
            );
            let table = table(&store, &instance, "table");
            assert!(table.grow(&store, 1, Reference::Func(None)).is_err(), "and so does the host");
            assert_eq!(table.size(&store), 1);
        }
    }

    /// The result of `call` after another instance has put a function into entry 0.
    fn after_a_write_by_another(first: &Arc<Code>) -> i32 {
        let writer = r#"(module
            (import "a" "table" (table 1 1 funcref))
            (elem declare func $seven)
            (func $seven (result i32) i32.const 7)
            (func (export "write") (result i32) i32.const 0 ref.func $seven table.set 0 i32.const 0))"#;
        let store = new_store();
        let writer = compile(writer, first.compiler);
        let first = instantiate(&store, first, Vec::new()).unwrap();
        let shared = Extern::Table(table(&store, &first, "table"));
        let second = instantiate(&store, &writer, vec![shared]).unwrap();
        call(&store, function(&store, &second, "write")).unwrap();
        call(&store, function(&store, &first, "call")).unwrap()
    }

    #[test]
    fn a_write_by_another_instance_is_seen() {
        for compiler in COMPILERS {
            assert_eq!(after_a_write_by_another(&compile(&through_table("1 1"), compiler)), 7);
        }
    }

    #[test]
    fn a_write_by_another_instance_reaches_the_copy_of_a_fixed_table() {
        for compiler in COMPILERS {
            // Without the load-time pass, so that the table has a copy whatever the pass decides.
            let bytes = wat::parse_str(through_table("1 1")).unwrap();
            let code = Code::compile_as_it_is(&bytes, compiler).unwrap();
            assert_eq!(after_a_write_by_another(&code), 7);
        }
    }

    #[test]
    fn a_maximum_beyond_the_engine_is_no_error() {
        let store = new_store();
        let code = compile("(module (table (export \"table\") 1 0xffffffff funcref))", Compiler::Cranelift);
        let instance = instantiate(&store, &code, Vec::new()).unwrap();
        assert_eq!(table(&store, &instance, "table").grow(&store, 1, Reference::Func(None)).unwrap(), 1);
    }
}
