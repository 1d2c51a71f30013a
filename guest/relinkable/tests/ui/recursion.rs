use relinkable::{Type, relinkable};

#[derive(Type)]
struct Folder {
    entries: Vec<Entry>,
}

#[derive(Type)]
enum Entry {
    File(String),
    Folder(Folder),
}

#[relinkable]
fn size(_: &Folder) -> u64 {
    0
}

fn main() {}
