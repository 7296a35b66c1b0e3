//! Layer normalisation (Ba et al. 2016), and the residual path that it follows or precedes.

use crate::simd::{Kernel, Simd};
use crate::vector::{add, lanes};

/// Scale and offset of a normalisation.
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// Adds `others`, if any, to rows, and normalises each row, if there is a norm.
pub(crate) struct Residual<'a> {
    pub(crate) numbers: &'a mut [f32],
    pub(crate) others: &'a [f32],
    pub(crate) norm: Option<&'a Norm>,
}

impl Kernel for Residual<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        add(self.numbers, self.others);
        if let Some(norm) = self.norm {
            normalize(self.numbers, norm);
        }
    }
}

/// Gives each row mean 0 and variance 1, then scale and offset.
#[inline(always)]
fn normalize(numbers: &mut [f32], norm: &Norm) {
    const EPSILON: f32 = 1e-5;
    let width = norm.weight.len();
    for row in numbers.chunks_exact_mut(width) {
        let mean = lanes(row, 0.0, |number| number, |sum, part| sum + part) / width as f32;
        for number in row.iter_mut() {
            *number -= mean;
        }
        let variance = lanes(row, 0.0, |number| number * number, |sum, part| sum + part) / width as f32;
        let inverse = 1.0 / (variance + EPSILON).sqrt();
        for ((number, weight), bias) in row.iter_mut().zip(&norm.weight).zip(&norm.bias) {
            *number = *number * inverse * weight + bias;
        }
    }
}
