//! Tuples as JSON: a list of lists, read straight into lines, so that no tree of it is ever in memory.

use std::fmt;

use lakhnes_apu::ApuError;
use lakhnes_apu::formats::disassembly::Field;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::is_word;
use crate::error::{TokenizerError, excerpt};
use crate::limits::MAX_INPUT_BYTES;

/// The rows of a file, each a line with commas between its fields.
pub(super) fn read_rows(bytes: &[u8]) -> Result<String, TokenizerError> {
    TokenizerError::check_input(bytes.len())?;
    let mut rows = String::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    Rows(&mut rows).deserialize(&mut json).and_then(|()| json.end()).map_err(|error| refusal(&error))?;
    Ok(rows)
}

/// What stands where the file could not be read further: of what the parser says, not what it would have liked there.
fn refusal(error: &serde_json::Error) -> TokenizerError {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    let found = if error.is_data() {
        let found = message.split_once(", expected ").map_or(message, |(found, _)| found);
        excerpt(found.strip_prefix("invalid type: ").unwrap_or(found))
    } else {
        format!("no JSON: {message}")
    };
    let expected = "a list of lists of strings and integers";
    TokenizerError::Json { line: error.line(), column: error.column(), expected, found }
}

/// Refused by the visitors themselves, since serde would repeat the string, however long, escaped.
const STRING_FOR_LIST: &str = "a string in the place of a list";

/// Writes tuples, as long as the text can be read again.
///
/// # Errors
/// [`ApuError::TooLarge`].
pub(super) fn text(tuples: impl Iterator<Item = Vec<Field>>) -> Result<String, ApuError> {
    use fmt::Write as _;
    let mut text = String::from("[");
    for fields in tuples {
        if text.len() > 1 {
            text.push(',');
        }
        text.push('[');
        for (index, field) in fields.iter().enumerate() {
            let (comma, quote) = (if index > 0 { "," } else { "" }, if field.is_number() { "" } else { "\"" });
            // No name of a field has anything to escape; and to write to a string cannot fail.
            let _ = write!(text, "{comma}{quote}{field}{quote}");
        }
        text.push(']');
        if text.len() >= MAX_INPUT_BYTES {
            return Err(ApuError::TooLarge { found: text.len() as u64 + 1, limit: MAX_INPUT_BYTES as u64 });
        }
    }
    text.push(']');
    Ok(text)
}

/// The list of rows, or the fields of one.
struct Rows<'a>(&'a mut String);
struct Row<'a>(&'a mut String);
struct Cell<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(E::custom(STRING_FOR_LIST))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(Row(self.0))?.is_some() {}
        if self.0.ends_with('\n') {
            self.0.pop();
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings and integers")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(E::custom(STRING_FOR_LIST))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<(), A::Error> {
        while cells.next_element_seed(Cell(self.0))?.is_some() {
            self.0.push(',');
        }
        if self.0.ends_with(',') {
            self.0.pop();
        }
        self.0.push('\n');
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a short string or an integer")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.0.push_str(&number.to_string());
        Ok(())
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<(), E> {
        if !is_word(word) {
            return Err(E::custom("a string that is no name"));
        }
        self.0.push_str(word);
        Ok(())
    }
}
