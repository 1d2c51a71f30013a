//! Tests of links.

mod check;
mod collect;
mod commit;
mod forwarding;
mod shortcuts;
mod undo;

use super::{Allowed, Change, Link, SlotId, Slots, skip_forwarders};
use crate::engine::Compiler;
use crate::error::{Error, Result};
use crate::rewrite::Selection;
use crate::store::test_support::{call, compile_with, function, instantiate, new_store};
use crate::store::{Extern, FuncRef, Instance, Store};
use std::rc::Rc;

/// A module with two functions that are slots, a table that holds both, and a caller of each.
const TWO_SLOTS: &str = r#"(module
    (type (func (result i32)))
    (func $f (export "f") (result i32) i32.const 1)
    (func $g (export "g") (result i32) i32.const 2)
    (func (export "call_f") (result i32) call $f)
    (func (export "call_g") (result i32) call $g)
    (func (export "call_pointer") (result i32) i32.const 0 call_indirect (type 0))
    (table (export "table") 2 2 funcref) (elem (i32.const 0) $f $g))"#;

/// A store with its slots.
struct Fixture {
    store: Store,
    slots: Slots,
    last: u64,
}

impl Default for Fixture {
    fn default() -> Self {
        Self { store: new_store(), slots: Slots::default(), last: 0 }
    }
}

impl Fixture {
    fn instance(&mut self, text: &str) -> Rc<Instance> {
        self.import(text, Compiler::Cranelift, Vec::new())
    }

    fn import(&mut self, text: &str, compiler: Compiler, imports: Vec<Extern>) -> Rc<Instance> {
        let code = compile_with(text, compiler, &Selection::Default);
        let instance = instantiate(&self.store, &code, imports).unwrap();
        skip_forwarders(&self.store, &instance);
        self.slots.register_instance(&self.store, &instance);
        instance
    }

    /// The slot of this name.
    fn slot(&mut self, instance: &Rc<Instance>, name: &str) -> SlotId {
        let names = &instance.code().details().names;
        let position = names.iter().position(|slot| slot.name == name).unwrap_or_else(|| panic!("no slot {name}"));
        self.slots.of_instance(&self.store, instance, position as u32)
    }

    /// The function that an export is: for a function that is a slot, the thunk.
    fn export(&self, instance: &Instance, name: &str) -> FuncRef {
        function(&self.store, instance, name)
    }

    fn original(&self, slot: SlotId) -> FuncRef {
        self.slots.slot(slot).original.unwrap()
    }

    fn link(&mut self, implementation: FuncRef, slot: SlotId) -> Result<Link> {
        self.last += 1;
        self.slots.link(&self.store, &Change { position: 0, implementation, slot }, Allowed::default(), self.last)
    }

    fn relink(&mut self, changes: &[(FuncRef, SlotId)]) -> Result<Vec<Link>> {
        let first = self.last + 1;
        self.last += changes.len() as u64;
        let change = |(position, (implementation, slot)): (usize, &(FuncRef, SlotId))| Change {
            position,
            implementation: *implementation,
            slot: *slot,
        };
        let changes: Vec<_> = changes.iter().enumerate().map(change).collect();
        self.slots.relink(&self.store, &changes, Allowed::default(), Vec::new(), first)
    }

    fn undo(&mut self, links: &[Link]) -> Result<()> {
        self.slots.undo(&self.store, links)
    }

    fn reset(&mut self, slot: SlotId) -> Result<()> {
        self.slots.reset(&self.store, slot)
    }

    fn current(&self, slot: SlotId) -> Option<FuncRef> {
        self.slots.current(&self.store, slot)
    }

    fn call(&self, instance: &Instance, name: &str) -> i32 {
        call(&self.store, self.export(instance, name)).unwrap()
    }
}

/// The code of an error.
fn code<T>(result: Result<T>) -> &'static str {
    result.map(drop).map_err(|error: Error| error.code().0).unwrap_err()
}
