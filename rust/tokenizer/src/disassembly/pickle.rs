//! Tuples as a pickle: a list of tuples of strings and integers.

use super::is_word;
use crate::error::TokenizerError;
use crate::unpickle::{Id, Object, unpickle};

/// The tuples of a file, each a line with commas between its fields.
pub(super) fn read_rows(bytes: &[u8]) -> Result<String, TokenizerError> {
    TokenizerError::check_input(bytes.len())?;
    let pickle = unpickle(bytes)?;
    let fault = |id: Id, found: String| pickle.fault(id, "a list of tuples of strings and integers", found);
    let items = |id: Id| pickle.object(id).and_then(Object::items);
    let rows = items(pickle.root).ok_or_else(|| fault(pickle.root, "another object".to_owned()))?;
    let mut text = String::new();
    for (index, &row) in rows.iter().enumerate() {
        let fields = items(row).ok_or_else(|| fault(row, format!("row {index} that is no sequence")))?;
        if index > 0 {
            text.push('\n');
        }
        for (place, &field) in fields.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            let word = pickle.object(field).and_then(word);
            text.push_str(&word.ok_or_else(|| fault(field, format!("row {index} with another field")))?);
        }
        TokenizerError::check_input(text.len()).map_err(|error| error.at("tuple", index + 1))?;
    }
    Ok(text)
}

/// A field of a tuple as text: a name of one line without a comma, or an integer.
fn word(field: &Object) -> Option<String> {
    let word = match field {
        Object::Int(number) => return Some(number.to_string()),
        Object::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => return Some(format!("{number}")),
        Object::Text(word) => word.clone(),
        Object::Bytes(word) => String::from_utf8(word.clone()).ok()?,
        _ => return None,
    };
    is_word(&word).then_some(word)
}
