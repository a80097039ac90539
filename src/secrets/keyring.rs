//! The one secret of an installation, and the keys made from it: tokens are signed, what is stored is sealed, and so is
//! what clients carry for us.
//!
//! Four keys are derived (HKDF-SHA-256): for tokens, for the links of the audit log, for environments, headers and
//! listings (AES-256-GCM, with kind and server id as additional data, so that no row fits another), and for
//! `requestState`.

use std::{fmt, io, path::Path};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    error::{Error, Result},
    policy::{audit_chain::ChainKey, hex, secret},
    secrets::{Tokens, private_file, random},
};

/// The file in the data folder that holds a secret made here.
const FILE: &str = "secret.key";

/// The file beside it that holds the one that is about to take its place.
pub(crate) const NEXT_KEY_FILE: &str = "secret.key.next";

/// First part of the name of the session cookie. Sessions from before there was another part are known by it alone.
pub(crate) const SESSION_COOKIE: &str = "ostler_session";

/// Bytes in the cookie's name that tell secrets apart: enough for the Ostlers of one host.
const COOKIE_ID_BYTES: usize = 4;

/// Keys derived from the secret (HKDF-SHA-256, RFC 5869), one per purpose. `Debug` shows none of them.
pub(crate) struct Keyring {
    /// Signs and checks bearer tokens.
    pub tokens: Tokens,
    /// Seals what the database holds.
    sealing: RandomizedNonceKey,
    /// Seals what clients hold: never the same key, for they choose what they send back.
    carried: RandomizedNonceKey,
    /// Links entries of the audit log.
    pub audit: ChainKey,
    /// The session cookie's name, another one for each secret: Ostlers on one host share a browser's cookies.
    pub session_cookie: String,
}

impl Keyring {
    /// The keys of `secret`, which must be at least 32 bytes and no well-known default.
    pub(crate) fn from_secret(secret: &str) -> Result<Self> {
        if let Some(fault) = secret::fault(secret) {
            return Err(Error::invalid("OSTLER_SECRET_KEY", fault));
        }
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ostler").extract(secret.as_bytes());
        let key =
            |purpose| RandomizedNonceKey::new(&AES_256_GCM, &derive(&root, purpose)?).map_err(|_| defect("sealing"));
        let (sealing, carried) = (key(b"seal")?, key(b"carried")?);
        let audit = ChainKey::new(&derive(&root, b"audit")?);
        let id = hex::encode(derive(&root, b"cookie")?.get(..COOKIE_ID_BYTES).unwrap_or_default());
        let session_cookie = format!("{SESSION_COOKIE}_{id}");
        Ok(Self { tokens: Tokens::new(&derive(&root, b"tokens")?), sealing, carried, audit, session_cookie })
    }

    /// The secret kept in `data_dir/secret.key` (mode 0600), made there if there is none and nothing `is_sealed` yet.
    /// Blocks.
    pub(crate) fn from_data_dir(data_dir: &Path, is_sealed: bool) -> Result<Self> {
        let path = data_dir.join(FILE);
        if !path.exists() {
            if is_sealed {
                let fault = "is missing, and the database holds what was encrypted with it; put it back from its backup, \
                             or set OSTLER_SECRET_KEY";
                return Err(unusable(&path, fault));
            }
            make(&path)?;
        }
        read(&path)
    }

    /// A key made here, and kept beside the one in the data folder until it takes its place. Blocks.
    pub(crate) fn make_next(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join(NEXT_KEY_FILE);
        make(&path)?;
        read(&path)
    }

    /// The key that is about to take the place of the one in the data folder, if there is one. Blocks.
    pub(crate) fn next_in(data_dir: &Path) -> Result<Option<Self>> {
        let path = data_dir.join(NEXT_KEY_FILE);
        path.exists().then(|| read(&path)).transpose()
    }

    /// Puts that key in the place of the one in the data folder. Blocks.
    pub(crate) fn adopt_next(data_dir: &Path) -> io::Result<()> {
        private_file::rename(&data_dir.join(NEXT_KEY_FILE), &data_dir.join(FILE))
    }

    /// Encrypts `text` (AES-256-GCM, random nonce, `context` bound as additional data), as printable text.
    pub(crate) fn seal(&self, context: &str, text: &str) -> Result<String> {
        seal(&self.sealing, context, text.as_bytes())
    }

    /// Encrypts `bytes` to be given to clients, under a key of its own; `context` names the purpose.
    pub(crate) fn seal_carried(&self, context: &str, bytes: &[u8]) -> Result<String> {
        seal(&self.carried, context, bytes)
    }

    /// Decrypts text from [`Keyring::seal_carried`] with the same `context`; `None` for anything else.
    pub(crate) fn open_carried(&self, context: &str, sealed: &str) -> Option<Vec<u8>> {
        open(&self.carried, context, sealed)
    }

