use relinkable::Type;

#[derive(Type)]
struct Generic<T>(T);

#[derive(Type)]
struct Borrowed<'a> {
    name: &'a str,
}

#[derive(Type)]
struct Empty;

#[derive(Type)]
enum Tree {
    Leaf(u32),
    Node(Box<Tree>, Box<Self>),
}

#[derive(Type)]
#[relinkable(flags)]
struct Rights {
    read: bool,
    level: u8,
}

#[derive(Type)]
union Either {
    a: u32,
    b: f32,
}

#[derive(Type)]
struct Twice {
    x1: u8,
    x_1: u8,
}

#[derive(Type)]
struct Größe {
    a: u8,
}

fn main() {}
