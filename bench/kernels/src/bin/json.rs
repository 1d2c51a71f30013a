//! JSON, into types and into values, and back.
#![no_main]

use kernels::data::Random;
use kernels::{mix, rounds};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

#[derive(Serialize, Deserialize)]
struct Order {
    id: u32,
    customer: String,
    note: Option<String>,
    lines: Vec<Line>,
    tags: BTreeMap<String, bool>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    article: String,
    quantity: u16,
    price: f64,
}

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut random = Random::new(3);
    let orders: Vec<Order> = (0..100)
        .map(|id| Order {
            id,
            customer: format!("Customer \"{}\" of Łódź", random.below(1000)),
            note: (id % 3 == 0).then(|| "leave it\nat the door\t".to_owned()),
            lines: (0..1 + random.below(4))
                .map(|line| Line {
                    article: format!("article-{line}-{}", random.below(10_000)),
                    quantity: random.below(50) as u16,
                    price: random.below(1_000_000) as f64 / 128.0,
                })
                .collect(),
            tags: (0..random.below(4)).map(|tag| (format!("tag{tag}"), random.below(2) == 0)).collect(),
        })
        .collect();
    serde_json::to_string_pretty(&orders).expect("what can be written")
});

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let text = &**TEXT;
    rounds(count, |round| {
        let mut orders: Vec<Order> = serde_json::from_str(text).expect("what was written");
        orders[round as usize % 100].id = round;
        let typed = serde_json::to_string(&orders).expect("what can be written");
        let value: Value = serde_json::from_str(&typed).expect("what was written");
        let total: f64 = value.as_array().into_iter().flatten().map(total).sum();
        mix(typed.len() as u64, total.to_bits())
    })
}

fn total(order: &Value) -> f64 {
    let lines = order["lines"].as_array().into_iter().flatten();
    lines.filter_map(|line| Some(line["quantity"].as_f64()? * line["price"].as_f64()?)).sum()
}
