//! The product that projects distances: plain code with the same result, to the bit, on every instruction set.

use crate::lines::{NoRoom, room};
use crate::simd::{Kernel, Simd};

/// A matrix whose inputs are even in number, in the order of its inputs.
pub(crate) struct Projection {
    inputs: usize,
    outputs: usize,
    weights: Vec<f32>,
}

impl Projection {
    /// Takes a matrix whose rows are its outputs, of `inputs` numbers each.
    pub(crate) fn new(numbers: &[f32], inputs: usize) -> Result<Self, NoRoom> {
        let outputs = numbers.len() / inputs;
        let mut weights = room(numbers.len(), 0.0)?;
        for (output, row) in numbers.chunks_exact(inputs).enumerate() {
            for (weights, &number) in weights.chunks_exact_mut(outputs).zip(row) {
                weights[output] = number;
            }
        }
        Ok(Self { inputs, outputs, weights })
    }
}

/// Multiplies rows, an even number of them, with a matrix.
pub(crate) struct Project<'a> {
    pub(crate) projection: &'a Projection,
    pub(crate) rows: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

impl Kernel for Project<'_> {
    type Output = ();

    /// Two rows and two inputs at once: a weight that was loaded serves twice, and so does a sum.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { projection: &Projection { inputs, outputs, ref weights }, rows, out } = self;
        out.fill(0.0);
        for (rows, out) in rows.chunks_exact(2 * inputs).zip(out.chunks_exact_mut(2 * outputs)) {
            let (a_row, b_row) = rows.split_at(inputs);
            let (a_out, b_out) = out.split_at_mut(outputs);
            let pairs = a_row.as_chunks::<2>().0.iter().zip(b_row.as_chunks::<2>().0);
            for ((a, b), weights) in pairs.zip(weights.chunks_exact(2 * outputs)) {
                let (first, second) = weights.split_at(outputs);
                let outs = a_out.iter_mut().zip(&mut *b_out);
                for ((a_out, b_out), (first, second)) in outs.zip(first.iter().zip(second)) {
                    *a_out = *a_out + first * a[0] + second * a[1];
                    *b_out = *b_out + first * b[0] + second * b[1];
                }
            }
        }
    }
}
