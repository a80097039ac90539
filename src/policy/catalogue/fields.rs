//! [`CatalogueField`]: a question of an entry, as a form asks it.

use serde::Serialize;
use utoipa::ToSchema;

use super::entry::{CatalogueEntry, Choice, Input, InputFormat, cut, key};

/// Most characters of the description of a question.
const DESCRIPTION_CHARS_MAX: usize = 500;

/// A question of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CatalogueField {
    /// The name that its answer is given by.
    pub(crate) name: String,
    /// Its description; may be empty.
    pub(crate) description: String,
    /// True where there is no server without an answer.
    pub(crate) is_required: bool,
    /// True where the answer is kept as a secret.
    pub(crate) is_secret: bool,
    /// Form of the answer.
    pub(crate) format: InputFormat,
    /// The answer where none is given.
    pub(crate) default: Option<String>,
    /// An example.
    pub(crate) placeholder: Option<String>,
    /// The answers that there are; empty for any.
    pub(crate) choices: Vec<String>,
}

/// The questions of an entry, those that need an answer first; none for an entry that cannot be run.
pub(crate) fn fields(entry: &CatalogueEntry) -> Vec<CatalogueField> {
    let mut found: Vec<CatalogueField> = Vec::new();
    let mut add = |(name, input, is_secret): (String, &Input, bool)| {
        // One question may be asked in several places.
        if !found.iter().any(|field| field.name == name) {
            found.push(field(name, input, is_secret));
        }
    };
    match entry.choice() {
        Err(_) => {}
        Ok(Choice::Package(package)) => {
            let lists = [&package.environment_variables, &package.runtime_arguments, &package.package_arguments];
            for (index, input) in lists.into_iter().flat_map(|list| list.iter().enumerate()) {
                questions(index, input).into_iter().for_each(&mut add);
            }
            entry.preset().inputs.iter().for_each(|(name, input)| add((name.clone(), input, false)));
        }
        Ok(Choice::Remote(remote)) => {
            remote.headers.iter().flat_map(|input| questions(0, input)).for_each(&mut add);
            let variables = asked(&remote.url, remote.variables.iter(), false);
            variables.into_iter().for_each(&mut add);
        }
    }
    found.sort_by_key(|field| !field.is_required);
    found
}

fn questions(index: usize, input: &Input) -> Vec<(String, &Input, bool)> {
    match &input.value {
        Some(template) => asked(template, input.variables.iter(), input.is_secret),
        None => vec![(key(input, index), input, input.is_secret)],
    }
}

/// The variables that a template asks for.
fn asked<'a>(
    template: &str,
    variables: impl Iterator<Item = (&'a String, &'a Input)>,
    is_secret: bool,
) -> Vec<(String, &'a Input, bool)> {
    let asked = |(name, input): (&'a String, &'a Input)| {
        let is_asked = input.value.is_none() && template.contains(&format!("{{{name}}}"));
        is_asked.then(|| (name.clone(), input, is_secret || input.is_secret))
    };
    variables.filter_map(asked).collect()
}

/// The question that an input asks.
pub(in crate::policy) fn field(name: String, input: &Input, is_secret: bool) -> CatalogueField {
    CatalogueField {
        name,
        description: cut(&input.description, DESCRIPTION_CHARS_MAX),
        is_required: input.is_required && input.default.is_none(),
        is_secret,
        format: input.format,
        default: input.default.clone(),
        placeholder: input.placeholder.clone(),
        choices: input.choices.clone(),
    }
}
