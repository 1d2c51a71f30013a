//! The native class of WASI, for `lib/`.

use crate::error::{Error, ErrorKind};
use crate::napi::env::bytes::TypedArray;
use crate::napi::env::exception::ThrownValue;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::wasi::host::WasiHost;
use crate::napi::wasi::import::WasiFunction;
use crate::store::{RawValue, Thrown, must_stop};
use crate::wasi::{Function, GuestBytes, OptionRefusal, Preopen, Snapshot, Stream, System, SystemOptions};
use crate::wasm::ValType;
use napi::Env;
use napi::bindgen_prelude::{Array, Unknown};
use napi_derive::napi;
use std::io;
use std::rc::Rc;

/// A preopen.
#[napi(object, object_to_js = false)]
pub struct NativePreopen {
    /// Its name for the guest
    pub name: String,
    /// Its path in the host
    pub path: String,
    /// Whether the guest may not change anything
    pub read_only: bool,
    /// Most bytes that the guest may write
    pub bytes_written: Option<f64>,
    /// Most files and folders that the guest may have open
    pub open_files: Option<f64>,
}

/// The options of a system.
#[napi(object, object_to_js = false)]
pub struct NativeWasiOptions {
    /// The arguments
    pub args: Vec<String>,
    /// Names and values of the environment's variables, by turns
    pub env: Vec<String>,
    /// The preopens
    pub preopens: Vec<NativePreopen>,
    /// For each standard stream a descriptor, -1 for chunks or bytes, -2 for nothing
    pub streams: Vec<i32>,
    /// Whether the host tells the time
    pub has_clock: bool,
    /// Whether the host makes random bytes
    pub has_random: bool,
    /// Whether the host ends the process when the guest exits
    pub exits_process: bool,
}

/// A function of WASI.
#[napi(object, object_from_js = false)]
pub struct NativeWasiFunction {
    /// Its name
    pub name: String,
    /// The types of its parameters
    pub parameters: Vec<String>,
}

/// A system of WASI.
#[napi]
pub struct NativeWasi {
    host: Rc<WasiHost>,
}

fn snapshot(number: u32) -> Snapshot {
    if number == 0 { Snapshot::Unstable } else { Snapshot::Preview1 }
}

fn function(number: u32, index: u32) -> Result<&'static Function, NativeError> {
    let function = snapshot(number).functions().get(index as usize);
    function.ok_or_else(|| refuse(Error::internal(&"there is no such function of WASI")))
}

/// The functions of `wasi_unstable` (0) or `wasi_snapshot_preview1` (1).
#[napi]
pub fn wasi_functions(number: u32) -> Vec<NativeWasiFunction> {
    let functions = snapshot(number).functions().iter().map(|function| NativeWasiFunction {
        name: function.name.to_owned(),
        parameters: function.ty().parameters.iter().map(ToString::to_string).collect(),
    });
    functions.collect()
}

#[napi]
impl NativeWasi {
    /// A system. `stdin` are the bytes of stdin, if it is neither a descriptor nor nothing; `host` is the function of the host.
    #[napi(constructor)]
    pub fn new(
        env: &Env,
        options: NativeWasiOptions,
        stdin: Unknown<'_>,
        host: Unknown<'_>,
    ) -> Result<Self, NativeError> {
        let env = JsEnv::of(env);
        let NativeWasiOptions { args, env: variables, preopens, streams, has_clock, has_random, exits_process } =
            options;
        let names: Vec<_> = preopens.iter().map(|preopen| (preopen.name.clone(), preopen.path.clone())).collect();
        let bytes = match env.typed_array(Value::of(&stdin)) {
            // SAFETY: no JavaScript runs until the bytes are copied.
            Some(TypedArray { length, data, .. }) if length > 0 => unsafe {
                std::slice::from_raw_parts(data.cast::<u8>(), length).to_vec()
            },
            _ => Vec::new(),
        };
        let stream = |number: usize| match streams.get(number).copied() {
            Some(-1) if number > 0 => Stream::Chunks,
            Some(fd) if fd >= 0 => Stream::Descriptor(fd),
            _ => Stream::Nothing,
        };
        let stdin = if streams.first() == Some(&-1) { Stream::Bytes(bytes) } else { stream(0) };
        let preopens = preopens.into_iter().map(|preopen| Preopen {
            name: preopen.name,
            path: preopen.path,
            is_read_only: preopen.read_only,
            most_bytes: preopen.bytes_written.map(|most| most as u64),
            most_files: preopen.open_files.map(|most| most as u64),
        });
        let system = System::new(SystemOptions {
            arguments: args,
            variables: variables.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
            preopens: preopens.collect(),
            streams: [stdin, stream(1), stream(2)],
            has_host_clock: has_clock,
            has_host_random: has_random,
        });
        let system = system.map_err(|refusal| refuse(refused(refusal, &names, &streams)))?;
        Ok(Self { host: Rc::new(WasiHost::new(env, system, Value::of(&host), exits_process)) })
    }

