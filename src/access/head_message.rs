//! [`HeadMessage`]: the end of the audit log, for receivers elsewhere.

use serde::Serialize;

use crate::model::{AuditLink, Timestamp};

/// Facility and severity of the message (RFC 5424, section 6.2.1): log audit (13), notice (5).
const PRIORITY: u8 = 13 * 8 + 5;

/// Most characters of a host's name in a message.
const HOST_CHARS_MAX: usize = 255;

/// The end of the audit log at one moment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeadMessage {
    /// Names the kind of message.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The newest link, as `ostler audit verify --head` finds it in any text.
    head: AuditLink,
    seq: i64,
    hash: String,
    time: Timestamp,
    installation: String,
}

impl HeadMessage {
    /// The head of the log of an installation, as of now.
    pub(super) fn new(head: AuditLink, installation: &str) -> Self {
        let (seq, hash, time) = (head.seq, head.hash.clone(), Timestamp::now());
        Self { kind: "audit.head", head, seq, hash, time, installation: installation.to_owned() }
    }

    /// It as a syslog message (RFC 5424).
    pub(super) fn syslog(&self, host: &str, process: u32) -> String {
        let Self { kind, head, seq, hash, time, installation } = self;
        let is_name = (1..=HOST_CHARS_MAX).contains(&host.len()) && host.bytes().all(|byte| byte.is_ascii_graphic());
        let host = if is_name { host } else { "-" };
        format!(
            "<{PRIORITY}>1 {time} {host} ostler {process} {kind} - the audit log ends here: head={head} seq={seq} \
             hash={hash} installation={installation}"
        )
    }

    /// It as JSON.
    pub(super) fn json(&self) -> String {
        // It has strings and a number alone.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The headers that sign `body` by the conventions of Standard Webhooks: HMAC-SHA-256 of id, time and body.
    #[cfg(feature = "remote")]
    pub(super) fn signature(&self, key: &str, body: &str) -> [(&'static str, String); 3] {
        use aws_lc_rs::hmac;
        use base64::{Engine, prelude::BASE64_STANDARD};

        let (id, seconds) = (format!("audit.head.{}", self.seq), self.time.unix_seconds());
        let key = key.trim();
        let encoded = key.strip_prefix("whsec_").and_then(|rest| BASE64_STANDARD.decode(rest).ok());
        let key = hmac::Key::new(hmac::HMAC_SHA256, encoded.as_deref().unwrap_or(key.as_bytes()));
        let mac = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
        [
            ("webhook-id", id),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(mac.as_ref()))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::audit_chain;

    fn message() -> HeadMessage {
        let head = AuditLink { seq: 12, hash: format!("0123abcd.{}", "f".repeat(64)) };
        HeadMessage::new(head, "5c1d1f6e-1f0e-4a6e-9b0e-2f3f6f1f2a3b")
    }

    #[test]
    fn a_head_is_found_in_each_form_of_the_message() {
        let message = message();
        let syslog = message.syslog("host.example", 7);
        assert!(syslog.starts_with(&format!("<109>1 {} host.example ostler 7 audit.head - ", message.time)));
        assert!(message.syslog("my host", 7).contains("Z - ostler 7 "));
        for text in [syslog, message.json()] {
            assert_eq!(audit_chain::heads_in(&text), std::slice::from_ref(&message.head), "{text}");
        }
    }

    #[cfg(feature = "remote")]
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let at = "2021-02-25T17:19:25.000Z".parse().unwrap();
        let message = HeadMessage { time: at, ..message() };
        let [id, time, signature] = message.signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "{}");
        assert_eq!((id.1.as_str(), time.1.as_str()), ("audit.head.12", "1614273565"));
        let plain = message.signature("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "{}");
        assert!(signature.1.starts_with("v1,") && plain[2].1 != signature.1);
    }
}
