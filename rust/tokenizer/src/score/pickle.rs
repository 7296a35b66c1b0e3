//! The pickled form of an expressive score: (rate, nsamps, `uint8` array of N × 4 × 3).

use super::unpickle::{Array, Id, Object, Unpickled, unpickle};
use super::{ExpressiveScore, FRAME_BYTES};
use crate::error::TokenizerError;

pub(super) fn read(bytes: &[u8]) -> Result<ExpressiveScore, TokenizerError> {
    TokenizerError::check_input(bytes.len())?;
    let pickle = unpickle(bytes)?;
    let Some(Object::Tuple(parts)) = pickle.object(pickle.root) else {
        return Err(not_a_score("another object"));
    };
    let &[rate, nsamps, frames] = parts.as_slice() else {
        return Err(not_a_score(&format!("{} parts", parts.len())));
    };
    let rate = match pickle.object(rate) {
        Some(Object::Float(rate)) => *rate,
        Some(Object::Int(rate)) => *rate as f64,
        _ => return Err(not_a_score("a rate that is no number")),
    };
    let nsamps = match pickle.object(nsamps) {
        Some(Object::Int(nsamps)) => u64::try_from(*nsamps).ok(),
        _ => None,
    };
    let nsamps = nsamps.ok_or_else(|| not_a_score("a length that is no number of samples"))?;
    match pickle.object(frames) {
        Some(Object::Array(Some(array))) => ExpressiveScore::from_bytes(rate, nsamps, &bytes_of(&pickle, array)?),
        _ => Err(not_a_score("a third part that is no array")),
    }
}

/// The bytes of an array of shape (N, 4, 3), in C order.
fn bytes_of(pickle: &Unpickled, array: &Array) -> Result<Vec<u8>, TokenizerError> {
    let &[count, 4, 3] = array.shape.as_slice() else {
        return Err(not_a_score(&format!("an array of shape {:?}", array.shape)));
    };
    match pickle.object(array.dtype) {
        Some(Object::Dtype(dtype)) if (dtype.kind, dtype.size) == (b'u', 1) => {}
        _ => return Err(not_a_score("an array of other numbers")),
    }
    let Some(Object::Bytes(data)) = pickle.object(array.data) else {
        return Err(not_a_score("an array without bytes"));
    };
    if usize::try_from(count).ok().and_then(|count| count.checked_mul(FRAME_BYTES)) != Some(data.len()) {
        return Err(not_a_score(&format!("{} bytes for {count} frames", data.len())));
    }
    if !array.fortran {
        return Ok(data.clone());
    }
    let count = data.len() / FRAME_BYTES;
    // The frame varies fastest, then the voice, then the column.
    let place = |index: usize| (index % FRAME_BYTES % 3 * 4 + index % FRAME_BYTES / 3) * count + index / FRAME_BYTES;
    Ok((0..data.len()).filter_map(|index| data.get(place(index)).copied()).collect())
}

fn not_a_score(found: &str) -> TokenizerError {
    TokenizerError::Score {
        expected: "(rate, nsamps, uint8 array of shape N × 4 × 3)".to_owned(),
        found: found.to_owned(),
    }
}

impl Unpickled {
    fn object(&self, id: Id) -> Option<&Object> {
        self.objects.get(id as usize)
    }
}
