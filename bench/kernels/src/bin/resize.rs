//! A picture made smaller, blurred and turned.
#![no_main]

use image::RgbImage;
use image::imageops::{self, FilterType};
use kernels::{data, mix_bytes, rounds};
use std::sync::LazyLock;

static PICTURE: LazyLock<RgbImage> = LazyLock::new(|| {
    RgbImage::from_raw(WIDTH, HEIGHT, data::picture(WIDTH, HEIGHT)).expect("as many bytes as the picture has")
});
const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let picture = &*PICTURE;
    rounds(count, |round| {
        let small = imageops::resize(picture, WIDTH / 2 - round % 8, HEIGHT / 2, FilterType::Lanczos3);
        let turned = imageops::rotate90(&imageops::blur(&small, 1.5));
        mix_bytes(0, turned.as_raw())
    })
}
