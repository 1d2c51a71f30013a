use relinkable::relinkable;

struct Order;

impl Order {
    #[relinkable]
    fn total(&self, cents: u64) -> u64 {
        cents
    }

    #[relinkable]
    fn close(self) {}
}

fn main() {}
