//! [`CatalogueEntry`]: a server as a registry describes it. Read leniently: members that mean nothing here are left
//! out.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{model::Sandbox, policy::catalogue_source};

/// The names of entries that are built in begin with this.
const BUILT_IN: &str = "ostler/";

/// Most characters of a title and of a version.
const TITLE_CHARS_MAX: usize = 100;

/// Most characters of a description: three times what the registry's schema allows.
const DESCRIPTION_CHARS_MAX: usize = 300;

/// Most bytes of a URL that is passed on.
const URL_BYTES_MAX: usize = 2048;

/// Most characters of the reason why an entry cannot be run, which may quote it.
const REASON_CHARS_MAX: usize = 300;

/// Most characters that are shown of a kind of packages that is not known.
const KIND_CHARS_MAX: usize = 20;

/// Hosts that a `registryBaseUrl` may name, by their labels: those that launchers ask by themselves.
const USUAL_REGISTRIES: [&[&str]; 3] = [&["registry", "npmjs", "org"], &["pypi", "org"], &["api", "nuget", "org"]];

/// A server that can be added.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CatalogueEntry {
    /// Its name, as `io.github.owner/server`.
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) version: String,
    pub(crate) website_url: Option<String>,
    #[serde(default)]
    pub(super) packages: Vec<EntryPackage>,
    #[serde(default)]
    pub(super) remotes: Vec<EntryRemote>,
    #[serde(default, rename = "_meta")]
    pub(super) meta: EntryMeta,
    /// The source that it is of; none for what is built in.
    #[serde(skip)]
    pub(super) origin: Option<Origin>,
}

/// The source of an entry.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// Its name.
    source: String,
    /// The entry's id: no other source has it.
    id: String,
}

/// Data of others in an entry, of which Ostler reads its own.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct EntryMeta {
    #[serde(default, rename = "ostler/catalogue")]
    pub(super) preset: Preset,
}

/// Part of an entry that registries have no member for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Preset {
    /// One word.
    pub(crate) category: String,
    /// Words that it is found by, besides those of its name, title and description.
    pub(super) words: Vec<String>,
    /// True where it was started in this version, and listed its tools.
    pub(crate) tried: bool,
    /// The package's program, where that is not called like the package.
    pub(super) program: Option<String>,
    /// Questions that no package has, for paths of its sandbox.
    pub(super) inputs: BTreeMap<String, Input>,
    /// Its containment; `{name}` in a path is the answer to that question of `inputs`.
    pub(super) sandbox: Sandbox,
}

/// A package of an entry, and how it is started.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntryPackage {
    pub(super) registry_type: String,
    pub(super) registry_base_url: Option<String>,
    pub(super) identifier: String,
    #[serde(default)]
    pub(super) version: String,
    pub(super) file_sha256: Option<String>,
    #[serde(default)]
    pub(super) transport: EntryTransport,
    #[serde(default)]
    pub(super) runtime_arguments: Vec<Input>,
    #[serde(default)]
    pub(super) package_arguments: Vec<Input>,
    #[serde(default)]
    pub(super) environment_variables: Vec<Input>,
}

/// Transport to a started package; `stdio` where it is not said.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct EntryTransport {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// An endpoint of an entry.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct EntryRemote {
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: Vec<Input>,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, Input>,
}

/// An environment variable, a header, an argument, or a variable in the value of one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::policy) struct Input {
    pub(in crate::policy) name: Option<String>,
    pub(in crate::policy) value_hint: Option<String>,
    pub(in crate::policy) description: String,
    pub(in crate::policy) is_required: bool,
    pub(in crate::policy) is_secret: bool,
    pub(in crate::policy) format: InputFormat,
    #[serde(deserialize_with = "text")]
    pub(in crate::policy) value: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(in crate::policy) default: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(in crate::policy) placeholder: Option<String>,
    pub(in crate::policy) choices: Vec<String>,
    pub(in crate::policy) variables: BTreeMap<String, Self>,
}

/// Form of an input's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum InputFormat {
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An absolute path on Ostler's machine.
    Filepath,
    /// Any text.
    #[default]
    #[serde(other)]
    String,
}

