//! The hash of one value, in version 1 of the checksum of the contract. Must not
//! know columns.

/// The prime 2^31 - 1: the product of two remainders is less than 2^62.
pub(super) const MODULUS: u64 = (1 << 31) - 1;
const SIGNED_MODULUS: i64 = MODULUS.cast_signed();
/// Addend of a number, which tells zero from null.
const NUMBER: i64 = 521_288_629;
/// Factor of the fraction of a float.
const FRACTION: i64 = 362_436_069;
/// Factor of one more than the number of hexadecimal digits.
const LENGTH: u64 = 88_675;
/// The power of two by which floats are scaled.
const SCALE: f64 = 4_611_686_018_427_387_904.0;
/// Bytes of a chunk.
const CHUNK: usize = 8;

/// Hash of a value of which only the presence counts.
pub(super) const PRESENT: u64 = NUMBER.cast_unsigned();

/// Returns the weight of a column: the 64-bit FNV-1a hash of its name in lower
/// case, as a remainder that is not zero.
pub(super) fn weight(column: &str) -> u64 {
    let hash = column
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
        });
    hash % (MODULUS - 1) + 1
}

/// Returns the hash of an integer.
pub(super) fn integer(value: i64) -> u64 {
    remainder(NUMBER + value % SIGNED_MODULUS)
}

/// Returns the hash of a float: of its whole part, and of its fraction.
pub(super) fn float(value: f64) -> u64 {
    let value = scaled(value);
    let whole = whole_part(value);
    #[expect(
        clippy::cast_precision_loss,
        reason = "the whole part of a float is a float"
    )]
    let fraction = whole_part((value - whole as f64) * SCALE);
    remainder(NUMBER + whole % SIGNED_MODULUS + fraction % SIGNED_MODULUS * FRACTION)
}

/// Returns the hash of bytes.
pub(super) fn bytes(value: &[u8]) -> u64 {
    let digits = 2 * value.len() as u64 % MODULUS;
    let mut sum = (digits + 1) * LENGTH;
    for (index, chunk) in value.chunks(CHUNK).enumerate() {
        let number = match <[u8; CHUNK]>::try_from(chunk) {
            Ok(chunk) => remainder(i64::from_be_bytes(chunk)),
            Err(_) => {
                chunk
                    .iter()
                    .fold(0, |number, byte| number << 8 | u64::from(*byte))
                    % MODULUS
            }
        };
        sum += number * (index as u64 * 7919 % 65521 + 1) % MODULUS;
    }
    sum % MODULUS
}

/// Scales a very small or very large float, so that its whole part and its
/// fraction hold all of its bits.
fn scaled(mut value: f64) -> f64 {
    const MIN: f64 = 1.0 / 1024.0;
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    while value.abs() < MIN {
        value *= SCALE;
    }
    while value.abs() > SCALE {
        value /= SCALE;
    }
    value
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the contract defines the largest and the smallest integer for other values"
)]
fn whole_part(value: f64) -> i64 {
    value as i64
}

fn remainder(value: i64) -> u64 {
    value.rem_euclid(SIGNED_MODULUS).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_bit_changes_the_hash() {
        for value in [0, 1, -1, i64::MAX, i64::MIN, 1 << 31, 1_700_000_000_000] {
            for bit in 0..64 {
                assert_ne!(integer(value), integer(value ^ 1 << bit), "{value} {bit}");
            }
        }
        for value in [0.1_f64, -1.5, 1e300, 5e-324, 123_456.789, 2.2e-308, 1e19] {
            for bit in 0..64 {
                let other = f64::from_bits(value.to_bits() ^ 1 << bit);
                if other.is_finite() {
                    assert_ne!(float(value), float(other), "{value:e} {other:e}");
                }
            }
        }
        let text: Vec<u8> = (0..100).collect();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut other = text.clone();
                other[at] ^= 1 << bit;
                assert_ne!(bytes(&text), bytes(&other), "{at} {bit}");
            }
            assert_ne!(bytes(&text), bytes(&text[..at]));
        }
    }

    #[test]
    fn an_integer_has_the_hash_of_the_same_float() {
        for value in [0, 1, -1, 1 << 53, -(1 << 53), 2_147_483_647, 2_147_483_648] {
            #[expect(clippy::cast_precision_loss, reason = "the integers are exact floats")]
            let same = value as f64;
            assert_eq!(integer(value), float(same), "{value}");
        }
        assert_eq!(float(-0.0), float(0.0));
        assert_eq!(float(f64::NAN), float(0.0));
    }

    #[test]
    fn the_hashes_are_those_of_the_contract() {
        // Computed by sqld 0.24.32.
        for (value, hash) in HASHES_OF_FLOATS {
            assert_eq!(float(value), hash, "{value:e}");
        }
        for (value, hash) in HASHES_OF_TEXTS {
            assert_eq!(bytes(value.as_bytes()), hash, "{value}");
        }
        assert_eq!(weight("id"), WEIGHT_OF_ID);
        assert_eq!(weight("ID"), WEIGHT_OF_ID);
    }

    const HASHES_OF_FLOATS: [(f64, u64); 7] = [
        (0.1, 1_460_709_379),
        (-1.5, 1_413_812_417),
        (1e300, 1_091_893_657),
        (5e-324, 521_290_677),
        (9e18, 911_892_834),
        (f64::INFINITY, 883_724_699),
        (f64::NEG_INFINITY, 1_943_900_136),
    ];
    const HASHES_OF_TEXTS: [(&str, u64); 6] = [
        ("", 88_675),
        ("a", 266_122),
        ("abcdefgh", 675_425_989),
        ("abcdefghi", 676_434_939),
        ("é表", 704_087_408),
        ("01234567890123456789", 1_509_155_892),
    ];
    const WEIGHT_OF_ID: u64 = 1_480_127_199;
}
