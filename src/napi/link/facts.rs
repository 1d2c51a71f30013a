//! Facts about functions, for the history of links: the instance, the module and the name.

use crate::napi::api::native_store::NativeStore;
use crate::napi::convert::exported::ExportedFunction;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::Value;
use crate::wasm::path;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

/// Facts about a wasm function.
#[napi(object, object_from_js = false)]
pub struct NativeFunctionFacts {
    /// The id of the instance that defines it
    pub instance: u32,
    /// The BLAKE3 hash of the module's bytes, in hex
    pub hash: String,
    /// Its path in the module's name section, else its index
    pub name: String,
}

#[napi]
impl NativeStore {
    /// Facts about a function of this store; null for one that no instance defines.
    #[napi(catch_unwind)]
    pub fn function_facts(&self, value: Unknown<'_>) -> Result<Option<NativeFunctionFacts>, NativeError> {
        self.check_open()?;
        let (context, store) = (&self.context, &self.context.store);
        let Some(exported) = ExportedFunction::of(self.js(), Value::of(&value)) else { return Ok(None) };
        let subject = || crate::error::Subject::Implementation(String::new());
        let function = exported.in_store(context, subject).map_err(refuse)?.canonical(store);
        Ok(function.locate(store).map(|(instance, index)| {
            let code = instance.code();
            let named = code.function_name(index).map(|name| path(name).into_owned());
            let hash = code.hash.iter().map(|byte| format!("{byte:02x}")).collect();
            let name = named.unwrap_or_else(|| format!("func[{}]", code.original_index(index)));
            NativeFunctionFacts { instance: instance.id, hash, name }
        }))
    }
}
