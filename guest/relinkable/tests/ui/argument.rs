use relinkable::relinkable;

#[relinkable(nmae = "shop::price")]
fn misspelt() {}

#[relinkable("shop::price")]
fn bare() {}

#[relinkable(name)]
fn empty() {}

#[relinkable(name = 3)]
fn number() {}

#[relinkable(name = "a", name = "b")]
fn twice() {}

fn main() {}
