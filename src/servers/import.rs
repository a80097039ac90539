//! Imports servers from the configuration of an MCP client, and exports them as one.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    error::{Error, Result},
    model::{Principal, Server, ServerChange, ServerConfig, StartPreview},
    policy::{
        change,
        client_file::{self, ClientFormat, Described},
        permission,
    },
    registry::Registered,
    servers::service::Servers,
    tasks::blocking,
};

/// Action taken on a server of an imported configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ImportAction {
    /// The caller has none of its name: it is registered.
    Create,
    /// The caller has one of its name: it becomes what the configuration says.
    Update,
    /// The caller has it just so.
    Skip,
    /// It is not taken over.
    Refuse,
}

/// A server of an imported configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Imported {
    /// Its name in the configuration.
    pub name: String,
    /// The action taken, or the one that a dry run foresees.
    pub action: ImportAction,
    /// Why it was refused.
    pub problem: Option<String>,
    /// Members that mean nothing here and were left out.
    pub ignored: Vec<String>,
    /// Remarks for its owner though it is taken over.
    pub notes: Vec<String>,
    /// It as it is now, with masked values; none where there is none yet.
    pub server: Option<Server>,
    /// Its start, in a dry run; none where it is refused or at a URL.
    pub start: Option<StartPreview>,
}

impl Servers {
    /// Takes over the servers of a client's configuration (`mcp:write`), by their names among the caller's own: one
    /// after the other, by the same rules as one written by hand, and what is refused does not hold up the rest.
    /// Variables are looked for in `variables` alone. All servers it registers count as one against the caller's limit
    /// of registrations. A dry run changes nothing and counts against no limit.
    pub async fn import(
        self: &Arc<Self>,
        who: &Principal,
        text: &str,
        variables: &BTreeMap<String, String>,
        dry_run: bool,
    ) -> Result<Vec<Imported>> {
        self.access.require_any(who, permission::WRITES, "server.import")?;
        let (mut imported, mut is_counted) = (Vec::new(), false);
        for Described { name, change, ignored, notes } in client_file::read(text, variables)? {
            let done = match change {
                Err(problem) => Err(problem),
                Ok(change) if dry_run => self.foresee(who, &name, change).await.map_err(|error| error.to_string()),
                Ok(change) => {
                    let done = self.take_over(who, &name, change, &mut is_counted).await;
                    done.map(|(action, server)| (action, server, None)).map_err(|error| error.to_string())
                }
            };
            let ((action, server, start), problem) = match done {
                Ok(done) => (done, None),
                Err(problem) => ((ImportAction::Refuse, None, None), Some(problem)),
            };
            imported.push(Imported { name, action, problem, ignored, notes, server, start });
        }
        Ok(imported)
    }

    /// The caller's own servers as a client's configuration (`mcp:read`), with variables in place of secrets.
    pub fn export(&self, who: &Principal, format: ClientFormat) -> Result<Value> {
        self.access.require_any(who, permission::READS, "server.export")?;
        let all = self.registry.all();
        let own = all.values().filter(|one| one.server.load().user_id == who.user_id);
        let configs: Vec<_> = own.map(|one| one.server.load().config.clone()).collect();
        Ok(client_file::written(&configs, format))
    }

    async fn take_over(
        self: &Arc<Self>,
        who: &Principal,
        name: &str,
        change: ServerChange,
        is_counted: &mut bool,
    ) -> Result<(ImportAction, Option<Server>)> {
        let Some(known) = self.own_named(who, name)? else {
            let config = client_file::fresh(change)?;
            self.check_new(who, &config).await?;
            if !*is_counted {
                self.access.limits().server_create(who)?;
                *is_counted = true;
            }
            let details = self.add(who, config).await?;
            return Ok((ImportAction::Create, Some(details.server)));
        };
        let before = known.server.load().config.clone();
        if change::merged(&before, change.clone())? == before {
            return Ok((ImportAction::Skip, Some(self.details(&known, who).server)));
        }
        let details = self.update(who, known.id, change, None).await?;
        Ok((ImportAction::Update, Some(details.server)))
    }

    /// The outcome of [`Servers::take_over`], as far as it can be foreseen without a change, and what would be run.
    async fn foresee(
        &self,
        who: &Principal,
        name: &str,
        change: ServerChange,
    ) -> Result<(ImportAction, Option<Server>, Option<StartPreview>)> {
        let (action, server, config) = self.rehearse(who, name, change).await?;
        let placement = self.placement.clone();
        let start = blocking(move || Ok(placement.preview(&config))).await?;
        Ok((action, server, start))
    }

    async fn rehearse(
        &self,
        who: &Principal,
        name: &str,
        change: ServerChange,
    ) -> Result<(ImportAction, Option<Server>, ServerConfig)> {
        let Some(known) = self.own_named(who, name)? else {
            let config = client_file::fresh(change)?;
            self.check_new(who, &config).await?;
            self.access.limits().foresee_server_create(who)?;
            let config = ServerConfig { grants_paths: self.writes_any_command(who), ..config };
            return Ok((ImportAction::Create, None, config));
        };
        let before = known.server.load().config.clone();
        let after = change::merged(&before, change)?;
        let is_same = before == after;
        if !is_same {
            self.check_config(who, Some(&before), &after, "server.import")?;
            self.placement.check_paths(&before, &after).await?;
        }
        let action = if is_same { ImportAction::Skip } else { ImportAction::Update };
        Ok((action, Some(self.details(&known, who).server), after))
    }

    /// The caller's own server of this name; it must be clear which.
    fn own_named(&self, who: &Principal, name: &str) -> Result<Option<Arc<Registered>>> {
        let all = self.registry.all();
        let is_meant = |server: &Server| server.user_id == who.user_id && server.config.name == name;
        let mut named = all.values().filter(|one| is_meant(&one.server.load()));
        match (named.next(), named.next()) {
            (found, None) => Ok(found.cloned()),
            (_, Some(_)) => Err(Error::Conflict("several of your servers have this name; rename all but one".into())),
        }
    }
}
