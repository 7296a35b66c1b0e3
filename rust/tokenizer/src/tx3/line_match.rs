//! A match model over the notes of one voice: its next note, if the line repeats what it played before.
//!
//! The bars of a song (`recall`) say how all voices go on together. A line also returns under another bass, at another place
//! in the bar, or within a bar.

use std::sync::Arc;

/// The notes of a line that are remembered at the most; then the older half is forgotten.
const REMEMBERED: usize = 512;

/// A note of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Played {
    pub pitch: u8,
    /// The rows since the note before.
    pub rows: u16,
}

/// How a line goes on that repeats itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub next: Played,
    /// The match length: how many pitches in succession were the same before.
    pub length: u16,
}

/// The notes of a line.
#[derive(Debug, Clone, Default)]
pub(super) struct LineMatch {
    notes: Arc<Vec<Played>>,
    /// Of each note, how many pitches before it are the last ones of the line.
    lengths: Arc<Vec<u16>>,
    expected: Option<Expected>,
}

impl LineMatch {
    /// Takes note of the next note.
    pub(super) fn take(&mut self, note: Played) {
        let (notes, lengths) = (Arc::make_mut(&mut self.notes), Arc::make_mut(&mut self.lengths));
        if notes.len() == REMEMBERED {
            notes.drain(..REMEMBERED / 2);
            lengths.drain(..REMEMBERED / 2);
        }
        lengths.push(0);
        let mut longest = (0, 0);
        for place in (0..notes.len()).rev() {
            let same = notes[place].pitch == note.pitch;
            lengths[place + 1] = if same { lengths[place].saturating_add(1) } else { 0 };
            if lengths[place + 1] > longest.0 {
                longest = (lengths[place + 1], place + 1);
            }
        }
        lengths[0] = 0;
        notes.push(note);
        let (length, place) = longest;
        self.expected = (length > 0).then(|| Expected { next: notes[place], length });
    }

    /// What followed the longest match, at equal lengths the latest one; none where the last pitch is new.
    pub(super) fn expected(&self) -> Option<Expected> {
        self.expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pitches: &[u8]) -> LineMatch {
        let mut line = LineMatch::default();
        for (&pitch, rows) in pitches.iter().zip(0..) {
            line.take(Played { pitch, rows });
        }
        line
    }

    fn expected(pitches: &[u8]) -> Option<(u8, u16, u16)> {
        line(pitches).expected().map(|Expected { next, length }| (next.pitch, next.rows, length))
    }

    #[test]
    fn what_followed_the_longest_match_is_expected() {
        assert_eq!(expected(&[60, 62, 64, 65, 62, 67, 60, 62]), Some((64, 2, 2)));
        assert_eq!(expected(&[60, 62, 64, 60, 62, 67, 60, 62]), Some((67, 5, 2)), "the latest of equal matches");
        assert_eq!(expected(&[60, 60, 60]), Some((60, 2, 2)), "a match may overlap what it is matched with");
    }

    #[test]
    fn nothing_is_expected_after_a_new_pitch() {
        assert_eq!(expected(&[]), None);
        assert_eq!(expected(&[60, 62, 64]), None);
    }

    #[test]
    fn a_long_line_forgets_its_beginning_and_goes_on() {
        let pitches: Vec<u8> = (0..3 * REMEMBERED).map(|place| [60, 62, 64, 65, 67][place % 5]).collect();
        let long = line(&pitches);
        assert!(long.notes.len() <= REMEMBERED && long.notes.len() == long.lengths.len());
        let found = long.expected().expect("a match");
        assert_eq!(found.next.pitch, [60, 62, 64, 65, 67][pitches.len() % 5]);
        assert!(usize::from(found.length) > REMEMBERED / 4, "{found:?}");
    }
}
