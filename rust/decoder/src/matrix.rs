//! Weights in the order in which they are read, and their product with the vectors of some songs.

use std::ops::Range;

use crate::element::Element;
use crate::simd::{AHEAD, Kernel, Line, Simd};

/// Outputs that are computed side by side: four lines, enough sums to hide the latency of an addition.
pub(crate) const PANEL: usize = 64;
const LANES: usize = 16;
const LINES: usize = PANEL / LANES;

/// Vectors, one a row, as a matrix takes them: the same group of some rows beside each other.
pub(crate) struct Rows<E: Element> {
    data: Vec<E::Inputs>,
    scales: Vec<f32>,
    groups: usize,
}

impl<E: Element> Rows<E> {
    pub(crate) const fn new() -> Self {
        Self { data: Vec::new(), scales: Vec::new(), groups: 0 }
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.scales.len()
    }

    /// Takes rows of so many numbers each.
    pub(crate) fn pack<S: Simd>(&mut self, numbers: &[f32], width: usize) {
        S::vectorize(Pack { rows: self, numbers, width });
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

/// A matrix in panels of [`PANEL`] outputs; of each, all groups of inputs in order.
pub(crate) struct Matrix<E: Element> {
    outputs: usize,
    groups: usize,
    lines: Vec<Line>,
    scales: Vec<f32>,
    shifts: Vec<i32>,
    element: std::marker::PhantomData<E>,
}

impl<E: Element> Matrix<E> {
    /// Takes a matrix whose rows are its outputs, of so many numbers each.
    pub(crate) fn new(numbers: &[f32], inputs: usize) -> Self {
        let outputs = numbers.len() / inputs;
        let panels = outputs.div_ceil(PANEL);
        let groups = inputs.div_ceil(E::GROUP);
        let mut matrix = Self {
            outputs,
            groups,
            lines: vec![Line::ZERO; panels * groups * LINES],
            scales: vec![1.0; panels * PANEL],
            shifts: vec![0; panels * PANEL],
            element: std::marker::PhantomData,
        };
        for (output, row) in numbers.chunks_exact(inputs).enumerate() {
            let (scale, inverse) = E::scale(row);
            matrix.scales[output] = scale;
            let (panel, lane) = (output / PANEL, output % PANEL);
            let lines = &mut matrix.lines[panel * groups * LINES..];
            for (group, numbers) in row.chunks(E::GROUP).enumerate() {
                let line = &mut lines[group * LINES + lane / LANES];
                for (place, &number) in numbers.iter().enumerate() {
                    matrix.shifts[output] += E::put(line, lane % LANES, place, number, inverse);
                }
            }
        }
        matrix
    }

    pub(crate) const fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// The outputs that some panels hold.
    pub(crate) fn outputs(&self, panels: &Range<usize>) -> Range<usize> {
        (panels.start * PANEL).min(self.outputs)..(panels.end * PANEL).min(self.outputs)
    }

    /// Multiplies each row with some panels; a row of `out` takes the outputs of these panels.
    pub(crate) fn multiply<S: Simd>(&self, panels: Range<usize>, rows: &Rows<E>, out: &mut [f32]) {
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
                    1 => S::vectorize(Stream::<E, 1> { matrix, first, rows, out }),
                    2 => S::vectorize(Stream::<E, 2> { matrix, first, rows, out }),
                    3 => S::vectorize(Stream::<E, 3> { matrix, first, rows, out }),
                    _ => S::vectorize(Stream::<E, STREAMS> { matrix, first, rows, out }),
                }
                panels.start += count;
            }
            return;
        }
        for panel in panels {
            let outputs = self.outputs(&(panel..panel + 1));
            let at = outputs.start - all.start..outputs.end - all.start;
            S::vectorize(Multiply { matrix: self, panel, rows, out, at });
        }
    }

    /// The lines of a panel, by group.
    #[inline(always)]
    fn lines_of(&self, panel: usize) -> &[[Line; LINES]] {
        self.lines[panel * self.groups * LINES..][..self.groups * LINES].as_chunks().0
    }

    /// Writes the sums of one row over a panel.
    #[inline(always)]
    fn finish<S: Simd>(&self, panel: usize, sums: [E::Sums<S>; LINES], rows: &Rows<E>, out: &mut [f32]) {
        let scales = self.scales[panel * PANEL..].as_chunks::<LANES>().0;
        let shifts = self.shifts[panel * PANEL..].as_chunks::<LANES>().0;
        for (place, target) in out.chunks_mut(LANES).enumerate() {
            let numbers = E::finish::<S>(sums[place], rows.scales[0], &scales[place], &shifts[place]);
            target.copy_from_slice(&numbers[..target.len()]);
        }
    }

    /// Multiplies R rows with P lines of each group of a panel, from the first on.
    #[inline(always)]
    fn tile<S: Simd, const P: usize, const R: usize>(
        &self,
        panel: usize,
        first: usize,
        inputs: &[E::Inputs],
        scales: &[f32],
        out: &mut [f32],
        at: Range<usize>,
    ) {
        let mut sums = [[E::zero::<S>(); P]; R];
        for (group, inputs) in self.lines_of(panel).iter().zip(inputs.as_chunks::<R>().0) {
            for line in &group[first..first + P] {
                S::prefetch_near(line, AHEAD);
            }
            for (sums, &inputs) in sums.iter_mut().zip(inputs) {
                for (line, sums) in sums.iter_mut().enumerate() {
                    *sums = E::accumulate::<S>(*sums, &group[first + line], inputs);
                }
            }
        }
        let (out_scales, _) = self.scales[panel * PANEL + first * LANES..][..P * LANES].as_chunks::<LANES>();
        let (out_shifts, _) = self.shifts[panel * PANEL + first * LANES..][..P * LANES].as_chunks::<LANES>();
        let width = out.len() / R;
        for ((sums, &scale), row) in sums.into_iter().zip(scales).zip(out.chunks_exact_mut(width)) {
            let row = &mut row[at.clone()];
            for (line, (sums, target)) in sums.into_iter().zip(row.chunks_mut(LANES).skip(first)).enumerate() {
                let numbers = E::finish::<S>(sums, scale, &out_scales[line], &out_shifts[line]);
                if let Ok(target) = <&mut [f32; LANES]>::try_from(&mut *target) {
                    *target = numbers;
                } else {
                    target.copy_from_slice(&numbers[..target.len()]);
                }
            }
        }
    }
}

