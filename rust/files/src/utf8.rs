//! Text files.

use lakhnes_tokenizer::TokenizerError;

/// The text of some bytes, or the line in which they are not UTF-8.
pub(crate) fn utf8(data: &[u8]) -> Result<&str, TokenizerError> {
    std::str::from_utf8(data).map_err(|error| {
        let (before, rest) = data.split_at(error.valid_up_to());
        TokenizerError::Token {
            line: before.split(|&byte| byte == b'\n').count(),
            expected: "text".to_owned(),
            found: rest.first().map_or_else(String::new, |byte| format!("byte {byte:#04X}")),
        }
    })
}
