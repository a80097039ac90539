//! Bearer tokens of logins: JWT (RFC 7519), HS256, of one exact form.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    model::{Session, SessionId, Timestamp, UserId},
};

/// Lifetime of a login.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// Both the issuer and the audience: only Ostler issues and accepts these tokens.
const OSTLER: &str = "ostler";

/// Seconds by which a token may seem to come from the future, after the clock was set back a little.
const LEEWAY: i64 = 5;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    jti: SessionId,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Makes and checks tokens.
pub(crate) struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// Tokens signed with `key`.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[OSTLER]);
        validation.set_audience(&[OSTLER]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "nbf", "exp"]);
        validation.leeway = 0;
        Self { signing: EncodingKey::from_secret(key), checking: DecodingKey::from_secret(key), validation }
    }

    /// The token of a login.
    pub(crate) fn sign(&self, session: &Session) -> Result<String> {
        let made = session.created_at.unix_seconds();
        let claims = Claims {
            iss: OSTLER.into(),
            aud: OSTLER.into(),
            sub: session.user_id,
            jti: session.id,
            iat: made,
            nbf: made,
            exp: session.expires_at.unix_seconds(),
        };
        encode(&Header::default(), &claims, &self.signing)
            .map_err(|error| Error::Internal(format!("a token cannot be signed: {error}")))
    }

    /// The session and account that a token is for; `None` unless it was signed with this key and is valid now.
    pub(crate) fn check(&self, token: &str) -> Option<(SessionId, UserId)> {
        let token = decode::<Claims>(token, &self.checking, &self.validation).ok()?;
        // Ostler only ever writes one header; any other (`kid`, `jku`, `crit`…) was not written by it.
        let now = Timestamp::now().unix_seconds();
        let ours = token.header == Header::default() && token.claims.iat.max(token.claims.nbf) <= now + LEEWAY;
        (ours && token.claims.exp > now).then_some((token.claims.jti, token.claims.sub))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const KEY: &[u8] = b"a key of thirty-two bytes, no less";

    fn claims() -> Value {
        let now = Timestamp::now().unix_seconds();
        json!({
            "iss": "ostler", "aud": "ostler", "sub": UserId::new(), "jti": SessionId::new(),
            "iat": now, "nbf": now, "exp": now + 60,
        })
    }

    fn holds(header: &Header, claims: &Value, key: &[u8]) -> bool {
        let token = encode(header, claims, &EncodingKey::from_secret(key)).unwrap();
        Tokens::new(KEY).check(&token).is_some()
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    #[test]
    fn a_token_names_the_login_it_was_made_for() {
        let (tokens, now) = (Tokens::new(KEY), Timestamp::now());
        let session = Session {
            id: SessionId::new(),
            user_id: UserId::new(),
            created_at: now,
            expires_at: now.plus(SESSION_LIFETIME),
        };
        let token = tokens.sign(&session).unwrap();
        assert_eq!(tokens.check(&token), Some((session.id, session.user_id)));
        assert!(holds(&Header::default(), &claims(), KEY));
    }

    #[test]
    fn every_claim_is_required() {
        for name in ["iss", "aud", "sub", "jti", "iat", "nbf", "exp"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            assert!(!holds(&Header::default(), &claims, KEY), "{name}");
        }
    }

    #[test]
    fn a_claim_that_is_not_as_we_write_it_is_refused() {
        let now = Timestamp::now().unix_seconds();
        let changes = [
            ("exp", json!(now)),
            ("exp", json!("9999999999")),
            ("exp", json!(1e300)),
            ("exp", json!(-1)),
            ("exp", json!(null)),
            ("nbf", json!(now + 60)),
            ("nbf", json!("0")),
            ("iat", json!(now + 60)),
            ("iss", json!("another")),
            ("aud", json!("another")),
            ("aud", json!(["ostler", "another"])),
            ("sub", json!("1")),
            ("admin", json!(true)),
        ];
        for (name, value) in changes {
            assert!(!holds(&Header::default(), &with(name, value.clone()), KEY), "{name}: {value}");
        }
    }

    #[test]
    fn another_key_algorithm_or_header_is_refused() {
        let header = |change: fn(&mut Header)| {
            let mut header = Header::default();
            change(&mut header);
            header
        };
        assert!(!holds(&Header::default(), &claims(), b"another key of thirty-two bytes.."));
        assert!(!holds(&Header::new(Algorithm::HS384), &claims(), KEY));
        assert!(!holds(&header(|header| header.kid = Some("1".into())), &claims(), KEY));
        assert!(!holds(&header(|header| header.jku = Some("http://127.0.0.1:9/".into())), &claims(), KEY));
        assert!(!holds(&header(|header| header.crit = Some(vec!["exp".into()])), &claims(), KEY));
        assert!(!holds(&header(|header| header.typ = None), &claims(), KEY));
    }

    #[test]
    fn an_unsigned_or_mangled_token_is_refused() {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let tokens = Tokens::new(KEY);
        let good = encode(&Header::default(), &claims(), &EncodingKey::from_secret(KEY)).unwrap();
        let [_, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let head = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
            for token in [format!("{head}.{body}."), format!("{head}.{body}"), format!("{head}.{body}.{signature}")] {
                assert_eq!(tokens.check(&token), None, "{token}");
            }
        }
        for token in
            [format!("{good}."), format!("{good}.x"), format!(".{good}"), good[..good.len() - 1].into(), String::new()]
        {
            assert_eq!(tokens.check(&token), None, "{token}");
        }
    }
}
