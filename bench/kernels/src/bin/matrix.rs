//! Linear algebra: a product, a system that is solved, and the eigenvalues of a symmetric matrix.
#![no_main]

use kernels::data::Random;
use kernels::{mix, rounds};
use nalgebra::{DMatrix, DVector};
use std::sync::LazyLock;

const SIZE: usize = 48;

static MATRIX: LazyLock<DMatrix<f64>> = LazyLock::new(|| {
    let mut random = Random::new(11);
    DMatrix::from_fn(SIZE, SIZE, |row, column| random.part() + if row == column { SIZE as f64 } else { 0.0 })
});

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let matrix = &*MATRIX;
    rounds(count, |round| {
        let symmetric = matrix * matrix.transpose();
        let right = DVector::from_element(SIZE, f64::from(round + 1));
        let solution = matrix.clone().lu().solve(&right).expect("a matrix that has an inverse");
        let values = symmetric.symmetric_eigenvalues();
        solution.iter().chain(values.iter()).fold(0, |sum, value| mix(sum, value.to_bits()))
    })
}
