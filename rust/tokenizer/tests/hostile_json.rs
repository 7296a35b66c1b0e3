//! JSON that no program would write: refused with the place, however deep, long or large it is.

use lakhnes_apu::RegisterLog;
use lakhnes_tokenizer::disassembly::Disassembly::{Ndf, Ndr, Nlm};

/// What is said of a file, after the place and what was expected.
fn refusal(json: impl AsRef<[u8]>) -> String {
    let error = Nlm.read_json(json.as_ref()).expect_err("a refusal").to_string();
    for disassembly in [Ndf, Ndr] {
        assert_eq!(disassembly.read_json(json.as_ref()).expect_err("a refusal").to_string(), error);
    }
    error.replace("expected a list of lists of strings and integers, found ", "")
}

#[test]
fn what_stands_in_the_place_of_a_list_a_string_or_an_integer_is_named() {
    for (json, message) in [
        ("", "line 1, column 0: no JSON: EOF while parsing a value"),
        ("{\"w\":1,\"w\":2}", "line 1, column 1: map"),
        ("\"w,735\"", "line 1, column 7: a string in the place of a list"),
        ("735", "line 1, column 3: integer `735`"),
        ("[\"w\"]", "line 1, column 4: a string in the place of a list"),
        ("[null]", "line 1, column 5: null"),
        ("[[\"w\",\n735.5]]", "line 2, column 5: floating point `735.5`"),
        ("[[\"w\",-735]]", "line 1, column 10: integer `-735`"),
        ("[[\"w\",true]]", "line 1, column 10: boolean `true`"),
        ("[[\"w\",[735]]]", "line 1, column 7: sequence"),
        ("[[\"w\",{\"w\":735,\"w\":735}]]", "line 1, column 7: map"),
        ("[[\"w\\n\",735]]", "line 1, column 7: a string that is no name"),
        ("[[\"w, found at line 9, expected \",735]]", "line 1, column 33: a string that is no name"),
    ] {
        assert_eq!(refusal(json), message, "{json}");
    }
}

#[test]
fn what_is_no_json_is_told_where_it_breaks_off() {
    for (json, message) in [
        ("[[\"w\",NaN]]", "line 1, column 7: no JSON: expected value"),
        ("[[\"w\",Infinity]]", "line 1, column 7: no JSON: expected value"),
        ("[[\"w\",-Infinity]]", "line 1, column 8: no JSON: invalid number"),
        ("[[\"w\",1e999]]", "line 1, column 11: no JSON: number out of range"),
        ("[[\"w\",0735]]", "line 1, column 8: no JSON: invalid number"),
        ("[[\"w\",735],]", "line 1, column 12: no JSON: trailing comma"),
        ("[[\"w\",735]]]", "line 1, column 12: no JSON: trailing characters"),
        ("[[\"w\",735]", "line 1, column 10: no JSON: EOF while parsing a list"),
        ("\u{FEFF}[]", "line 1, column 1: no JSON: expected value"),
    ] {
        assert_eq!(refusal(json), message, "{json}");
    }
    assert_eq!(refusal(b"[[\"\xFF\xFE\",735]]"), "line 1, column 4: no JSON: invalid unicode code point");
    assert_eq!(refusal(b"[[\"w\0\",735]]").split(": ").nth(1), Some("no JSON"));
    assert_eq!(refusal("[[\"\\ud800\",735]]").split(": ").nth(1), Some("no JSON"));
}

#[test]
fn deep_long_and_large_json_is_refused_in_a_short_line() {
    let deep = 100_000;
    assert_eq!(refusal("[".repeat(deep)), "line 1, column 3: sequence");
    assert_eq!(refusal("[".repeat(deep) + &"]".repeat(deep)), "line 1, column 3: sequence");
    assert_eq!(refusal("{\"a\":".repeat(deep)), "line 1, column 1: map");
    assert_eq!(refusal(format!("[[\"w\",{}]]", "9".repeat(300))), "line 1, column 306: floating point `1e+300`");
    assert_eq!(refusal(format!("[[\"w\",{}]]", "9".repeat(deep))).split(": ").last(), Some("number out of range"));
    // Each is one string of many characters, which serde would repeat in its message, longer by its escapes.
    for string in ["a word ".repeat(deep), "\u{E0001}".repeat(deep), "\\u0001".repeat(deep)] {
        for json in [format!("\"{string}\""), format!("[\"{string}\"]"), format!("[[\"{string}\"]]")] {
            assert!(refusal(&json).contains(": a string "), "{}", refusal(&json));
        }
    }
    let many = format!("[[{}0]]", "0,".repeat(deep));
    let error = Ndr.read_json(many.as_bytes()).expect_err("no event").to_string();
    assert_eq!(error, "tuple 1: expected clock,HZ or wait,TICKS or apu,REGISTER,BYTE, found \"0,0,0,0,0,0,0\"");
}

#[test]
fn integers_larger_than_any_log_are_refused_as_the_values_that_they_are() {
    let message = |json: &str| Nlm.read_json(json.as_bytes()).expect_err("a refusal").to_string();
    assert_eq!(
        message("[[\"clock\",1789773],[\"w\",18446744073709551615]]"),
        "tuple 2: expected a number of ticks up to 4294967295, found \"18446744073709551615\""
    );
    let long = format!("[{}[]]", "[\"w\",4294967295],[],".repeat(500));
    assert!(message(&long).starts_with("tuple 513: length in ticks"), "{}", message(&long));
    assert!(message("[[\"w\",18446744073709551616]]").starts_with("line 1, column 26: "));
    assert!(message("[[],[],[]]").starts_with("tuple 1: expected an event"));
    let log = Nlm.read_json(b" [ [ \"w\" , 9 ]\r\n\t, [ \"p1_du\", 2 ] ] \n");
    assert!(log.is_ok_and(|RegisterLog { length, writes, .. }| (length, writes.len()) == (9, 1)));
}