/// Rows that are multiplied at once, of so many that are left.
#[inline(always)]
const fn block<S: Simd>(left: usize) -> usize {
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
    fn run<S: Simd>(self) {
        self.rows.fill::<S>(self.numbers, self.width);
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
    fn run<S: Simd>(self) {
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
                    12 => matrix.tile::<S, { LINES / 2 }, 12>(panel, first, inputs, scales, out, at),
                    4 => matrix.tile::<S, { LINES / 2 }, 4>(panel, first, inputs, scales, out, at),
                    2 => matrix.tile::<S, { LINES / 2 }, 2>(panel, first, inputs, scales, out, at),
                    _ => matrix.tile::<S, { LINES / 2 }, 1>(panel, first, inputs, scales, out, at),
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
    fn run<S: Simd>(self) {
        let Self { matrix, first, rows, out } = self;
        let panels = std::array::from_fn(|place| matrix.lines_of(first + place));
        let sums = side_by_side::<S, E, N>(panels, rows);
        for ((panel, sums), out) in (first..).zip(sums).zip(out.chunks_mut(PANEL)) {
            matrix.finish::<S>(panel, sums, rows, out);
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
    fn run<S: Simd>(self) {
        let Self { matrices, rows, outs } = self;
        let sums = side_by_side::<S, E, 3>(matrices.map(|matrix| matrix.lines_of(0)), rows);
        for ((matrix, sums), out) in matrices.into_iter().zip(sums).zip(outs) {
            matrix.finish::<S>(0, sums, rows, out);
        }
    }
}

/// The sums of one row over some panels.
#[inline(always)]
fn side_by_side<S: Simd, E: Element, const N: usize>(
    panels: [&[[Line; LINES]]; N],
    rows: &Rows<E>,
) -> [[E::Sums<S>; LINES]; N] {
    let mut sums = [[E::zero::<S>(); LINES]; N];
    for (group, &inputs) in rows.data.iter().enumerate() {
        for (sums, panel) in sums.iter_mut().zip(panels) {
            for (sums, line) in sums.iter_mut().zip(&panel[group]) {
                S::prefetch(line, AHEAD);
                *sums = E::accumulate::<S>(*sums, line, inputs);
            }
        }
    }
    sums
}

/// Multiplies each row with three matrices of as many outputs.
pub(crate) fn multiply_three<S: Simd, E: Element>(matrices: [&Matrix<E>; 3], rows: &Rows<E>, outs: [&mut [f32]; 3]) {
    if rows.count() == 1 && S::ROWS > 1 && matrices[0].panels() == 1 {
        return S::vectorize(Three { matrices, rows, outs });
    }
    for (matrix, out) in matrices.into_iter().zip(outs) {
        matrix.multiply::<S>(0..matrix.panels(), rows, out);
    }
}

/// The sums of R rows over P lines a group. The inputs of R rows lie beside each other.
#[inline(always)]
pub(crate) fn product<S: Simd, E: Element, const P: usize, const R: usize>(
    lines: &[Line],
    inputs: &[E::Inputs],
) -> [[E::Sums<S>; P]; R] {
    let mut sums = [[E::zero::<S>(); P]; R];
    let (groups, _) = lines.as_chunks::<P>();
    let (rows, _) = inputs.as_chunks::<R>();
    for (group, inputs) in groups.iter().zip(rows) {
        for line in group {
            S::prefetch(line, AHEAD);
        }
        for row in 0..R {
            for line in 0..P {
                sums[row][line] = E::accumulate::<S>(sums[row][line], &group[line], inputs[row]);
            }
        }
    }
    sums
}
