//! Values as bytes that another gospect can read: little-endian, numbers in LEB128, everything of variable size behind its
//! length, variants behind their tag.
//!
//! Reading takes nothing for granted. Bytes that are cut, changed or made up are a [`ReadError`], and no more memory is taken
//! than a small multiple of them: each element of a list takes at least one byte.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

/// Variants that stand in each other; shapes are the deepest.
const MOST_NESTED: u32 = 80;

/// The reason why bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// They begin with something else.
    Foreign,
    /// Their layout has another version.
    Version {
        /// Of the bytes.
        found: u32,
        /// Of this gospect.
        known: u32,
    },
    /// They end too early.
    Cut,
    /// They go on behind the end.
    Trailing(usize),
    /// They are no value of that type.
    Invalid(&'static str),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Foreign => f.write_str("it was not written by gospect"),
            ReadError::Version { found, known } => {
                write!(f, "its layout has version {found}, this gospect reads version {known}")
            }
            ReadError::Cut => f.write_str("it ends too early"),
            ReadError::Trailing(bytes) => write!(f, "{bytes} bytes follow its end"),
            ReadError::Invalid(what) => write!(f, "it has an invalid {what}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Bytes that are being written.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub bytes: Vec<u8>,
}

/// Bytes that are being read.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    nested: u32,
}

/// A value that can be written and read.
pub(crate) trait Encoded: Sized {
    /// Appends it.
    fn write(&self, to: &mut Writer);

    /// Takes one off.
    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError>;
}

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// Appends elements behind their number.
    pub fn list<'v, T: Encoded + 'v>(&mut self, items: impl ExactSizeIterator<Item = &'v T>) {
        self.number(items.len() as u64);
        items.for_each(|item| item.write(self));
    }
}

impl<'a> Reader<'a> {
    /// Reads from the start.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, nested: 0 }
    }

    /// Takes so many bytes off.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(ReadError::Cut)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Takes a byte off.
    pub fn byte(&mut self) -> Result<u8, ReadError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, ReadError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(ReadError::Invalid("number"))
    }

    /// Reads a value that may hold others of its type.
    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ReadError>) -> Result<T, ReadError> {
        if self.nested == MOST_NESTED {
            return Err(ReadError::Invalid("nesting"));
        }
        self.nested += 1;
        let value = read(self);
        self.nested -= 1;
        value
    }

    /// Refuses bytes that are left.
    pub fn finish(self) -> Result<(), ReadError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(ReadError::Trailing(self.bytes.len())) }
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Encoded for $type {
            fn write(&self, to: &mut Writer) {
                to.number(u64::from(*self));
            }

            fn read(from: &mut Reader<'_>) -> Result<$type, ReadError> {
                from.number()?.try_into().map_err(|_| ReadError::Invalid(stringify!($type)))
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64);

impl Encoded for usize {
    fn write(&self, to: &mut Writer) {
        to.number(*self as u64);
    }

    fn read(from: &mut Reader<'_>) -> Result<usize, ReadError> {
        from.number()?.try_into().map_err(|_| ReadError::Invalid("usize"))
    }
}

impl Encoded for i64 {
    fn write(&self, to: &mut Writer) {
        to.number((*self << 1 ^ *self >> 63).cast_unsigned());
    }

    fn read(from: &mut Reader<'_>) -> Result<i64, ReadError> {
        let number = from.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }
}

impl Encoded for bool {
    fn write(&self, to: &mut Writer) {
        to.bytes.push(u8::from(*self));
    }

    fn read(from: &mut Reader<'_>) -> Result<bool, ReadError> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ReadError::Invalid("bool")),
        }
    }
}

