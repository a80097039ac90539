//! Puts answers into the texts of a registration.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    error::{Result, below},
    policy::{
        catalogue::{Answers, Given, Input, InputFormat},
        grants, reference,
    },
};

/// Most bytes of all texts with answers in them: one that stands in many places multiplies.
const BYTES_MAX: usize = 1 << 20;

/// Places of numbers besides those of `limits`.
const NUMBERS: [&str; 1] = ["/startTimeoutMs"];

/// Places of truth values.
const SWITCHES: [&str; 3] = ["/enabled", "/oauth/pkce", "/sandbox/unixSockets"];

/// The text that stands for an answer.
pub(super) fn placeholder(name: &str) -> String {
    format!("{{{name}}}")
}

/// True for a place of a registration that is kept encrypted.
pub(super) fn holds_secrets(pointer: &str) -> bool {
    pointer.starts_with("/env/") || pointer.starts_with("/headers/") || pointer == "/oauth/clientSecret"
}

/// Every text of a registration that is no key, after the pointer to it.
pub(super) fn texts(server: &Map<String, Value>) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    server.iter().for_each(|(key, value)| collect(below("", key), value, &mut found));
    found
}

fn collect<'a>(pointer: String, value: &'a Value, found: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) => found.push((pointer, text)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect(format!("{pointer}/{index}"), item, found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(key, member)| collect(below(&pointer, key), member, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A registration with answers to `inputs` in it. A value that stands for an answer that there is none to is left
/// out.
pub(super) fn filled(
    server: &Map<String, Value>,
    inputs: BTreeMap<String, Input>,
    given: Given<'_>,
) -> Result<Map<String, Value>> {
    let naming = inputs.iter().filter(|(name, input)| names_a_path(input, given.values.get(*name)));
    let naming: Vec<_> = naming.map(|(name, _)| name.clone()).collect();
    let mut filling = Filling { inputs, answers: Answers::new(given), bytes: 0 };
    for name in naming {
        filling.answers.fault(&name, "must not name a path, which takes a parameter of the format `filepath`");
    }
    let server = filling.members("", server);
    filling.answers.into_result()?;
    Ok(server)
}

/// True for an answer by which a server could be granted a path that its template does not speak of.
fn names_a_path(input: &Input, answer: Option<&String>) -> bool {
    // A secret grants nothing by what it holds.
    let is_text = input.format == InputFormat::String && input.choices.is_empty() && !input.is_secret;
    is_text && answer.is_some_and(|answer| !reference::is_whole(answer) && grants::named(answer).next().is_some())
}

struct Filling<'a> {
    inputs: BTreeMap<String, Input>,
    answers: Answers<'a>,
    bytes: usize,
}

impl Filling<'_> {
    fn members(&mut self, pointer: &str, members: &Map<String, Value>) -> Map<String, Value> {
        let member = |(key, value): (&String, &Value)| Some((key.clone(), self.value(&below(pointer, key), value)?));
        members.iter().filter_map(member).collect()
    }

    fn value(&mut self, pointer: &str, value: &Value) -> Option<Value> {
        match value {
            Value::String(text) => self.text(pointer, text),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Some(items.filter_map(|(index, item)| self.value(&format!("{pointer}/{index}"), item)).collect())
            }
            Value::Object(members) => Some(Value::Object(self.members(pointer, members))),
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.clone()),
        }
    }

    fn text(&mut self, pointer: &str, text: &str) -> Option<Value> {
        let name = self.inputs.keys().find(|name| text.contains(&placeholder(name))).cloned();
        let Some(name) = name else { return Some(text.into()) };
        let filled = self.answers.template(text, &self.inputs, false)?;
        let filled = if holds_secrets(pointer) { filled.text } else { self.answers.open(filled) };
        self.bytes = self.bytes.saturating_add(filled.len());
        if self.bytes > BYTES_MAX {
            self.answers.fault(&name, "makes a server of more than 1 MiB");
            return None;
        }
        if let Some(why) = broken(pointer, text, &filled) {
            self.answers.fault(&name, why);
        }
        Some(typed(pointer, filled))
    }
}

/// The rule that a text with answers in it breaks.
fn broken(pointer: &str, before: &str, after: &str) -> Option<&'static str> {
    let leading_out = |text: &str| {
        let is_between = |c: char| c.is_whitespace() || "/=:,;&|()'\"`<>".contains(c);
        text.split(is_between).filter(|part| *part == "..").count()
    };
    if leading_out(after) > leading_out(before) {
        return Some("must not hold `..`, which leads out of the folder that the template names");
    }
    let is_option = before.starts_with('{') && after.starts_with('-') && after.parse::<i64>().is_err();
    (is_option && pointer.starts_with("/args/")).then_some("must not begin with `-`, which makes it an option")
}

/// A text with answers in it as its place takes it.
fn typed(pointer: &str, text: String) -> Value {
    let number = || text.parse::<u64>().ok().filter(|_| pointer.starts_with("/limits/") || NUMBERS.contains(&pointer));
    let switch = || text.parse::<bool>().ok().filter(|_| SWITCHES.contains(&pointer));
    number().map(Value::from).or_else(|| switch().map(Value::from)).unwrap_or_else(|| text.into())
}
