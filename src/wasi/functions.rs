//! The functions of WASI: their names, types and code, and their binding to wasi-common.

use crate::store::{Parameters, RawValue, StaticCode};
use crate::wasi::errno;
use crate::wasm::{FuncType, ValType};
use std::future::Future;
use wasi_common::WasiCtx;
use wasi_common::snapshots::preview_0::wasi_unstable;
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1;
use wiggle::{GuestMemory, anyhow, run_in_dummy_executor};

/// A version of WASI, which is a module that guests import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// `wasi_unstable`
    Unstable,
    /// `wasi_snapshot_preview1`
    Preview1,
}

impl Snapshot {
    /// Its functions.
    pub fn functions(self) -> &'static [Function] {
        match self {
            Self::Unstable => UNSTABLE,
            Self::Preview1 => PREVIEW_1,
        }
    }
}

/// A function of WASI.
pub struct Function {
    /// Its name
    pub name: &'static str,
    /// The same as an enum
    pub id: FunctionId,
    parameters: &'static [ValType],
    code: fn() -> StaticCode,
    bound: unsafe fn(&mut WasiCtx, &mut GuestMemory<'_>, *const RawValue) -> anyhow::Result<i32>,
}

impl Function {
    /// Its type.
    pub fn ty(&self) -> FuncType {
        let results: &[_] = if self.name == "proc_exit" { &[] } else { &[ValType::I32] };
        FuncType { parameters: self.parameters.into(), results: results.into() }
    }

