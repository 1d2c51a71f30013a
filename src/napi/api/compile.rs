//! Compilation as `lib/` calls it: on this thread, on another one, or of a file.

use crate::engine::{
    self, Cancellation, CompileLimits, CompileOptions, Compiler, Reserve, Tiered, check, compile, compile_tiered,
    compiled_before, try_copy,
};
use crate::error::{Error, ErrorKind};
use crate::napi::api::cache::NativeCache;
use crate::napi::api::module::NativeModule;
use crate::napi::convert::describe::NativeSelection;
use crate::napi::env::background::{in_background, until_terminated};
use crate::napi::env::throw::{NativeError, guarded, refuse};
use crate::rewrite::{Named, Selection, SlotKind, names};
use crate::wasm::{Binary, Features};
use napi::Env;
use napi::bindgen_prelude::{Either, Object, Uint8Array};
use napi_derive::napi;
use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The limits of a compile; infinity for none.
#[napi(object, object_to_js = false)]
pub struct NativeCompileLimits {
    /// Most bytes of the module
    pub module_size: f64,
    /// Most bytes of the compiled code
    pub code_size: f64,
    /// Longest duration, in milliseconds
    pub compile_time: f64,
}

impl NativeCompileLimits {
    fn limits(&self) -> CompileLimits {
        CompileLimits {
            module_size: self.module_size as u64,
            code_size: self.code_size as u64,
            // No clock counts so far.
            time: Duration::try_from_secs_f64(self.compile_time / 1e3).ok(),
        }
    }
}

/// The options of a compile.
#[napi(object, object_to_js = false)]
pub struct NativeCompileOptions {
    /// "cranelift", "singlepass" or "auto"
    pub compiler: String,
    /// Which functions become slots
    pub slots: NativeSelection,
    /// The disk cache to use
    pub cache: Option<NativeCache>,
    /// The address space that memories reserve; none: what this process can reserve
    pub reserve: Option<String>,
    /// The limits
    pub limits: NativeCompileLimits,
}

/// The compile that a caller requests.
#[derive(Clone)]
enum CompileRequest {
    /// With one compiler
    Single(CompileOptions),
    /// With Singlepass first, then with Cranelift for tier-up
    Auto(CompileOptions),
}

impl CompileRequest {
    fn new(options: NativeCompileOptions) -> Result<Self, NativeError> {
        let NativeCompileOptions { compiler: compiler_name, slots, cache, reserve, limits } = options;
        let (selection, cache_target) = (selection(slots)?, cache.map(NativeCache::cache_target));
        let reserve = self::reserve(reserve.as_deref())?;
        let options = CompileOptions {
            compiler: compiler(&compiler_name)?,
            selection,
            tiers_up_from: None,
            reserve,
            cache_target,
            cancellation: Cancellation::default(),
            limits: limits.limits(),
        };
        Ok(if compiler_name == AUTO { Self::Auto(options) } else { Self::Single(options) })
    }

    fn options(&self) -> &CompileOptions {
        let (Self::Single(options) | Self::Auto(options)) = self;
        options
    }

    /// The request with a flag that stops the compile.
    fn with(mut self, cancellation: Cancellation) -> Self {
        let (Self::Single(options) | Self::Auto(options)) = &mut self;
        options.cancellation = cancellation;
        self
    }

    fn compile(&self, bytes: Cow<'_, [u8]>) -> Result<Tiered, Error> {
        match self {
            Self::Single(options) => Ok(Tiered { code: compile(&bytes, options)?, tier_up: None }),
            Self::Auto(options) => {
                let bytes = match bytes {
                    Cow::Borrowed(bytes) => copy(bytes)?,
                    Cow::Owned(bytes) => bytes,
                };
                compile_tiered(bytes, options.clone())
            }
        }
    }

