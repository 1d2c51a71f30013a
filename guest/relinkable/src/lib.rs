//! Functions of a WebAssembly plugin whose implementation can be changed while the plugin runs.
//!
//! Mark a free function with [`#[relinkable]`](macro@relinkable). Built for `wasm32`, every call to
//! it goes through a *slot* that the host can link to another implementation; the body that stands
//! here is what the slot holds at first. Built for anything else, it is the plain function, so that
//! the crate's own tests run as they are.
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
//! The host, Node.js with `wasm-relink`, then changes what `total` does:
//!
//! ```js
//! link(sale.exports.half_off, shop.slots['shop::discount']);
//! ```

#![no_std]

pub use relinkable_macros::relinkable;