    /// A function for an instance to import: an external value, which holds the system.
    #[napi(ts_return_type = "object")]
    pub fn import<'a>(&'a self, env: &'a Env, number: u32, index: u32) -> Result<Unknown<'a>, NativeError> {
        let env = JsEnv::of(env);
        let function = function(number, index)?;
        Ok(env.to_unknown(env.external(Rc::new(WasiFunction { host: self.host.clone(), function }))))
    }

    /// Calls a function from JavaScript, on the bytes of a memory. Returns the errno.
    #[napi(catch_unwind)]
    pub fn call(
        &self,
        env: &Env,
        number: u32,
        index: u32,
        memory: Unknown<'_>,
        is_shared: bool,
        arguments: Array<'_>,
    ) -> Result<i32, NativeError> {
        let (env, function) = (JsEnv::of(env), function(number, index)?);
        let list = Value::of(&arguments);
        let mut values = vec![RawValue::default()];
        values.extend(function.ty().parameters.iter().zip(0..).map(|(ty, at)| {
            let value = env.element(list, at);
            RawValue {
                i64: match ty {
                    ValType::I64 => env.get_bigint64(value).unwrap_or_default(),
                    _ => env.get_int32(value).unwrap_or_default().into(),
                },
            }
        }));
        let bytes = || {
            let (base, size) = match env.typed_array(Value::of(&memory)) {
                Some(TypedArray { length, data, .. }) if length > 0 => (data.cast::<u8>(), length),
                _ => (std::ptr::NonNull::dangling().as_ptr(), 0),
            };
            // SAFETY: V8 keeps the bytes while JavaScript holds the array. `System` borrows them for one operation at a time,
            // during which no JavaScript of this thread runs.
            unsafe { GuestBytes::new((base, size), is_shared) }
        };
        let fault = |error| Thrown::error(ErrorKind::Internal { message: format!("WASI: {error}") }.into());
        // SAFETY: the values behind the first are arguments of the function's type.
        let outcome = unsafe { self.host.system.call(function, bytes, values.as_ptr().add(1), must_stop, fault) };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(Thrown(thrown)) => match thrown.downcast::<ThrownValue>() {
                Ok(exception) => {
                    exception.throw(env);
                    return Err(crate::napi::env::exception::PendingException.into());
                }
                Err(other) => {
                    let other = other.downcast::<Error>().map_or_else(|other| Error::internal(&other), |error| *error);
                    return Err(refuse(other));
                }
            },
        };
        self.host.finish(env, outcome, bytes)?.map_err(refuse)
    }

    /// Closes all descriptors: later calls fail with `BADF`.
    #[napi]
    pub fn close(&self) {
        self.host.system.close();
    }

    /// Closes the files and folders that the guest has opened.
    #[napi]
    pub fn close_opened(&self) {
        self.host.system.close_opened();
    }
}

/// The error for a system that could not be made.
fn refused(refusal: OptionRefusal, preopens: &[(String, String)], streams: &[i32]) -> Error {
    let (option, code, message) = match refusal {
        OptionRefusal::Nul(text) => {
            let option = if text.contains('=') { "options.args or options.env" } else { "options.args" };
            (option.to_owned(), "ERR_INVALID_ARG_VALUE", format!("expected text without NUL, got {text:?}"))
        }
        OptionRefusal::Preopen(index, error) => {
            let (name, path) = preopens.get(index).cloned().unwrap_or_default();
            let message = format!("expected a folder, got {path:?}: {error}");
            (format!("options.preopens[{name:?}]"), node_code(&error), message)
        }
        OptionRefusal::Stream(number, error) => {
            let option = ["stdin", "stdout", "stderr"].get(number as usize).copied().unwrap_or_default();
            let fd = streams.get(number as usize).copied().unwrap_or_default();
            let message = format!("expected an open file descriptor, got {fd}: {error}");
            (format!("options.{option}"), node_code(&error), message)
        }
    };
    ErrorKind::WasiOption { option, code, message }.into()
}

/// The code that Node has for an error of the system.
fn node_code(error: &io::Error) -> &'static str {
    use io::ErrorKind as K;
    match error.kind() {
        K::NotFound => "UVWASI_ENOENT",
        K::NotADirectory => "UVWASI_ENOTDIR",
        K::PermissionDenied => "UVWASI_EACCES",
        K::InvalidInput => "UVWASI_EINVAL",
        _ if cfg!(unix) && error.raw_os_error() == Some(9) => "UVWASI_EBADF",
        _ if cfg!(unix) && error.raw_os_error() == Some(24) => "UVWASI_EMFILE",
        _ => "UVWASI_EIO",
    }
}
