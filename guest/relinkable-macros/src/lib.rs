//! The attribute macro of the crate `relinkable`. Use it through that crate.

mod argument;
mod declared;
mod docs;
mod expand;
mod function;
mod json;
mod name;
mod record;
mod scalar;
mod unsupported;

use proc_macro::TokenStream;

/// Makes a free function a slot: the host can replace its implementation while the module runs.
///
/// On `wasm32` the function calls the import `relink` . `<crate>::<function>`, which no optimizer can see through. Its body
/// becomes the export `relink:<crate>::<function>`, the slot's original. A record in the custom section `relink` has the
/// slot's name, Rust types and documentation for the host. On every other target the function stays as it is.
///
/// Parameters and result are scalars: `i8` to `i64`, `u8` to `u64`, `isize`, `usize`, `f32`, `f64`, `bool`, `char` and thin
/// raw pointers; a slot may have no result. The name must be unique in the crate. `#[relinkable(name = "shop::price")]` sets
/// another name.
///
/// # Errors
/// On every target, these do not compile: generic, `async`, `const` and `extern` functions, methods, other types, and a name
/// that another slot has.
///
/// # Panics
/// A slot with a `char` panics if it is given a number that is not a `char`.
///
/// # Examples
/// ```
/// # use relinkable_macros::relinkable;
/// /// The price of one piece, in cents.
/// #[relinkable(name = "shop::price")]
/// pub fn price(sku: u32) -> u64 {
///     u64::from(sku) * 100
/// }
/// assert_eq!(price(3), 300);
/// ```
#[proc_macro_attribute]
pub fn relinkable(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::relinkable(arguments.into(), item.into()).into()
}
