//! The check of a manifest, and the hash by which a module's bytes are known.

use crate::link::check_manifest as check;
use napi_derive::napi;
use serde_json::json;

/// Checks the text of a manifest. Returns JSON: the manifest, or an object with all `mistakes`.
#[napi]
pub fn check_manifest(text: String) -> String {
    check(&text).unwrap_or_else(|mistakes| json!({ "mistakes": mistakes })).to_string()
}

/// The hash of bytes that the history gives for the module with these bytes: BLAKE3, in hex.
#[napi]
pub fn content_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
