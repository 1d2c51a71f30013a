use relinkable::relinkable;

#[relinkable]
async fn everything<T>(_: &mut str, _: u128, _: u8) -> &str {
    ""
}

fn caller() {
    // No second error: the function is still there.
    let _ = everything::<u8>;
}

fn main() {}
