//! Lines of memory, in large pages where the system has them.
//!
//! A step of many sequences reads hundreds of megabytes in order. In pages of 4 KiB the processor translates an address
//! every 64 lines and fetches nothing ahead beyond it: one thread then gets half of what the memory gives in pages of
//! 2 MiB. Linux gives these to whoever asks, unless it is set never to.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

use crate::simd::Line;

/// A large page, and the least that is worth one.
const LARGE_PAGE: usize = 2 << 20;

/// There is no room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoRoom;

/// Lines that begin at a page, and so at a line of the processor's caches.
pub(crate) struct Lines {
    map: MmapMut,
    count: usize,
}

impl Lines {
    /// Lines of zeros; they take memory when they are first written.
    pub(crate) fn zeros(count: usize) -> Result<Self, NoRoom> {
        let bytes = count.max(1).checked_mul(size_of::<Line>()).ok_or(NoRoom)?;
        let map = MmapMut::map_anon(bytes).map_err(|_| NoRoom)?;
        #[cfg(target_os = "linux")]
        if bytes >= LARGE_PAGE {
            _ = map.advise(memmap2::Advice::HugePage); // a hint, which a kernel may not know
        }
        Ok(Self { map, count })
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        &self.map.as_chunks().0[..self.count]
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [Line] {
        &mut self.map.as_chunks_mut().0[..self.count]
    }
}

/// A vector of equal numbers, if there is room for it.
pub(crate) fn room<T: Clone>(count: usize, number: T) -> Result<Vec<T>, NoRoom> {
    let mut room = Vec::new();
    room.try_reserve_exact(count).map_err(|_| NoRoom)?;
    room.resize(count, number);
    Ok(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_zeros_that_begin_at_a_line_of_the_caches() {
        for count in [0, 1, 3, LARGE_PAGE / size_of::<Line>() + 1] {
            let mut lines = Lines::zeros(count).expect("there is room for it");
            assert_eq!(lines.len(), count);
            assert!(lines.iter().all(|line| *line == [0; 64]));
            assert_eq!(lines.as_ptr().align_offset(64), 0);
            lines.fill([1; 64]);
            assert!(lines.iter().all(|line| *line == [1; 64]));
        }
    }

    #[test]
    fn there_is_no_room_for_more_than_all_memory() {
        for count in [usize::MAX / 64, usize::MAX] {
            assert!(Lines::zeros(count).is_err());
        }
    }
}
