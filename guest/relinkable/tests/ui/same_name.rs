use relinkable::{Type, relinkable};

#[derive(Type)]
struct Item {
    sku: String,
}

mod sale {
    #[derive(relinkable::Type)]
    pub struct Item {
        pub price: u64,
    }
}

#[relinkable]
fn sell(_: Item) -> sale::Item {
    sale::Item { price: 0 }
}

fn main() {}
