//! An issuer's keys, cached for an hour and asked for again when a token names one that is not known.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jsonwebtoken::{
    Algorithm, DecodingKey, Header,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse},
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    error::{Error, Result},
    policy::rate::{Limit, Window},
};

/// Age at which keys are asked for again: an issuer may have withdrawn one.
const KEYS_LIFETIME: Duration = Duration::from_secs(3600);

/// Requests to the issuer, however many unknown keys tokens name.
const FETCH_LIMIT: Limit = Limit { quota: 4, window: Duration::from_secs(60) };

/// Keys of one issuer: none signs with more.
const KEYS_MAX: usize = 100;

/// Algorithms that are accepted: those with which only the issuer can sign.
const ALGORITHMS: [(Algorithm, KeyAlgorithm); 9] = [
    (Algorithm::RS256, KeyAlgorithm::RS256),
    (Algorithm::RS384, KeyAlgorithm::RS384),
    (Algorithm::RS512, KeyAlgorithm::RS512),
    (Algorithm::PS256, KeyAlgorithm::PS256),
    (Algorithm::PS384, KeyAlgorithm::PS384),
    (Algorithm::PS512, KeyAlgorithm::PS512),
    (Algorithm::ES256, KeyAlgorithm::ES256),
    (Algorithm::ES384, KeyAlgorithm::ES384),
    (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
];

/// True when tokens signed with it are accepted.
pub(super) fn is_accepted(algorithm: Algorithm) -> bool {
    ALGORITHMS.iter().any(|(known, _)| *known == algorithm)
}

/// A document of keys (RFC 7517, section 5).
#[derive(Deserialize)]
pub(super) struct JsonWebKeySet {
    keys: Vec<Value>,
}

/// A key that verifies signatures.
#[derive(Clone)]
pub(super) struct IssuerKey {
    id: Option<String>,
    algorithm: Option<KeyAlgorithm>,
    decoding: DecodingKey,
}

impl JsonWebKeySet {
    /// The keys that can be used; unknown kinds are left out.
    pub(super) fn usable(self) -> Vec<IssuerKey> {
        self.keys.into_iter().take(KEYS_MAX).filter_map(usable).collect()
    }
}

fn usable(key: Value) -> Option<IssuerKey> {
    let is_secret = key.get("kty").and_then(Value::as_str) == Some("oct");
    let key: Jwk = serde_json::from_value(key).ok().filter(|_| !is_secret)?;
    let signs = key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let decoding = DecodingKey::from_jwk(&key).ok().filter(|_| signs)?;
    Some(IssuerKey { id: key.common.key_id, algorithm: key.common.key_algorithm, decoding })
}

/// The keys of one issuer.
pub(super) struct IssuerKeys {
    start: Instant,
    known: ArcSwap<Known>,
    /// Held by the request to the issuer, so that others wait for its answer.
    turn: tokio::sync::Mutex<()>,
    fetches: Mutex<Window>,
}

#[derive(Default)]
struct Known {
    keys: Vec<IssuerKey>,
    since: Option<Instant>,
}

impl Known {
    fn find(&self, header: &Header) -> Option<DecodingKey> {
        let wanted = ALGORITHMS.iter().find(|(algorithm, _)| *algorithm == header.alg).map(|(_, wanted)| *wanted)?;
        let fits = |key: &&IssuerKey| key.algorithm.is_none_or(|algorithm| algorithm == wanted);
        let named = |key: &&IssuerKey| header.kid.is_none() || key.id == header.kid;
        let mut found = self.keys.iter().filter(fits).filter(named);
        let key = found.next()?;
        // A token that names no key is for an issuer that has one.
        (header.kid.is_some() || found.next().is_none()).then(|| key.decoding.clone())
    }

    fn is_current(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() < KEYS_LIFETIME)
    }
}

impl IssuerKeys {
    /// No keys yet.
    pub(super) fn new() -> Self {
        let fetches = Mutex::new(Window::new(FETCH_LIMIT));
        Self { start: Instant::now(), known: ArcSwap::default(), turn: tokio::sync::Mutex::new(()), fetches }
    }

