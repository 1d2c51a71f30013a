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
//! The host, Node.js with `wasm-relink`, then replaces `discount`:
//!
//! ```js
//! link(sale.exports.half_off, shop.slots['shop::discount']);
//! ```

#![no_std]

pub use relinkable_macros::relinkable;
