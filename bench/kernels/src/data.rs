//! Input of the kernels, generated here and always the same.

/// A generator of numbers that look random (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// A number from 0 to 1.
    pub fn part(&mut self) -> f64 {
        self.below(1 << 32) as f64 / (1u64 << 32) as f64
    }
}

pub fn bytes(length: usize) -> Vec<u8> {
    let mut random = Random::new(1);
    (0..length).map(|_| random.number() as u8).collect()
}

const WORDS: [&str; 16] = [
    "order", "customer", "price", "discount", "shipped", "the", "of", "and", "to", "invoice", "total", "was", "in",
    "stock", "Łódź", "Zürich",
];

/// Lines of a server's log: a date, a level, an address, words and numbers.
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

/// Paragraphs of words, with punctuation.
pub fn prose(paragraphs: usize) -> String {
    let mut random = Random::new(4);
    let mut text = String::new();
    for _ in 0..paragraphs {
        for _ in 0..40 + random.below(40) {
            text.push_str(WORDS[random.below(16) as usize]);
            text.push_str([" ", " ", " ", ", ", ". ", " – ", " 👩‍🚀 ", " e\u{301} "][random.below(8) as usize]);
        }
        text.push_str("\n\n");
    }
    text
}

/// A picture in red, green and blue, with gradients, bars and some noise, like a photograph.
pub fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut random = Random::new(5);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let bar = if (x / 16 + y / 24) % 5 == 0 { 80 } else { 0 };
            let noise = random.below(12) as u32;
            let colors = [x * 160 / width + bar, y * 160 / height + bar, (x + y) * 80 / (width + height) + bar];
            pixels.extend(colors.map(|color| (color + noise) as u8));
        }
    }
    pixels
}
