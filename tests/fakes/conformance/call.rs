//! One request that may say something before it is answered, and may need something of the client.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};

use crate::server::{Era, Server};

/// How long a client may think about a question.
const PATIENCE: Duration = Duration::from_secs(60);

const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// Why a request has no result.
pub(crate) enum Failure {
    /// It is wrong, or cannot be done: a JSON-RPC error.
    Error(i32, String, Value),
    /// The client has to answer questions first (newer era).
    InputRequired(Value),
    /// The client cannot be asked, or would not say.
    Refused(String),
}

pub(crate) type Outcome = Result<Value, Failure>;

/// Something to ask of the client: under which key, and what.
pub(crate) struct Question {
    pub(crate) key: &'static str,
    pub(crate) method: &'static str,
    pub(crate) params: Value,
}

/// A request being worked on.
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    pub(crate) params: Value,
    /// What makes this request this request, for the seal.
    subject: String,
    /// What the client answered so far (newer era).
    answers: Map<String, Value>,
}

impl Call {
    /// Reads what the client brought along. Fails where it was tampered with.
    pub(crate) fn new(server: &Arc<Server>, method: &str, params: Value) -> Result<Self, Failure> {
        let subject = format!("{method} {} {}", params["name"], params["arguments"]);
        let mut call = Self { server: Arc::clone(server), params, subject, answers: Map::new() };
        if server.era == Era::Modern {
            call.read_answers()?;
        }
        Ok(call)
    }

    fn read_answers(&mut self) -> Result<(), Failure> {
        if let Some(state) = self.params.get("requestState") {
            let opened = state.as_str().and_then(|state| self.server.seal.open(&self.subject, state));
            let Some(Value::Object(opened)) = opened else {
                let data = json!({"reason": "invalid_request_state"});
                return Err(Failure::Error(-32602, "Invalid requestState".into(), data));
            };
            self.answers = opened;
        }
        let Some(responses) = self.params.get("inputResponses") else { return Ok(()) };
        let sound = responses.as_object().filter(|all| all.values().all(Value::is_object));
        let Some(sound) = sound else {
            return Err(Failure::Error(-32602, "inputResponses holds something that is no response".into(), json!({})));
        };
        self.answers.extend(sound.clone());
        Ok(())
    }

    /// Whether the client said that it can be asked for `capability`.
    pub(crate) fn can(&self, capability: &str) -> bool {
        match self.server.era {
            Era::Legacy => !self.server.session.lock().unwrap().capabilities[capability].is_null(),
            Era::Modern => !self.meta("io.modelcontextprotocol/clientCapabilities")[capability].is_null(),
        }
    }

    /// Asks all of them at once; answers in the same order.
    pub(crate) fn ask(&self, questions: &[Question]) -> Result<Vec<Value>, Failure> {
        for question in questions {
            let capability = question.method.split('/').next().unwrap();
            if !self.can(capability) {
                return Err(self.lacking(capability));
            }
        }
        match self.server.era {
            Era::Legacy => self.ask_directly(questions).into_iter().collect(),
            Era::Modern => self.ask_by_result(questions),
        }
    }

    fn lacking(&self, capability: &str) -> Failure {
        match self.server.era {
            Era::Legacy => Failure::Refused(format!("the client does not support {capability}")),
            Era::Modern => {
                let message = format!("this needs a client with {capability}");
                Failure::Error(-32021, message, json!({"requiredCapabilities": {capability: {}}}))
            }
        }
    }

    /// Asks all of them at once, those also that the client turns out to refuse (older era).
    pub(crate) fn ask_directly(&self, questions: &[Question]) -> Vec<Result<Value, Failure>> {
        let waiting: Vec<_> =
            questions.iter().map(|one| (one, self.server.ask(one.key, one.method, &one.params))).collect();
        let answer = |(question, answer): (&Question, std::sync::mpsc::Receiver<Value>)| {
            let refused = |why: &str| Failure::Refused(format!("{} {why}", question.method));
            let said = answer.recv_timeout(PATIENCE).map_err(|_| refused("was not answered"))?;
            let result = said.get("result").ok_or_else(|| refused("was refused by the client"))?;
            if result.is_object() { Ok(result.clone()) } else { Err(refused("was answered with no object")) }
        };
        waiting.into_iter().map(answer).collect()
    }

    fn ask_by_result(&self, questions: &[Question]) -> Result<Vec<Value>, Failure> {
        let answered: Option<Vec<_>> = questions.iter().map(|one| self.answers.get(one.key).cloned()).collect();
        answered.ok_or_else(|| {
            let mut requests = json!({});
            for question in questions.iter().filter(|one| !self.answers.contains_key(one.key)) {
                requests[question.key] = json!({"method": question.method, "params": question.params});
            }
            let state = self.server.seal.close(&self.subject, &Value::Object(self.answers.clone()));
            Failure::InputRequired(json!({"inputRequests": requests, "requestState": state}))
        })
    }

    /// Sends `notifications/message`, if the client wants that much.
    pub(crate) fn log(&self, level: &str, text: &str) {
        let wanted = match self.server.era {
            // Who never set a level gets everything that is not for debugging.
            Era::Legacy => self.server.session.lock().unwrap().log_level.clone().or(Some("info".into())),
            Era::Modern => self.meta("io.modelcontextprotocol/logLevel").as_str().map(str::to_owned),
        };
        let severity = |level: &str| LEVELS.iter().position(|one| *one == level);
        if wanted.is_some_and(|wanted| severity(level) >= severity(&wanted)) {
            let params = json!({"level": level, "logger": "conformance", "data": text});
            self.server.notify("notifications/message", params);
        }
    }

    /// Sends `notifications/progress`, if the client gave a token.
    pub(crate) fn progress(&self, done: u64, total: u64) {
        let token = self.meta("progressToken");
        if !token.is_null() {
            let message = format!("Completed step {done} of {total}");
            let params = json!({"progressToken": token, "progress": done, "total": total, "message": message});
            self.server.notify("notifications/progress", params);
        }
    }

    /// A text among the arguments; empty where there is none.
    pub(crate) fn argument(&self, name: &str) -> &str {
        self.params["arguments"][name].as_str().unwrap_or_default()
    }

    fn meta(&self, key: &str) -> Value {
        self.params["_meta"][key].clone()
    }
}

/// Lets a while pass, as work would.
pub(crate) fn work(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
