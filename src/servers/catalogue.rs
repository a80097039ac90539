//! Registers servers from the catalogue.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    error::{Error, Noun, Result, below},
    model::{Hidden, Principal, SecretChange, Server, ServerConfig, StartPreview},
    policy::{
        catalogue::{self, CatalogueEntry, Given},
        client_file, permission,
    },
    servers::service::Servers,
    tasks::blocking,
};

/// A server wanted from the catalogue. `Debug` does not show the answers.
pub(crate) struct CatalogueOrder {
    /// The name of its entry.
    pub(crate) entry: String,
    /// Its own name; that of its entry where there is none.
    pub(crate) name: Option<String>,
    /// Answers to the questions of its entry.
    pub(crate) values: BTreeMap<String, String>,
}

impl std::fmt::Debug for CatalogueOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { entry, name, values: _ } = self;
        f.debug_struct("CatalogueOrder").field("entry", entry).field("name", name).field("values", &Hidden).finish()
    }
}

/// A server of the catalogue, registered or foreseen.
#[derive(Debug)]
pub(crate) struct CatalogueServer {
    /// It as it is now; none in a dry run.
    pub(crate) server: Option<Server>,
    /// Its start, in a dry run; none for one at a URL.
    pub(crate) start: Option<StartPreview>,
    /// Names of the secrets that its answers are kept as.
    pub(crate) secrets: Vec<String>,
}

/// A configuration made of an order, and the secrets that it refers to.
struct AnsweredEntry {
    config: ServerConfig,
    secrets: BTreeMap<String, String>,
}

impl Servers {
    /// Entries of the catalogue, by words and category.
    pub(crate) fn catalogue(
        &self,
        who: &Principal,
        words: &str,
        category: Option<&str>,
    ) -> Result<Vec<&'static CatalogueEntry>> {
        self.access.require_any(who, permission::SEES, "catalogue.list")?;
        Ok(catalogue::found(catalogue::built_in(), words, category))
    }

    /// An entry of the catalogue.
    pub(crate) fn catalogue_entry(&self, who: &Principal, id: &str) -> Result<&'static CatalogueEntry> {
        self.access.require_any(who, permission::SEES, "catalogue.read")?;
        let found = catalogue::built_in().iter().find(|entry| entry.id() == id || entry.name == id);
        found.ok_or(Error::NotFound(Noun::CatalogueEntry))
    }

    /// Registers a server from the catalogue (`mcp:write`), by the same rules as one written by hand. Answers that are
    /// secrets are kept as secrets of the caller's. A dry run changes nothing and counts against no limit.
    pub(crate) async fn install(
        self: &Arc<Self>,
        who: &Principal,
        order: CatalogueOrder,
        dry_run: bool,
    ) -> Result<CatalogueServer> {
        self.access.require_any(who, permission::WRITES, "server.create")?;
        let AnsweredEntry { config, secrets } = self.answered(who, order)?;
        self.check_new(who, &config).await?;
        let names: Vec<_> = secrets.keys().cloned().collect();
        if dry_run {
            self.access.limits().foresee_server_create(who)?;
            let config = ServerConfig { grants_paths: self.writes_any_command(who), ..config };
            let placement = self.placement.clone();
            let start = blocking(move || Ok(placement.preview(&config))).await?;
            return Ok(CatalogueServer { server: None, start, secrets: names });
        }
        self.access.limits().server_create(who)?;
        for (name, value) in secrets {
            self.secrets.set(who, &name, SecretChange::value(value)).await?;
        }
        match self.add(who, config).await {
            Ok(details) => Ok(CatalogueServer { server: Some(details.server), start: None, secrets: names }),
            Err(error) => {
                // Of no use without the server. Where they cannot be removed either, they are listed.
                for name in names {
                    let _ = self.secrets.remove(who, &name).await;
                }
                Err(error)
            }
        }
    }

    fn answered(
        &self,
        who: &Principal,
        CatalogueOrder { entry, name, values }: CatalogueOrder,
    ) -> Result<AnsweredEntry> {
        let entry = self.catalogue_entry(who, &entry)?;
        let fields = catalogue::fields(entry);
        if let Some(unknown) = values.keys().find(|name| !fields.iter().any(|field| field.name == **name)) {
            let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            let known = if names.is_empty() { "it asks for nothing".into() } else { format!("it asks for {names:?}") };
            return Err(Error::invalid(below("/values", unknown), format!("is not asked for; {known}")));
        }
        let server = name.or_else(|| entry.title.clone()).unwrap_or_else(|| entry.id().to_owned());
        let listed = self.secrets.list(who)?;
        // By the name of each secret its question and its value.
        let mut kept = BTreeMap::<String, (String, String)>::new();
        let mut keep = |key: &str, value: &str| {
            let is_taken = |name: &str| listed.iter().any(|one| one.name == name) || kept.contains_key(name);
            let known = kept.iter().find(|(_, (one, _))| one == key).map(|(name, _)| name.clone());
            let name = known.unwrap_or_else(|| catalogue::secret_name(&server, key, is_taken));
            kept.insert(name.clone(), (key.to_owned(), value.to_owned()));
            format!("${{secret:{name}}}")
        };
        let given = Given { values: &values, pointer: "/values", keep: &mut keep };
        let mut change = catalogue::server(entry, given)?;
        change.name = Some(server);
        let secrets = kept.into_iter().map(|(name, (_, value))| (name, value)).collect();
        Ok(AnsweredEntry { config: client_file::fresh(change)?, secrets })
    }
}
