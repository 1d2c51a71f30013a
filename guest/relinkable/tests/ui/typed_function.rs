#[relinkable::export]
async fn later(_: &str) {}

#[relinkable::export]
struct Order;

#[relinkable::export(name = "handleRequest")]
fn camel() {}

#[relinkable::export(nmae = "handle")]
fn misspelt() {}

#[relinkable::import(module = "env", nam = "x")]
fn unknown() {}

#[relinkable::import]
struct Import;

#[relinkable::import]
unsafe extern "C" {
    fn pointer(_: *const u8);
    static NUMBER: u32;
    safe static SAFE: u32;
}

fn main() {}
