//! What a reader of VGM leaves out, without refusing the file.

use std::fmt;

/// What was left out of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Warnings {
    /// Commands and data blocks for other chips.
    pub skipped: u64,
    /// Whether the loop offset is that of no command, so that the log is played once.
    pub lost_loop: bool,
    /// Whether the file ends without the end command.
    pub no_end: bool,
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
        let skipped = match self.skipped {
            1 => "1 command for other sound chips left out".to_owned(),
            skipped => format!("{skipped} commands for other sound chips left out"),
        };
        let kinds = [
            (self.skipped > 0, skipped.as_str()),
            (self.lost_loop, "the loop offset leads to no command, so it is played once"),
            (self.no_end, "the file ends without the end command 66"),
        ];
        let told: Vec<_> = kinds.into_iter().filter(|kind| kind.0).map(|kind| kind.1).collect();
        f.write_str(&told.join("; "))
    }
}
