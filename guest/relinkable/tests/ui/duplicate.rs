use relinkable::relinkable;

#[relinkable]
fn price() {}

mod sale {
    #[relinkable::relinkable]
    fn price() {}
}

#[relinkable(name = "shop::tax")]
fn net() {}

#[relinkable(name = "shop::tax")]
fn gross() {}

fn main() {}
