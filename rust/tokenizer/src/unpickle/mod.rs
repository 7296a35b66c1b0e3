//! An unpickler that builds numbers, strings, tuples, lists and numpy arrays, and nothing else.
//!
//! A pickle is a program for a stack machine; Python's own runs whatever functions it names. This one knows the opcodes
//! with which Python 2 and 3 write tuples and lists of numbers, strings and arrays (protocols 0 to 5) and of functions only those of
//! [`Function`], whose effect it imitates. All else is refused by name.
//!
//! Source of the opcodes: the documentation in Python's `pickletools` module; of the state of arrays and dtypes: numpy's
//! documentation of `ndarray.__setstate__` and `numpy.dtype`.

use std::collections::HashMap;

mod functions;
mod literal;
mod numpy;

use crate::error::{TokenizerError, check_limit};
use functions::Function;
use literal::{little_endian, lossy, parse, unescape_unicode, unquote};
pub(crate) use numpy::{Array, Dtype};

/// The most objects that a pickle may build, and the most that may lie on its stack.
const MAX_OBJECTS: usize = 2 << 20;

/// The index of an object among those built.
pub(crate) type Id = u32;

/// What a pickle builds.
#[derive(Debug, Clone)]
pub(crate) enum Object {
    None,
    Int(i64),
    Float(f64),
    Bytes(Vec<u8>),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Function(Function),
    Dtype(Dtype),
    Array(Option<Array>),
}

impl Object {
    /// The parts of a tuple or list.
    pub(crate) fn items(&self) -> Option<&[Id]> {
        match self {
            Self::Tuple(items) | Self::List(items) => Some(items),
            _ => None,
        }
    }
}

/// The result of a pickle: the object left on the stack, and all that it may refer to.
#[derive(Debug)]
pub(crate) struct Unpickled {
    objects: Vec<Object>,
    /// Where the opcode that made each object stands.
    offsets: Vec<u32>,
    pub(crate) root: Id,
}

impl Unpickled {
    pub(crate) fn object(&self, id: Id) -> Option<&Object> {
        self.objects.get(id as usize)
    }

    /// An object that is not what should be there.
    pub(crate) fn fault(&self, id: Id, expected: impl Into<String>, found: impl Into<String>) -> TokenizerError {
        TokenizerError::Pickle { offset: self.offset(id), expected: expected.into(), found: found.into() }
    }

    /// Where the opcode that made an object stands.
    pub(crate) fn offset(&self, id: Id) -> usize {
        self.offsets.get(id as usize).copied().unwrap_or_default() as usize
    }
}

/// Runs a pickle.
pub(crate) fn unpickle(bytes: &[u8]) -> Result<Unpickled, TokenizerError> {
    let mut machine = Machine { bytes, ..Machine::default() };
    loop {
        machine.opcode_at = machine.at;
        let opcode = machine.byte()?;
        if opcode == b'.' {
            let root = machine.pop()?;
            return Ok(Unpickled { objects: machine.objects, offsets: machine.offsets, root });
        }
        machine.step(opcode).map_err(|error| error.at("byte", machine.opcode_at))?;
    }
}

