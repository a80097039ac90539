//! [`Running`]: a running Ostler, asked by a command of the terminal over its REST API.

use std::time::Duration;

use awc::http::{Method, StatusCode, header};
use ostler::outbound;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::{
    failure::Failure,
    place::{self, KEY_VARIABLE},
};

/// Time for it to answer, for most commands: it registers one server after the other.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);

/// The longest answer that is read, in bytes.
const RESPONSE_BYTES_MAX: usize = 32 << 20;

/// A running Ostler, and the key for it.
pub(crate) struct Running<'a> {
    /// Its address.
    pub(crate) base: &'a str,
    /// The key that is sent.
    pub(crate) key: String,
    timeout: Duration,
}

impl<'a> Running<'a> {
    /// The one at `base`, with the key of the environment.
    pub(crate) fn at(base: &'a str) -> Result<Self, Failure> {
        let next = "make one with POST /api/auth/keys";
        let missing = || Failure::Misconfigured(format!("{KEY_VARIABLE} holds no API key; {next}"));
        let key = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty()).ok_or_else(missing)?;
        Ok(Self { base, key, timeout: RESPONSE_TIMEOUT })
    }

    /// With so much time to answer.
    pub(crate) fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// A good answer.
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let answer = self.body_of(method, path, body)?;
        serde_json::from_slice(&answer).map_err(|_| self.no_ostler())
    }

    /// Sends a request whose good answer says no more than that it is one.
    pub(crate) fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(), Failure> {
        self.body_of(method, path, body).map(drop)
    }

    fn body_of(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Vec<u8>, Failure> {
        let Self { base, key, timeout } = self;
        actix::System::new().block_on(async {
            let client = outbound::client(base, outbound::Reachable::Any).map_err(Failure::Failed)?;
            let request = client.request(method, format!("{base}{path}")).timeout(*timeout);
            let request = request.insert_header((header::AUTHORIZATION, format!("Bearer {key}")));
            let sent = match body {
                Some(body) => request.send_json(body).await,
                None => request.send().await,
            };
            let mut answer = sent.map_err(|error| place::unreachable(base, &error))?;
            let body = answer.body().limit(RESPONSE_BYTES_MAX).await;
            let body = body.map_err(|error| Failure::Failed(format!("the answer of {base} ended early: {error}")))?;
            if answer.status().is_success() {
                return Ok(body.to_vec());
            }
            Err(refusal(base, answer.status(), &body))
        })
    }

    /// Failure of an answer that is none of Ostler's.
    pub(crate) fn no_ostler(&self) -> Failure {
        Failure::Failed(format!("what answers at {} is no Ostler", self.base))
    }
}

/// Failure for an answer that is not a success: in Ostler's own words where it has any.
fn refusal(base: &str, status: StatusCode, body: &[u8]) -> Failure {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    match value.get("detail").and_then(Value::as_str) {
        Some(detail) => Failure::Failed(format!("Ostler at {base} refused it: {detail}")),
        None => Failure::Failed(format!("what answers at {base} said {}; is it an Ostler?", status.as_u16())),
    }
}
