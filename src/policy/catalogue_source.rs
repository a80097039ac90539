//! [`CatalogueSource`]: a further source of the catalogue, as its operator names it.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::policy::{external, issuer};

/// The source of the entries that are built in.
pub const BUILT_IN: &str = "ostler";

/// Path of a registry's list, below its base URL (MCP registry API v0.1).
pub(crate) const LIST_PATH: &str = "/v0.1/servers";

/// Most characters of a name.
const NAME_CHARS_MAX: usize = 32;

/// A further source of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueSource {
    /// Its name, with which the names of its entries begin.
    pub name: String,
    /// The place where its entries are.
    pub place: CataloguePlace,
}

/// A place of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CataloguePlace {
    /// A folder of files of the form `server.json`.
    Folder(PathBuf),
    /// The base URL of a registry (MCP registry API v0.1).
    Registry(String),
}

/// Reads a source: its name, and an absolute path or a URL.
pub fn source(text: &str) -> Result<CatalogueSource, String> {
    let fault = || {
        format!("{text:?} is no source such as company=/etc/ostler/catalogue or team=https://catalogue.team.example")
    };
    let (name, place) = text.split_once('=').ok_or_else(fault)?;
    named(name)?;
    let path = place.strip_suffix('/').unwrap_or(place);
    if external::is_plain_path(path) {
        return Ok(CatalogueSource { name: name.to_owned(), place: CataloguePlace::Folder(path.into()) });
    }
    if !place.contains("://") {
        return Err(fault());
    }
    if !issuer::is_safe(place) || place.contains(['?', '#']) || place.contains(char::is_whitespace) {
        return Err(format!("{name} must be at an https URL without query; http only on this machine"));
    }
    let base = place.trim_end_matches('/');
    let base = base.strip_suffix(LIST_PATH).or_else(|| base.strip_suffix("/v0.1")).unwrap_or(base);
    Ok(CatalogueSource { name: name.to_owned(), place: CataloguePlace::Registry(base.to_owned()) })
}

/// Reads a token for the source of a name. The error does not repeat it.
pub fn token(text: &str) -> Result<(String, SecretString), String> {
    let (name, token) = text.split_once('=').ok_or("must be NAME=TOKEN, with the name of a source")?;
    named(name)?;
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_token { Ok((name.to_owned(), token.into())) } else { Err(format!("the token of {name} is none")) }
}

/// The reason why these sources cannot stand beside each other.
#[must_use]
pub fn fault(sources: &[CatalogueSource]) -> Option<String> {
    let names = || sources.iter().map(|source| &source.name);
    let twice = names().enumerate().find(|(index, name)| names().take(*index).any(|other| other == *name));
    twice.map(|(_, name)| format!("{name} is the name of two sources: rename one"))
}

fn named(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name == BUILT_IN {
        return Err(format!("{BUILT_IN} is the name of what is built in: choose another"));
    }
    let is_name = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(fits);
    is_name.then_some(()).ok_or_else(|| {
        format!("a source is named by at most {NAME_CHARS_MAX} lower case letters, digits and `-`, not {name:?}")
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_source_is_a_folder_or_the_url_of_a_registry() {
        let read = |text: &str| source(text).map(|source| (source.name, source.place));
        let folder = CataloguePlace::Folder("/etc/ostler/catalogue".into());
        assert_eq!(read("company=/etc/ostler/catalogue"), Ok(("company".into(), folder)));
        for url in ["https://r.example/mcp", "https://r.example/mcp/", "https://r.example/mcp/v0.1/servers"] {
            let base = CataloguePlace::Registry("https://r.example/mcp".into());
            assert_eq!(read(&format!("team-2={url}")), Ok(("team-2".into(), base)), "{url}");
        }
        assert!(read("here=http://127.0.0.1:3010").is_ok());
        for wrong in [
            "company",
            "/etc/ostler",
            "=/etc/ostler",
            "A=/etc/ostler",
            "ostler=/etc/ostler",
            "company=etc/ostler",
            "company=/etc/../x",
            "company=http://r.example",
            "company=https://user:key@r.example",
            "company=https://r.example/?key=x",
            "company=ftp://r.example",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let both = [source("a=/x").unwrap(), source("b=/y").unwrap(), source("a=/z").unwrap()];
        assert!(fault(&both).is_some_and(|why| why.starts_with("a is the name of two")));
        assert_eq!(fault(&both[..2]), None);
    }

    #[test]
    fn a_token_belongs_to_a_source_and_is_not_repeated() {
        let (name, found) = token("team=s3cret=").unwrap();
        assert_eq!((name.as_str(), found.expose_secret()), ("team", "s3cret="));
        for wrong in ["s3cret", "Team=s3cret", "team=", "team=s3cret two"] {
            assert!(!token(wrong).unwrap_err().contains("s3cret"), "{wrong}");
        }
    }
}