impl Encoded for String {
    fn write(&self, to: &mut Writer) {
        to.number(self.len() as u64);
        to.bytes.extend(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<String, ReadError> {
        let len = usize::read(from)?;
        let text = std::str::from_utf8(from.take(len)?).map_err(|_| ReadError::Invalid("text"))?;
        Ok(text.to_owned())
    }
}

impl<T: Encoded> Encoded for Box<T> {
    fn write(&self, to: &mut Writer) {
        T::write(self, to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Box<T>, ReadError> {
        T::read(from).map(Box::new)
    }
}

impl<T: Encoded> Encoded for Option<T> {
    fn write(&self, to: &mut Writer) {
        self.is_some().write(to);
        self.iter().for_each(|value| value.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Option<T>, ReadError> {
        if bool::read(from)? { T::read(from).map(Some) } else { Ok(None) }
    }
}

impl<T: Encoded> Encoded for Vec<T> {
    fn write(&self, to: &mut Writer) {
        to.list(self.iter());
    }

    fn read(from: &mut Reader<'_>) -> Result<Vec<T>, ReadError> {
        let len = from.number()?;
        (0..len).map(|_| T::read(from)).collect()
    }
}

impl<A: Encoded, B: Encoded> Encoded for (A, B) {
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
        self.1.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<(A, B), ReadError> {
        Ok((A::read(from)?, B::read(from)?))
    }
}

/// In the order of the keys, so that equal maps are equal bytes.
impl<K: Encoded + Ord + Hash, V: Encoded> Encoded for HashMap<K, V> {
    fn write(&self, to: &mut Writer) {
        let mut entries: Vec<(&K, &V)> = self.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        to.number(entries.len() as u64);
        for (key, value) in entries {
            key.write(to);
            value.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<HashMap<K, V>, ReadError> {
        let len = from.number()?;
        (0..len).map(|_| Encoded::read(from)).collect()
    }
}

/// Encodes a struct as its fields, in this order.
macro_rules! encoded_struct {
    ($($type:ident { $($field:tt),* })*) => {$(
        impl $crate::encoding::Encoded for $type {
            fn write(&self, to: &mut $crate::encoding::Writer) {
                $(self.$field.write(to);)*
            }

            fn read(from: &mut $crate::encoding::Reader<'_>) -> Result<$type, $crate::encoding::ReadError> {
                Ok($type { $($field: $crate::encoding::Encoded::read(from)?),* })
            }
        }
    )*};
}

/// Encodes an enum as its tag and the variant's fields, in this order.
macro_rules! encoded_enum {
    ($type:ident { $($tag:literal: $variant:ident { $($field:tt: $name:ident),* }),* $(,)? }) => {
        impl $crate::encoding::Encoded for $type {
            fn write(&self, to: &mut $crate::encoding::Writer) {
                match self {
                    $($type::$variant { $($field: $name),* } => {
                        to.bytes.push($tag);
                        $($name.write(to);)*
                    })*
                }
            }

            fn read(from: &mut $crate::encoding::Reader<'_>) -> Result<$type, $crate::encoding::ReadError> {
                from.nested(|from| Ok(match from.byte()? {
                    $($tag => $type::$variant { $($field: $crate::encoding::Encoded::read(from)?),* },)*
                    _ => return Err($crate::encoding::ReadError::Invalid(stringify!($type))),
                }))
            }
        }
    };
}

pub(crate) use {encoded_enum, encoded_struct};

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Encoded + PartialEq + fmt::Debug>(value: T, bytes: &[u8]) {
        let mut written = Writer::default();
        value.write(&mut written);
        assert_eq!(written.bytes, bytes);
        let mut reader = Reader::new(bytes);
        assert_eq!(T::read(&mut reader).unwrap(), value);
        reader.finish().unwrap();
        for len in 0..bytes.len() {
            assert!(T::read(&mut Reader::new(&bytes[..len])).is_err(), "{len}");
        }
    }

    #[test]
    fn small_numbers_take_little() {
        check(0_u8, &[0]);
        check(127_u32, &[127]);
        check(128_u32, &[0x80, 1]);
        check(u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        check(-1_i64, &[1]);
        check(i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        check(vec![Some("ab".to_owned()), None], &[2, 1, 2, b'a', b'b', 0]);
        check(HashMap::from([(7_u8, true), (3, false)]), &[2, 3, 0, 7, 1]);
    }

    #[test]
    fn bytes_that_are_no_value_are_refused() {
        let read = |bytes: &[u8]| u64::read(&mut Reader::new(bytes));
        assert_eq!(read(&[0xff; 11]), Err(ReadError::Invalid("number")));
        assert_eq!(read(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2]), Err(ReadError::Invalid("number")));
        assert_eq!(u8::read(&mut Reader::new(&[0x80, 2])), Err(ReadError::Invalid("u8")));
        assert_eq!(bool::read(&mut Reader::new(&[2])), Err(ReadError::Invalid("bool")));
        assert_eq!(String::read(&mut Reader::new(&[1, 0xff])), Err(ReadError::Invalid("text")));
        // A length is believed only as far as there are bytes.
        let mut long = Writer::default();
        u64::MAX.write(&mut long);
        assert_eq!(Vec::<u64>::read(&mut Reader::new(&long.bytes)), Err(ReadError::Cut));
    }
}
