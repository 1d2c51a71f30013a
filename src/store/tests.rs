//! Tests of the store.

use crate::engine::{Code, Compiler, Reserve};
use crate::error::ErrorKind;
use crate::store::test_support::{COMPILERS, call, collect, compile, export, function, instantiate, table};
use crate::store::*;
use crate::wasm::{FuncType, ValType};
use std::rc::Rc;
use std::sync::Arc;

/// A module whose `call` goes through entry 0 of a table with these limits.
fn through_table(limits: &str) -> String {
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

/// The result of `call` after entry 0 was set to `fifty`.
fn after_a_write(code: &Arc<Code>) -> i32 {
    let store = Store::default();
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
fn a_fixed_table_stays_of_fixed_size() {
    for compiler in COMPILERS {
        let store = Store::default();
        let instance = instantiate(&store, &compile(&through_table("1 1"), compiler), Vec::new()).unwrap();
        assert_eq!(call(&store, function(&store, &instance, "grow")).unwrap(), -1, "the guest sees the written limit");
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
    let store = Store::default();
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
fn without_the_pass_a_write_to_a_fixed_table_is_lost() {
    // The reason why the load-time pass makes exported tables growable. If this fails, wasmer has fixed the bug.
    let bytes = wat::parse_str(through_table("1 1")).unwrap();
    let code = Code::compile_as_it_is(&bytes, Compiler::Cranelift).unwrap();
    assert_eq!(after_a_write_by_another(&code), 10);
}

/// A module with everything that loading has to handle: relocations to itself and to the engine, data, and all kinds of
/// traps.
const OF_ALL_KINDS: &str = r#"(module
    (type $f (func (result i32)))
    (memory 1) (data (i32.const 8) "\2a") (data $later "\07")
    (table 2 2 funcref) (elem (i32.const 1) $load)
    (global $g (mut f64) (f64.const 2.5))
    (func $load (type $f) i32.const 8 i32.load8_u)
    (func (export "call") (type $f) i32.const 1 call_indirect (type $f) call $load i32.sub)
    (func (export "rounds") (type $f) global.get $g f64.nearest global.get $g f64.ceil f64.add i32.trunc_f64_s)
    (func (export "grows") (type $f) i32.const 1 memory.grow)
    (func (export "copies") (type $f)
        i32.const 0 i32.const 0 i32.const 1 memory.init $later i32.const 16 i32.const 0 i32.const 9 memory.copy
        i32.const 24 i32.load8_u i32.const 16 i32.load8_u i32.add)
    (func (export "null") (type $f) i32.const 0 call_indirect (type $f))
    (func (export "outside") (type $f) i32.const 65536 i32.const 8 i32.shl i32.load)
    (func $divides (type $f) i32.const 1 i32.const 0 i32.div_s)
    (func (export "divides") (type $f) call $divides i32.const 1 i32.add)
    (func (export "unreachable") (type $f) nop unreachable)
    (func $deep (export "deep") (type $f) call $deep i32.const 1 i32.add))"#;

#[test]
fn code_does_the_same_in_either_form() {
    let bytes = wat::parse_str(OF_ALL_KINDS).unwrap();
    for compiler in COMPILERS {
        let outcomes = |code: Arc<Code>| {
            let store = Store::default();
            let instance = instantiate(&store, &code, Vec::new()).unwrap();
            let outcome = |name| match call(&store, function(&store, &instance, name)) {
                Err(Failure::Error(error)) => match error.kind() {
                    ErrorKind::Trap { trap, trace, .. } => {
                        let frames = trace.as_ref().unwrap().frames(usize::MAX);
                        Err((*trap, frames.iter().map(|frame| (frame.index, frame.offset)).collect::<Vec<_>>()))
                    }
                    other => panic!("{other:?}"),
                },
                other => Ok(other.unwrap()),
            };
            ["call", "rounds", "grows", "copies", "null", "outside", "divides", "unreachable", "deep"].map(outcome)
        };
        let linked = outcomes(Code::compile_as_it_is(&bytes, compiler).unwrap());
        assert_eq!(linked, outcomes(Code::compile_serialized(&bytes, compiler).unwrap()));
        assert_eq!(linked[..4], [Ok(0), Ok(5), Ok(1), Ok(49)]);
        let traps = linked[4..].iter().map(|outcome| outcome.as_ref().unwrap_err().0);
        let expected = ["null-function", "memory-out-of-bounds", "divide-by-zero", "unreachable", "stack-overflow"];
        assert_eq!(traps.collect::<Vec<_>>(), expected);
        let indices: Vec<_> = linked[6].as_ref().unwrap_err().1.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [7, 8]);
    }
}

#[test]
fn a_maximum_beyond_the_engine_is_no_error() {
    let store = Store::default();
    let code = compile("(module (table (export \"table\") 1 0xffffffff funcref))", Compiler::Cranelift);
    let instance = instantiate(&store, &code, Vec::new()).unwrap();
    assert_eq!(table(&store, &instance, "table").grow(&store, 1, Reference::Func(None)).unwrap(), 1);
}

#[test]
fn functions_keep_their_identity_across_instances() {
    let store = Store::default();
    let first = instantiate(&store, &compile(&through_table("1 1"), Compiler::Cranelift), Vec::new()).unwrap();
    let fifty = function(&store, &first, "fifty");
    let text = r#"(module (import "a" "f" (func (result i32))) (export "again" (func 0))
        (table (export "table") 1 funcref) (elem (i32.const 0) 0))"#;
    let imports = vec![Extern::Function(Callable::Wasm(fifty))];
    let second = instantiate(&store, &compile(text, Compiler::Cranelift), imports).unwrap();
    assert_eq!(function(&store, &second, "again"), fifty);
    assert_eq!(table(&store, &second, "table").function(&store, 0).unwrap(), Some(fifty));
    assert_eq!(fifty.name(&store), "1");
}

/// Adds one to its parameter, and counts its calls.
struct Counts(Rc<std::cell::Cell<u32>>);

impl HostFunction for Counts {
    unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown> {
        self.0.set(self.0.get() + 1);
        // SAFETY: by the contract of `call`, for a function of type (i32) -> i32.
        unsafe { (*values).i32 += 1 };
        Ok(())
    }
}

#[test]
fn an_adapted_host_function_stands_in_any_table() {
    let text = r#"(module
        (type $f (func (param i32) (result i32)))
        (table (export "table") 1 funcref)
        (func (export "call") (result i32) i32.const 41 i32.const 0 call_indirect (type $f)))"#;
    for compiler in COMPILERS {
        let (store, calls) = (Store::default(), Rc::default());
        let ty = FuncType { parameters: [ValType::I32].into(), results: [ValType::I32].into() };
        let adapted = FuncRef::adapt(&store, &ty, Box::new(Counts(Rc::clone(&calls))), compiler).unwrap();
        // Two instances: a bare host function would run with the trampoline of the last importer.
        for round in 1..=2 {
            let instance = instantiate(&store, &compile(text, compiler), Vec::new()).unwrap();
            table(&store, &instance, "table").set(&store, 0, Reference::Func(Some(adapted))).unwrap();
            assert_eq!(call(&store, function(&store, &instance, "call")).unwrap(), 42);
            assert_eq!(calls.get(), round);
        }
    }
}