#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    opcode_at: usize,
    objects: Vec<Object>,
    offsets: Vec<u32>,
    /// The bytes of the strings made of other strings.
    encoded: u64,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    fn step(&mut self, opcode: u8) -> Result<(), TokenizerError> {
        match opcode {
            0x80 => self.take(1).map(drop),                                                  // PROTO
            0x95 => self.take(8).map(drop),                                                  // FRAME
            b'(' => self.mark(),                                                             // MARK
            b'0' => self.pop().map(drop),                                                    // POP
            b'1' => self.pop_to_mark().map(drop),                                            // POP_MARK
            b'N' => self.push(Object::None),                                                 // NONE
            0x88 | 0x89 => self.push(Object::Int(i64::from(opcode == 0x88))),                // NEWTRUE, NEWFALSE
            b'I' | b'L' => self.text_integer(),                                              // INT, LONG
            b'J' => self.integer(4),                                                         // BININT
            b'K' => self.unsigned(1).and_then(|value| self.push(Object::Int(value as i64))), // BININT1
            b'M' => self.unsigned(2).and_then(|value| self.push(Object::Int(value as i64))), // BININT2
            0x8A => self.unsigned(1).and_then(|length| self.integer(length)),                // LONG1
            b'F' => self.text_float(),                                                       // FLOAT
            b'G' => self.float(),                                                            // BINFLOAT
            b'S' => self.quoted(),                                                           // STRING
            b'V' => self.raw_unicode(),                                                      // UNICODE
            b'U' | b'C' => self.sized_bytes(1), // SHORT_BINSTRING, SHORT_BINBYTES
            b'T' | b'B' => self.sized_bytes(4), // BINSTRING, BINBYTES
            0x8E | 0x96 => self.sized_bytes(8), // BINBYTES8, BYTEARRAY8
            0x8C => self.sized_text(1),         // SHORT_BINUNICODE
            b'X' => self.sized_text(4),         // BINUNICODE
            0x8D => self.sized_text(8),         // BINUNICODE8
            b')' => self.push(Object::Tuple(Vec::new())), // EMPTY_TUPLE
            b't' => self.pop_to_mark().and_then(|items| self.push(Object::Tuple(items))), // TUPLE
            0x85..=0x87 => self.small_tuple(usize::from(opcode - 0x84)), // TUPLE1 to TUPLE3
            b']' => self.push(Object::List(Vec::new())), // EMPTY_LIST
            b'l' => self.pop_to_mark().and_then(|items| self.push(Object::List(items))), // LIST
            b'a' => self.pop().and_then(|item| self.append(&[item])), // APPEND
            b'e' => self.pop_to_mark().and_then(|items| self.append(&items)), // APPENDS
            b'c' => self.global(),              // GLOBAL
            0x93 => self.stack_global(),        // STACK_GLOBAL
            b'R' => self.reduce(),              // REDUCE
            b'b' => self.build(),               // BUILD
            b'p' => self.decimal_line().and_then(|key| self.put(key)), // PUT
            b'q' => self.unsigned(1).and_then(|key| self.put(key)), // BINPUT
            b'r' => self.unsigned(4).and_then(|key| self.put(key)), // LONG_BINPUT
            0x94 => self.put(self.memo.len() as u64), // MEMOIZE
            b'g' => self.decimal_line().and_then(|key| self.get(key)), // GET
            b'h' => self.unsigned(1).and_then(|key| self.get(key)), // BINGET
            b'j' => self.unsigned(4).and_then(|key| self.get(key)), // LONG_BINGET
            _ => Err(self.fault("an opcode of numbers, strings, tuples, lists and arrays", opcode_name(opcode))),
        }
    }

    fn fault(&self, expected: impl Into<String>, found: impl Into<String>) -> TokenizerError {
        TokenizerError::Pickle { offset: self.opcode_at, expected: expected.into(), found: found.into() }
    }

    // The bytes.

    fn take(&mut self, count: u64) -> Result<&'a [u8], TokenizerError> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let taken = usize::try_from(count).ok().and_then(|count| left.get(..count));
        let Some(taken) = taken else {
            return Err(self.fault(format!("{count} more bytes"), format!("the end of the file after {}", left.len())));
        };
        self.at += taken.len();
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, TokenizerError> {
        self.take(1).map(|bytes| bytes.first().copied().unwrap_or_default())
    }

    fn unsigned(&mut self, width: u64) -> Result<u64, TokenizerError> {
        Ok(little_endian(self.take(width)?))
    }

    fn line(&mut self) -> Result<&'a [u8], TokenizerError> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let Some(length) = left.iter().position(|&byte| byte == b'\n') else {
            return Err(self.fault("a line", "the end of the file"));
        };
        let line = self.take(length as u64)?;
        self.at += 1;
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn decimal_line(&mut self) -> Result<u64, TokenizerError> {
        let line = self.line()?;
        parse(line).ok_or_else(|| self.fault("a decimal number", lossy(line)))
    }

    // The stack.

    fn push(&mut self, object: Object) -> Result<(), TokenizerError> {
        check_limit("objects in a pickle", MAX_OBJECTS as u64, self.objects.len() as u64 + 1)?;
        self.objects.push(object);
        self.offsets.push(self.opcode_at as u32); // no input is longer than 64 MiB
        self.push_id(self.objects.len() as Id - 1)
    }

    fn push_id(&mut self, id: Id) -> Result<(), TokenizerError> {
        check_limit("stack of a pickle", MAX_OBJECTS as u64, self.stack.len() as u64 + 1)?;
        self.stack.push(id);
        Ok(())
    }

    fn mark(&mut self) -> Result<(), TokenizerError> {
        check_limit("marks in a pickle", MAX_OBJECTS as u64, self.marks.len() as u64 + 1)?;
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, TokenizerError> {
        let floor = self.marks.last().copied().unwrap_or_default();
        let id = if self.stack.len() > floor { self.stack.pop() } else { None };
        id.ok_or_else(|| self.fault("an object on the stack", "none"))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, TokenizerError> {
        let mark = self.marks.pop().ok_or_else(|| self.fault("a mark on the stack", "none"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn object(&self, id: Id) -> &Object {
        const NONE: &Object = &Object::None;
        self.objects.get(id as usize).unwrap_or(NONE)
    }

    fn put(&mut self, key: u64) -> Result<(), TokenizerError> {
        let id = self.pop()?;
        self.push_id(id)?;
        check_limit("memo of a pickle", MAX_OBJECTS as u64, self.memo.len() as u64 + 1)?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn get(&mut self, key: u64) -> Result<(), TokenizerError> {
        match self.memo.get(&key) {
            Some(&id) => self.push_id(id),
            None => Err(self.fault("an object remembered before", format!("number {key}"))),
        }
    }

    // Numbers, strings, tuples.

    fn text_integer(&mut self) -> Result<(), TokenizerError> {
        let line = self.line()?;
        let digits = line.strip_suffix(b"L").unwrap_or(line);
        let value = parse(digits).ok_or_else(|| self.fault("an integer of 64 bits", lossy(line)))?;
        self.push(Object::Int(value))
    }

    /// A two's complement integer.
    fn integer(&mut self, width: u64) -> Result<(), TokenizerError> {
        if width > 8 {
            return Err(self.fault("an integer of 64 bits", format!("{width} bytes")));
        }
        let value = self.unsigned(width)?;
        let unused = 64 - 8 * width as u32;
        let value = if width == 0 { 0 } else { ((value << unused) as i64) >> unused };
        self.push(Object::Int(value))
    }

    fn text_float(&mut self) -> Result<(), TokenizerError> {
        let line = self.line()?;
        let value = parse(line).ok_or_else(|| self.fault("a number", lossy(line)))?;
        self.push(Object::Float(value))
    }

    fn float(&mut self) -> Result<(), TokenizerError> {
        let bits = self.unsigned(8)?.swap_bytes();
        self.push(Object::Float(f64::from_bits(bits)))
    }

    fn quoted(&mut self) -> Result<(), TokenizerError> {
        let line = self.line()?;
        let bytes = unquote(line).ok_or_else(|| self.fault("a quoted string", lossy(line)))?;
        self.push(Object::Bytes(bytes))
    }

    fn raw_unicode(&mut self) -> Result<(), TokenizerError> {
        let line = self.line()?;
        let text = unescape_unicode(line).ok_or_else(|| self.fault("an escaped string", lossy(line)))?;
        self.push(Object::Text(text))
    }

    fn sized_bytes(&mut self, width: u64) -> Result<(), TokenizerError> {
        let length = self.unsigned(width)?;
        let bytes = self.take(length)?.to_vec();
        self.push(Object::Bytes(bytes))
    }

    fn sized_text(&mut self, width: u64) -> Result<(), TokenizerError> {
        let length = self.unsigned(width)?;
        let bytes = self.take(length)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => self.push(Object::Text(text.to_owned())),
            Err(_) => Err(self.fault("UTF-8", lossy(bytes))),
        }
    }

    /// Puts items at the end of the list on the stack.
    fn append(&mut self, items: &[Id]) -> Result<(), TokenizerError> {
        let list = self.pop()?;
        self.push_id(list)?;
        let length = match self.objects.get(list as usize) {
            Some(Object::List(held)) => held.len() + items.len(),
            _ => return Err(self.fault("a list on the stack", "another object")),
        };
        check_limit("list in a pickle", MAX_OBJECTS as u64, length as u64)?;
        if let Some(Object::List(held)) = self.objects.get_mut(list as usize) {
            held.extend(items);
        }
        Ok(())
    }

    fn small_tuple(&mut self, count: usize) -> Result<(), TokenizerError> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Object::Tuple(items))
    }
}

/// The name of an opcode that is refused.
fn opcode_name(opcode: u8) -> String {
    let name = match opcode {
        b'2' => "DUP",
        b'P' => "PERSID",
        b'Q' => "BINPERSID",
        b'i' => "INST",
        b'o' => "OBJ",
        0x81 => "NEWOBJ",
        0x92 => "NEWOBJ_EX",
        0x82..=0x84 => "EXT",
        b'}' | b'd' | b's' | b'u' => "a dictionary",
        0x8F..=0x91 => "a set",
        0x8B => "LONG4",
        0x97 | 0x98 => "an out-of-band buffer",
        _ => return format!("byte 0x{opcode:02X}"),
    };
    format!("{name} (0x{opcode:02X})")
}
