//! [`Expectation`]: the answer that a call must get, and [`Failure`]: a step that went another way.

use ostler::{
    Error,
    actix_web::{ResponseError, body::MessageBody},
    calls::CallOutcome,
    serde_json::{Value, from_slice, from_str},
};
use serde::Deserialize;

/// The answer that a call must get; what is not given may be anything, but a failure is expected by its code alone.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Part of the text, or of the failure in words.
    text: Option<String>,
    /// The structured content, or the text read as JSON.
    json: Option<Value>,
    /// The code of the failure, as in the problems of the REST interface.
    error: Option<String>,
}

/// A step that went another way than the script says.
pub struct Failure {
    /// What the script says.
    pub expected: String,
    /// What was.
    pub seen: String,
}

impl Failure {
    /// Something else was seen than was expected.
    pub fn new(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { expected: expected.into(), seen: seen.into() }
    }

    /// An error where there should be none.
    pub fn error(expected: &str, error: &Error) -> Self {
        Self::new(expected, in_words(error))
    }
}

impl Expectation {
    /// Holds it against what the call came to.
    pub fn check(&self, outcome: &ostler::Result<CallOutcome>) -> Result<(), Failure> {
        match (&self.error, outcome) {
            (None, Ok(answer)) => {
                self.check_text(&answer.text())?;
                self.check_json(answer)
            }
            (None, Err(error)) => Err(Failure::error("an answer", error)),
            (Some(code), Ok(answer)) => Err(Failure::new(format!("the error {code}"), answer.result.get())),
            (Some(code), Err(error)) if *code == code_of(error) => self.check_text(&error.to_string()),
            (Some(code), Err(error)) => Err(Failure::error(&format!("the error {code}"), error)),
        }
    }

    fn check_text(&self, text: &str) -> Result<(), Failure> {
        match &self.text {
            Some(part) if !text.contains(part) => {
                Err(Failure::new(format!("a text with {part:?}"), format!("{text:?}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_json(&self, answer: &CallOutcome) -> Result<(), Failure> {
        let Some(json) = &self.json else { return Ok(()) };
        let result: Value = from_str(answer.result.get()).unwrap_or_default();
        let seen = result.get("structuredContent").cloned().or_else(|| from_str(&answer.text()).ok());
        match seen {
            Some(seen) if seen == *json => Ok(()),
            Some(seen) => Err(Failure::new(json.to_string(), seen.to_string())),
            None => Err(Failure::new(json.to_string(), format!("no JSON: {}", answer.result.get()))),
        }
    }
}

fn in_words(error: &Error) -> String {
    let output = if let Error::SpawnFailed { stderr, .. } = error { stderr.as_slice() } else { &[] };
    let said = output.iter().map(|line| format!("\n| {line}"));
    format!("{error} (error {}){}", code_of(error), said.collect::<String>())
}

/// The stable code of an error, as the REST interface has it.
fn code_of(error: &Error) -> String {
    let body = error.error_response().into_body().try_into_bytes().unwrap_or_default();
    let problem: Value = from_slice(&body).unwrap_or_default();
    problem.get("code").and_then(Value::as_str).unwrap_or_default().to_owned()
}
