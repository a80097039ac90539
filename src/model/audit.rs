//! The audit log: who did what to what, and how it went.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{AuditId, Principal, Timestamp, UserId};

/// The outcome of an audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and failed.
    Failure,
    /// It was not allowed.
    Denied,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Opaque id; ascending in time.
    #[schema(value_type = String)]
    pub id: AuditId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The account that acted; `null` for Ostler itself and for strangers.
    #[schema(value_type = Option<String>)]
    pub actor_id: Option<UserId>,
    /// Its address, or `ostler`, or the address a stranger claimed.
    pub actor: String,
    /// The action: `noun.verb`, such as `server.create`.
    pub action: String,
    /// Target of the action: an id or a name.
    pub target: Option<String>,
    /// Outcome of the action.
    pub outcome: Outcome,
    /// More, in words; never a secret.
    pub detail: Option<String>,
    /// Address the request came from.
    pub address: Option<String>,
    /// The request it was part of.
    pub request_id: Option<String>,
    /// With which credential: `session:` or `key:` and its id, `oauth`, `embedder`, or `ostler` for Ostler itself;
    /// `null` for strangers, and for entries older than this member.
    pub credential: Option<String>,
}

impl AuditEntry {
    /// An action of Ostler itself.
    #[must_use]
    pub fn by_ostler(action: &str, target: impl ToString, outcome: Outcome) -> Self {
        Self {
            id: AuditId::new(),
            created_at: Timestamp::now(),
            actor_id: None,
            actor: "ostler".into(),
            action: action.into(),
            target: Some(target.to_string()),
            outcome,
            detail: None,
            address: None,
            request_id: None,
            credential: Some("ostler".into()),
        }
    }

    /// An action of an authenticated caller.
    #[must_use]
    pub fn by(who: &Principal, action: &str, target: impl ToString, outcome: Outcome) -> Self {
        Self {
            actor_id: Some(who.user_id),
            actor: who.email.clone(),
            address: who.address.map(|address| address.to_string()),
            request_id: who.request_id.clone(),
            credential: Some(who.credential.to_string()),
            ..Self::by_ostler(action, target, outcome)
        }
    }

    /// Adds `detail` to the entry.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

/// A link of the audit log's chain; as text, its place and its hash, such as `118:9f86d0…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AuditLink {
    /// Its place, from 1 on.
    pub seq: i64,
    /// An HMAC-SHA-256 of its entry, its place and the link before it, after the name of the key; in hex.
    /// A SHA-256 of them where the link is older than the key.
    pub hash: String,
}

impl fmt::Display for AuditLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl From<AuditLink> for String {
    fn from(link: AuditLink) -> Self {
        link.to_string()
    }
}

impl TryFrom<String> for AuditLink {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let link = text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.to_owned())));
        link.map(|(seq, hash)| Self { seq, hash }).ok_or("is no `head` of the audit log, such as 118:9f86d0…")
    }
}

/// A fault that verification found at an entry of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AuditFault {
    /// It, or its link, is not what was written.
    Changed,
    /// It, or the link before it, is gone.
    Missing,
    /// It has no link: Ostler did not insert it.
    Unlinked,
    /// Its link was made without the key after others with it: by another program, or by an older Ostler.
    Unkeyed,
    /// Its link was made with another key: `OSTLER_SECRET_KEY` or `secret.key` is not what it was.
    Key,
    /// The link that was noted earlier, as the `anchor` or in `OSTLER_AUDIT_HEAD_FILE`, is not there.
    Anchor,
    /// The link that Ostler itself remembers as the newest is not there: what came last was removed.
    Cut,
}

impl fmt::Display for AuditFault {
    /// In words, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "this entry, or its link, is not what was written",
            Self::Missing => "this entry, or the link before it, is gone",
            Self::Unlinked => "Ostler did not write this entry",
            Self::Unkeyed => "the link of this entry was made without the key, after others with it",
            Self::Key => "the link of this entry was made with another key: OSTLER_SECRET_KEY or secret.key is not what it was",
            Self::Anchor => "the log does not have this head, which was noted outside",
            Self::Cut => "the log does not have what Ostler remembers as its end: the newest entries were removed, or the database is an older copy or another",
        })
    }
}

/// Criteria that entries of the audit log must meet.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this actor only: an account's id or address.
    pub actor: Option<String>,
    /// Of this action only.
    pub action: Option<String>,
    /// About this target only.
    pub target: Option<String>,
    /// With this credential only.
    pub credential: Option<String>,
    /// With this outcome only.
    pub outcome: Option<Outcome>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}