    /// The key that a token's header names, asked of the issuer by `fetch` where it is not known, but not often. Keys
    /// that were known stay so while the issuer cannot be reached. `NotReady` where none are known.
    pub(super) async fn find<F>(&self, header: &Header, fetch: impl Fn() -> F) -> Result<Option<DecodingKey>>
    where
        F: Future<Output = std::result::Result<Vec<IssuerKey>, String>>,
    {
        if let Some(key) = self.current(header) {
            return Ok(Some(key));
        }
        let _turn = self.turn.lock().await;
        if let Some(key) = self.current(header) {
            return Ok(Some(key));
        }
        if self.may_fetch() {
            match fetch().await {
                Ok(keys) => self.known.store(Arc::new(Known { keys, since: Some(Instant::now()) })),
                Err(cause) => log::warn!(cause; "the keys of the OAuth issuer cannot be had"),
            }
        }
        let known = self.known.load();
        match known.since {
            Some(_) => Ok(known.find(header)),
            None => Err(Error::NotReady("the OAuth issuer cannot be asked for its keys")),
        }
    }

    fn current(&self, header: &Header) -> Option<DecodingKey> {
        let known = self.known.load();
        known.find(header).filter(|_| known.is_current())
    }

    fn may_fetch(&self) -> bool {
        let now = self.start.elapsed();
        self.fetches.lock().take(now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use serde_json::json;

    use super::*;

    fn key(id: &str) -> Value {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": id, "x": x})
    }

    fn named(id: Option<&str>) -> Header {
        Header { kid: id.map(Into::into), ..Header::new(Algorithm::EdDSA) }
    }

    fn set(keys: Vec<Value>) -> Vec<IssuerKey> {
        JsonWebKeySet { keys }.usable()
    }

    #[test]
    fn keys_that_sign_no_tokens_are_left_out() {
        let secret = json!({"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "s"});
        let encrypts = json!({"kty": "OKP", "crv": "Ed25519", "use": "enc", "kid": "e", "x": key("e")["x"]});
        let unknown = json!({"kty": "new", "kid": "n"});
        let found = set(vec![secret, encrypts, unknown, json!(7), key("a")]);
        assert_eq!(found.iter().map(|key| key.id.as_deref()).collect::<Vec<_>>(), [Some("a")]);
        assert!(!is_accepted(Algorithm::HS256) && is_accepted(Algorithm::RS256));
    }

    #[test]
    fn a_token_without_a_key_id_is_for_an_issuer_with_one_key() {
        let one = Known { keys: set(vec![key("a")]), since: None };
        let two = Known { keys: set(vec![key("a"), key("b")]), since: None };
        assert!(one.find(&named(None)).is_some() && two.find(&named(None)).is_none());
        assert!(two.find(&named(Some("b"))).is_some() && two.find(&named(Some("c"))).is_none());
        assert!(one.find(&Header { alg: Algorithm::RS256, ..named(Some("a")) }).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_keys_are_asked_for_but_not_at_will() {
        let (keys, asked) = (IssuerKeys::new(), AtomicU32::new(0));
        let fetch = || {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(set(vec![key("a")])))
        };
        for _ in 0..20 {
            assert!(keys.find(&named(Some("a")), fetch).await.unwrap().is_some());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        for _ in 0..20 {
            assert!(keys.find(&named(Some("b")), fetch).await.unwrap().is_none());
        }
        assert_eq!(asked.load(Ordering::Relaxed), FETCH_LIMIT.quota);
        tokio::time::advance(KEYS_LIFETIME).await;
        let broken = || std::future::ready(Err("down".to_owned()));
        assert!(keys.find(&named(Some("a")), broken).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn without_any_keys_it_is_not_ready() {
        let broken = || std::future::ready(Err("down".to_owned()));
        assert!(matches!(IssuerKeys::new().find(&named(None), broken).await, Err(Error::NotReady(_))));
    }
}
