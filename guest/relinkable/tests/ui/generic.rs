use relinkable::relinkable;

#[relinkable]
fn typed<T>(_: u32) {}

#[relinkable]
fn sized<const N: usize>() -> u32 {
    0
}

#[relinkable]
fn lifetime<'a>(_: &'a str) {}

#[relinkable]
fn bounded()
where
    u8: Copy,
{
}

#[relinkable]
fn hidden(_: impl Copy) {}

fn main() {}