    /// Whether it has no parameters.
    pub fn has_no_parameters(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Its static code.
    pub fn code(&self) -> StaticCode {
        (self.code)()
    }

    /// Calls wasi-common.
    ///
    /// # Errors
    /// A fault that is no errno.
    ///
    /// # Safety
    /// `values` points to arguments of its type.
    pub unsafe fn call(
        &self,
        context: &mut WasiCtx,
        memory: &mut GuestMemory<'_>,
        values: *const RawValue,
    ) -> anyhow::Result<i32> {
        // SAFETY: by the contract of this function.
        unsafe { (self.bound)(context, memory, values) }
    }
}

/// The result of a function that wasi-common generates: an errno, or none for `proc_exit`.
trait Errno {
    fn errno(self) -> i32;
}

impl Errno for i32 {
    fn errno(self) -> i32 {
        self
    }
}

impl Errno for () {
    fn errno(self) -> i32 {
        0
    }
}

/// Runs a function to its end. The functions are async by type only: with the feature `sync`, none of them waits. Arguments
/// that are no pointer, flag or text are an errno too, as are errors that only the system knows: the guest goes on.
fn run<T: Errno>(call: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<i32> {
    match run_in_dummy_executor(call)? {
        Ok(result) => Ok(result.errno()),
        Err(error) => errno::of_fault(&error).ok_or(error),
    }
}

macro_rules! functions {
    (ids of $snapshot:ident: $($name:ident($($argument:ident: $ty:ident),*))*) => {
        /// Which function it is.
        #[allow(non_camel_case_types, missing_docs, reason = "the names are those of WASI")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FunctionId { $($name),* }
    };
    ($list:ident of $snapshot:ident: $($name:ident($($argument:ident: $ty:ident),*))*) => {
        static $list: &[Function] = &[$(Function {
            name: stringify!($name),
            id: FunctionId::$name,
            parameters: <($($ty,)*) as Parameters>::TYPES,
            code: <($($ty,)*) as Parameters>::code,
            bound: |context, memory, values| {
                // SAFETY: by the contract of `Function::call`.
                let ($($argument,)*) = unsafe { <($($ty,)*) as Parameters>::read(values) };
                run($snapshot::$name(context, memory, $($argument),*))
            },
        }),*];
    };
}

macro_rules! of_both {
    ($list:ident of $snapshot:ident: $($more:tt)*) => {
        functions! { $list of $snapshot:
            args_get(argv: i32, buffer: i32)
            args_sizes_get(count: i32, size: i32)
            environ_get(environ: i32, buffer: i32)
            environ_sizes_get(count: i32, size: i32)
            clock_res_get(id: i32, to: i32)
            clock_time_get(id: i32, precision: i64, to: i32)
            fd_advise(fd: i32, offset: i64, length: i64, advice: i32)
            fd_allocate(fd: i32, offset: i64, length: i64)
            fd_close(fd: i32)
            fd_datasync(fd: i32)
            fd_fdstat_get(fd: i32, to: i32)
            fd_fdstat_set_flags(fd: i32, flags: i32)
            fd_fdstat_set_rights(fd: i32, base: i64, inheriting: i64)
            fd_filestat_get(fd: i32, to: i32)
            fd_filestat_set_size(fd: i32, size: i64)
            fd_filestat_set_times(fd: i32, accessed: i64, modified: i64, flags: i32)
            fd_pread(fd: i32, vectors: i32, count: i32, offset: i64, to: i32)
            fd_prestat_get(fd: i32, to: i32)
            fd_prestat_dir_name(fd: i32, path: i32, length: i32)
            fd_pwrite(fd: i32, vectors: i32, count: i32, offset: i64, to: i32)
            fd_read(fd: i32, vectors: i32, count: i32, to: i32)
            fd_readdir(fd: i32, buffer: i32, length: i32, cookie: i64, to: i32)
            fd_renumber(from: i32, to: i32)
            fd_seek(fd: i32, offset: i64, whence: i32, to: i32)
            fd_sync(fd: i32)
            fd_tell(fd: i32, to: i32)
            fd_write(fd: i32, vectors: i32, count: i32, to: i32)
            path_create_directory(fd: i32, path: i32, length: i32)
            path_filestat_get(fd: i32, flags: i32, path: i32, length: i32, to: i32)
            path_filestat_set_times(
                fd: i32, lookup: i32, path: i32, length: i32, accessed: i64, modified: i64, flags: i32
            )
            path_link(fd: i32, lookup: i32, path: i32, length: i32, new_fd: i32, new_path: i32, new_length: i32)
            path_open(
                fd: i32, lookup: i32, path: i32, length: i32, open: i32, base: i64, inheriting: i64, flags: i32, to: i32
            )
            path_readlink(fd: i32, path: i32, length: i32, buffer: i32, room: i32, to: i32)
            path_remove_directory(fd: i32, path: i32, length: i32)
            path_rename(fd: i32, path: i32, length: i32, new_fd: i32, new_path: i32, new_length: i32)
            path_symlink(target: i32, target_length: i32, fd: i32, path: i32, length: i32)
            path_unlink_file(fd: i32, path: i32, length: i32)
            poll_oneoff(subscriptions: i32, events: i32, count: i32, to: i32)
            proc_exit(code: i32)
            proc_raise(signal: i32)
            sched_yield()
            random_get(buffer: i32, length: i32)
            sock_recv(fd: i32, vectors: i32, count: i32, flags: i32, size: i32, to: i32)
            sock_send(fd: i32, vectors: i32, count: i32, flags: i32, to: i32)
            sock_shutdown(fd: i32, how: i32)
            $($more)*
        }
    };
}

of_both! { ids of wasi_snapshot_preview1: sock_accept(fd: i32, flags: i32, to: i32) }
of_both! { UNSTABLE of wasi_unstable: }
of_both! { PREVIEW_1 of wasi_snapshot_preview1: sock_accept(fd: i32, flags: i32, to: i32) }

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use wasi_common::sync::WasiCtxBuilder;

    fn call(name: &str, memory: &mut [u8], values: &[RawValue]) -> i32 {
        let function = Snapshot::Preview1.functions().iter().find(|function| function.name == name).unwrap();
        assert_eq!(values.len(), function.ty().parameters.len());
        let mut context = WasiCtxBuilder::new().arg("one").unwrap().build();
        // SAFETY: the values are the arguments of the function.
        unsafe { function.call(&mut context, &mut GuestMemory::Unshared(memory), values.as_ptr()) }.unwrap()
    }

    #[test]
    fn both_snapshots_have_all_their_functions() {
        for (snapshot, count) in [(Snapshot::Unstable, 45), (Snapshot::Preview1, 46)] {
            let names: HashSet<_> = snapshot.functions().iter().map(|function| function.name).collect();
            assert_eq!((names.len(), snapshot.functions().len()), (count, count));
        }
        let types: Vec<_> = ["path_open", "proc_exit", "sched_yield", "fd_seek"]
            .map(|name| Snapshot::Preview1.functions().iter().find(|each| each.name == name).unwrap().ty().to_string())
            .into();
        let expected = [
            "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32",
            "(i32)",
            "() -> i32",
            "(i32, i64, i32, i32) -> i32",
        ];
        assert_eq!(types, expected);
    }

    #[test]
    fn a_call_reads_and_writes_the_given_memory() {
        let mut memory = [0; 64];
        let at = |address: i64| RawValue { i64: address };
        assert_eq!(call("args_sizes_get", &mut memory, &[at(0), at(4)]), 0);
        assert_eq!((memory[0], memory[4]), (1, 4));
        assert_eq!(
            call("args_sizes_get", &mut memory, &[at(64), at(4)]),
            errno::FAULT,
            "a pointer out of bounds is a fault"
        );
    }
}
