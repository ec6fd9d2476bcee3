//! Names and numbers that look random but are always the same: each is derived
//! from a text that identifies it.

/// Returns a UUID. Its sixth byte never marks a database of Turso's new engine.
pub(super) fn uuid(text: &str) -> String {
    let (high, low) = (number(text), number(&format!("{text} again")));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xff0f | 0x0060,
        high & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

/// Returns a number: the hash FNV-1a.
pub(super) fn number(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Returns the name of the person with this number.
pub(super) fn person(number: usize) -> String {
    const NAMES: [&str; 8] = [
        "ada", "bjorn", "chloe", "dmitri", "emeka", "fatma", "grace", "hiroshi",
    ];
    match (NAMES[number % NAMES.len()], number / NAMES.len()) {
        (name, 0) => name.to_owned(),
        (name, round) => format!("{name}{round}"),
    }
}
