//! The documentation of `lakhnes._native` stands in one place, its stub `python/lakhnes/_native.pyi`. The attribute
//! [`documented`] takes it from there, so that `help` shows at run time what editors show.

mod stub;

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// Documents a class, the methods of one, or a function as the stub does.
///
/// It stands above `#[pyclass]`, `#[pymethods]` or `#[pyfunction]`. A class is called as its type without `Py`, or as the
/// argument says. What has no documentation in the stub does not compile, but for methods such as `__eq__`.
#[proc_macro_attribute]
pub fn documented(argument: TokenStream, item: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = item.into_iter().collect();
    let argument = argument.to_string();
    let class = |name: String| {
        let own = name.strip_prefix("Py").map(str::to_owned);
        if argument.is_empty() { own.unwrap_or(name) } else { argument.clone() }
    };
    if let Some(name) = ident_after(&tokens, "struct") {
        return with_docs(&class(name), tokens);
    }
    if let Some(name) = ident_after(&tokens, "impl") {
        return methods(&class(name), tokens);
    }
    match ident_after(&tokens, "fn") {
        Some(name) => with_docs(&name, tokens),
        None => error("expected a class, its methods or a function"),
    }
}

/// The word behind a keyword.
fn ident_after(tokens: &[TokenTree], keyword: &str) -> Option<String> {
    let is = |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident.to_string() == keyword);
    let at = tokens.iter().position(is)?;
    match tokens.get(at + 1)? {
        TokenTree::Ident(name) => Some(name.to_string()),
        _ => None,
    }
}

/// An item with the documentation of a name in place of its own.
fn with_docs(name: &str, tokens: Vec<TokenTree>) -> TokenStream {
    let Some(docs) = stub::docs_of(name) else {
        return error(&format!("{name}: expected documentation in python/lakhnes/_native.pyi"));
    };
    let mut item: TokenStream = format!("#[doc = {docs:?}]").parse().unwrap_or_default();
    item.extend(without_docs(tokens));
    item
}

/// An `impl` whose methods are documented.
fn methods(class: &str, tokens: Vec<TokenTree>) -> TokenStream {
    let document = |token| match token {
        TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
            let mut documented = TokenStream::new();
            let mut item = Vec::new();
            for token in body.stream() {
                let ends = matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
                item.push(token);
                if ends {
                    documented.extend(method(class, std::mem::take(&mut item)));
                }
            }
            documented.extend(item);
            TokenTree::Group(Group::new(Delimiter::Brace, documented))
        }
        token => token,
    };
    tokens.into_iter().map(document).collect()
}

fn method(class: &str, tokens: Vec<TokenTree>) -> TokenStream {
    let Some(name) = ident_after(&tokens, "fn") else { return tokens.into_iter().collect() };
    let key = format!("{class}.{}", name.trim_start_matches("r#"));
    // A constructor is documented by its class.
    let is_new = tokens.windows(2).any(
        |pair| matches!(pair, [TokenTree::Punct(_), TokenTree::Group(group)] if group.stream().to_string() == "new"),
    );
    if is_new || name.starts_with("__") && stub::docs_of(&key).is_none() {
        return tokens.into_iter().collect();
    }
    with_docs(&key, tokens)
}

/// Drops `#[doc = …]`, which is what comments with three strokes are.
fn without_docs(tokens: Vec<TokenTree>) -> Vec<TokenTree> {
    let is_doc = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.stream().to_string().starts_with("doc ="),
        _ => false,
    };
    let mut kept = Vec::with_capacity(tokens.len());
    for token in tokens {
        let follows_hash = matches!(kept.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == '#');
        if follows_hash && is_doc(&token) {
            kept.pop();
        } else {
            kept.push(token);
        }
    }
    kept
}

fn error(text: &str) -> TokenStream {
    format!("compile_error!({text:?});").parse().unwrap_or_default()
}
