//! The claims of a token of the issuer.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    accounts::token_issuer::issuer_keys::is_accepted,
    model::{PermissionSet, Role, Timestamp},
    policy::{
        account,
        issuer::is_same,
        permission::{name, of_role},
    },
};

/// Seconds by which the issuer's clock may differ.
const LEEWAY_SECONDS: u32 = 30;

/// The header of a token that may be the issuer's.
pub(super) fn header(token: &str) -> Option<Header> {
    // A critical extension that is not understood makes a token void (RFC 7515, section 4.1.11).
    decode_header(token).ok().filter(|header| is_accepted(header.alg) && header.crit.is_none())
}

/// The claims of a token that `issuer` signed with `key` for `audience`, and that holds now.
pub(super) fn check(
    token: &str,
    header: &Header,
    key: &DecodingKey,
    issuer: &str,
    audience: &str,
) -> Option<Map<String, Value>> {
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    validation.validate_nbf = true;
    validation.leeway = u64::from(LEEWAY_SECONDS);
    let claims = decode::<Map<String, Value>>(token, key, &validation).ok()?.claims;
    // Checked again, since the library takes a date that is no number for a missing one.
    let now = Timestamp::now().unix_seconds();
    let date = |name: &str| claims.get(name).map(Value::as_f64);
    let (now, leeway) = (f64::from(u32::try_from(now).ok()?), f64::from(LEEWAY_SECONDS));
    let is_of_issuer = claims.get("iss").and_then(Value::as_str).is_some_and(|iss| is_same(iss, issuer));
    let holds = is_of_issuer
        && date("exp").flatten().is_some_and(|end| end + leeway > now)
        && date("nbf").is_none_or(|start| start.is_some_and(|start| start - leeway <= now));
    holds.then_some(claims)
}

/// The holder of a token, by its claims.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::accounts) struct TokenHolder {
    /// Identifies the person and the program, across their tokens.
    pub(in crate::accounts) subject: Uuid,
    /// Their address, which the issuer verified.
    pub(in crate::accounts) email: String,
    /// Their display name.
    pub(in crate::accounts) name: String,
    /// The greatest role that the token names.
    pub(in crate::accounts) role: Option<Role>,
    /// The time from which the token is refused.
    pub(in crate::accounts) expires_at: Timestamp,
    scopes: PermissionSet,
}

impl TokenHolder {
    /// Reads the claims; the error is what is wrong with the token.
    pub(in crate::accounts) fn read(claims: &Map<String, Value>, role_claim: &str) -> Result<Self, &'static str> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let verified = match claims.get("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::String(verified)) => verified == "true",
            Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => false,
        };
        if !verified {
            return Err("names no address that its issuer verified (`email` with `email_verified`)");
        }
        let email = account::email(text("email")).map_err(|_| "names no address (`email`)")?;
        let program = Some(text("client_id")).filter(|id| !id.is_empty()).unwrap_or_else(|| text("azp"));
        let roles = words(find(claims, role_claim));
        let scopes = words(claims.get("scope")).into_iter().chain(words(claims.get("scp")));
        let scopes: Vec<_> = scopes.collect();
        let end = claims.get("exp").and_then(Value::as_f64).unwrap_or_default() + f64::from(LEEWAY_SECONDS);
        let end = Duration::try_from_secs_f64(end).unwrap_or_default();
        Ok(Self {
            expires_at: Timestamp::of_unix_minutes(0).plus(end),
            subject: subject([text("iss"), text("sub"), program]),
            name: Some(text("name")).filter(|name| !name.is_empty()).unwrap_or(&email).to_owned(),
            email,
            role: Role::ALL.iter().find(|(name, _)| roles.iter().any(|role| role == name)).map(|(_, role)| *role),
            scopes: of_role(Role::Admin).iter().filter(|one| scopes.iter().any(|scope| scope == name(*one))).collect(),
        })
    }

    /// The permissions of an account that `held` these, narrowed to the token: by scopes named like permissions, and by
    /// a role below the account's. Neither adds any.
    pub(in crate::accounts) fn narrowed(&self, held: &PermissionSet) -> PermissionSet {
        let by_role = self.role.map_or_else(|| held.clone(), |role| held.intersection(&of_role(role)));
        if self.scopes.iter().next().is_none() { by_role } else { by_role.intersection(&self.scopes) }
    }
}

/// The claim of this name, or at this path.
fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(claim) = claims.get(path) {
        return Some(claim);
    }
    let (first, rest) = path.split_once('.')?;
    find(claims.get(first)?.as_object()?, rest)
}

/// Words separated by spaces, or an array of them.
fn words(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(text)) => text.split(' ').map(ToOwned::to_owned).collect(),
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    }
}

fn subject(parts: [&str; 3]) -> Uuid {
    let hash = digest(&SHA256, parts.join("\n").as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, encode};
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example";
    const AUDIENCE: &str = "https://ostler.example/mcp";

    fn read(claims: Value, role_claim: &str) -> Result<TokenHolder, &'static str> {
        TokenHolder::read(claims.as_object().unwrap(), role_claim)
    }

    fn claims_of(more: Value) -> Value {
        let mut claims = json!({"iss": ISSUER, "sub": "1", "email": "A@Example.com", "email_verified": true});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    }

    #[test]
    fn holder_has_a_verified_address() {
        let holder = read(claims_of(json!({"name": "Ann"})), "roles").unwrap();
        assert_eq!((holder.email.as_str(), holder.name.as_str(), holder.role), ("a@example.com", "Ann", None));
        for change in [json!({"email_verified": false}), json!({"email_verified": 1}), json!({"email": "ann"})] {
            assert!(read(claims_of(change.clone()), "roles").is_err(), "{change}");
        }
        let same = |claims: Value| read(claims_of(claims), "roles").unwrap().subject;
        assert_eq!(same(json!({"exp": 1})), same(json!({"exp": 2})));
        assert_ne!(same(json!({"client_id": "a"})), same(json!({"client_id": "b"})));
    }

    #[test]
    fn roles_and_scopes_narrow_and_never_add() {
        let may = |claims: Value, role: Role| {
            let holder = read(claims_of(claims), "realm.roles").unwrap();
            holder.narrowed(&of_role(role)).iter().map(name).collect::<Vec<_>>().join(" ")
        };
        let viewer = json!({"realm": {"roles": ["other", "viewer"]}});
        assert_eq!(may(viewer, Role::Developer), "mcp:read gateway:read");
        assert_eq!(may(json!({"realm": {"roles": "admin"}}), Role::Executor), "mcp:read mcp:execute");
        assert_eq!(may(json!({"scope": "openid mcp:execute users:manage"}), Role::Executor), "mcp:execute");
        assert_eq!(may(json!({"scp": ["mcp:read"]}), Role::Admin), "mcp:read");
        assert_eq!(may(json!({"scope": "openid"}), Role::Executor), "mcp:read mcp:execute");
    }

    #[test]
    fn unsigned_and_symmetric_tokens_are_refused() {
        let claims = claims_of(json!({"aud": AUDIENCE, "exp": 9_999_999_999_u64}));
        let token = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(b"public")).unwrap();
        assert!(header(&token).is_none());
        assert!(header("eyJhbGciOiJub25lIn0.e30.").is_none());
        assert!(header("hello").is_none());
    }
}
