//! Decoder of SQLite's record format, in which a row is stored: a header of
//! types, then the values. Malformed bytes are an error; nothing is guessed.
//!
//! Source: section 2.1 of SQLite's "Database File Format".

use std::fmt;

use crate::rows::value::Value;

/// Error of bytes that are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError(&'static str);

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed SQLite record: {}", self.0)
    }
}

/// Decodes the values of a row. Whole numbers of a REAL column may be integers.
///
/// # Errors
/// The reason why the bytes are not a record.
pub fn decode(bytes: &[u8]) -> Result<Vec<Value>, RecordError> {
    let (size, used) = varint(bytes)?;
    let size = usize::try_from(size).map_err(|_| RecordError("the header is too long"))?;
    if size < used || size > bytes.len() {
        return Err(RecordError("the header has a wrong length"));
    }
    let (header, mut body) = bytes.split_at(size);
    let mut types = &header[used..];
    let mut values = Vec::with_capacity(types.len());
    while !types.is_empty() {
        let (serial_type, used) = varint(types)?;
        types = &types[used..];
        let (value, used) = value(serial_type, body)?;
        body = &body[used..];
        values.push(value);
    }
    if !body.is_empty() {
        return Err(RecordError("bytes follow the last value"));
    }
    Ok(values)
}

/// Decodes a number of one to nine bytes, and returns its length too. All bytes
/// but the last have the highest bit set; the ninth contributes all of its bits.
fn varint(bytes: &[u8]) -> Result<(u64, usize), RecordError> {
    const MAX_BYTES: usize = 9;
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        if index + 1 == MAX_BYTES {
            return Ok((number << 8 | u64::from(*byte), MAX_BYTES));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((number, index + 1));
        }
    }
    Err(RecordError("a number ends early"))
}

/// Decodes the value at the start of `body`, and returns its length too.
fn value(serial_type: u64, body: &[u8]) -> Result<(Value, usize), RecordError> {
    Ok(match serial_type {
        0 => (Value::Null, 0),
        1 => integer(body, 1)?,
        2 => integer(body, 2)?,
        3 => integer(body, 3)?,
        4 => integer(body, 4)?,
        5 => integer(body, 6)?,
        6 => integer(body, 8)?,
        7 => {
            let bits = first(body, 8)?.iter();
            let bits = bits.fold(0, |bits, byte| bits << 8 | u64::from(*byte));
            let real = f64::from_bits(bits);
            // SQLite reads NaN as NULL.
            let value = if real.is_nan() {
                Value::Null
            } else {
                Value::Real(real)
            };
            (value, 8)
        }
        8 => (Value::Integer(0), 0),
        9 => (Value::Integer(1), 0),
        10 | 11 => return Err(RecordError("a type code is reserved")),
        text_or_blob => {
            let length = usize::try_from((text_or_blob - 12) / 2)
                .map_err(|_| RecordError("a value is too long"))?;
            let bytes = first(body, length)?.to_vec();
            let value = if text_or_blob % 2 == 0 {
                Value::Blob(bytes)
            } else {
                String::from_utf8(bytes)
                    .map_or_else(|error| Value::TextBytes(error.into_bytes()), Value::Text)
            };
            (value, length)
        }
    })
}

/// Decodes a signed integer in big-endian order.
fn integer(body: &[u8], length: usize) -> Result<(Value, usize), RecordError> {
    let bytes = first(body, length)?;
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let sign_extension = if negative { -1 } else { 0 };
    let number = bytes.iter().fold(sign_extension, |number: i64, byte| {
        number << 8 | i64::from(*byte)
    });
    Ok((Value::Integer(number), length))
}

