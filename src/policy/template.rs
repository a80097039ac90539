//! Templates: a registration with questions in it, and the rules by which answers make a server of one.
//!
//! `{NAME}` in a text stands for an answer, within that one value alone. An answer makes no further argument and no
//! option, leads out of no folder, names a path for a parameter of that format only, and is no place for a reference
//! that its giver may not write: so a template can allow more than its users could write themselves.

mod fill;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    error::{Error, Faults, Result, below, pointer},
    model::{ServerConfig, Share},
    policy::{
        catalogue::{self, CatalogueField, Given, Input, InputFormat},
        environment::AllowedVariables,
        external::ExternalReference,
        name, permission, reference, server as rules,
    },
};

/// Most parameters of a template.
const PARAMETERS_MAX: usize = 64;

/// Most accounts that its servers are shared with.
const SHARES_MAX: usize = 100;

/// Most bytes of a template as JSON.
const BYTES_MAX: usize = 64 << 10;

/// A server with questions in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ServerTemplate {
    /// Its name, 1 to 128 characters, which no other of yours has.
    #[schema(min_length = 1, max_length = 128)]
    pub(crate) name: String,
    /// Its purpose, at most 2000 characters.
    #[serde(default)]
    #[schema(required = false, max_length = 2000)]
    pub(crate) description: String,
    /// True when it is everybody's: holders of `mcp:manage` write it, and all with `mcp:write` make servers of it, also
    /// such as they could not write themselves.
    #[serde(default)]
    #[schema(required = false)]
    pub(crate) shared: bool,
    /// Its questions by their names, at most 64.
    #[serde(default)]
    #[schema(required = false)]
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// The server, as a registration has it; `{NAME}` in a text stands for the answer to that question. It is shown to
    /// all who may use the template: a secret is a parameter, or a reference.
    #[schema(value_type = Object)]
    pub(crate) server: Map<String, Value>,
    /// Accounts that a new server is shared with, at most 100.
    #[serde(default)]
    #[schema(required = false, max_items = 100)]
    pub(crate) shares: Vec<Share>,
}

/// A question of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Parameter {
    /// Its purpose, for the form.
    pub(crate) description: String,
    /// True where there is no server without an answer. Without one, a value that stands for it is left out.
    pub(crate) is_required: bool,
    /// True where the answer is kept as a secret; it may stand in `env`, in headers and in the OAuth client secret.
    pub(crate) is_secret: bool,
    /// Form of the answer. One to a `filepath` alone may name a path.
    pub(crate) format: InputFormat,
    /// The answer where none is given.
    pub(crate) default: Option<String>,
    /// An example.
    pub(crate) placeholder: Option<String>,
    /// The answers that there are; empty for any.
    pub(crate) choices: Vec<String>,
}

impl From<&Parameter> for Input {
    fn from(parameter: &Parameter) -> Self {
        let Parameter { description, is_required, is_secret, format, default, placeholder, choices } =
            parameter.clone();
        Self { description, is_required, is_secret, format, default, placeholder, choices, ..Self::default() }
    }
}

impl ServerTemplate {
    /// Its questions, those that need an answer first.
    pub(crate) fn fields(&self) -> Vec<CatalogueField> {
        let field = |(name, one): (&String, &Parameter)| catalogue::field(name.clone(), &one.into(), one.is_secret);
        let mut fields: Vec<_> = self.parameters.iter().map(field).collect();
        fields.sort_by_key(|field| !field.is_required);
        fields
    }

    /// The server that answers make of it; `Invalid` with a pointer to each answer that is missing or does not fit.
    pub(crate) fn server(&self, given: Given<'_>) -> Result<ServerConfig> {
        let inputs = self.parameters.iter().map(|(name, parameter)| (name.clone(), parameter.into())).collect();
        let filled = Value::Object(fill::filled(&self.server, inputs, given)?);
        serde_path_to_error::deserialize(filled)
            .map_err(|error| Error::invalid(pointer(error.path()), error.inner().to_string()))
    }

