//! The macros of the crate `relinkable`. Use them through that crate.

mod argument;
mod declared;
mod derive;
mod docs;
mod expand;
mod function;
mod hooks;
mod json;
mod kebab;
mod name;
mod record;
mod scalar;
mod typed;
mod unsupported;

use proc_macro::TokenStream;

/// Makes a free function a slot: the host can replace its implementation while the module runs.
///
/// On `wasm32` the function calls the import `relink` . `<crate>::<function>`, which no optimizer can see through. Its body
/// becomes the export `relink:<crate>::<function>`, the slot's original. A record in the custom section `relink` has the
/// slot's name, Rust types and documentation for the host. On every other target the function stays as it is.
///
/// If all parameters and the result are scalars, the import has them as they are: `i8` to `i64`, `u8` to `u64`, `isize`,
/// `usize`, `f32`, `f64`, `bool`, `char` and thin raw pointers; a slot may have no result. With any other type that
/// implements `relinkable::Type`, such as `&str`, `Vec<u8>`, `Option<T>` or a struct of your own, the slot is typed: it has
/// the component model's canonical ABI, and JavaScript and other plugins see values, not addresses.
///
/// The name must be unique in the crate. `#[relinkable(name = "shop::price")]` sets another name. `#[relinkable(suspend)]`
/// says in the record that an implementation in JavaScript may return a promise.
///
/// # Errors
/// On every target, these do not compile: generic, `async`, `const` and `extern` functions, methods, other types, and a name
/// that another slot has.
///
/// # Panics
/// A slot panics if another module gives it a value that is invalid in Rust: a number that is not a `char`, text that is not
/// UTF-8, a discriminant that no case has.
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
    expand::or_errors(item.into(), |item| expand::slot(arguments.into(), item)).into()
}

/// Makes a free function a typed export: JavaScript and other plugins call it with strings, lists and records.
///
/// `handle_request` is the export `handle-request`, which JavaScript sees as `exports.handleRequest`. Parameters and result
/// are types that implement `relinkable::Type`, or references to them. `#[relinkable::export(name = "…")]` sets another name.
/// On other targets than `wasm32`, nothing changes.
#[proc_macro_attribute]
pub fn export(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::or_errors(item.into(), |item| expand::export(arguments.into(), item)).into()
}

/// Makes a function a typed import, which the host gives: on `wasm32`, `fetch_price` is the import `fetch-price` of the module
/// `env`, or of another with `#[relinkable::import(module = "…")]`. JavaScript gives it as `{ env: { fetchPrice } }`.
///
/// A function with a body is an import on `wasm32` only: elsewhere the body runs, so that tests can do without a host. The
/// functions of an `extern` block panic elsewhere.
#[proc_macro_attribute]
pub fn import(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::or_errors(item.into(), |item| expand::import(arguments.into(), item)).into()
}

/// Makes a struct or an enum a type that goes through typed slots, exports and imports.
///
/// A struct with named fields is a WIT `record`; one with a single unnamed field is another name for that field's type, with
/// several a tuple. With `#[relinkable(flags)]`, a struct of `bool`s is a set of `flags`. An enum is an `enum`, or a `variant`
/// if a case has data. `#[relinkable(name = "…")]` sets another WIT name of a type, field or case.
#[proc_macro_derive(Type, attributes(relinkable))]
pub fn derive_type(item: TokenStream) -> TokenStream {
    derive::expand(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a function the plugin's self-test: `relink` of `wasm-relink` runs it before it links functions of this plugin, and
/// refuses the commit with the message if it fails. Needs `std`; on other targets than `wasm32` the function stays as it is.
///
/// ```
/// # use relinkable_macros::self_test;
/// #[self_test]
/// fn check_tables() -> Result<(), String> {
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn self_test(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    hook(item, hooks::self_test)
}

/// Makes a function the one that hands the plugin's state over: `relink` calls it before functions of another plugin replace
/// those of this one, and gives the bytes to the other one's `#[take_over]`. Needs `std`.
///
/// ```
/// # use relinkable_macros::hand_over;
/// #[hand_over]
/// fn state() -> Vec<u8> {
///     vec![1, 2, 3]
/// }
/// ```
#[proc_macro_attribute]
pub fn hand_over(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    hook(item, hooks::hand_over)
}

/// Makes a function the one that takes over the state of the plugin that this one replaces: see `#[hand_over]`. An error refuses
/// the commit. Needs `std`.
///
/// ```
/// # use relinkable_macros::take_over;
/// #[take_over]
/// fn restore(state: &[u8]) -> Result<(), String> {
///     if state.is_empty() { Err("no state".into()) } else { Ok(()) }
/// }
/// ```
#[proc_macro_attribute]
pub fn take_over(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    hook(item, hooks::take_over)
}

fn hook(
    item: TokenStream,
    expand: fn(proc_macro2::TokenStream) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    expand::or_errors(item.into(), expand).into()
}
