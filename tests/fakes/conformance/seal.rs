//! `requestState`: what a call has learned so far, signed, so that it can lie with the client.

use aws_lc_rs::{
    hmac::{self, HMAC_SHA256, Key},
    rand::SystemRandom,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde_json::Value;

/// A key of this process.
pub(crate) struct Seal(Key);

impl Seal {
    pub(crate) fn new() -> Self {
        Self(Key::generate(HMAC_SHA256, &SystemRandom::new()).unwrap())
    }

    /// The text that only gives `answers` back for the same request.
    pub(crate) fn close(&self, request: &str, answers: &Value) -> String {
        let answers = answers.to_string();
        let tag = hmac::sign(&self.0, format!("{request}\n{answers}").as_bytes());
        format!("{}.{}", BASE64.encode(answers), BASE64.encode(tag))
    }

    pub(crate) fn open(&self, request: &str, sealed: &str) -> Option<Value> {
        let (answers, tag) = sealed.split_once('.')?;
        let answers = String::from_utf8(BASE64.decode(answers).ok()?).ok()?;
        let tag = BASE64.decode(tag).ok()?;
        hmac::verify(&self.0, format!("{request}\n{answers}").as_bytes(), &tag).ok()?;
        serde_json::from_str(&answers).ok()
    }
}
