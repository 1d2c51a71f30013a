//! Functions of a WebAssembly plugin that the host can replace while the plugin runs.
//!
//! Mark a free function with [`#[relinkable]`](macro@relinkable). On `wasm32`, every call of it goes through a *slot*, and
//! the host can link another implementation into the slot. At first, the slot holds the function's own body. On every other
//! target it stays a plain function, so that the crate's own tests run unchanged.
//!
//! ```
//! use relinkable::relinkable;
//!
//! /// The discount on an order, in cents.
//! #[relinkable]
//! pub fn discount(cents: u64) -> u64 {
//!     cents / 10
//! }
//!
//! #[unsafe(no_mangle)]
//! pub extern "C" fn total(cents: u64) -> u64 {
//!     cents - discount(cents)
//! }
//!
//! assert_eq!(total(1000), 900);
//! ```
//!
//! Strings, lists, structs and enums go through slots too: derive [`Type`](derive@Type) for your own. [`export`](macro@export)
//! and [`import`](macro@import) give exports and imports such types.
//!
//! ```
//! # #[cfg(feature = "types")]
//! # mod typed {
//! #[derive(relinkable::Type)]
//! pub struct Order {
//!     pub customer: String,
//!     pub cents: u64,
//! }
//!
//! #[relinkable::export]
//! pub fn receipt(order: Order) -> String {
//!     format!("{} pays {}", order.customer, order.cents)
//! }
//! # }
//! ```
//!
//! The host, Node.js with `wasm-relink`, then replaces `discount`:
//!
//! ```js
//! link(sale.exports.half_off, shop.slots['shop::discount']);
//! ```

#![no_std]

#[cfg(feature = "types")]
extern crate alloc;

#[cfg(feature = "types")]
#[doc(hidden)]
pub mod abi;
#[cfg(feature = "types")]
mod types;

#[cfg(feature = "types")]
pub use abi::{Type, Value};
#[cfg(feature = "types")]
pub use relinkable_macros::{Type, export, import};
pub use relinkable_macros::{hand_over, relinkable, self_test, take_over};
#[cfg(feature = "json")]
pub use types::json::Json;

/// Reports panics to the host: once, in the crate of the plugin.
///
/// A panic ends in a trap, and its message is lost on `wasm32-unknown-unknown`. With this macro, the error that JavaScript
/// gets has the message and the place: `error.panic`, and the message is part of the error's. The host sets the panic hook
/// right after the instance was made. A hook that the plugin sets itself replaces it. Needs `std`; on other targets than
/// `wasm32` it does nothing.
///
/// ```
/// relinkable::report_panics!();
/// ```
#[macro_export]
macro_rules! report_panics {
    () => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use ::core::sync::atomic::{AtomicU32, Ordering::Relaxed};

            /// Address and length of the message, of the file's name; line, column. The host reads it.
            #[unsafe(export_name = "relink:panic")]
            static RECORD: [AtomicU32; 6] = [const { AtomicU32::new(0) }; 6];

            #[unsafe(export_name = "relink:report_panics")]
            extern "C" fn report_panics() {
                ::std::panic::set_hook(::std::boxed::Box::new(|info| {
                    let payload = info.payload();
                    let literal = payload.downcast_ref::<&'static str>().copied();
                    let message =
                        literal.or_else(|| payload.downcast_ref::<::std::string::String>().map(|text| &**text));
                    let message = message.unwrap_or_default();
                    let (file, line, column) =
                        info.location().map_or(("", 0, 0), |at| (at.file(), at.line(), at.column()));
                    let values = [
                        message.as_ptr().addr() as u32,
                        message.len() as u32,
                        file.as_ptr().addr() as u32,
                        file.len() as u32,
                        line,
                        column,
                    ];
                    RECORD.iter().zip(values).for_each(|(field, value)| field.store(value, Relaxed));
                }));
            }
        };
    };
}
