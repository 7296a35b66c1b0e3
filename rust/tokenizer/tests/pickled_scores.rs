//! Pickled scores: as Python 2 and 3 write them, and as no one should.

use lakhnes_tokenizer::TokenizerError;
use lakhnes_tokenizer::blended::BlendedScore;
use lakhnes_tokenizer::score::{ExpressiveScore, Frame};
use lakhnes_tokenizer::separated::SeparatedScore;

/// What every pickle of [`WRITTEN_BY_PYTHON`] holds, at 24 Hz and of 3,675 samples.
const FRAMES: [Frame; 2] = [[[60, 15, 2], [0; 3], [0; 3], [0; 3]], [[62, 7, 0], [0; 3], [40, 0, 0], [16, 3, 1]]];

/// `pickle.dumps((24.0, 3675, frames), protocol)`, some with numpy's own numbers or in Fortran order.
#[rustfmt::skip]
const WRITTEN_BY_PYTHON: [(&str, &[&[u8]]); 6] = [
    ("Python 2, protocol 0", &[
        b"(F24.0\nI3675\ncnumpy.core.multiarray\n_reconstruct\np1\n(cnumpy\nndarray\np2\n(I0\ntS'b'\ntRp3\n(I1\n(I",
        b"2\nI4\nI3\ntcnumpy\ndtype\np4\n(S'u1'\nI0\nI1\ntRp5\n(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'<\\x0f\\x02\\x",
        b"00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00>\\x07\\x00\\x00\\x00\\x00(\\x00\\x00\\x10\\x03\\x01'\ntbtp6\n",
        b".",
    ]),
    ("Python 3, protocol 0", &[
        b"(F24.0\nI3675\ncnumpy._core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nc_codecs\nenco",
        b"de\np3\n(Vb\np4\nVlatin1\np5\ntp6\nRp7\ntp8\nRp9\n(I1\n(I2\nI4\nI3\ntp10\ncnumpy\ndtype\np11\n(Vu1\np12",
        b"\nI00\nI01\ntp13\nRp14\n(I3\nV|\np15\nNNNI-1\nI-1\nI0\ntp16\nbI00\ng3\n(V<\x0f\x02\\u0000\\u0000\\u0000",
        b"\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000>\x07\\u0000\\u0000\\u0000\\u0000(\\u0000\\u0000\x10\x03\x01\n",
        b"p17\ng5\ntp18\nRp19\ntp20\nbtp21\n.",
    ]),
    ("numpy numbers, protocol 2", &[
        b"\x80\x02cnumpy._core.multiarray\nscalar\nq\x00cnumpy\ndtype\nq\x01X\x02\x00\x00\x00f8q\x02\x89\x88\x87q",
        b"\x03Rq\x04(K\x03X\x01\x00\x00\x00<q\x05NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x06bc_codecs\nencode",
        b"\nq\x07X\x08\x00\x00\x00\x00\x00\x00\x00\x00\x008@q\x08X\x06\x00\x00\x00latin1q\x09\x86q\nRq\x0b\x86q",
        b"\x0cRq\x0dh\x00h\x01X\x02\x00\x00\x00i8q\x0e\x89\x88\x87q\x0fRq\x10(K\x03h\x05NNNJ\xff\xff\xff\xffJ\xff",
        b"\xff\xff\xffK\x00tq\x11bh\x07X\x08\x00\x00\x00[\x0e\x00\x00\x00\x00\x00\x00q\x12h\x09\x86q\x13Rq\x14\x86",
        b"q\x15Rq\x16cnumpy._core.multiarray\n_reconstruct\nq\x17cnumpy\nndarray\nq\x18K\x00\x85q\x19h\x07X\x01",
        b"\x00\x00\x00bq\x1ah\x09\x86q\x1bRq\x1c\x87q\x1dRq\x1e(K\x01K\x02K\x04K\x03\x87q\x1fh\x01X\x02\x00\x00",
        b"\x00u1q \x89\x88\x87q!Rq\"(K\x03X\x01\x00\x00\x00|q#NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq$b\x89h",
        b"\x07X\x18\x00\x00\x00<\x0f\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00>\x07\x00\x00\x00\x00(\x00\x00\x10\x03",
        b"\x01q%h\x09\x86q&Rq'tq(b\x87q).",
    ]),
    ("Fortran order, protocol 3", &[
        b"\x80\x03G@8\x00\x00\x00\x00\x00\x00M[\x0ecnumpy._core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq",
        b"\x01K\x00\x85q\x02C\x01bq\x03\x87q\x04Rq\x05(K\x01K\x02K\x04K\x03\x87q\x06cnumpy\ndtype\nq\x07X\x02\x00",
        b"\x00\x00u1q\x08\x89\x88\x87q\x09Rq\n(K\x03X\x01\x00\x00\x00|q\x0bNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK",
        b"\x00tq\x0cb\x88C\x18<>\x00\x00\x00(\x00\x10\x0f\x07\x00\x00\x00\x00\x00\x03\x02\x00\x00\x00\x00\x00\x00",
        b"\x01q\x0dtq\x0eb\x87q\x0f.",
    ]),
    ("protocol 4", &[
        b"\x80\x04\x95\xb3\x00\x00\x00\x00\x00\x00\x00G@8\x00\x00\x00\x00\x00\x00M[\x0e\x8c\x16numpy._core.multiar",
        b"ray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b",
        b"\x94\x87\x94R\x94(K\x01K\x02K\x04K\x03\x87\x94h\x03\x8c\x05dtype\x94\x93\x94\x8c\x02u1\x94\x89\x88\x87",
        b"\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94b\x89C\x18<\x0f\x02\x00\x00",
        b"\x00\x00\x00\x00\x00\x00\x00>\x07\x00\x00\x00\x00(\x00\x00\x10\x03\x01\x94t\x94b\x87\x94.",
    ]),
    ("numpy numbers, protocol 5", &[
        b"\x80\x05\x95 \x01\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.multiarray\x94\x8c\x06scalar\x94\x93\x94",
        b"\x8c\x05numpy\x94\x8c\x05dtype\x94\x93\x94\x8c\x02f8\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01<\x94NNNJ\xff",
        b"\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94bC\x08\x00\x00\x00\x00\x00\x008@\x94\x86\x94R\x94h\x02h\x05\x8c",
        b"\x02i8\x94\x89\x88\x87\x94R\x94(K\x03h\x09NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94bC\x08[\x0e\x00",
        b"\x00\x00\x00\x00\x00\x94\x86\x94R\x94\x8c\x13numpy._core.numeric\x94\x8c\x0b_frombuffer\x94\x93\x94(\x96",
        b"\x18\x00\x00\x00\x00\x00\x00\x00<\x0f\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00>\x07\x00\x00\x00\x00(\x00",
        b"\x00\x10\x03\x01\x94h\x05\x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff",
        b"\xff\xff\xffK\x00t\x94bK\x02K\x04K\x03\x87\x94\x8c\x01C\x94t\x94R\x94\x87\x94.",
    ]),
];

