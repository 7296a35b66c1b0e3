//! The functions that a pickle may call, and what is done in their place.

use super::literal::{latin1, lossy};
use super::numpy::{Array, Dtype, dtype, scalar};
use super::{Id, Machine, Object};
use crate::error::{TokenizerError, check_limit};

/// The most bytes that the strings made of other strings may have: a short pickle could make many of a long one.
const MAX_ENCODED_BYTES: u64 = 64 << 20;

/// The most dimensions of an array.
const MAX_DIMENSIONS: usize = 8;

/// The functions and classes that a pickle may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// `numpy.core.multiarray._reconstruct`: an array still without contents.
    Reconstruct,
    /// `numpy.core.numeric._frombuffer`: an array of bytes, a dtype and a shape.
    FromBuffer,
    /// `numpy.core.multiarray.scalar`: a number of a dtype.
    Scalar,
    /// `numpy.ndarray`, which only stands as an argument.
    Ndarray,
    /// `numpy.dtype`.
    DtypeClass,
    /// `_codecs.encode`, with which Python 3 writes bytes under protocols 0 to 2.
    Encode,
}

impl Machine<'_> {
    pub(super) fn global(&mut self) -> Result<(), TokenizerError> {
        let (module, name) = (self.line()?, self.line()?);
        self.push_function(&String::from_utf8_lossy(module), &String::from_utf8_lossy(name))
    }

    pub(super) fn stack_global(&mut self) -> Result<(), TokenizerError> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (self.object(module).clone(), self.object(name).clone()) {
            (Object::Text(module), Object::Text(name)) => self.push_function(&module, &name),
            _ => Err(self.fault("the name of a function", "another object")),
        }
    }

    fn push_function(&mut self, module: &str, name: &str) -> Result<(), TokenizerError> {
        let function = match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Function::Reconstruct,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Function::Scalar,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Function::FromBuffer,
            ("numpy", "ndarray") => Function::Ndarray,
            ("numpy", "dtype") => Function::DtypeClass,
            ("_codecs", "encode") => Function::Encode,
            _ => return Err(self.fault("a function that builds arrays", lossy(format!("{module}.{name}").as_bytes()))),
        };
        self.push(Object::Function(function))
    }

    pub(super) fn reduce(&mut self) -> Result<(), TokenizerError> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Object::Tuple(ids), Object::Function(function)) = (self.object(arguments), self.object(function)) else {
            return Err(self.fault("a function and its arguments", "other objects"));
        };
        let function = *function;
        let arguments: Vec<&Object> = ids.iter().map(|&id| self.object(id)).collect();
        let result = match (function, arguments.as_slice(), ids.as_slice()) {
            (Function::Reconstruct, _, _) => Some(Object::Array(None)),
            (Function::DtypeClass, [name, ..], _) => dtype(name).map(Object::Dtype),
            (Function::Encode, [Object::Text(text), ..], _) => latin1(text).map(Object::Bytes),
            (Function::Scalar, [Object::Dtype(dtype), Object::Bytes(bytes)], _) => scalar(*dtype, bytes),
            (Function::FromBuffer, [_, _, Object::Tuple(shape), order], &[data, dtype, ..]) => {
                self.shape(shape).map(|shape| {
                    let fortran = matches!(order, Object::Text(order) if order == "F");
                    Object::Array(Some(Array { shape, dtype, fortran, data }))
                })
            }
            _ => None,
        };
        let result = result.ok_or_else(|| self.fault(format!("arguments of {function:?}"), "others"))?;
        if let (Function::Encode, Object::Bytes(bytes)) = (function, &result) {
            self.encoded += bytes.len() as u64;
            check_limit("strings of a pickle in bytes", MAX_ENCODED_BYTES, self.encoded)?;
        }
        self.push(result)
    }

    /// Gives an array its contents, or a dtype its byte order, in place.
    pub(super) fn build(&mut self) -> Result<(), TokenizerError> {
        let (state, target) = (self.pop()?, self.pop()?);
        let Object::Tuple(ids) = self.object(state) else {
            return Err(self.fault("the state of an array", "another object"));
        };
        let built = match (self.object(target), ids.as_slice()) {
            (Object::Array(None), &[_, shape, dtype, fortran, data]) => {
                match (self.object(shape), self.object(fortran)) {
                    (Object::Tuple(shape), Object::Int(fortran)) => self
                        .shape(shape)
                        .map(|shape| Object::Array(Some(Array { shape, dtype, fortran: *fortran != 0, data }))),
                    _ => None,
                }
            }
            (Object::Dtype(dtype), &[_, order, ..]) => match self.object(order) {
                Object::Bytes(order) => Some(Object::Dtype(Dtype { big_endian: order == b">", ..*dtype })),
                Object::Text(order) => Some(Object::Dtype(Dtype { big_endian: order == ">", ..*dtype })),
                _ => None,
            },
            _ => None,
        };
        let built = built.ok_or_else(|| self.fault("the state of an array or a dtype", "another"))?;
        if let Some(object) = self.objects.get_mut(target as usize) {
            *object = built;
        }
        self.push_id(target)
    }

    fn shape(&self, ids: &[Id]) -> Option<Vec<i64>> {
        if ids.len() > MAX_DIMENSIONS {
            return None;
        }
        ids.iter()
            .map(|&id| match self.object(id) {
                Object::Int(extent) => Some(*extent),
                _ => None,
            })
            .collect()
    }
}
