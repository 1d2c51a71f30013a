use relinkable::relinkable;

#[relinkable(name = "")]
fn empty() {}

#[relinkable(name = "shop price")]
fn space() {}

#[relinkable(name = "shop\"price")]
fn quote() {}

#[relinkable(name = "shop\nprice")]
fn line() {}

fn main() {}
