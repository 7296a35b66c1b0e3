//! What a reader of VGM leaves out, without refusing the file.

use std::fmt;

/// What was left out of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Warnings {
    /// Commands and data blocks for other chips.
    pub skipped: u64,
    /// Whether the loop offset is that of no command, so that the log is played once.
    pub lost_loop: bool,
}

impl Warnings {
    /// Whether nothing was left out.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// One line.
impl fmt::Display for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.skipped {
            0 => {}
            1 => f.write_str("1 command for other sound chips left out")?,
            skipped => write!(f, "{skipped} commands for other sound chips left out")?,
        }
        if self.lost_loop {
            f.write_str(if self.skipped > 0 { "; " } else { "" })?;
            f.write_str("the loop offset leads to no command, so it is played once")?;
        }
        Ok(())
    }
}
