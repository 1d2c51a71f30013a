use std::collections::HashMap;
use std::rc::Rc;

use relinkable::relinkable;

struct Order;

#[relinkable]
fn underived(_: &Order) -> Vec<Order> {
    Vec::new()
}

#[relinkable]
fn unit(_: ()) -> Option<()> {
    None
}

#[relinkable]
fn big(_: u128) -> i128 {
    0
}

#[relinkable]
fn pointer(_: fn(u8) -> u8, _: &str, _: *const u8) -> ! {
    loop {}
}

#[relinkable]
fn collection(_: HashMap<String, u8>, _: Rc<str>) -> Box<dyn Fn()> {
    Box::new(|| ())
}

fn main() {}
