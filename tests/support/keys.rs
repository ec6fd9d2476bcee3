//! Tokens in Turso's format: JSON web tokens signed with Ed25519. The key is
//! constant and protects nothing.

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value as Json, json};

/// Returns the public key in the form that sqld accepts.
pub fn public() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(pair(1)?.public_key().as_ref()))
}

/// Returns a token with claims such as `{"a": "ro"}`. A token without claims
/// permits everything.
pub fn token(claims: &Json) -> Result<String> {
    Ok(signed(claims, &pair(1)?))
}

/// Returns a token that the server refuses: it is signed with another key.
pub fn foreign_token() -> Result<String> {
    Ok(signed(&json!({}), &pair(2)?))
}

fn signed(claims: &Json, pair: &Ed25519KeyPair) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "EdDSA", "typ": "JWT"}).to_string());
    let body = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    format!(
        "{body}.{}",
        URL_SAFE_NO_PAD.encode(pair.sign(body.as_bytes()))
    )
}

fn pair(seed: u8) -> Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32])
        .map_err(|error| anyhow!("cannot create a key: {error}"))
}
