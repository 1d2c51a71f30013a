use relinkable::relinkable;

#[relinkable]
fn borrowed(text: &str) -> &str {
    text
}

#[relinkable]
fn slice(_: &[u8]) -> &[u8] {
    &[]
}

#[relinkable]
fn changed(_: &mut [u8], _: &mut String) {}

#[relinkable]
fn wide(_: *const str, _: *mut [u8]) {}

#[relinkable]
fn forever(_: &'static str) {}

#[relinkable]
fn inside(_: Option<&str>, _: &[&[u8]]) {}

fn main() {}