struct Panics;

impl HostFunction for Panics {
    unsafe fn call(&self, _values: *mut RawValue) -> Result<(), Thrown> {
        panic!("on purpose")
    }
}

#[test]
fn a_panic_of_a_host_function_unwinds_wasm_and_no_more() {
    let text = r#"(module (import "a" "f" (func (result i32))) (func (export "call") (result i32) call 0)
        (export "itself" (func 0)))"#;
    for compiler in COMPILERS {
        let store = Store::default();
        let imports = vec![Extern::Function(Callable::Host(Box::new(Panics)))];
        let instance = instantiate(&store, &compile(text, compiler), imports).unwrap();
        for name in ["call", "itself"] {
            let failure = call(&store, function(&store, &instance, name)).unwrap_err();
            assert!(matches!(failure, Failure::Thrown(_)), "{failure:?}");
        }
    }
}

#[test]
fn a_trap_says_which_and_where() {
    let text = r#"(module (func $inner (result i32) unreachable) (func (export "call") (result i32) call $inner))"#;
    for compiler in COMPILERS {
        let store = Store::default();
        let instance = instantiate(&store, &compile(text, compiler), Vec::new()).unwrap();
        let Failure::Error(error) = call(&store, function(&store, &instance, "call")).unwrap_err() else {
            panic!("a trap is an error")
        };
        let ErrorKind::Trap { trap, trace: Some(trace), .. } = error.kind() else { panic!("{error:?}") };
        let frames = trace.frames(2);
        assert_eq!(*trap, "unreachable");
        assert_eq!(frames[0].name.as_deref(), Some("inner"), "on {compiler:?}");
        assert_eq!(frames.iter().map(|frame| frame.index).collect::<Vec<_>>(), [0, 1], "on {compiler:?}");
    }
}

