//! Fourier transforms there and back, of lengths that are and are not powers of two.
#![no_main]

use kernels::data::Random;
use kernels::{mix, rounds};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use std::sync::LazyLock;

const LENGTHS: [usize; 3] = [4096, 1200, 1009];

static SIGNAL: LazyLock<Vec<Complex<f64>>> = LazyLock::new(|| {
    let mut random = Random::new(12);
    (0..LENGTHS[0]).map(|_| Complex::new(random.part(), 0.0)).collect()
});

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let signal = &*SIGNAL;
    let mut planner = FftPlanner::new();
    rounds(count, |round| {
        LENGTHS.iter().fold(0, |sum, length| {
            let mut buffer = signal[..*length].to_vec();
            buffer[0].re += f64::from(round);
            planner.plan_fft_forward(*length).process(&mut buffer);
            planner.plan_fft_inverse(*length).process(&mut buffer);
            buffer.iter().step_by(61).fold(sum, |sum, value| mix(sum, value.re.to_bits()))
        })
    })
}
