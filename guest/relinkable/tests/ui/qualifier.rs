use relinkable::relinkable;

#[relinkable]
async fn later() -> u32 {
    1
}

#[relinkable]
const fn early() -> u32 {
    1
}

#[relinkable]
extern "C" fn foreign() -> u32 {
    1
}

#[relinkable]
pub fn attribute(#[allow(unused)] cents: u64) {}

fn main() {}
