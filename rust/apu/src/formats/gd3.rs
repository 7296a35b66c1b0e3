//! GD3 tags: eleven strings of UTF-16 at the end of a VGM file.
//!
//! Source: "GD3 Spec 1.00" by Maxim, smspower.org.

use crate::Tags;

pub(crate) const MAGIC: &[u8] = b"Gd3 ";
/// Bytes before the strings: mark, version, size.
pub(crate) const HEADER: usize = 12;
const VERSION: [u8; 4] = [0x00, 0x01, 0x00, 0x00];

/// The strings in the order of the file.
fn fields(tags: &mut Tags) -> [&mut String; 11] {
    let Tags {
        title,
        title_native,
        game,
        game_native,
        system,
        system_native,
        artist,
        artist_native,
        date,
        creator,
        notes,
    } = tags;
    [title, title_native, game, game_native, system, system_native, artist, artist_native, date, creator, notes]
}

/// The tags that begin at `offset` of `file`, if there are any. Strings that are missing at the end stay empty.
pub(crate) fn read(file: &[u8], offset: usize) -> Option<Tags> {
    let rest = file.get(offset..)?.strip_prefix(MAGIC)?;
    let (_version, rest) = rest.split_first_chunk::<4>()?;
    let (&size, rest) = rest.split_first_chunk()?;
    let text = rest.get(..u32::from_le_bytes(size) as usize)?;
    let units: Vec<u16> = text.as_chunks().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect();
    let mut tags = Tags::default();
    for (field, string) in fields(&mut tags).into_iter().zip(units.split(|&unit| unit == 0)) {
        *field = String::from_utf16_lossy(string);
    }
    Some(tags)
}

/// The tags as bytes, header included. A NUL within a string ends it.
pub(crate) fn write(tags: &Tags) -> Vec<u8> {
    let mut tags = tags.clone();
    let mut text = Vec::new();
    for field in fields(&mut tags) {
        let units = field.encode_utf16().take_while(|&unit| unit != 0).chain([0]);
        text.extend(units.flat_map(u16::to_le_bytes));
    }
    let size = u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    [MAGIC, &VERSION, &size, &text].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> Tags {
        Tags { title: "Boss".into(), title_native: "ボス".into(), notes: "two\nlines".into(), ..Tags::default() }
    }

    #[test]
    fn tags_come_back_in_any_script() {
        assert_eq!(read(&write(&tags()), 0), Some(tags()));
    }

    #[test]
    fn tags_that_end_too_early_are_none() {
        let bytes = write(&tags());
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end], 0), None);
        }
        assert_eq!(read(&bytes, 1_000_000), None);
    }
}
