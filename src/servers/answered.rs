//! Servers that answers to questions make: their secrets are kept first, and go where the server does not come.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    error::{Error, Result, below},
    model::{NamedSecret, Principal, SecretChange, Server, ServerConfig, Share, StartPreview},
    policy::catalogue::{self, CatalogueField},
    servers::service::Servers,
    store,
    tasks::blocking,
};

/// A server of the catalogue or of a template, registered or foreseen.
#[derive(Debug)]
pub(crate) struct AnsweredServer {
    /// It as it is now; none in a dry run.
    pub(crate) server: Option<Server>,
    /// Its start, in a dry run; none for one at a URL.
    pub(crate) start: Option<StartPreview>,
    /// Names of the secrets that its answers are kept as.
    pub(crate) secrets: Vec<String>,
}

/// Answers that are to become secrets of the caller's.
pub(super) struct KeptAnswers<'a> {
    server: &'a str,
    listed: &'a [NamedSecret],
    /// By the name of each secret its question and its value.
    kept: BTreeMap<String, (String, String)>,
}

impl<'a> KeptAnswers<'a> {
    /// Of a server of this name, whose owner has the secrets `listed` already.
    pub(super) fn new(server: &'a str, listed: &'a [NamedSecret]) -> Self {
        Self { server, listed, kept: BTreeMap::new() }
    }

    /// The reference to the answer to the question `key`.
    pub(super) fn keep(&mut self, key: &str, value: &str) -> String {
        let is_taken = |name: &str| self.listed.iter().any(|one| one.name == name) || self.kept.contains_key(name);
        let known = self.kept.iter().find(|(_, (one, _))| one == key).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| catalogue::secret_name(self.server, key, is_taken));
        self.kept.insert(name.clone(), (key.to_owned(), value.to_owned()));
        format!("${{secret:{name}}}")
    }

    /// The secrets by their names.
    pub(super) fn secrets(self) -> BTreeMap<String, String> {
        self.kept.into_iter().map(|(name, (_, value))| (name, value)).collect()
    }
}

/// Refuses answers to questions that are not asked.
pub(super) fn check_asked(fields: &[CatalogueField], values: &BTreeMap<String, String>) -> Result<()> {
    let Some(unknown) = values.keys().find(|name| !fields.iter().any(|field| field.name == **name)) else {
        return Ok(());
    };
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    let known = if names.is_empty() { "it asks for nothing".into() } else { format!("it asks for {names:?}") };
    Err(Error::invalid(below("/values", unknown), format!("is not asked for; {known}")))
}

impl Servers {
    /// The start of a server that was checked.
    pub(super) async fn foresee_answered(
        &self,
        who: &Principal,
        config: ServerConfig,
        secrets: BTreeMap<String, String>,
    ) -> Result<AnsweredServer> {
        self.access.limits().foresee_server_create(who)?;
        let placement = self.placement.clone();
        let start = blocking(move || Ok(placement.preview(&config))).await?;
        Ok(AnsweredServer { server: None, start, secrets: secrets.into_keys().collect() })
    }

    /// Registers a server that was checked, with its secrets and what `also` writes.
    pub(super) async fn add_answered(
        self: &Arc<Self>,
        who: &Principal,
        config: ServerConfig,
        secrets: BTreeMap<String, String>,
        also: impl FnOnce(&mut store::Connection, &Server) -> Result<Vec<Share>> + Send + 'static,
    ) -> Result<AnsweredServer> {
        self.access.limits().server_create(who)?;
        let names: Vec<_> = secrets.keys().cloned().collect();
        for (name, value) in secrets {
            self.secrets.set(who, &name, SecretChange::value(value)).await?;
        }
        match self.insert(who, config, also).await {
            Ok(details) => Ok(AnsweredServer { server: Some(details.server), start: None, secrets: names }),
            Err(error) => {
                // Of no use without the server. Where they cannot be removed either, they are listed.
                for name in names {
                    let _ = self.secrets.remove(who, &name).await;
                }
                Err(error)
            }
        }
    }
}
