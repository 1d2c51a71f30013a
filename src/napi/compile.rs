use super::module::NativeModule;
use super::throw::{Refusal, Result, panicked, refuse};
use crate::engine::{Code, Compiler};
use crate::error::{Error, ErrorKind};
use crate::wasm::Binary;
use napi::bindgen_prelude::{AsyncTask, JsValue, Unknown};
use napi::{Env, JsError, Task};
use napi_derive::napi;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

fn compiler(name: &str) -> Result<Compiler> {
    Compiler::from_name(name).ok_or_else(|| {
        let message = format!("expected the compiler \"cranelift\" or \"singlepass\", got {name:?}");
        refuse(ErrorKind::ArgumentValue { message }.into())
    })
}

fn compile(bytes: &[u8], compiler: Compiler) -> std::result::Result<Arc<Code>, Error> {
    catch_unwind(AssertUnwindSafe(|| Code::compile(bytes, compiler))).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// Compiles on this thread.
#[napi]
pub fn compile_sync(bytes: &[u8], compiler_name: String) -> Result<NativeModule> {
    let code = compile(bytes, compiler(&compiler_name)?).map_err(refuse)?;
    Ok(NativeModule { code })
}

/// Compiles on another thread. The bytes are copied before this returns.
#[napi(ts_return_type = "Promise<NativeModule>")]
pub fn compile_async(bytes: &[u8], compiler_name: String) -> Result<AsyncTask<Compile>> {
    Ok(AsyncTask::new(Compile { bytes: bytes.to_vec(), compiler: compiler(&compiler_name)? }))
}

/// Whether these bytes are a module that the compiler takes.
#[napi]
pub fn validate(bytes: &[u8], compiler_name: String) -> Result<bool> {
    let features = compiler(&compiler_name)?.features();
    let parse = || Binary::parse(bytes, features).is_ok();
    catch_unwind(AssertUnwindSafe(parse)).map_err(|panic| refuse(panicked(&*panic)))
}

/// A compile on its way.
pub struct Compile {
    bytes: Vec<u8>,
    compiler: Compiler,
}

impl Task for Compile {
    type Output = std::result::Result<Arc<Code>, Error>;
    type JsValue = NativeModule;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(compile(&std::mem::take(&mut self.bytes), self.compiler))
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<NativeModule> {
        match output {
            Ok(code) => Ok(NativeModule { code }),
            // A task's error has no code of its own, so it is given the error object itself.
            Err(error) => {
                let refusal: Refusal = refuse(error);
                let object: Unknown<'_> = JsError::from(refusal).into_unknown(env);
                debug_assert!(!object.raw().is_null());
                Err(napi::Error::from(object))
            }
        }
    }
}
