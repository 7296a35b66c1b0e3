//! The pickled forms of scores: (rate, nsamps, frames), the frames a `uint8` array or a list of lists.

use super::{ExpressiveScore, check_rate};
use crate::error::TokenizerError;
use crate::unpickle::{Array, Id, Object, Unpickled, unpickle};

/// Reads an expressive score.
pub(super) fn read(bytes: &[u8]) -> Result<ExpressiveScore, TokenizerError> {
    let (rate, nsamps, frames) = read_array(bytes, &[4, 3])?;
    ExpressiveScore::from_bytes(rate, nsamps, &frames)
}

/// Reads a score whose frames are an array of shape (N, …): the rate, the length and the bytes in C order.
pub(crate) fn read_array(bytes: &[u8], shape: &[i64]) -> Result<(f64, u64, Vec<u8>), TokenizerError> {
    let extents: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let score = Parts::read(bytes, format!("uint8 array of shape N × {}", extents.join(" × ")))?;
    match score.pickle.object(score.frames) {
        Some(Object::Array(Some(array))) => Ok((score.rate, score.nsamps, score.bytes_of(array, shape)?)),
        _ => Err(score.fault(score.frames, "a third part that is no array")),
    }
}

/// Reads a score whose frames are a list of lists of notes: the rate, the length and the notes.
pub(crate) fn read_lists(bytes: &[u8]) -> Result<(f64, u64, Vec<Vec<u8>>), TokenizerError> {
    let score = Parts::read(bytes, "list of lists of notes".to_owned())?;
    let items = |id: Id| score.pickle.object(id).and_then(Object::items);
    let frames = items(score.frames).ok_or_else(|| score.fault(score.frames, "a third part that is no list"))?;
    let mut notes = Vec::with_capacity(frames.len());
    for (index, &id) in frames.iter().enumerate() {
        let frame = items(id).ok_or_else(|| score.fault(id, &format!("frame {index} that is no list")))?;
        let note = |&id: &Id| match score.pickle.object(id) {
            Some(Object::Int(note)) => u8::try_from(*note).ok(),
            _ => None,
        };
        // No frame has more notes than voices: one that claims to is refused before it is copied.
        let frame: Option<Vec<u8>> = frame.iter().take(8).map(note).collect();
        notes.push(frame.ok_or_else(|| score.fault(id, &format!("frame {index} with something that is no note")))?);
    }
    Ok((score.rate, score.nsamps, notes))
}

/// The parts of a score.
struct Parts {
    pickle: Unpickled,
    /// What the frames should be.
    form: String,
    rate: f64,
    nsamps: u64,
    frames: Id,
}

impl Parts {
    fn read(bytes: &[u8], form: String) -> Result<Self, TokenizerError> {
        TokenizerError::check_input(bytes.len())?;
        let mut score = Self { pickle: unpickle(bytes)?, form, rate: 0.0, nsamps: 0, frames: 0 };
        let root = score.pickle.root;
        let Some(Object::Tuple(parts)) = score.pickle.object(root) else {
            return Err(score.fault(root, "another object"));
        };
        let &[rate, nsamps, frames] = parts.as_slice() else {
            return Err(score.fault(root, &format!("{} parts", parts.len())));
        };
        score.rate = match score.pickle.object(rate) {
            Some(Object::Float(rate)) => *rate,
            Some(Object::Int(rate)) => *rate as f64,
            _ => return Err(score.fault(rate, "a rate that is no number")),
        };
        if let Err(TokenizerError::Option { expected, found, .. }) = check_rate(score.rate) {
            return Err(score.pickle.fault(rate, expected, found));
        }
        let length = match score.pickle.object(nsamps) {
            Some(Object::Int(nsamps)) => u64::try_from(*nsamps).ok(),
            _ => None,
        };
        score.nsamps = length.ok_or_else(|| score.fault(nsamps, "a length that is no number of samples"))?;
        let offset = score.pickle.offset(nsamps);
        TokenizerError::check_ticks(score.nsamps).map_err(|error| error.at("byte", offset))?;
        score.frames = frames;
        Ok(score)
    }

    /// The bytes of an array of shape (N, …), in C order.
    fn bytes_of(&self, array: &Array, shape: &[i64]) -> Result<Vec<u8>, TokenizerError> {
        let fault = |found: &str| self.fault(self.frames, found);
        let count = match array.shape.split_first() {
            Some((&count, rest)) if rest == shape => count,
            _ => return Err(fault(&format!("an array of shape {:?}", array.shape))),
        };
        match self.pickle.object(array.dtype) {
            Some(Object::Dtype(dtype)) if (dtype.kind, dtype.size) == (b'u', 1) => {}
            _ => return Err(fault("an array of other numbers")),
        }
        let Some(Object::Bytes(data)) = self.pickle.object(array.data) else {
            return Err(fault("an array without bytes"));
        };
        let frame: usize = shape.iter().map(|&extent| usize::try_from(extent).unwrap_or(1)).product();
        if usize::try_from(count).ok().and_then(|count| count.checked_mul(frame)) != Some(data.len()) {
            return Err(fault(&format!("{} bytes for {count} frames", data.len())));
        }
        Ok(if array.fortran { from_fortran(data, shape, frame) } else { data.clone() })
    }

    fn fault(&self, id: Id, found: &str) -> TokenizerError {
        self.pickle.fault(id, format!("(rate, nsamps, {})", self.form), found)
    }
}

/// Puts the bytes of an array of which the first index varies fastest into C order. `frame` is the size of its frames.
fn from_fortran(data: &[u8], shape: &[i64], frame: usize) -> Vec<u8> {
    let count = data.len() / frame.max(1);
    // Where within a frame each byte is, counted with the first index fastest.
    let mut order = vec![0];
    let mut stride = 1;
    let mut strides = Vec::new();
    for &extent in shape {
        let extent = usize::try_from(extent).unwrap_or(1);
        strides.push((extent, stride));
        stride *= extent;
    }
    for (extent, stride) in strides {
        order = order.iter().flat_map(|&place| (0..extent).map(move |index| place + index * stride)).collect();
    }
    let bytes = (0..count).flat_map(|index| order.iter().map(move |place| place * count + index));
    bytes.filter_map(|place| data.get(place).copied()).collect()
}
