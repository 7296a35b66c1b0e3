//! Arrays of numpy: `.npz`, a ZIP archive of `.npy` files, each an array of one type and shape.
//!
//! ```text
//! .npy   93 "NUMPY"   06 version   08 size of the header (2 bytes, from version 2 on 4)
//!        "{'descr': '<f8', 'fortran_order': False, 'shape': (), }", spaces, newline; elements
//! ```
//! Nothing in a file is executed: an array of Python objects is refused.
//!
//! Source: "A simple file format for `NumPy` arrays", `NumPy` enhancement proposal 1.

use std::fmt::Display;
use std::io::{Cursor, Read as _, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::FileError;

/// The most bytes that the arrays of a file may have, unpacked.
const MAX_ARRAY_BYTES: u64 = 64 << 20;
/// The most arrays that a file may have.
const MAX_MEMBERS: u64 = 1_000;
/// The mark of an entry in the directory of an archive.
const ENTRY: &[u8] = b"PK\x01\x02";
const MAGIC: &[u8] = b"\x93NUMPY";
/// What the size of a header and all before it is a multiple of.
const ALIGNMENT: usize = 64;
/// The most characters of a file's own words in a message.
const LONGEST_EXCERPT: usize = 60;

/// A file of arrays that is open.
pub(crate) struct Archive<'a>(ZipArchive<Cursor<&'a [u8]>>);

impl<'a> Archive<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`FileError::Archive`] for what is no ZIP archive; [`FileError::Limit`] for too many or too large arrays.
    pub(crate) fn open(data: &'a [u8]) -> Result<Self, FileError> {
        let limit =
            |what, limit, found| if found > limit { Err(FileError::Limit { what, limit, found }) } else { Ok(()) };
        // Counted before any is looked at: each takes some hundred bytes.
        let members = data.windows(ENTRY.len()).filter(|&window| window == ENTRY).count() as u64;
        limit("arrays of a .npz file", MAX_MEMBERS, members)?;
        let archive = ZipArchive::new(Cursor::new(data)).map_err(|error| FileError::Archive(excerpt(&error)))?;
        let sizes = (0..archive.len()).filter_map(|index| archive.by_index_data(index).ok().map(|entry| entry.size()));
        limit("arrays of a .npz file in bytes", MAX_ARRAY_BYTES, sizes.fold(0, u64::saturating_add))?;
        Ok(Self(archive))
    }

    /// Unpacks an array; `None` if no array has that name.
    ///
    /// # Errors
    /// [`FileError::Array`] for one that is damaged.
    pub(crate) fn array(&mut self, name: &'static str) -> Result<Option<Array>, FileError> {
        let damaged = |found: &dyn Display| {
            let expected = "an array of a .npz file".to_owned();
            FileError::Array { name, expected, found: excerpt(found) }
        };
        let mut entry = match self.0.by_name(&format!("{name}.npy")) {
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            entry => entry.map_err(|error| damaged(&error))?,
        };
        let size = entry.size();
        let mut bytes = Vec::new();
        // The size in the directory, which the limit is about, may be false.
        entry.by_ref().take(size + 1).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
        if bytes.len() as u64 != size {
            return Err(damaged(&"another number of bytes than its directory says"));
        }
        Array::read(&bytes).map(Some).map_err(|found| damaged(&found))
    }
}

/// An array as it stands in a file.
pub(crate) struct Array {
    /// What numpy calls its type: `float64`.
    pub(crate) type_name: String,
    /// `i`, `u`, `f`, or another letter.
    pub(crate) kind: u8,
    /// Bytes of an element.
    size: usize,
    big_endian: bool,
    fortran: bool,
    pub(crate) shape: Vec<usize>,
    data: Vec<u8>,
}

