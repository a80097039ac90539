//! [`Answers`]: values of inputs, from what the user gave.

use std::collections::BTreeMap;

use super::entry::{Input, InputFormat};
use crate::{
    error::{Faults, Result, below},
    policy::reference,
};

/// Most bytes of one value with all answers in it: a name repeated in it multiplies.
const VALUE_BYTES_MAX: usize = 32 << 10;

/// Answers of the user.
pub(crate) struct Given<'a> {
    /// Each by the name of its question.
    pub(crate) values: &'a BTreeMap<String, String>,
    /// Pointer to `values`.
    pub(crate) pointer: &'static str,
    /// The text that stands for a secret: a reference, as `${secret:NAME}`. It is given the question and the answer.
    pub(crate) keep: &'a mut dyn FnMut(&str, &str) -> String,
}

/// Values of inputs, and faults of the answers that they are made of.
pub(in crate::policy) struct Answers<'a> {
    given: Given<'a>,
    faults: Faults,
}

/// A value of an input.
pub(in crate::policy) struct Filled {
    pub(in crate::policy) text: String,
    /// The question whose answer is a secret in it.
    secret: Option<String>,
}

impl<'a> Answers<'a> {
    pub(in crate::policy) fn new(given: Given<'a>) -> Self {
        Self { given, faults: Faults::default() }
    }

    /// `Err` with all faults that there were.
    pub(in crate::policy) fn into_result(self) -> Result<()> {
        self.faults.into_result()
    }

    /// The value of an input; `None` where it has none and needs none, or where that is a fault.
    pub(in crate::policy) fn value(&mut self, key: &str, input: &Input) -> Option<Filled> {
        match &input.value {
            Some(template) => self.template(template, &input.variables, input.is_secret),
            None => self.answer(key, input, input.is_secret),
        }
    }

    /// A text with answers in the place of its `{name}`, replaced once; `None` where one of them has none.
    pub(in crate::policy) fn template(
        &mut self,
        template: &str,
        variables: &BTreeMap<String, Input>,
        is_secret: bool,
    ) -> Option<Filled> {
        let (mut filled, mut is_whole) = (Filled { text: String::new(), secret: None }, true);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            filled.text.push_str(before);
            let variable = after.split_once('}').and_then(|(name, left)| Some((name, variables.get(name)?, left)));
            let Some((name, variable, left)) = variable else {
                filled.text.push('{');
                rest = after;
                continue;
            };
            rest = left;
            match self.answer(name, variable, is_secret || variable.is_secret) {
                None => is_whole = false,
                Some(answer) => {
                    filled.text.push_str(&answer.text);
                    filled.secret = filled.secret.or(answer.secret);
                }
            }
            if filled.text.len() > VALUE_BYTES_MAX {
                self.fault(name, "makes a value of more than 32 KiB");
                return None;
            }
        }
        filled.text.push_str(rest);
        is_whole.then_some(filled)
    }

    /// A value for a place that everybody may see, where a secret is a fault.
    pub(in crate::policy) fn open(&mut self, Filled { text, secret }: Filled) -> String {
        if let Some(key) = secret {
            let why = "is a secret that belongs into the command line or the address by this entry, where others can \
                       read it: register the server by hand, with the secret in `env`, a header or a file";
            self.fault(&key, why);
        }
        text
    }

    fn answer(&mut self, key: &str, input: &Input, is_secret: bool) -> Option<Filled> {
        let given = self.given.values.get(key).map(String::as_str).filter(|value| !value.is_empty());
        let Some(value) = given.or(input.value.as_deref()).or(input.default.as_deref()) else {
            if input.is_required {
                let colon = if input.description.is_empty() { "" } else { ": " };
                self.fault(key, &format!("is missing{colon}{}", input.description));
            }
            return None;
        };
        if let Some(fault) = fault(value, input) {
            self.fault(key, &fault);
            return None;
        }
        // What the entry itself says is no secret.
        if !is_secret || given.is_none() {
            return Some(Filled { text: value.to_owned(), secret: None });
        }
        let text = if reference::is_whole(value) { value.to_owned() } else { (self.given.keep)(key, value) };
        Some(Filled { text, secret: Some(key.to_owned()) })
    }

    /// Notes a fault of the answer to the question `key`.
    pub(in crate::policy) fn fault(&mut self, key: &str, message: &str) {
        let pointer = below(self.given.pointer, key);
        // One question may be asked in several places.
        if !self.faults.0.iter().any(|fault| fault.pointer == pointer) {
            self.faults.check(false, pointer, message);
        }
    }
}

/// Fault of an answer to an input.
pub(in crate::policy) fn fault(value: &str, input: &Input) -> Option<String> {
    if value.len() > VALUE_BYTES_MAX {
        return Some("must be at most 32 KiB".into());
    }
    if !input.choices.is_empty() && !input.choices.iter().any(|choice| choice == value) {
        return Some(format!("must be one of {}", input.choices.join(", ")));
    }
    let fits = match input.format {
        InputFormat::String => true,
        InputFormat::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
        InputFormat::Boolean => matches!(value, "true" | "false"),
        InputFormat::Filepath => value.starts_with('/'),
    };
    let must = match input.format {
        InputFormat::String => "must be a text",
        InputFormat::Number => "must be a number",
        InputFormat::Boolean => "must be true or false",
        InputFormat::Filepath => "must be an absolute path on the machine of Ostler, as /srv/files",
    };
    (!fits).then(|| must.to_owned())
}