    /// Compiles while this thread waits. A worker waits for another thread, so that it can be terminated meanwhile.
    fn compile_here(self, env: Env, bytes: Cow<'_, [u8]>, in_worker: bool) -> Result<NativeModule, NativeError> {
        let tiered = if in_worker && bytes.len() > SHORT {
            let bytes = match bytes {
                Cow::Borrowed(bytes) => copy(bytes).map_err(refuse)?,
                Cow::Owned(bytes) => bytes,
            };
            until_terminated(&env, move |flag| self.with(flag).compile(bytes.into()))?
        } else {
            guarded(|| self.compile(bytes))?
        };
        Ok(NativeModule::new(env, tiered))
    }

    /// Compiles a file; none if it cannot be read.
    fn compile_file(&self, file: &Path) -> Result<Option<Tiered>, Error> {
        match self {
            Self::Single(options) => {
                let code = engine::compile_file(file, options)?;
                Ok(code.map(|code| Tiered { code, tier_up: None }))
            }
            Self::Auto(options) => {
                let Ok(size) = fs::metadata(file).map(|file| file.len()) else { return Ok(None) };
                options.limits.check_module(size)?;
                fs::read(file).ok().map(|bytes| self.compile(bytes.into())).transpose()
            }
        }
    }
}

/// A copy of a module.
///
/// # Errors
/// `Memory` where there is no room for it.
fn copy(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    try_copy(bytes).ok_or_else(|| ErrorKind::no_room_for_copy(bytes.len()).into())
}

/// The compiler option for tier-up from Singlepass to Cranelift.
const AUTO: &str = "auto";

fn compiler(name: &str) -> Result<Compiler, NativeError> {
    // "auto" accepts what Cranelift accepts, since Cranelift compiles the modules that Singlepass rejects.
    let name = if name == AUTO { Compiler::Cranelift.name() } else { name };
    Compiler::from_name(name).ok_or_else(|| {
        let message = format!("expected the compiler \"cranelift\", \"singlepass\" or \"auto\", got {name:?}");
        refuse(ErrorKind::ArgumentValue { message }.into())
    })
}

/// The address space that memories reserve: by name, or what this process can reserve.
pub(in crate::napi) fn reserve(name: Option<&str>) -> Result<Reserve, NativeError> {
    name.map_or_else(
        || Ok(Reserve::available()),
        |name| {
            Reserve::from_name(name).ok_or_else(|| {
                let message = format!("expected \"full\" or \"small\", got {name:?}");
                refuse(ErrorKind::ArgumentValue { message }.into())
            })
        },
    )
}

/// The address space that memories reserve by default.
#[napi]
pub fn default_reserve() -> &'static str {
    Reserve::available().name()
}

pub(in crate::napi) fn selection(slots: NativeSelection) -> Result<Selection, NativeError> {
    match (slots.kind.as_str(), slots.functions) {
        ("default", _) => Ok(Selection::Default),
        ("all", _) => Ok(Selection::All),
        ("none", _) => Ok(Selection::None),
        ("more", Some(functions)) => Ok(Selection::More(functions.into_iter().collect())),
        (other, _) => {
            let message = format!("expected \"default\", \"all\", \"none\" or \"more\", got {other:?}");
            Err(refuse(ErrorKind::ArgumentValue { message }.into()))
        }
    }
}

/// Compiles while this thread waits, through the cache if one is given.
#[napi]
pub fn compile_sync(
    env: Env,
    bytes: &[u8],
    options: NativeCompileOptions,
    in_worker: bool,
) -> Result<NativeModule, NativeError> {
    let request = CompileRequest::new(options)?;
    request.compile_here(env, bytes.into(), in_worker)
}

/// Compiles a module again, for small memories: from the registry or the cache, else from `source`: the bytes that it was
/// compiled from, or a file with these. Null if the bytes are others, or there are none.
#[napi]
pub fn compile_for_small_memories(
    env: Env,
    module: &NativeModule,
    options: NativeCompileOptions,
    source: Option<Either<Uint8Array, String>>,
    in_worker: bool,
) -> Result<Option<NativeModule>, NativeError> {
    let request =
        CompileRequest::new(NativeCompileOptions { reserve: Some(Reserve::Small.name().to_owned()), ..options })?;
    let hash = module.code.hash;
    if let Some(code) = guarded(|| Ok(compiled_before(hash, request.options())))? {
        return Ok(Some(NativeModule::new(env, Tiered { code, tier_up: None })));
    }
    let bytes = match &source {
        Some(Either::A(bytes)) => Some(Cow::Borrowed(&**bytes)),
        Some(Either::B(file)) => fs::read(file).ok().map(Cow::Owned),
        None => None,
    };
    let same = bytes.filter(|bytes| engine::hash(bytes) == hash);
    same.map(|bytes| request.compile_here(env, bytes, in_worker)).transpose()
}

