use relinkable::relinkable;

#[relinkable]
async fn everything<T>(_: &str, _: u128, _: u8) -> String {
    String::new()
}

fn caller() {
    // No second error: the function is still there.
    let _ = everything::<u8>("", 0, 0);
}

fn main() {}
