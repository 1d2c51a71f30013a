//! The attribute macro of the `relinkable` crate; use it from there.

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

/// Makes a free function a slot: a place where the host can change the implementation while the
/// module runs.
///
/// On `wasm32` the function calls the import `relink` . `<crate>::<function>`, which no optimizer
/// can see through, and its body becomes the export `relink:<crate>::<function>`, the slot's
/// original. A record in the custom section `relink` tells the host the slot's name, Rust types and
/// documentation. On every other target the function is left as it is.
///
/// Parameters and result are scalars: `i8` to `i64`, `u8` to `u64`, `isize`, `usize`, `f32`, `f64`,
/// `bool`, `char`, thin raw pointers, and no result. The name must be unique in the crate;
/// `#[relinkable(name = "shop::price")]` gives another.
///
/// # Errors
/// What cannot be a slot does not compile, on any target: generic, `async`, `const` and `extern`
/// functions, methods, other types, a name that is taken.
///
/// # Panics
/// A slot with a `char` panics where an implementation hands over a number that is none.
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
