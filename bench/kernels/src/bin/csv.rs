//! CSV with quotes, into types and back.
#![no_main]

use csv::{Reader, Writer};
use kernels::data::Random;
use kernels::{mix, mix_bytes, rounds};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

#[derive(Serialize, Deserialize)]
struct Sale {
    id: u32,
    article: String,
    note: String,
    quantity: u16,
    price: f64,
    paid: bool,
}

static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = Random::new(7);
    let sales = (0..500).map(|id| Sale {
        id,
        article: format!("article {}", random.below(10_000)),
        note: ["", "leave it, please", "a \"gift\"", "Łódź\nZürich"][random.below(4) as usize].to_owned(),
        quantity: random.below(50) as u16,
        price: random.below(1_000_000) as f64 / 128.0,
        paid: random.below(2) == 0,
    });
    write(sales)
});

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let text = &**TEXT;
    rounds(count, |round| {
        let sales = Reader::from_reader(text).into_deserialize().map(|sale: Result<Sale, _>| {
            let sale = sale.expect("what was written");
            Sale { id: sale.id + round, price: sale.price * f64::from(sale.quantity), ..sale }
        });
        let written = write(sales);
        mix(mix_bytes(0, &written), written.len() as u64)
    })
}

fn write(sales: impl Iterator<Item = Sale>) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    sales.for_each(|sale| writer.serialize(sale).expect("room in memory"));
    writer.into_inner().expect("room in memory")
}
