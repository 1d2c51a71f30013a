//! The functions of `lib/` that native code calls (`lib/internal/lib-functions.js`). They are in JavaScript so that
//! errors and objects belong to the caller's realm.

use crate::napi::env::reference::StrongReference;
use crate::napi::env::value::{JsEnv, Value};

/// Defines `LibFunctions` and its constructor from one list of fields and properties.
macro_rules! lib_functions {
    ($($(#[$doc:meta])* $field:ident = $property:literal,)*) => {
        /// The functions of `lib/` for a store.
        pub struct LibFunctions {
            $($(#[$doc])* pub $field: StrongReference,)*
        }

        impl LibFunctions {
            /// The functions that are properties of `object`.
            pub fn new(env: JsEnv<'_>, object: Value<'_>) -> Self {
                Self { $($field: StrongReference::new(env, env.property(object, $property)),)* }
            }
        }
    };
}

lib_functions! {
    /// `(json: string) => Error`: builds an error from its JSON description
    error = c"error",
    /// `() => number`: reads `Error.stackTraceLimit`, in frames
    stack_trace_limit = c"stackTraceLimit",
    /// `(value: unknown) => bigint`: ToBigInt64
    to_bigint64 = c"toBigInt64",
    /// `(value: unknown) => number`: ToNumber
    to_number = c"toNumber",
    /// `(value: unknown) => unknown[]`: iterates a value into an array
    to_list = c"toList",
    /// `(...values: unknown[]) => unknown[]`: makes an array of its arguments
    list_of = c"listOf",
    /// `(value: unknown) => unknown[] | null | undefined`: converts a thrown value for wasm that catches. An `Exception`
    /// becomes a list of its tag's id and its values, a value that wasm may not catch null, any other value undefined
    to_exception = c"toException",
    /// `(list: unknown[]) => object`: makes an `Exception` from a list of a tag's id, the names of its types, and the
    /// values
    from_exception = c"fromException",
    /// `(memory: object) => Uint8Array`: the bytes of a shared memory, which is Node's own `Memory`
    shared_bytes = c"sharedBytes",
    /// `(memory: object, pages: number) => boolean`: grows such a memory; returns whether it could
    shared_grow = c"sharedGrow",
    /// `(memory: object, offset: number, expected: number | bigint, milliseconds: number) => number`:
    /// `memory.atomic.wait`; returns 0 for "ok", 1 for "not-equal", 2 for "timed-out"
    shared_wait = c"sharedWait",
    /// `(memory: object, offset: number, count: number) => number`: `memory.atomic.notify`; returns the number of woken
    /// threads
    shared_notify = c"sharedNotify",
    /// `(retainer: object, error: unknown) => void`: recycles the instance of the retainer after that error, as its options say
    recycle = c"recycle",
    /// `(instances: number, milliseconds: number) => void`: notes that a collection has freed so many instances in so much
    /// time. Runs no user code
    collected = c"collected",
    /// `() => void`: does nothing
    look = c"look",
    /// `() => boolean`: whether a `FinalizationRegistry` callback is running
    in_finalizer = c"inFinalizer",
    /// The `map` method of exported functions
    map = c"map",
    /// `(id: number, parameters: string[], results: string[]) => void`: adds a function type for `makeFunction`
    add_type = c"addType",
    /// `(index: number, type: number, name: string, address: number, retainer?: object, quota?: number) => Function |
    /// undefined`: makes an exported function whose values go through shared memory, where it has this index. `quota` is the key
    /// of its instance's quota of externrefs. Undefined if that is not possible. Also does what `registerFunction` does
    make_function = c"makeFunction",
    /// `(fn: Function, parameters: string, results: string, quota?: number) => Function | undefined`: makes the thunk of an
    /// import, which calls it and resumes the parked call. `quota` is the key of the importing instance's quota of externrefs.
    /// Undefined if that is not possible
    import_thunk = c"importThunk",
    /// `(from: number) => void`: drops the values of the free externref numbers after the first `from` ones
    drop_externrefs = c"dropExternrefs",
    /// `(numbers: Uint32Array) => void`: drops the values of externref numbers that retainers hold
    drop_retained = c"dropRetained",
    /// `(values: unknown[] | undefined, numbers: Uint32Array, indices: Uint32Array) => unknown[]`: an array of the values of
    /// externref numbers, those with an index from this retainer's array: the index counts from 1
    retain_externrefs = c"retainExternrefs",
    /// `(values: unknown[], numbers: Uint32Array, indices: Uint32Array) => void`: takes the values of externref numbers back
    /// from a retainer's array
    return_externrefs = c"returnExternrefs",
    /// `(fn: object, address: number, retainer?: object) => void`: records the address of an exported function, and the
    /// retainer that the function keeps alive
    register_function = c"registerFunction",
}