    /// Refuses a template that makes no server, whatever the answers are.
    pub(crate) fn check(&self, allowed: &AllowedVariables) -> Result<()> {
        let mut faults = Faults::default();
        let name = name::validated(&self.name);
        faults.check(name.is_ok(), "/name", name.err().unwrap_or_default());
        let is_short = self.description.chars().count() <= rules::DESCRIPTION_CHARS_MAX;
        faults.check(is_short, "/description", "must be at most 2000 characters");
        faults.check(self.parameters.len() <= PARAMETERS_MAX, "/parameters", "must be at most 64");
        faults.check(self.shares.len() <= SHARES_MAX, "/shares", "must be at most 100");
        let bytes = serde_json::to_string(self).map_or(usize::MAX, |text| text.len());
        faults.check(bytes <= BYTES_MAX, "", "must be at most 64 KiB of JSON");
        for (index, share) in self.shares.iter().enumerate() {
            let may_be = permission::may_be_shared(&share.permissions);
            faults.check(may_be, format!("/shares/{index}/permissions"), permission::SHARE_RULE);
        }
        let texts = fill::texts(&self.server);
        for (name, parameter) in &self.parameters {
            check_parameter(&mut faults, name, parameter, &texts);
        }
        faults.into_result()?;
        self.check_example(allowed)
    }

    /// The secrets outside of Ostler that it refers to by itself.
    pub(crate) fn external_references(&self) -> BTreeSet<ExternalReference> {
        fill::texts(&self.server).into_iter().flat_map(|(_, text)| reference::external_in(text)).collect()
    }

    /// Refuses a server that cannot be accepted with answers that fit.
    fn check_example(&self, allowed: &AllowedVariables) -> Result<()> {
        let answers = self.parameters.iter().map(|(name, parameter)| (name.clone(), example(parameter))).collect();
        let mut keep = |key: &str, _: &str| format!("${{secret:{key}}}");
        let given = Given { values: &answers, pointer: "/parameters", keep: &mut keep };
        let found = self.server(given).and_then(|config| rules::faults(&config, allowed).into_result());
        let Err(Error::Invalid(Faults(mut faults))) = found else { return found };
        for fault in faults.iter_mut().filter(|fault| !fault.pointer.starts_with("/parameters")) {
            fault.pointer.insert_str(0, "/server");
        }
        Err(Error::Invalid(Faults(faults)))
    }
}

fn check_parameter(faults: &mut Faults, name: &str, parameter: &Parameter, texts: &[(String, &str)]) {
    let pointer = below("/parameters", name);
    let written = fill::placeholder(name);
    faults.check(reference::is_name(name), &pointer, "must have a name as a secret has it: letters, digits and `_.-`");
    let uses: Vec<_> = texts.iter().filter(|(_, text)| text.contains(&written)).map(|(place, _)| place).collect();
    faults.check(!uses.is_empty(), &pointer, format!("stands nowhere in `server`: write {written} where it belongs"));
    let why = format!("must not hold {written}: the program of a template is fixed");
    faults.check(!uses.iter().any(|place| *place == "/command"), "/server/command", why);
    let default = parameter.default.as_deref();
    if parameter.is_secret {
        let why = "must not be given for a secret: a template is shown to all who may use it";
        faults.check(default.is_none() && parameter.choices.is_empty(), format!("{pointer}/default"), why);
        for place in uses.iter().filter(|place| !fill::holds_secrets(place)) {
            let why = format!("must not hold {written}, a secret: put it into `env`, a header or `oauth.clientSecret`");
            faults.check(false, format!("/server{place}"), why);
        }
    }
    let fault = default.and_then(|default| catalogue::fault(default, &parameter.into()));
    faults.check(fault.is_none(), format!("{pointer}/default"), fault.unwrap_or_default());
}

/// An answer that fits.
fn example(parameter: &Parameter) -> String {
    let Parameter { default, choices, placeholder, .. } = parameter;
    let fits = |text: &&String| catalogue::fault(text, &parameter.into()).is_none();
    let given = default.as_ref().or(choices.first()).or(placeholder.as_ref().filter(fits));
    given.cloned().unwrap_or_else(|| {
        let text = match parameter.format {
            InputFormat::String => "example",
            InputFormat::Number => "100",
            InputFormat::Boolean => "true",
            InputFormat::Filepath => "/example",
        };
        text.to_owned()
    })
}

#[cfg(test)]
mod tests;
