//! The docstrings of the stub, by name: `Song`, `Song.trim`, `decode`.

/// The stub.
const STUB: &str = include_str!("../../../python/lakhnes/_native.pyi");

/// The docstring of a name; of a class with that of its constructor behind it.
pub(crate) fn docs_of(name: &str) -> Option<String> {
    let own = find(name);
    let constructor = find(&format!("{name}.__new__"));
    match (own, constructor) {
        (Some(own), Some(constructor)) => Some(format!("{own}\n\n{constructor}")),
        (own, constructor) => own.or(constructor),
    }
}

fn find(name: &str) -> Option<String> {
    let mut lines = STUB.lines();
    let mut class = "";
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some((keyword, rest)) = line.trim_start().split_once(' ') else { continue };
        let ident = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let is_meant = match (keyword, indent) {
            ("class", 0) => {
                class = ident;
                name == ident
            }
            ("def", 0) => {
                class = "";
                name == ident
            }
            ("def", _) => name.split_once('.') == Some((class, ident)),
            _ => false,
        };
        if is_meant {
            return docstring(line, lines, indent + 4);
        }
    }
    None
}

/// The docstring of a definition that begins with this line.
fn docstring<'a>(head: &'a str, mut lines: impl Iterator<Item = &'a str>, indent: usize) -> Option<String> {
    let mut line = head;
    while !line.ends_with(':') {
        if line.ends_with("...") {
            return None;
        }
        line = lines.next()?;
    }
    let first = lines.next()?.trim_start();
    let text = first.strip_prefix('r').unwrap_or(first).strip_prefix("\"\"\"")?;
    if let Some(whole) = text.strip_suffix("\"\"\"") {
        return Some(whole.to_owned());
    }
    let mut docs = vec![text];
    for line in lines {
        let line = line.get(indent.min(line.len())..).unwrap_or_default();
        if let Some(last) = line.strip_suffix("\"\"\"") {
            docs.push(last);
            break;
        }
        docs.push(line);
    }
    Some(docs.join("\n").trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docstring_of_one_line_and_one_of_many_are_found() {
        assert_eq!(docs_of("Song.from_tx2").as_deref(), Some("Read a TX2 text."));
        let docs = docs_of("Song.trim").unwrap();
        assert!(docs.contains("\n\nParameters\n----------\nstart"), "{docs}");
        assert!(docs_of("RegisterLog").unwrap().contains("Make a log."));
        assert_eq!(docs_of("Song.__eq__"), None);
        assert_eq!(docs_of("Song.to_nothing"), None);
    }
}
