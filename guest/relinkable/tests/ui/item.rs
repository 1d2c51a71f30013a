use relinkable::relinkable;

#[relinkable]
struct Order;

#[relinkable]
const TAX: u32 = 19;

trait Price {
    #[relinkable]
    fn price();
}

#[relinkable]
mod shop {}

fn main() {}
