use relinkable::relinkable;

#[relinkable]
fn borrowed(_: &str) {}

#[relinkable]
fn owned(_: String) -> std::vec::Vec<u8> {
    Vec::new()
}

#[relinkable]
fn bytes(_: &mut [u8]) {}

#[relinkable]
fn wide(_: *const str, _: *mut [u8]) {}

fn main() {}