impl Array {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("no array")?;
        let (header, data) = match rest {
            [1, _, a, b, rest @ ..] => rest.split_at_checked(u16::from_le_bytes([*a, *b]).into()),
            [2 | 3, _, a, b, c, d, rest @ ..] => rest.split_at_checked(u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            _ => return Err("another version"),
        }
        .ok_or("a header that is cut off")?;
        let header = std::str::from_utf8(header).map_err(|_| "a header that is no text")?;
        let field = |name: &str| Some(header.split_once(name)?.1.trim_start().strip_prefix(':')?.trim_start());
        let descr = field("'descr'").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next()).unwrap_or_default();
        let fortran = field("'fortran_order'").ok_or("a header without an order")?.starts_with("True");
        let shape = field("'shape'").and_then(shape).ok_or("a header without a shape")?;
        let (order, code) = descr.split_at_checked(1).ok_or("elements of more than one type")?;
        let (kind, size) = code.split_at_checked(1).ok_or("elements of no known type")?;
        if kind == "O" {
            return Err("Python objects, which are not read");
        }
        let size: usize = size.parse().map_err(|_| "elements of no known size")?;
        let elements = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
        let length = elements.and_then(|elements| elements.checked_mul(size)).ok_or("a shape of too many elements")?;
        let data = data.get(..length).ok_or("fewer elements than its shape has")?.to_vec();
        let kind = kind.as_bytes().first().copied().unwrap_or_default();
        let type_name = match kind {
            b'f' => format!("float{}", size.saturating_mul(8)),
            b'i' => format!("int{}", size.saturating_mul(8)),
            b'u' => format!("uint{}", size.saturating_mul(8)),
            _ => excerpt(&descr),
        };
        Ok(Self { type_name, kind, size, big_endian: order == ">", fortran, shape, data })
    }

    /// Its elements as bytes in C order, if each is one byte.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        if self.size != 1 {
            return None;
        }
        if !self.fortran {
            return Some(self.data.clone());
        }
        // The strides of an array whose first index runs fastest.
        let strides: Vec<usize> = self
            .shape
            .iter()
            .scan(1, |stride, &extent| {
                let this = *stride;
                *stride *= extent;
                Some(this)
            })
            .collect();
        let place = |mut index: usize| {
            let steps = self.shape.iter().zip(&strides).rev().map(|(&extent, &stride)| {
                let step = index % extent.max(1) * stride;
                index /= extent.max(1);
                step
            });
            steps.sum::<usize>()
        };
        (0..self.data.len()).map(|index| self.data.get(place(index)).copied()).collect()
    }

    /// Its elements, if they are integers of up to 64 bits.
    pub(crate) fn integers(&self) -> Option<Vec<i128>> {
        matches!((self.kind, self.size), (b'i' | b'u', 1 | 2 | 4 | 8)).then(|| self.elements().collect())
    }

    /// Its one element, if it is a number and has no shape.
    pub(crate) fn number(&self) -> Option<f64> {
        if !self.shape.is_empty() {
            return None;
        }
        let bits = self.elements().next()?;
        match (self.kind, self.size) {
            (b'f', 8) => Some(f64::from_bits(bits as u64)),
            (b'f', 4) => Some(f32::from_bits(bits as u32).into()),
            (b'i' | b'u', 1 | 2 | 4 | 8) => Some(bits as f64),
            _ => None,
        }
    }

    /// The elements as integers; of other kinds, their bits.
    fn elements(&self) -> impl Iterator<Item = i128> {
        self.data.chunks_exact(self.size.clamp(1, 16)).map(|element| {
            let shift = |bits: u128, byte: &u8| bits << 8 | u128::from(*byte);
            let big_endian = self.big_endian;
            let bits = if big_endian { element.iter().fold(0, shift) } else { element.iter().rev().fold(0, shift) };
            let unused = 128 - 8 * element.len() as u32;
            if self.kind == b'i' { (bits << unused) as i128 >> unused } else { bits as i128 }
        })
    }
}

/// Reads `(3, 4)`, `(3,)` or `()`.
fn shape(text: &str) -> Option<Vec<usize>> {
    let extents = text.strip_prefix('(')?.split_once(')')?.0;
    let extents = extents.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    extents.map(|extent| extent.parse().ok()).collect()
}

/// What is said of a file, as far as it fits one line.
fn excerpt(words: &dyn Display) -> String {
    let words: String =
        words.to_string().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    words.escape_debug().take(LONGEST_EXCERPT).collect()
}

/// Writes arrays to a file, packed. It has no times, so that the same song gives the same bytes.
#[derive(Default)]
pub(crate) struct ArchiveWriter(Vec<(&'static str, Vec<u8>)>);

impl ArchiveWriter {
    /// Adds an array of elements of a type, such as `<f8`.
    pub(crate) fn add(&mut self, name: &'static str, descr: &str, shape: &[usize], data: &[u8]) {
        let comma = if shape.len() == 1 { "," } else { "" };
        let extents: Vec<_> = shape.iter().map(usize::to_string).collect();
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}", extents.join(", "));
        let before = MAGIC.len() + 4;
        let size = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before;
        let mut file = MAGIC.to_vec();
        file.extend([1, 0]);
        file.extend((size as u16).to_le_bytes());
        file.extend(format!("{header:<width$}\n", width = size - 1).into_bytes());
        file.extend(data);
        self.0.push((name, file));
    }

    /// The bytes of the file.
    pub(crate) fn finish(self) -> Result<Vec<u8>, FileError> {
        let fault = |error: zip::result::ZipError| FileError::Io(error.into());
        let options = SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Deflated);
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, file) in self.0 {
            archive.start_file(format!("{name}.npy"), options).map_err(fault)?;
            archive.write_all(&file)?;
        }
        Ok(archive.finish().map_err(fault)?.into_inner())
    }
}
