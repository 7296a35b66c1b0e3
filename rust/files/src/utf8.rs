//! Text files.

use lakhnes_tokenizer::TokenizerError;

/// The text of some bytes, or the line in which they are not UTF-8.
pub(crate) fn utf8(data: &[u8]) -> Result<&str, TokenizerError> {
    std::str::from_utf8(data).map_err(|error| {
        let (before, rest) = data.split_at(error.valid_up_to());
        let is_utf16 = before.is_empty() && (rest.starts_with(&[0xFF, 0xFE]) || rest.starts_with(&[0xFE, 0xFF]));
        let found = match rest.first() {
            Some(_) if is_utf16 => "UTF-16".to_owned(), // what editors of Windows call Unicode
            byte => byte.map_or_else(String::new, |byte| format!("byte {byte:#04X}")),
        };
        let line = before.split(|&byte| byte == b'\n').count();
        TokenizerError::Token { line, expected: "text in UTF-8".to_owned(), found }
    })
}
