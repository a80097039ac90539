//! Registers servers from the catalogue.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    error::{Error, Noun, Result},
    model::{Hidden, Principal, ServerConfig},
    policy::{
        catalogue::{self, CatalogueEntry, Given},
        client_file, permission,
    },
    servers::{
        answered::{AnsweredServer, KeptAnswers, check_asked},
        registration::CREATE,
        service::Servers,
    },
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
    ) -> Result<AnsweredServer> {
        self.access.require_any(who, permission::WRITES, CREATE)?;
        let (config, secrets) = self.answered(who, order)?;
        self.check_new(who, &config).await?;
        let config = ServerConfig { grants_paths: self.writes_any_command(who), ..config };
        match dry_run {
            true => self.foresee_answered(who, config, secrets).await,
            false => self.add_answered(who, config, secrets, |_, _| Ok(Vec::new())).await,
        }
    }

    /// A configuration made of an order, and the secrets that it refers to.
    fn answered(
        &self,
        who: &Principal,
        CatalogueOrder { entry, name, values }: CatalogueOrder,
    ) -> Result<(ServerConfig, BTreeMap<String, String>)> {
        let entry = self.catalogue_entry(who, &entry)?;
        check_asked(&catalogue::fields(entry), &values)?;
        let server = name.or_else(|| entry.title.clone()).unwrap_or_else(|| entry.id().to_owned());
        let listed = self.secrets.list(who)?;
        let mut kept = KeptAnswers::new(&server, &listed);
        let mut keep = |key: &str, value: &str| kept.keep(key, value);
        let given = Given { values: &values, pointer: "/values", keep: &mut keep };
        let mut change = catalogue::server(entry, given)?;
        change.name = Some(server.clone());
        Ok((client_file::fresh(change)?, kept.secrets()))
    }
}
