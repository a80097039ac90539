//! Requests of servers to clients: on their own before 2026-07-28, in results since.

use std::{collections::BTreeMap, sync::Arc};

use memchr::{memchr, memmem};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{SERVER_INFO, text};
use crate::{mcp::Members, model::from_json};

/// Something asked of a client.
#[derive(Clone, Debug, Deserialize)]
pub struct Question {
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`.
    pub method: String,
    /// Of what.
    #[serde(default)]
    pub params: Option<Arc<RawValue>>,
}

impl Question {
    /// True when this can be an answer: an object with the member that every answer to such a question has.
    #[must_use]
    pub fn is_answered_by(&self, answer: &RawValue) -> bool {
        let member = match self.method.as_str() {
            "elicitation/create" => "action",
            "sampling/createMessage" => "content",
            "roots/list" => "roots",
            _ => return false,
        };
        Members::parse(answer).is_ok_and(|answer| answer.get(member).is_some())
    }
}

/// A result that is none yet: the request is to be sent again, with answers to these (2026-07-28, basic/patterns/mrtr).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputRequired {
    /// The questions, by the server's own keys.
    #[serde(default)]
    pub input_requests: BTreeMap<String, Question>,
    /// To be sent back as it is.
    #[serde(default)]
    pub request_state: Option<Arc<RawValue>>,
}

impl InputRequired {
    /// Reads a result of a stateless server; `None` where it is one.
    #[must_use]
    pub fn read(result: &RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        struct ResultType {
            #[serde(rename = "resultType")]
            kind: String,
        }
        let text = result.get().as_bytes();
        // Most results are complete ones, which need not be read for that.
        if memmem::find(text, b"input_required").is_none() && memchr(b'\\', text).is_none() {
            return None;
        }
        let kind: ResultType = from_json(result.get()).ok()?;
        if kind.kind == "input_required" { from_json(result.get()).ok() } else { None }
    }
}

/// The result that asks a stateless client these questions, and to send `state` back with its answers.
#[must_use]
pub fn required<'a>(
    questions: impl Iterator<Item = (&'a str, &'a Question)>,
    state: &str,
    info: Option<&Arc<RawValue>>,
) -> Arc<RawValue> {
    let mut requests = Members::default();
    for (key, question) in questions {
        let mut request = Members::default();
        request.set("method", text(&question.method));
        if let Some(params) = &question.params {
            request.set("params", without_elicitation_id(params));
        }
        requests.set(key, Arc::from(request.to_raw()));
    }
    let mut result = Members::default();
    result.set("resultType", text("input_required"));
    result.set("inputRequests", Arc::from(requests.to_raw()));
    result.set("requestState", text(state));
    if let Some(info) = info {
        let mut meta = Members::default();
        meta.set(SERVER_INFO, info.clone());
        result.set("_meta", Arc::from(meta.to_raw()));
    }
    Arc::from(result.to_raw())
}

/// The answers a stateless client sent along with a request, by the keys of what was asked.
#[must_use]
pub fn parse_responses(params: &Members) -> BTreeMap<String, Arc<RawValue>> {
    let responses = params.get("inputResponses").and_then(|responses| Members::parse(responses).ok());
    responses.unwrap_or_default().iter().map(|(key, answer)| (key.to_owned(), answer.clone())).collect()
}

/// The parameters of an elicitation without the id that only 2025-11-25 knows; others as they are.
#[must_use]
pub fn without_elicitation_id(params: &Arc<RawValue>) -> Arc<RawValue> {
    if !params.get().contains("\"elicitationId\"") {
        return params.clone();
    }
    let Ok(mut members) = Members::parse(params) else { return params.clone() };
    members.remove("elicitationId");
    Arc::from(members.to_raw())
}

/// Client capability that a question demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// A form to fill in.
    Form,
    /// A page to visit.
    Page,
    /// A message from its model.
    Sampling,
    /// A message from its model, with tools.
    SamplingTools,
    /// Its roots.
    Roots,
}

impl Demand {
    /// The capability that a question demands; `None` for a method that no client is asked.
    #[must_use]
    pub fn of(method: &str, params: Option<&RawValue>) -> Option<Self> {
        let params = || params.and_then(|params| Members::parse(params).ok()).unwrap_or_default();
        match method {
            "elicitation/create" if params().text("mode").as_deref() == Some("url") => Some(Self::Page),
            "elicitation/create" => Some(Self::Form),
            "sampling/createMessage" if params().get("tools").is_some() => Some(Self::SamplingTools),
            "sampling/createMessage" => Some(Self::Sampling),
            "roots/list" => Some(Self::Roots),
            _ => None,
        }
    }

    /// True when a client with these capabilities may be asked.
    #[must_use]
    pub fn is_met_by(self, capabilities: &RawValue) -> bool {
        let within = |object: &RawValue, name: &str| Members::parse(object).ok().and_then(|all| all.get(name).cloned());
        let has = |name: &str| within(capabilities, name);
        match self {
            // Before there were two modes, this was the one: an empty object means it still.
            Self::Form => {
                has("elicitation").is_some_and(|how| within(&how, "form").is_some() || within(&how, "url").is_none())
            }
            Self::Page => has("elicitation").is_some_and(|how| within(&how, "url").is_some()),
            Self::Sampling => has("sampling").is_some(),
            Self::SamplingTools => has("sampling").is_some_and(|how| within(&how, "tools").is_some()),
            Self::Roots => has("roots").is_some(),
        }
    }

    /// The capabilities that meet it, as JSON.
    #[must_use]
    pub fn capabilities(self) -> &'static str {
        match self {
            Self::Form => r#"{"elicitation":{"form":{}}}"#,
            Self::Page => r#"{"elicitation":{"url":{}}}"#,
            Self::Sampling => r#"{"sampling":{}}"#,
            Self::SamplingTools => r#"{"sampling":{"tools":{}}}"#,
            Self::Roots => r#"{"roots":{}}"#,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::raw, *};

    #[test]
    fn an_input_required_result_is_recognized() {
        let read = |json: &str| InputRequired::read(&raw(json.into()));
        let result = read(
            r#"{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}},"requestState":"s","x":1}"#,
        )
        .unwrap();
        assert_eq!(result.input_requests["a"].method, "roots/list");
        assert_eq!(result.request_state.unwrap().get(), "\"s\"");
        assert!(read(r#"{"resultType":"input_required","requestState":"s"}"#).unwrap().input_requests.is_empty());
        assert!(read(r#"{"resultType":"complete","content":[]}"#).is_none());
        assert!(read(r#"{"content":[]}"#).is_none());
    }

    #[test]
    fn questions_of_an_older_server_become_a_result() {
        let params = raw(r#"{"mode":"url","elicitationId":"7","url":"https://a"}"#.into());
        let question = Question { method: "elicitation/create".into(), params: Some(params) };
        assert_eq!(
            required([("k", &question)].into_iter(), "s", None).get(),
            r#"{"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create","params":{"mode":"url","url":"https://a"}}},"requestState":"s"}"#
        );
    }

    #[test]
    fn a_client_gets_only_requests_that_it_declared() {
        let may = |capabilities: &str, method: &str, params: &str| {
            Demand::of(method, Some(&raw(params.into()))).is_some_and(|one| one.is_met_by(&raw(capabilities.into())))
        };
        let create = "elicitation/create";
        assert!(may(r#"{"elicitation":{}}"#, create, "{}"));
        assert!(may(r#"{"elicitation":{"form":{},"url":{}}}"#, create, r#"{"mode":"form"}"#));
        assert!(!may(r#"{"elicitation":{"url":{}}}"#, create, "{}"));
        assert!(may(r#"{"elicitation":{"url":{}}}"#, create, r#"{"mode":"url"}"#));
        assert!(!may(r#"{"elicitation":{}}"#, create, r#"{"mode":"url"}"#));
        assert!(may(r#"{"sampling":{}}"#, "sampling/createMessage", "{}"));
        assert!(!may(r#"{"sampling":{}}"#, "sampling/createMessage", r#"{"tools":[]}"#));
        assert!(!may("{}", "roots/list", "{}"));
        assert!(!may(r#"{"tools":{}}"#, "tools/call", "{}"));
    }

    #[test]
    fn an_answer_is_an_object_with_what_such_answers_have() {
        let question = |method: &str| Question { method: method.into(), params: None };
        let answers = |method: &str, answer: &str| question(method).is_answered_by(&raw(answer.into()));
        assert!(answers("elicitation/create", r#"{"action":"decline"}"#));
        assert!(answers("roots/list", r#"{"roots":[]}"#));
        assert!(!answers("elicitation/create", "12345"));
        assert!(!answers("sampling/createMessage", r#"{"action":"accept"}"#));
        assert!(!answers("tools/call", r#"{"content":[]}"#));
    }

    #[test]
    fn what_would_meet_a_demand_meets_it() {
        for one in [Demand::Form, Demand::Page, Demand::Sampling, Demand::SamplingTools, Demand::Roots] {
            assert!(one.is_met_by(&raw(one.capabilities().into())), "{one:?}");
        }
    }
}
