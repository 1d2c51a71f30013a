//! A price plugin: adds up an order, with a discount and a tax that can be replaced while it runs.
//!
//! The host writes an order into the plugin's memory, as `sku:quantity:cents;…`, and reads its total: it calls `alloc`,
//! `total` and `free`.

pub mod memory;
mod order;

use relinkable::relinkable;

use order::{Line, Order};

/// The result of `total` for a text that is not an order.
const NOT_AN_ORDER: u64 = u64::MAX;

/// The discount on a line of an order, in cents: 0 until there is a promotion.
#[relinkable]
pub fn discount(cents: u64, quantity: u32) -> u64 {
    let _ = (cents, quantity);
    0
}

/// The tax on a net price, in cents: 19 %, rounded to the nearest.
#[relinkable]
pub fn tax(cents: u64) -> u64 {
    // In two steps, since 19 times the largest price would overflow.
    cents / 100 * 19 + (cents % 100 * 19 + 50) / 100
}

/// The total of the order in the `length` bytes at `text`, in cents, with tax. The largest `u64` if the text is not an
/// order, or if the sum overflows.
///
/// # Safety
/// The bytes are initialized, and not written during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn total(text: *const u8, length: usize) -> u64 {
    // SAFETY: by the contract of this function.
    let text = unsafe { memory::bytes(text, length) };
    match str::from_utf8(text).ok().and_then(Order::parse) {
        Some(order) => gross(&order),
        None => NOT_AN_ORDER,
    }
}

fn gross(order: &Order<'_>) -> u64 {
    let net = order.lines.iter().map(price).fold(0, u64::saturating_add);
    net.saturating_add(tax(net))
}

fn price(line: &Line<'_>) -> u64 {
    let cents = line.cents.saturating_mul(u64::from(line.quantity));
    // A linked discount may be larger than the price.
    cents.saturating_sub(discount(cents, line.quantity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total_of(text: &str) -> u64 {
        // SAFETY: a string is initialized.
        unsafe { total(text.as_ptr(), text.len()) }
    }

    #[test]
    fn an_order_is_added_up_and_taxed() {
        assert_eq!(total_of("apple:3:100;pear:1:250"), 550 + 105);
        assert_eq!(total_of(""), 0);
    }

    #[test]
    fn what_is_no_order_has_no_total() {
        for text in ["apple", "apple:3", "apple:x:100", "apple:3:-1", ":1:1", "apple:1:1:1"] {
            assert_eq!(total_of(text), NOT_AN_ORDER, "{text}");
        }
    }

    #[test]
    fn great_numbers_do_not_wrap() {
        assert_eq!(total_of(&format!("gold:4000000000:{}", u64::MAX)), u64::MAX);
        assert_eq!(total_of("gold:1:10000000000000000000"), 11_900_000_000_000_000_000);
    }

    #[test]
    fn tax_is_rounded() {
        assert_eq!([0, 2, 3, 100, 1050].map(tax), [0, 0, 1, 19, 200]);
    }
}
