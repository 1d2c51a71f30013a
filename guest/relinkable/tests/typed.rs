//! On other targets than `wasm32`, typed functions are plain functions. Their code triggers no lint.

#![forbid(unsafe_code)]

use relinkable::{Type, relinkable};

#[derive(Type, Debug, PartialEq, Clone)]
struct Order {
    name: String,
    quantity: u32,
}

#[relinkable(suspend)]
fn describe(order: &Order, _: &[u8]) -> Result<String, Order> {
    if order.quantity == 0 { Err(order.clone()) } else { Ok(format!("{} {}", order.quantity, order.name)) }
}

/// Twice.
#[relinkable::export(name = "double-order")]
fn double(mut order: Order) -> Order {
    order.quantity *= 2;
    order
}

#[relinkable::import(module = "shop")]
fn price(name: &str) -> Option<u64> {
    (name == "tea").then_some(250)
}

#[relinkable::import]
unsafe extern "C" {
    /// There is no host here.
    fn log(text: &str);
    /// As `log`: every typed import is safe to call.
    pub safe fn warn(text: &str);
}

#[test]
fn the_functions_work() {
    let order = Order { name: "tea".to_owned(), quantity: 2 };
    assert_eq!(describe(&order, &[]), Ok("2 tea".to_owned()));
    assert_eq!(double(order).quantity, 4);
    assert_eq!(price("tea"), Some(250));
}

#[test]
#[should_panic(expected = "the import `env.log` needs a host")]
fn an_import_without_a_body_panics() {
    log("text");
}
