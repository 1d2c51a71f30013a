use super::background::{in_background, until_terminated};
use super::cache::NativeCache;
use super::describe::NativeSelection;
use super::module::NativeModule;
use super::throw::{Refusal, Result, guarded, refuse};
use crate::engine::{self, Compiler, How, Kept, Tiered, check, compile, compile_tiered};
use crate::error::{Error, ErrorKind};
use crate::rewrite::{Named, Selection, SlotKind, names};
use crate::wasm::{Binary, Features};
use napi::bindgen_prelude::{JsValue, Object, Unknown};
use napi::{Env, JsError};
use napi_derive::napi;
use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

/// What compiles, as the API says it.
#[derive(Clone)]
enum Asked {
    /// One of the compilers
    How(How),
    /// The fast compiler first, and then the other
    Auto(Selection, Option<Kept>),
}

impl Asked {
    fn new(compiler_name: &str, slots: NativeSelection, cache: Option<NativeCache>) -> Result<Self> {
        let (selection, kept) = (selection(slots)?, cache.map(NativeCache::kept));
        if compiler_name == AUTO {
            return Ok(Self::Auto(selection, kept));
        }
        let compiler = compiler(compiler_name)?;
        Ok(Self::How(How { compiler, selection, succeeds: None, kept }))
    }

    fn compile(&self, bytes: Cow<'_, [u8]>) -> Result<Tiered, Error> {
        match self {
            Self::How(how) => Ok(Tiered { code: compile(&bytes, how)?, better: None }),
            Self::Auto(selection, kept) => compile_tiered(bytes.into_owned(), selection.clone(), kept.clone()),
        }
    }

    /// Of a file; none if it cannot be read.
    fn compile_file(&self, file: &Path) -> Result<Option<Tiered>, Error> {
        match self {
            Self::How(how) => {
                let code = engine::compile_file(file, how)?;
                Ok(code.map(|code| Tiered { code, better: None }))
            }
            Self::Auto(..) => fs::read(file).ok().map(|bytes| self.compile(bytes.into())).transpose(),
        }
    }
}

/// The compiler that is both of them.
const AUTO: &str = "auto";

fn compiler(name: &str) -> Result<Compiler> {
    // What the one does not take, the other does.
    let name = if name == AUTO { Compiler::Cranelift.name() } else { name };
    Compiler::from_name(name).ok_or_else(|| {
        let message = format!("expected the compiler \"cranelift\", \"singlepass\" or \"auto\", got {name:?}");
        refuse(ErrorKind::ArgumentValue { message }.into())
    })
}

pub(super) fn selection(slots: NativeSelection) -> Result<Selection> {
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

/// Compiles while this thread waits, through the cache if there is one. In a worker, which may be terminated meanwhile, it
/// waits for another thread.
#[napi]
pub fn compile_sync(
    env: Env,
    bytes: &[u8],
    compiler_name: String,
    slots: NativeSelection,
    cache: Option<NativeCache>,
    in_worker: bool,
) -> Result<NativeModule> {
    let asked = Asked::new(&compiler_name, slots, cache)?;
    let tiered = if in_worker && bytes.len() > SHORT {
        let bytes = bytes.to_vec();
        until_terminated(&env, move || asked.compile(bytes.into()))?
    } else {
        guarded(|| asked.compile(bytes.into()))?
    };
    Ok(NativeModule::new(env, tiered))
}

/// Bytes that are compiled sooner than another thread would be worth it.
const SHORT: usize = 1 << 16;

/// Compiles on another thread. The bytes are copied before this returns.
#[napi(ts_return_type = "Promise<NativeModule>")]
pub fn compile_async<'env>(
    env: &'env Env,
    bytes: &[u8],
    compiler_name: String,
    slots: NativeSelection,
    cache: Option<NativeCache>,
) -> Result<Object<'env>> {
    let (bytes, asked) = (bytes.to_vec(), Asked::new(&compiler_name, slots, cache)?);
    in_background(env, move || asked.compile(bytes.into()), NativeModule::new)
}

/// Reads and compiles a file on another thread. Null for a file that cannot be read: JavaScript's own words say why.
#[napi(ts_return_type = "Promise<NativeModule | null>")]
pub fn compile_file<'env>(
    env: &'env Env,
    file: String,
    compiler_name: String,
    slots: NativeSelection,
    cache: Option<NativeCache>,
) -> Result<Object<'env>> {
    let (file, asked) = (PathBuf::from(file), Asked::new(&compiler_name, slots, cache)?);
    let settle = |env, tiered: Option<Tiered>| tiered.map(|tiered| NativeModule::new(env, tiered));
    in_background(env, move || asked.compile_file(&file), settle)
}

/// Whether these bytes are a module that can be compiled like this.
#[napi]
pub fn validate(bytes: &[u8], compiler_name: String, slots: NativeSelection) -> Result<bool> {
    let how = How { selection: selection(slots)?, ..How::plain(compiler(&compiler_name)?) };
    guarded(|| Ok(check(bytes, &how).is_ok()))
}

/// What a function is called, for the option `slots`.
#[napi(object, object_from_js = false)]
pub struct NativeNames {
    /// Its name
    pub name: String,
    /// "function" or "import"
    pub kind: String,
    /// Its Rust path, which others may have too
    pub path: Option<String>,
    /// Other names
    pub aliases: Vec<String>,
}

/// What the functions of a module are called, by index. Takes all that the pass takes, so that what
/// is wrong for one compiler is said by its compile.
#[napi]
pub fn function_names(bytes: &[u8]) -> Result<Vec<NativeNames>> {
    guarded(|| all_names(bytes))
}

/// `function_names` on another thread.
#[napi(ts_return_type = "Promise<Array<NativeNames>>")]
pub fn function_names_async<'env>(env: &'env Env, bytes: &[u8]) -> Result<Object<'env>> {
    let bytes = bytes.to_vec();
    in_background(env, move || all_names(&bytes), |_, names| names)
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

/// A task's error has no code of its own, so it is given the error object itself.
pub(super) fn rejection(env: Env, error: Error) -> napi::Error {
    let refusal: Refusal = refuse(error);
    let object: Unknown<'_> = JsError::from(refusal).into_unknown(env);
    debug_assert!(!object.raw().is_null());
    napi::Error::from(object)
}
