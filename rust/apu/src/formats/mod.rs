//! File formats, each a module with `read` and `write`, from and to a [`crate::RegisterLog`].

pub mod disassembly;
mod gd3;
pub mod ndf;
pub mod ndr;
pub mod nlm;
pub mod nsf;
pub mod simplify;
pub mod vgm;

/// Most bytes of a file that a reader takes.
pub const MAX_INPUT: usize = 64 << 20;
/// Most bytes that a packed file may unpack to.
pub const MAX_UNPACKED: usize = 256 << 20;