/// Bytes that are compiled sooner than another thread would be worth it.
const SHORT: usize = 1 << 16;

/// Compiles on another thread. The bytes are copied before this returns.
#[napi(ts_return_type = "Promise<NativeModule>")]
pub fn compile_async<'env>(
    env: &'env Env,
    bytes: &[u8],
    options: NativeCompileOptions,
) -> Result<Object<'env>, NativeError> {
    let request = CompileRequest::new(options)?;
    let bytes = copy(bytes).map_err(refuse)?;
    in_background(env, move |flag| request.with(flag).compile(bytes.into()), NativeModule::new)
}

/// Reads and compiles a file on another thread. Null for a file that cannot be read: `lib/` reports it.
#[napi(ts_return_type = "Promise<NativeModule | null>")]
pub fn compile_file<'env>(
    env: &'env Env,
    file: String,
    options: NativeCompileOptions,
) -> Result<Object<'env>, NativeError> {
    let request = CompileRequest::new(options)?;
    let file = PathBuf::from(file);
    let convert = |env, tiered: Option<Tiered>| tiered.map(|tiered| NativeModule::new(env, tiered));
    in_background(env, move |flag| request.with(flag).compile_file(&file), convert)
}

/// Number of compiles that were cancelled in this process.
#[napi]
pub fn cancelled_compiles() -> u32 {
    engine::cancelled_compiles() as u32
}

/// Number of compiles that run in this process.
#[napi]
pub fn running_compiles() -> u32 {
    engine::running_compiles() as u32
}

/// Whether these bytes are a module that can be compiled with these options.
#[napi]
pub fn validate(bytes: &[u8], compiler_name: String, slots: NativeSelection) -> Result<bool, NativeError> {
    let options = CompileOptions { selection: selection(slots)?, ..CompileOptions::plain(compiler(&compiler_name)?) };
    guarded(|| match check(bytes, &options) {
        Err(error) if error.is_memory() => Err(error),
        checked => Ok(checked.is_ok()),
    })
}

/// The names of a function, for the option `slots`.
#[napi(object, object_from_js = false)]
pub struct NativeNames {
    /// Its name
    pub name: String,
    /// "function" or "import"
    pub kind: String,
    /// Its Rust path, which other functions may share
    pub path: Option<String>,
    /// Other names
    pub aliases: Vec<String>,
}

/// The names of a module's functions, by index. Accepts every module that the load-time pass accepts: the compilation
/// reports features that its compiler lacks.
#[napi]
pub fn function_names(bytes: &[u8]) -> Result<Vec<NativeNames>, NativeError> {
    guarded(|| all_names(bytes))
}

/// `function_names` on another thread.
#[napi(ts_return_type = "Promise<Array<NativeNames>>")]
pub fn function_names_async<'env>(env: &'env Env, bytes: &[u8]) -> Result<Object<'env>, NativeError> {
    let bytes = copy(bytes).map_err(refuse)?;
    in_background(env, move |_| all_names(&bytes), |_, names| names)
}

fn all_names(bytes: &[u8]) -> std::result::Result<Vec<NativeNames>, Error> {
    let binary = Binary::parse(bytes, Features::EVERYTHING)?;
    let imported = binary.imported_functions as usize;
    let all = names(bytes, &binary)?.into_iter().enumerate().map(|(index, Named { name, path, aliases, .. })| {
        let kind = if index < imported { SlotKind::Import } else { SlotKind::Function };
        NativeNames { name, kind: kind.name().to_owned(), path, aliases }
    });
    Ok(all.collect())
}