fn read(bytes: &[u8]) -> Result<ExpressiveScore, String> {
    ExpressiveScore::read_pickle(bytes).map_err(|error| error.to_string())
}

#[test]
fn scores_of_every_protocol_are_read() {
    for (name, parts) in WRITTEN_BY_PYTHON {
        let score = read(&parts.concat());
        assert_eq!(score, Ok(ExpressiveScore { rate: 24.0, nsamps: 3_675, frames: FRAMES.to_vec() }), "{name}");
    }
}

#[test]
fn a_score_cut_short_is_none() {
    for (name, parts) in WRITTEN_BY_PYTHON {
        let bytes = parts.concat();
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err_and(|error| error.starts_with("byte ")), "{name} at {length}");
        }
    }
}

#[test]
fn no_damage_makes_the_reader_panic() {
    for (_, parts) in WRITTEN_BY_PYTHON {
        let whole = parts.concat();
        for place in 0..whole.len() {
            for byte in (0..=255).step_by(5) {
                let mut bytes = whole.clone();
                bytes[place] = byte;
                if let Err(error) = read(&bytes) {
                    assert_eq!(error.lines().count(), 1, "{error}");
                }
            }
        }
    }
}

#[test]
fn functions_are_refused_by_name_and_place() {
    let refusal = |bytes: &[u8]| read(bytes).expect_err("a refusal");
    assert_eq!(
        refusal(b"cos\nsystem\n(S'true'\ntR."),
        "byte 0: expected a function that builds arrays, found \"os.system\""
    );
    assert_eq!(
        refusal(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93."),
        "byte 18: expected a function that builds arrays, found \"builtins.eval\""
    );
    for (bytes, name) in [
        (
            b"(i__main__\nX\n.".as_slice(),
            "byte 1: expected an opcode of numbers, strings, tuples, lists and arrays, found INST (0x69)",
        ),
        (
            b"\x80\x02)\x81.",
            "byte 3: expected an opcode of numbers, strings, tuples, lists and arrays, found NEWOBJ (0x81)",
        ),
        (b"Pid\n.", "byte 0: expected an opcode of numbers, strings, tuples, lists and arrays, found PERSID (0x50)"),
        (b"}.", "byte 0: expected an opcode of numbers, strings, tuples, lists and arrays, found a dictionary (0x7D)"),
        (b"\xff", "byte 0: expected an opcode of numbers, strings, tuples, lists and arrays, found byte 0xFF"),
    ] {
        assert_eq!(refusal(bytes), name);
    }
}

#[test]
fn what_is_no_score_is_told_from_one() {
    for (bytes, offset, found) in [
        (b"N.".as_slice(), 0, "another object"),
        (b"(F24.0\nI5\nt.", 10, "2 parts"),
        (b"(NI5\nNt.", 1, "a rate that is no number"),
        (b"(F24.0\nI-5\nNt.", 7, "a length that is no number of samples"),
        (b"(F24.0\nI5\nNt.", 10, "a third part that is no array"),
    ] {
        let expected = "expected (rate, nsamps, uint8 array of shape N × 4 × 3), found ";
        assert_eq!(read(bytes), Err(format!("byte {offset}: {expected}{found}")));
    }
}

#[test]
fn a_rate_or_a_length_that_no_score_has_is_told_with_its_byte() {
    let rate = b"(F0.0\nI5\n(lt.";
    let length = b"(F24.0\nI2147483648\n(lt.";
    let of_all = |bytes: &[u8]| {
        let expressive = ExpressiveScore::read_pickle(bytes).map(drop);
        [expressive, SeparatedScore::read_pickle(bytes).map(drop), BlendedScore::read_pickle(bytes).map(drop)]
            .map(|result: Result<(), TokenizerError>| result.expect_err("no score").to_string())
    };
    assert_eq!(of_all(rate), ["byte 1: expected a frame rate above 0 and up to 44,100 Hz, found 0"; 3]);
    let limit = "byte 7: length in ticks of 1/44,100 s: expected at most 1905120000, found 2147483648";
    assert_eq!(of_all(length), [limit; 3]);
}

#[test]
fn sizes_that_no_file_has_take_no_memory() {
    assert_eq!(
        read(b"B\xff\xff\xff\x7f."),
        Err("byte 0: expected 2147483647 more bytes, found the end of the file after 1".into())
    );
    assert!(read(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff").is_err());
    assert!(read(b"\x8a\xff").is_err_and(|error| error.contains("an integer of 64 bits, found 255 bytes")));
    let many = vec![b'('; 5 << 19];
    assert!(
        read(&many).is_err_and(|error| error.starts_with("byte 2097152: marks in a pickle: expected at most 2097152"))
    );
    let many = vec![b'N'; 5 << 19];
    assert!(
        read(&many)
            .is_err_and(|error| error.starts_with("byte 2097152: objects in a pickle: expected at most 2097152"))
    );
    let many = [b"Np0\n".as_slice(), &b"g0\n".repeat(5 << 19)].concat();
    assert!(read(&many).is_err_and(|error| error.contains(": stack of a pickle: expected at most 2097152")));
}

#[test]
fn strings_and_shapes_are_not_multiplied() {
    // A string of a mebibyte that a function encodes over and over, a few bytes a time.
    let mut many = b"c_codecs\nencode\np0\n0X\x00\x00\x10\x00".to_vec();
    many.extend(vec![b'x'; 1 << 20]);
    many.extend(b"p1\n0");
    many.extend(b"g0\ng1\nN\x86R".repeat(1_000));
    assert!(
        read(&many).is_err_and(|error| error.contains(": strings of a pickle in bytes: expected at most 67108864"))
    );
    // A shape of many dimensions for an array.
    let mut shape = b"cnumpy.core.multiarray\n_reconstruct\n(tR(I1\n(".to_vec();
    shape.extend(b"K\x01".repeat(9));
    shape.extend(b"tNK\x00Ntb.");
    assert!(read(&shape).is_err_and(|error| error.contains("expected the state of an array or a dtype")));
}

#[test]
fn values_that_no_voice_has_are_named_with_their_frame() {
    let score = |rate, frame: &[u8]| ExpressiveScore::from_bytes(rate, 3_675, frame).map_err(|error| error.to_string());
    let frame = |state: [u8; 3]| [state, [0; 3], [0; 3], [0; 3]].concat();
    assert_eq!(score(24.0, &frame([20, 5, 0])), Err("score: expected a note that p1 has, found 20 in frame 0".into()));
    assert_eq!(
        score(24.0, &frame([60, 16, 0])),
        Err("score: expected a velocity that p1 has, found 16 in frame 0".into())
    );
    assert_eq!(score(24.0, &frame([60, 5, 4])), Err("score: expected a timbre that p1 has, found 4 in frame 0".into()));
    assert_eq!(score(24.0, &[0; 13]), Err("score: expected frames of 4 × 3 bytes, found 13 bytes".into()));
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 44_101.0] {
        assert!(score(rate, &frame([60, 5, 0])).is_err_and(|error| error.contains("a frame rate above 0")), "{rate}");
    }
}