/// The way to run an entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice<'a> {
    Package(&'a EntryPackage),
    Remote(&'a EntryRemote),
}

impl CatalogueEntry {
    /// The name to ask for it by: its own, without the beginning that all that are built in have; after the name of
    /// its source and a colon, where it is of another one.
    pub(crate) fn id(&self) -> &str {
        let built_in = || self.name.strip_prefix(BUILT_IN).unwrap_or(&self.name);
        self.origin.as_ref().map_or_else(built_in, |origin| &origin.id)
    }

    /// The name of its source.
    pub(crate) fn source_name(&self) -> &str {
        self.origin.as_ref().map_or(catalogue_source::BUILT_IN, |origin| &origin.source)
    }

    /// Its name for people.
    pub(crate) fn shown_name(&self) -> &str {
        self.title.as_deref().unwrap_or(if self.origin.is_some() { &self.name } else { self.id() })
    }

    /// It as an entry of this source, its texts cut to what a list shows.
    pub(super) fn of_source(self, source: &str) -> Self {
        let origin = Origin { source: source.to_owned(), id: format!("{source}:{}", self.name) };
        let is_page = |url: &String| url.starts_with("https://") && url.len() <= URL_BYTES_MAX;
        Self {
            title: self.title.map(|title| cut(&title, TITLE_CHARS_MAX)).filter(|title| !title.trim().is_empty()),
            description: cut(&self.description, DESCRIPTION_CHARS_MAX),
            version: cut(&self.version, TITLE_CHARS_MAX),
            website_url: self.website_url.filter(is_page),
            meta: EntryMeta::default(),
            origin: Some(origin),
            ..self
        }
    }

    /// The hash that its author gives of a package's file.
    pub(crate) fn file_sha256(&self) -> Option<&str> {
        self.packages.iter().find_map(|package| package.file_sha256.as_deref())
    }

    /// The program that its way to run needs, where that is one which Ostler can do nothing without.
    pub(crate) fn needed_program(&self) -> Option<&'static str> {
        match self.choice() {
            Ok(Choice::Package(package)) if package.registry_type == "oci" => Some("docker"),
            Ok(Choice::Package(package)) if package.registry_type == "nuget" => Some("dnx"),
            Ok(Choice::Package(_) | Choice::Remote(_)) | Err(_) => None,
        }
    }

    /// Part of it that is Ostler's.
    pub(crate) fn preset(&self) -> &Preset {
        &self.meta.preset
    }

    /// It without the part that is Ostler's, which its author could open the sandbox by.
    pub(crate) fn foreign(&self) -> Self {
        Self { meta: EntryMeta::default(), ..self.clone() }
    }

    /// The registry and the package that it runs, or its address; `Err` says why it cannot be run.
    pub(crate) fn source(&self) -> Result<(&str, &str), String> {
        Ok(match self.choice()? {
            Choice::Package(package) => (&package.registry_type, &package.identifier),
            Choice::Remote(remote) => ("remote", &remote.url),
        })
    }

    /// The way to run it that needs least of this machine, whichever its author names first; `Err` says why there is
    /// none.
    pub(super) fn choice(&self) -> Result<Choice<'_>, String> {
        let packages = self.packages.iter().map(|package| (package.rank(), package.fault(), Choice::Package(package)));
        let remotes = self.remotes.iter().map(|remote| (Some(2), None, Choice::Remote(remote)));
        let mut ranked: Vec<_> = packages.chain(remotes).collect();
        ranked.sort_by_key(|(rank, fault, _)| (fault.is_some(), rank.unwrap_or(u8::MAX)));
        match ranked.into_iter().next() {
            None => Err("has neither packages nor remotes".into()),
            Some((_, Some(fault), _)) => Err(cut(&fault, REASON_CHARS_MAX)),
            Some((_, None, choice)) => Ok(choice),
        }
    }
}

impl EntryPackage {
    fn rank(&self) -> Option<u8> {
        let kinds = [("npm", 0), ("pypi", 1), ("oci", 3), ("nuget", 4)];
        kinds.iter().find(|(kind, _)| *kind == self.registry_type).map(|(_, rank)| *rank)
    }

    /// The reason why it cannot be run.
    fn fault(&self) -> Option<String> {
        let Self { registry_type, identifier, version, .. } = self;
        if self.rank().is_none() {
            let kind = cut(registry_type, KIND_CHARS_MAX);
            return Some(format!(
                "has a package of the kind {kind:?}, which is not supported yet; npm, pypi, oci and nuget can be run"
            ));
        }
        let base = self.registry_base_url.as_deref().map(|base| base.trim_end_matches('/'));
        if let Some(base) = base.filter(|base| registry_type != "oci" && !is_usual(base)) {
            return Some(format!("has its package at {base}; register it with a command that names this registry"));
        }
        let kind = self.transport.kind.as_deref().unwrap_or("stdio");
        if kind != "stdio" {
            return Some(format!("speaks {kind} once it runs; start it yourself, and register its `url`"));
        }
        // A word of a command line that begins with `-` would be an option of the launcher.
        let fits = |text: &str, others: &str| {
            !text.starts_with('-') && text.chars().all(|one| one.is_ascii_alphanumeric() || others.contains(one))
        };
        if identifier.is_empty() || !fits(identifier, "@/._:-") || !fits(version, ".+_-") {
            return Some(format!(
                "names the package {identifier:?} in the version {version:?}: a template that its author has not \
                 filled in"
            ));
        }
        None
    }
}

/// True for the address of a registry that its launchers ask by themselves.
fn is_usual(base: &str) -> bool {
    let host = base.strip_prefix("https://");
    host.is_some_and(|host| USUAL_REGISTRIES.iter().any(|labels| host.split('.').eq(labels.iter().copied())))
}

/// The first characters of a text, with `…` in the place of the rest.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
    }
}

/// The name of an environment variable or a header.
pub(super) fn name(input: &Input) -> Option<String> {
    input.name.clone().filter(|name| !name.is_empty())
}

/// The name of the question that an input is, the `index`th of its list.
pub(super) fn key(input: &Input, index: usize) -> String {
    let named = input.name.as_deref().map(|name| name.trim_start_matches('-'));
    let named = named.or(input.value_hint.as_deref()).filter(|name| !name.is_empty());
    named.map_or_else(|| format!("argument-{}", index + 1), ToOwned::to_owned)
}

/// A text, also of a number or a truth value.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other @ (Value::Bool(_) | Value::Number(_)) => Ok(Some(other.to_string())),
        Value::Array(_) | Value::Object(_) => Err(D::Error::custom("must be a text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registries_that_launchers_ask_by_themselves_are_known_and_no_others() {
        for labels in USUAL_REGISTRIES {
            let host = labels.join(".");
            assert!(is_usual(&format!("https://{host}")));
            for other in
                [format!("http://{host}"), format!("https://{host}.example"), format!("https://x.{host}"), host]
            {
                assert!(!is_usual(&other), "{other}");
            }
        }
    }
}
