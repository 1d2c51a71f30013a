//! What the kernels work on: made here, and always the same.

/// A generator of numbers that look random (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

pub fn bytes(length: usize) -> Vec<u8> {
    let mut random = Random::new(1);
    (0..length).map(|_| random.next() as u8).collect()
}

const WORDS: [&str; 16] = [
    "order", "customer", "price", "discount", "shipped", "the", "of", "and", "to", "invoice", "total", "was", "in",
    "stock", "Łódź", "Zürich",
];

/// Lines as a server's log has them: a date, a level, an address, words and numbers.
pub fn log(lines: usize) -> String {
    let mut random = Random::new(2);
    let mut text = String::new();
    for line in 0..lines {
        let level = ["INFO", "WARN", "ERROR", "DEBUG"][random.below(4) as usize];
        text.push_str(&format!("2025-{:02}-{:02} {level} ", 1 + random.below(12), 1 + random.below(28)));
        text.push_str(&format!("10.{}.{}.{} ", random.below(256), random.below(256), random.below(256)));
        for _ in 0..4 + random.below(8) {
            text.push_str(WORDS[random.below(16) as usize]);
            text.push(' ');
        }
        text.push_str(&format!("id={line} user{}@example.com {}.{:02}\n", random.below(999), line, random.below(100)));
    }
    text
}
