//! How pickles spell numbers and strings.

use crate::error::excerpt;

pub(super) fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    format!("{:?}", excerpt(&String::from_utf8_lossy(bytes)))
}

pub(super) fn parse<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.trim_ascii().parse().ok()
}

/// The bytes of a Python 2 string literal.
pub(super) fn unquote(literal: &[u8]) -> Option<Vec<u8>> {
    let literal = literal.trim_ascii();
    let (&quote, inner) = literal.split_first()?;
    let inner = inner.strip_suffix(&[quote])?;
    if quote != b'\'' && quote != b'"' {
        return None;
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'x' => (hex(*rest.next()?)? << 4 | hex(*rest.next()?)?) as u8,
            &quoted @ (b'\\' | b'\'' | b'"') => quoted,
            _ => return None,
        });
    }
    Some(bytes)
}

/// The text of a `raw-unicode-escape` string: Latin-1 with `\uXXXX` and `\UXXXXXXXX`.
pub(super) fn unescape_unicode(bytes: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        let digits = match (byte, rest.peek()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                text.push(char::from(byte));
                continue;
            }
        };
        rest.next();
        let mut code = 0_u32;
        for _ in 0..digits {
            code = code.checked_mul(16)?.checked_add(hex(rest.next()?)?)?;
        }
        text.push(char::from_u32(code)?);
    }
    Some(text)
}

fn hex(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

pub(super) fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(character).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_2_strings_are_unquoted() {
        assert_eq!(unquote(br"'a\'\x00\xff\n\\'"), Some(b"a'\x00\xff\n\\".to_vec()));
        assert_eq!(unquote(b"\"it's\""), Some(b"it's".to_vec()));
        for broken in [b"'a".as_slice(), b"a'", b"'", b"", br"'\x0'", br"'\q'"] {
            assert_eq!(unquote(broken), None);
        }
    }

    #[test]
    fn python_3_strings_are_unescaped() {
        assert_eq!(unescape_unicode(b"\xe9\\u0041\\U0001f3b5\\n").as_deref(), Some("\u{e9}A\u{1f3b5}\\n"));
        assert_eq!(unescape_unicode(b"\\ud800"), None);
        assert_eq!(unescape_unicode(b"\\u00"), None);
    }
}
