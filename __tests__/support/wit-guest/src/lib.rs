//! A guest of wit-bindgen: its exports return what they are given, or pass it to an import first.

wit_bindgen::generate!({ path: "world.wit", world: "guest" });

struct Plugin;

export!(Plugin);

#[allow(clippy::too_many_arguments)]
impl Guest for Plugin {
    fn echo(all: Everything) -> Everything {
        all
    }
    fn through(all: Everything) -> Everything {
        ask(&all)
    }
    fn echo_shape(shape: Shape, by: Option<String>) -> Result<Shape, String> {
        by.map_or(Ok(shape), Err)
    }
    fn through_shape(shape: Shape, by: Option<String>) -> Result<Shape, String> {
        ask_shape(&shape, by.as_deref())
    }
    fn echo_string(text: String) -> String {
        text
    }
    fn echo_bytes(bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }
    fn echo_items(items: Vec<Item>) -> Vec<Item> {
        items
    }
    fn scalar(
        a: bool,
        b: i8,
        c: u8,
        d: i16,
        e: u16,
        f: i32,
        g: u32,
        h: i64,
        i: u64,
        j: f32,
        k: f64,
        l: char,
        m: Colour,
        n: Rights,
    ) -> Scalars {
        let g = g + m as u32 + u32::from(n.contains(Rights::CAN_READ));
        Scalars { a, b, c, d, e, f, g, h, i, j, k, l }
    }
    fn many(
        a: String,
        b: u8,
        c: String,
        d: u8,
        e: String,
        f: u8,
        g: String,
        h: u8,
        i: String,
        j: u8,
        k: String,
        l: u8,
        m: String,
        n: u8,
        o: String,
        p: u8,
        q: f64,
    ) -> String {
        format!("{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}{l}{m}{n}{o}{p}{q}")
    }
    fn sum(values: Vec<u64>) -> u64 {
        values.iter().sum()
    }
    fn nothing() {}
}
