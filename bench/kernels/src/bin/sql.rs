//! SQL, parsed and written again.
#![no_main]

use kernels::data::Random;
use kernels::{mix_bytes, rounds};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use std::fmt::Write;
use std::sync::LazyLock;

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut random = Random::new(9);
    (0..25).fold(String::new(), |mut text, number| {
        let (limit, year) = (random.below(100), 2000 + random.below(30));
        writeln!(
            text,
            "WITH big AS (SELECT id, SUM(price * quantity) AS total FROM lines GROUP BY id HAVING SUM(price) > {limit})
             SELECT o.id, c.name, COALESCE(b.total, 0) FROM orders AS o
             LEFT JOIN big b ON b.id = o.id INNER JOIN customers c USING (customer_id)
             WHERE o.year BETWEEN {year} AND {year} + 2 AND (c.city LIKE 'Z%' OR c.city IN ('Łódź', 'Oslo'))
             ORDER BY 3 DESC, o.id LIMIT {limit};
             UPDATE orders SET note = 'it''s {number}', paid = CASE WHEN id = {limit} THEN TRUE ELSE paid END
             WHERE id = {number};"
        )
        .expect("room in memory");
        text
    })
});

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let text = &**TEXT;
    rounds(count, |round| {
        let statements = Parser::parse_sql(&GenericDialect {}, text).expect("valid SQL");
        statements.iter().fold(round.into(), |sum, statement| mix_bytes(sum, statement.to_string().as_bytes()))
    })
}
