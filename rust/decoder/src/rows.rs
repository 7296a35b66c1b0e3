//! Vectors that are multiplied with a matrix.

use crate::element::Element;
use crate::simd::{Kernel, Simd};

/// Vectors, one a row, as a matrix takes them: the same group of some rows beside each other.
pub(crate) struct Rows<E: Element> {
    /// Blocks of rows that are multiplied at once, as [`block`] says.
    pub(crate) data: Vec<E::Inputs>,
    pub(crate) scales: Vec<f32>,
    pub(crate) groups: usize,
}

impl<E: Element> Rows<E> {
    pub(crate) const fn new() -> Self {
        Self { data: Vec::new(), scales: Vec::new(), groups: 0 }
    }

    /// The number of rows.
    pub(crate) const fn count(&self) -> usize {
        self.scales.len()
    }

    /// Takes rows of `width` numbers each.
    pub(crate) fn pack<S: Simd>(&mut self, simd: S, numbers: &[f32], width: usize) {
        simd.vectorize(Pack { rows: self, numbers, width });
    }

    #[inline(always)]
    fn fill<S: Simd>(&mut self, numbers: &[f32], width: usize) {
        self.groups = width.div_ceil(E::GROUP);
        self.data.clear();
        self.scales.clear();
        let mut left = numbers;
        while !left.is_empty() {
            let count = block::<S>(left.len() / width);
            let (block, rest) = left.split_at(count * width);
            left = rest;
            let start = self.data.len();
            self.data.resize(start + count * self.groups, E::inputs(&[0.0; 4], 1.0));
            for (place, row) in block.chunks_exact(width).enumerate() {
                let (scale, inverse) = E::scale(row);
                self.scales.push(scale);
                let targets = self.data[start + place..].iter_mut().step_by(count);
                for (target, group) in targets.zip(row.chunks(E::GROUP)) {
                    *target = E::inputs(group, inverse);
                }
            }
        }
    }
}

/// How many of the rows that are left are multiplied at once.
#[inline(always)]
pub(crate) const fn block<S: Simd>(left: usize) -> usize {
    match left {
        12.. if S::ROWS >= 12 => 12,
        4.. if S::ROWS >= 4 => 4,
        2.. if S::ROWS >= 2 => 2,
        _ => 1,
    }
}

struct Pack<'a, E: Element> {
    rows: &'a mut Rows<E>,
    numbers: &'a [f32],
    width: usize,
}

impl<E: Element> Kernel for Pack<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.rows.fill::<S>(self.numbers, self.width);
    }
}
