//! File formats, each a module with `read` and `write`, from and to a [`crate::RegisterLog`].

mod gd3;
pub mod vgm;

/// Most bytes of a file that a reader takes.
pub const MAX_INPUT: usize = 64 << 20;
/// Most bytes that a packed file may unpack to.
pub const MAX_UNPACKED: usize = 256 << 20;
