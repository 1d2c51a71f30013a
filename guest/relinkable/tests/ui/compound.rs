use relinkable::relinkable;

type Cents = u64;

struct Order;

#[relinkable]
fn alias(_: Cents) -> Order {
    Order
}

#[relinkable]
fn reference(_: &Order) {}

#[relinkable]
fn tuple(_: (u8, u8)) -> Option<u32> {
    None
}

#[relinkable]
fn array(_: [u8; 4], _: ()) {}

#[relinkable]
fn big(_: u128) -> i128 {
    0
}

#[relinkable]
fn pointer(_: fn(u8) -> u8) -> ! {
    loop {}
}

fn main() {}
