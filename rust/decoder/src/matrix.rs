//! Weights in the order in which they are read, and their product with some vectors.

use std::ops::Range;

use crate::element::Element;
use crate::lines::{Lines, NoRoom, room};
use crate::rows::{Rows, block};
use crate::simd::{AHEAD, Kernel, Line, Simd};

/// Outputs that are computed side by side: four lines, enough sums to hide the latency of an addition.
pub(crate) const PANEL: usize = 64;
const LANES: usize = 16;
const LINES: usize = PANEL / LANES;

/// A matrix in panels of [`PANEL`] outputs; of each, all groups of inputs in order.
pub(crate) struct Matrix<E: Element> {
    outputs: usize,
    groups: usize,
    lines: Lines,
    scales: Vec<f32>,
    shifts: Vec<i32>,
    element: std::marker::PhantomData<E>,
}

impl<E: Element> Matrix<E> {
    /// Takes a matrix whose rows are its outputs, of `inputs` numbers each.
    pub(crate) fn new(numbers: &[f32], inputs: usize) -> Result<Self, NoRoom> {
        let mut matrix = Self::zeros(numbers.len() / inputs, inputs)?;
        for (output, row) in numbers.chunks_exact(inputs).enumerate() {
            matrix.put(output, row);
        }
        Ok(matrix)
    }

    pub(crate) fn zeros(outputs: usize, inputs: usize) -> Result<Self, NoRoom> {
        let panels = outputs.div_ceil(PANEL);
        let groups = inputs.div_ceil(E::GROUP);
        Ok(Self {
            outputs,
            groups,
            lines: Lines::zeros(panels * groups * LINES)?,
            scales: room(panels * PANEL, 1.0)?,
            shifts: room(panels * PANEL, 0)?,
            element: std::marker::PhantomData,
        })
    }

    /// Sets the weights of an output of zeros.
    pub(crate) fn put(&mut self, output: usize, row: &[f32]) {
        let (scale, inverse) = E::scale(row);
        self.scales[output] = scale;
        let (panel, lane) = (output / PANEL, output % PANEL);
        let lines = &mut self.lines[panel * self.groups * LINES..];
        for (group, numbers) in row.chunks(E::GROUP).enumerate() {
            let line = &mut lines[group * LINES + lane / LANES];
            for (place, &number) in numbers.iter().enumerate() {
                self.shifts[output] += E::put(line, lane % LANES, place, number, inverse);
            }
        }
    }

    pub(crate) const fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// The outputs that some panels hold.
    pub(crate) fn outputs(&self, panels: &Range<usize>) -> Range<usize> {
        (panels.start * PANEL).min(self.outputs)..(panels.end * PANEL).min(self.outputs)
    }

    /// Multiplies each row with some panels; a row of `out` takes the outputs of these panels.
    pub(crate) fn multiply<S: Simd>(&self, simd: S, panels: Range<usize>, rows: &Rows<E>, out: &mut [f32]) {
        assert_eq!(rows.groups, self.groups, "a row has as many numbers as the matrix has inputs");
        let all = self.outputs(&panels);
        assert_eq!(out.len(), rows.count() * all.len(), "there is room for all outputs");
        if rows.count() == 1 && S::ROWS > 1 {
            let mut panels = panels;
            while !panels.is_empty() {
                let count = panels.len().min(STREAMS);
                let here = self.outputs(&(panels.start..panels.start + count));
                let out = &mut out[here.start - all.start..here.end - all.start];
                let (matrix, first) = (self, panels.start);
                match count {
                    1 => simd.vectorize(Stream::<E, 1> { matrix, first, rows, out }),
                    2 => simd.vectorize(Stream::<E, 2> { matrix, first, rows, out }),
                    3 => simd.vectorize(Stream::<E, 3> { matrix, first, rows, out }),
                    _ => simd.vectorize(Stream::<E, STREAMS> { matrix, first, rows, out }),
                }
                panels.start += count;
            }
            return;
        }
        for panel in panels {
            let outputs = self.outputs(&(panel..panel + 1));
            let at = outputs.start - all.start..outputs.end - all.start;
            simd.vectorize(Multiply { matrix: self, panel, rows, out, at });
        }
    }

    /// The lines of a panel, by group.
    #[inline(always)]
    fn lines_of(&self, panel: usize) -> &[[Line; LINES]] {
        self.lines[panel * self.groups * LINES..][..self.groups * LINES].as_chunks().0
    }

