//! A JPEG written and read.
#![no_main]

use image::{DynamicImage, ImageFormat, RgbImage};
use kernels::{data, mix_bytes, rounds};
use std::io::Cursor;
use std::sync::LazyLock;

static PICTURE: LazyLock<RgbImage> = LazyLock::new(|| {
    RgbImage::from_raw(WIDTH, HEIGHT, data::picture(WIDTH, HEIGHT)).expect("as many bytes as the picture has")
});
const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let mut picture = PICTURE.clone();
    rounds(count, |round| {
        picture[(round % WIDTH, 0)].0[0] ^= 1;
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Jpeg).expect("room in memory");
        let read = image::load_from_memory_with_format(file.get_ref(), ImageFormat::Jpeg).expect("what was written");
        mix_bytes(mix_bytes(0, file.get_ref()), DynamicImage::as_bytes(&read))
    })
}