    /// Decrypts text from [`Keyring::seal`] with the same `context`.
    pub(crate) fn open(&self, context: &str, sealed: &str) -> Result<String> {
        let opened = open(&self.sealing, context, sealed).and_then(|bytes| String::from_utf8(bytes).ok());
        opened.ok_or_else(|| {
            log::error!(sealed_as = context; "what was sealed cannot be opened");
            let fault = "is not the key that encrypted what is stored; give it the value that it had, or if that was \
                         never set, leave it out and put the secret.key of then back into the data folder; if the key \
                         is lost, set each server's env and headers again";
            Error::invalid("OSTLER_SECRET_KEY", fault)
        })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

fn make(path: &Path) -> Result<()> {
    let secret = URL_SAFE_NO_PAD.encode(random::bytes::<32>()?);
    private_file::create(path, &secret).map_err(|cause| unusable(path, cause))
}

fn read(path: &Path) -> Result<Keyring> {
    let secret = private_file::read(path).map_err(|cause| unusable(path, cause))?;
    Keyring::from_secret(secret.trim()).map_err(|_| unusable(path, "holds no usable secret key"))
}

fn unusable(path: &Path, why: impl fmt::Display) -> Error {
    Error::invalid("OSTLER_DATA_DIR", format!("{}: {why}", path.display()))
}

fn seal(key: &RandomizedNonceKey, context: &str, bytes: &[u8]) -> Result<String> {
    let mut body = bytes.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(context), &mut body).map_err(|_| defect("sealing"))?;
    Ok(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &body].concat()))
}

fn open(key: &RandomizedNonceKey, context: &str, sealed: &str) -> Option<Vec<u8>> {
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, body) = bytes.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    key.open_in_place(nonce, Aad::from(context), body).ok().map(|text| text.to_vec())
}

fn derive(root: &hkdf::Prk, purpose: &[u8]) -> Result<[u8; 32]> {
    let mut key = [0; 32];
    let okm = root.expand(&[purpose], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut key));
    okm.map(|()| key).map_err(|_| defect("deriving keys"))
}

fn defect(doing: &str) -> Error {
    Error::Internal(format!("{doing} failed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "Zm9ydHktdHdvIGhvcnNlcyBpbiB0aGUgc3RhYmxl";

    #[test]
    fn what_is_sealed_opens_again_under_the_same_context_only() {
        let keyring = Keyring::from_secret(SECRET).unwrap();
        let sealed = keyring.seal("env:1", "pässword").unwrap();
        assert_eq!(keyring.open("env:1", &sealed).unwrap(), "pässword");
        assert!(keyring.open("env:2", &sealed).is_err());
        assert_ne!(sealed, keyring.seal("env:1", "pässword").unwrap());
    }

    #[test]
    fn what_clients_carry_is_opened_by_its_purpose_and_is_nothing_that_is_stored() {
        let keyring = Keyring::from_secret(SECRET).unwrap();
        let sealed = keyring.seal_carried("state", b"\xff\0").unwrap();
        assert_eq!(keyring.open_carried("state", &sealed).unwrap(), b"\xff\0");
        assert_eq!(keyring.open_carried("other", &sealed), None);
        assert!(keyring.open("state", &sealed).is_err());
        assert_eq!(keyring.open_carried("state", &keyring.seal("state", "text").unwrap()), None);
    }

    #[test]
    fn a_changed_or_cut_text_does_not_open() {
        let keyring = Keyring::from_secret(SECRET).unwrap();
        let sealed = keyring.seal("", "").unwrap();
        let changed = sealed.replace(&sealed[20..21], if &sealed[20..21] == "A" { "B" } else { "A" });
        for text in [changed.as_str(), &sealed[..sealed.len() - 4], "", "not base64!", "AAAA"] {
            assert!(keyring.open("", text).is_err(), "{text}");
        }
    }

    #[test]
    fn another_secret_opens_nothing_and_says_which_variable() {
        let sealed = Keyring::from_secret(SECRET).unwrap().seal("", "text").unwrap();
        let other = Keyring::from_secret(&SECRET.to_uppercase()).unwrap();
        assert!(other.open("", &sealed).unwrap_err().to_string().contains("OSTLER_SECRET_KEY"));
    }

    #[test]
    fn a_short_or_well_known_secret_is_refused_by_its_variable() {
        for secret in ["", "changeme", "your-super-secret-jwt-key-change-in-production"] {
            let refusal = Keyring::from_secret(secret).unwrap_err().to_string();
            assert!(refusal.starts_with("OSTLER_SECRET_KEY: "), "{secret}: {refusal}");
        }
    }

    #[test]
    fn a_secret_made_in_the_data_folder_is_the_same_at_the_next_start() {
        let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        let sealed = Keyring::from_data_dir(&folder, false).unwrap().seal("", "text").unwrap();
        assert_eq!(Keyring::from_data_dir(&folder, false).unwrap().open("", &sealed).unwrap(), "text");
        std::fs::write(folder.join(FILE), "cut").unwrap();
        assert!(
            Keyring::from_data_dir(&folder, false).unwrap_err().to_string().contains("secret.key: holds no usable")
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Keyring::from_secret(SECRET).unwrap()), "Keyring { .. }");
    }
}