#[test]
fn imports_that_do_not_fit_are_refused_before_anything_runs() {
    let store = Store::default();
    let code = compile(r#"(module (import "a" "t" (table 2 3 funcref)))"#, Compiler::Singlepass);
    let first = instantiate(&store, &compile(&through_table("1 1"), Compiler::Singlepass), Vec::new()).unwrap();
    let Err(Failure::Error(error)) = instantiate(&store, &code, vec![Extern::Table(table(&store, &first, "table"))])
    else {
        panic!("a table of one entry is too small")
    };
    let ErrorKind::Import { expected, actual, .. } = error.kind() else { panic!("{error:?}") };
    assert_eq!((expected.as_str(), actual.as_str()), ("table funcref 2..3", "table funcref 1..1"));
}

#[test]
fn code_outlives_its_module() {
    let store = Store::default();
    let code = compile(&through_table("1 1"), Compiler::Cranelift);
    let instance = instantiate(&store, &code, Vec::new()).unwrap();
    let fifty = function(&store, &instance, "fifty");
    drop((code, instance));
    assert_eq!(call(&store, fifty).unwrap(), 50);
}

/// Lengths of wasmer's lists.
fn lengths(store: &Store) -> [usize; 6] {
    use wasmer::sys::vm::{StoreObject, VMFunction, VMGlobal, VMInstance, VMMemory, VMTable, VMTag};
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
const EVERYTHING: &str = r#"(module
    (import "e" "f" (func $f (param i32) (result i32)))
    (memory (export "memory") 1)
    (table (export "table") 2 funcref)
    (global (export "global") (mut i32) (i32.const 7))
    (tag $one (param i32))
    (tag $two (param i64))
    (elem (i32.const 0) $seven)
    (func $seven (export "seven") (result i32) global.get 0)
    (func (export "call") (result i32) i32.const 41 call $f))"#;

fn everything(store: &Store, code: &Arc<Code>) -> Rc<Instance> {
    let host = Callable::Host(Box::new(Counts(Rc::default())));
    instantiate(store, code, vec![Extern::Function(host)]).unwrap()
}

#[test]
fn what_is_not_reached_goes_and_its_places_are_used_again() {
    let store = Store::default();
    let code = compile(EVERYTHING, Compiler::Cranelift);
    let kept = everything(&store, &code);
    drop(everything(&store, &code));
    let most = lengths(&store);
    for _ in 0..100 {
        let roots = Roots { instances: vec![kept.id], ..Roots::default() };
        assert_eq!(collect(&store, &roots).instances.len(), 1);
        let other = everything(&store, &code);
        assert_eq!(call(&store, function(&store, &other, "seven")).unwrap(), 7);
        assert_eq!(call(&store, function(&store, &kept, "call")).unwrap(), 42);
        assert_eq!(lengths(&store), most);
    }
    assert_eq!(collect(&store, &Roots::default()).instances.len(), 2);
    assert_eq!(store.counts().instances, 0);
    assert_eq!(Arc::strong_count(&code), 2, "the last one is held here, and by `kept`");
}

#[test]
fn an_instance_is_reached_through_tables_imports_and_functions() {
    let store = Store::default();
    let code = compile(EVERYTHING, Compiler::Cranelift);
    let reader =
        compile(r#"(module (import "a" "memory" (memory 1)) (table (export "table") 1 funcref))"#, Compiler::Cranelift);
    let first = everything(&store, &code);
    let Extern::Memory(memory) = export(&store, &first, "memory") else { panic!("a memory") };
    let second = instantiate(&store, &reader, vec![Extern::Memory(memory)]).unwrap();
    let third = everything(&store, &code);
    let seven = function(&store, &third, "seven");
    table(&store, &second, "table").set(&store, 0, Reference::Func(Some(seven))).unwrap();
    let roots = Roots { instances: vec![second.id], ..Roots::default() };
    assert!(collect(&store, &roots).instances.is_empty(), "one by its memory, one by its function");
    let entries = Roots { functions: vec![seven], ..Roots::default() };
    assert_eq!(collect(&store, &entries).instances.len(), 2);
    assert_eq!(call(&store, seven).unwrap(), 7);
    assert!(second.is_closed() && !third.is_closed());
}

#[test]
fn an_id_is_never_another_memorys() {
    let store = Store::default();
    let limits = crate::wasm::Limits { minimum: 1, maximum: None };
    let first = MemoryId::new(&store, limits, Reserve::available()).unwrap();
    collect(&store, &Roots::default());
    assert!(!first.is_open(&store));
    let second = MemoryId::new(&store, limits, Reserve::available()).unwrap();
    assert_ne!(first, second);
    assert_eq!(lengths(&store)[0], 1, "in the very place of the first one");
    assert!(!first.is_open(&store) && second.is_open(&store));
}

#[test]
fn what_is_rooted_stays_until_the_last_holder_lets_go() {
    let store = Store::default();
    let instance = everything(&store, &compile(EVERYTHING, Compiler::Cranelift));
    let Extern::Memory(memory) = export(&store, &instance, "memory") else { panic!("a memory") };
    let tag = TagId::new(&store, &FuncType::default());
    let (first, second, tagged) =
        (Rooted::new(&store, memory), Rooted::new(&store, instance.clone()), Rooted::new(&store, tag));
    drop(Rooted::new(&store, instance.clone()));
    assert!(collect(&store, &Roots::default()).instances.is_empty());
    drop(second);
    assert!(collect(&store, &Roots::default()).instances.is_empty(), "by its memory");
    assert!(first.is_open(&store) && tagged.exists(&store));
    drop((first, tagged));
    assert_eq!(collect(&store, &Roots::default()).instances.len(), 1);
    assert!(!memory.is_open(&store) && !tag.exists(&store));
}