    /// Writes the sums of one row over a panel.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, panel: usize, sums: [E::Sums<S>; LINES], rows: &Rows<E>, out: &mut [f32]) {
        let scales = self.scales[panel * PANEL..].as_chunks::<LANES>().0;
        let shifts = self.shifts[panel * PANEL..].as_chunks::<LANES>().0;
        for (place, target) in out.chunks_mut(LANES).enumerate() {
            let numbers = E::finish(simd, sums[place], rows.scales[0], &scales[place], &shifts[place]);
            target.copy_from_slice(&numbers[..target.len()]);
        }
    }

    /// Multiplies R rows with P lines of each group of a panel, from the first on.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "one of them is the instruction set")]
    fn tile<S: Simd, const P: usize, const R: usize>(
        &self,
        simd: S,
        panel: usize,
        first: usize,
        inputs: &[E::Inputs],
        scales: &[f32],
        out: &mut [f32],
        at: Range<usize>,
    ) {
        let mut sums = [[E::zero(simd); P]; R];
        for (group, inputs) in self.lines_of(panel).iter().zip(inputs.as_chunks::<R>().0) {
            for line in &group[first..first + P] {
                simd.prefetch_near(line, AHEAD);
            }
            for (sums, &inputs) in sums.iter_mut().zip(inputs) {
                for (line, sums) in sums.iter_mut().enumerate() {
                    *sums = E::accumulate(simd, *sums, &group[first + line], inputs);
                }
            }
        }
        let (out_scales, _) = self.scales[panel * PANEL + first * LANES..][..P * LANES].as_chunks::<LANES>();
        let (out_shifts, _) = self.shifts[panel * PANEL + first * LANES..][..P * LANES].as_chunks::<LANES>();
        let width = out.len() / R;
        for ((sums, &scale), row) in sums.into_iter().zip(scales).zip(out.chunks_exact_mut(width)) {
            let (whole, rest) = row[at.clone()].as_chunks_mut::<LANES>();
            for (line, sums) in sums.into_iter().enumerate() {
                let numbers = E::finish(simd, sums, scale, &out_scales[line], &out_shifts[line]);
                if let Some(target) = whole.get_mut(first + line) {
                    *target = numbers;
                } else if first + line == whole.len() {
                    rest.copy_from_slice(&numbers[..rest.len()]);
                }
            }
        }
    }
}

/// The product of all rows with a panel.
struct Multiply<'a, E: Element> {
    matrix: &'a Matrix<E>,
    panel: usize,
    rows: &'a Rows<E>,
    out: &'a mut [f32],
    /// Where the outputs of the panel lie in a row of `out`.
    at: Range<usize>,
}

impl<E: Element> Kernel for Multiply<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { matrix, panel, rows, out, at } = self;
        let width = out.len() / rows.count();
        // Half a panel at a time: it stays in the first cache while the rows pass by, and twelve of them fill the registers.
        for first in [0, LINES / 2] {
            let mut row = 0;
            while row < rows.count() {
                let count = block::<S>(rows.count() - row);
                let scales = &rows.scales[row..][..count];
                let inputs = &rows.data[row * rows.groups..][..count * rows.groups];
                let out = &mut out[row * width..][..count * width];
                let at = at.clone();
                match count {
                    12 => matrix.tile::<S, { LINES / 2 }, 12>(simd, panel, first, inputs, scales, out, at),
                    4 => matrix.tile::<S, { LINES / 2 }, 4>(simd, panel, first, inputs, scales, out, at),
                    2 => matrix.tile::<S, { LINES / 2 }, 2>(simd, panel, first, inputs, scales, out, at),
                    _ => matrix.tile::<S, { LINES / 2 }, 1>(simd, panel, first, inputs, scales, out, at),
                }
                row += count;
            }
        }
    }
}

/// Panels that are read side by side when there is one row: the memory gives more to several readings than to one.
const STREAMS: usize = 4;

/// The product of one row with some panels at once.
struct Stream<'a, E: Element, const N: usize> {
    matrix: &'a Matrix<E>,
    first: usize,
    rows: &'a Rows<E>,
    out: &'a mut [f32],
}

impl<E: Element, const N: usize> Kernel for Stream<'_, E, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { matrix, first, rows, out } = self;
        let panels = std::array::from_fn(|place| matrix.lines_of(first + place));
        let sums = side_by_side::<S, E, N>(simd, panels, rows);
        for ((panel, sums), out) in (first..).zip(sums).zip(out.chunks_mut(PANEL)) {
            matrix.finish(simd, panel, sums, rows, out);
        }
    }
}

/// The product of one row with three matrices of one panel.
struct Three<'a, E: Element> {
    matrices: [&'a Matrix<E>; 3],
    rows: &'a Rows<E>,
    outs: [&'a mut [f32]; 3],
}

impl<E: Element> Kernel for Three<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { matrices, rows, outs } = self;
        let sums = side_by_side::<S, E, 3>(simd, matrices.map(|matrix| matrix.lines_of(0)), rows);
        for ((matrix, sums), out) in matrices.into_iter().zip(sums).zip(outs) {
            matrix.finish(simd, 0, sums, rows, out);
        }
    }
}

/// The sums of one row over some panels.
#[inline(always)]
fn side_by_side<S: Simd, E: Element, const N: usize>(
    simd: S,
    panels: [&[[Line; LINES]]; N],
    rows: &Rows<E>,
) -> [[E::Sums<S>; LINES]; N] {
    let mut sums = [[E::zero(simd); LINES]; N];
    for (group, &inputs) in rows.data.iter().enumerate() {
        for (sums, panel) in sums.iter_mut().zip(panels) {
            for (sums, line) in sums.iter_mut().zip(&panel[group]) {
                simd.prefetch(line, AHEAD);
                *sums = E::accumulate(simd, *sums, line, inputs);
            }
        }
    }
    sums
}

/// Multiplies each row with three matrices of as many outputs.
pub(crate) fn multiply_three<S: Simd, E: Element>(
    simd: S,
    matrices: [&Matrix<E>; 3],
    rows: &Rows<E>,
    outs: [&mut [f32]; 3],
) {
    if rows.count() == 1 && S::ROWS > 1 && matrices[0].panels() == 1 {
        return simd.vectorize(Three { matrices, rows, outs });
    }
    for (matrix, out) in matrices.into_iter().zip(outs) {
        matrix.multiply(simd, 0..matrix.panels(), rows, out);
    }
}