fn first(bytes: &[u8], length: usize) -> Result<&[u8], RecordError> {
    bytes.get(..length).ok_or(RecordError("a value ends early"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Encodes a record like SQLite.
    pub(crate) fn encode(values: &[Value]) -> Vec<u8> {
        let (mut types, mut body) = (Vec::new(), Vec::new());
        for value in values {
            let serial_type = match value {
                Value::Null => 0,
                Value::Integer(0) => 8,
                Value::Integer(1) => 9,
                Value::Integer(number) => {
                    let sizes = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (6, 8)];
                    let fits = |(_, size): &&(u64, u32)| {
                        *size == 8 || (*number >> (8 * size - 1)) + i64::from(*number < 0) == 0
                    };
                    let (serial_type, size) = sizes.iter().find(fits).unwrap();
                    body.extend_from_slice(&number.to_be_bytes()[8 - *size as usize..]);
                    *serial_type
                }
                Value::Real(real) => {
                    body.extend_from_slice(&real.to_be_bytes());
                    7
                }
                Value::Text(text) => {
                    body.extend_from_slice(text.as_bytes());
                    13 + 2 * text.len() as u64
                }
                Value::TextBytes(bytes) => {
                    body.extend_from_slice(bytes);
                    13 + 2 * bytes.len() as u64
                }
                Value::Blob(bytes) => {
                    body.extend_from_slice(bytes);
                    12 + 2 * bytes.len() as u64
                }
            };
            types.extend(varint_bytes(serial_type));
        }
        let mut size = types.len() + 1;
        while varint_bytes(size as u64).len() + types.len() != size {
            size += 1;
        }
        [varint_bytes(size as u64), types, body].concat()
    }

    /// Encodes a number of at most eight bytes.
    fn varint_bytes(number: u64) -> Vec<u8> {
        let mut bytes = vec![(number & 0x7f) as u8];
        let mut rest = number >> 7;
        while rest > 0 {
            bytes.insert(0, (rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes
    }

    fn all_kinds() -> Vec<Value> {
        let mut values = vec![
            Value::Null,
            Value::Real(-0.0),
            Value::Real(1.5e300),
            Value::Real(f64::NEG_INFINITY),
            Value::from(""),
            Value::from("ä表\0"),
            Value::Text("long ".repeat(100)),
            Value::TextBytes(vec![0xff, 0xfe]),
            Value::Blob(Vec::new()),
            Value::Blob(vec![0; 3000]),
        ];
        for bits in [0, 1, 7, 8, 15, 16, 23, 24, 31, 32, 47, 48, 62] {
            for number in [1_i64 << bits, (1 << bits) - 1] {
                values.extend([Value::Integer(number), Value::Integer(-number)]);
            }
        }
        values.extend([Value::Integer(i64::MIN), Value::Integer(i64::MAX)]);
        values
    }

    #[test]
    fn every_value_is_decoded() {
        assert_eq!(decode(&encode(&all_kinds())), Ok(all_kinds()));
        assert_eq!(decode(&encode(&[])), Ok(vec![]));
    }

    #[test]
    fn a_record_of_tursodb_is_decoded() {
        // INSERT INTO t VALUES (3, x'00', 'text', 1e300, -9223372036854775808)
        let bytes = b"\x06\x01\x0e\x15\x07\x06\x03\x00text~7\xe4<\x88\x00u\x9c\x80\0\0\0\0\0\0\0";
        assert_eq!(
            decode(bytes),
            Ok(vec![
                Value::Integer(3),
                Value::Blob(vec![0]),
                Value::from("text"),
                Value::Real(1e300),
                Value::Integer(i64::MIN),
            ])
        );
    }

    #[test]
    fn a_truncated_record_is_refused() {
        let whole = encode(&all_kinds());
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_err(), "{length}");
        }
        assert!(decode(&[&whole[..], &[0]].concat()).is_err());
    }

    #[test]
    fn malformed_bytes_are_refused() {
        for bytes in [
            &[][..],
            &[0],
            &[0xff],
            &[0xff; 9],
            &[0xff; 30],
            &[2, 10],
            &[2, 11],
            &[3, 0x80],
            &[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
        ] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn random_bytes_do_not_panic() {
        let mut seed = 7_u64;
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            for _ in 0..seed % 24 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                bytes.push((seed >> 40 & 0xff) as u8);
            }
            seed = seed.wrapping_add(1);
            if let Some(first) = bytes.first_mut() {
                *first %= 12;
            }
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn nan_is_null() {
        let record = encode(&[Value::Real(f64::NAN)]);
        assert_eq!(decode(&record), Ok(vec![Value::Null]));
    }
}
