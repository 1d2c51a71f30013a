//! A shop, whose discount can be changed while it runs.

use relinkable::{Type, relinkable};

/// What a customer buys.
#[derive(Type)]
pub struct Order {
    pub customer: String,
    pub cents: u64,
}

/// The discount on an order, in cents.
#[relinkable]
pub fn discount(order: &Order) -> u64 {
    order.cents / 10
}

/// What the customer reads at the end.
#[relinkable::export]
pub fn receipt(order: Order) -> String {
    let cents = order.cents.saturating_sub(discount(&order));
    format!("{} pays {}.{:02}", order.customer, cents / 100, cents % 100)
}

#[test]
fn a_tenth_is_taken_off() {
    assert_eq!(receipt(Order { customer: "Ada".to_owned(), cents: 2000 }), "Ada pays 18.00");
}
