//! JSON Web Keys, those that verify signatures.
//!
//! In: the text of a JWK set. Out: [`Key`]s. Each verifies by one algorithm and no other, which is the set's to say and not the
//! token's; symmetric keys are never read, so that nobody can sign with what is public.
//! Source: RFC 7517, RFC 7518 section 6, RFC 8037.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

/// Keys of one set that are looked at.
const KEYS_MAX: usize = 100;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// By its name in headers and keys. `none` and everything symmetric have no name here.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// A public key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name, if it has one.
    pub(super) id: Option<String>,
    /// What it verifies.
    pub(super) algorithm: Algorithm,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A point, as the curve's signatures expect it.
    Point(Vec<u8>),
}

impl Key {
    /// Whether it made the signature of the message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { modulus, exponent } => {
                let parameters = match self.algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                    Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return false,
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature).is_ok()
            }
            Material::Point(point) => {
                let parameters: &dyn signature::VerificationAlgorithm = match self.algorithm {
                    Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
                    Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
                    Algorithm::EdDsa => &signature::ED25519,
                    _ => return false,
                };
                UnparsedPublicKey::new(parameters, point).verify(message, signature).is_ok()
            }
        }
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// A key as it is written. Members that are not here mean nothing to us.
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Reads a set: the keys that can be used, and why others cannot. A key for another purpose is left out silently.
/// Errors: it is no key set.
pub(super) fn read(text: &[u8]) -> Result<(Vec<Key>, Vec<String>), String> {
    let set: Set =
        serde_json::from_slice(text).map_err(|_| "it is no JSON Web Key set: `{\"keys\": […]}`".to_owned())?;
    if set.keys.len() > KEYS_MAX {
        return Err(format!("it has {} keys, and no more than {KEYS_MAX} are read", set.keys.len()));
    }
    let mut keys = Vec::new();
    let mut unusable = Vec::new();
    for (index, written) in set.keys.into_iter().enumerate() {
        let named = written["kid"].as_str().map_or_else(|| format!("key {}", index + 1), |kid| format!("key {kid:?}"));
        match serde_json::from_value::<Written>(written).map_err(|_| "it is not written as keys are").and_then(key) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => {}
            Err(why) => unusable.push(format!("{named}: {why}")),
        }
    }
    Ok((keys, unusable))
}

/// `None`: it is not for signatures.
fn key(written: Written) -> Result<Option<Key>, &'static str> {
    let verifies = written.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !verifies || written.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return Ok(None);
    }
    let said = match written.alg.as_deref() {
        Some(name) => Some(Algorithm::named(name).ok_or("its algorithm is not supported")?),
        None => None,
    };
    let (possible, material): (&[Algorithm], Material) = match (written.kty.as_str(), written.crv.as_deref()) {
        ("RSA", _) => {
            use Algorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
            let modulus = number(written.n)?;
            // ring refuses what is shorter or longer; said here, it is said when the key is read.
            if !(256..=1_024).contains(&modulus.len()) {
                return Err("an RSA key has 2,048 to 8,192 bits");
            }
            (&[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512], Material::Rsa { modulus, exponent: number(written.e)? })
        }
        ("EC", Some("P-256")) => (&[Algorithm::Es256], point(written.x, written.y, 32)?),
        ("EC", Some("P-384")) => (&[Algorithm::Es384], point(written.x, written.y, 48)?),
        ("OKP", Some("Ed25519")) => {
            let point = bytes(written.x)?;
            if point.len() != 32 {
                return Err("its `x` has the wrong length");
            }
            (&[Algorithm::EdDsa], Material::Point(point))
        }
        ("oct", _) => return Err("it is symmetric: whoever can verify with it can sign with it"),
        _ => return Err("its kind or curve is not supported"),
    };
    // Where the set does not say, it is what the kind of key is used for everywhere: RS256 for RSA.
    let algorithm = said.unwrap_or(possible[0]);
    if !possible.contains(&algorithm) {
        return Err("its algorithm does not go with its kind");
    }
    Ok(Some(Key { id: written.kid, algorithm, material }))
}

fn bytes(text: Option<String>) -> Result<Vec<u8>, &'static str> {
    let text = text.ok_or("a part of it is missing")?;
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| "a part of it is not base64url")
}

/// A large number, without leading zeros.
fn number(text: Option<String>) -> Result<Vec<u8>, &'static str> {
    let bytes = bytes(text)?;
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    Ok(bytes[start..].to_vec())
}

fn point(x: Option<String>, y: Option<String>, length: usize) -> Result<Material, &'static str> {
    let (x, y) = (bytes(x)?, bytes(y)?);
    if x.len() != length || y.len() != length {
        return Err("its `x` or `y` has the wrong length");
    }
    // Uncompressed, as SEC 1 writes it.
    Ok(Material::Point([&[4][..], &x, &y].concat()))
}
