//! Servers by their names, for programs that have no place to keep ids.

use std::sync::Arc;

use crate::{
    error::{Error, Result},
    model::{Principal, Server, ServerConfig},
    registry::Registered,
    servers::{details::ServerDetails, registration::UPDATE, service::Servers},
};

impl Servers {
    /// The caller's own server of this name; `Conflict` where there are several.
    pub fn find(&self, who: &Principal, name: &str) -> Result<Option<ServerDetails>> {
        Ok(self.named(who, name)?.map(|registered| self.details(&registered, who)))
    }

    /// Registers a server unless the caller has one of its name, which gets this configuration where it has another.
    /// For programs that say at each start which servers they need.
    ///
    /// ```no_run
    /// # async fn register(runtime: ostler::Runtime) -> ostler::Result<()> {
    /// use ostler::model::ServerConfig;
    ///
    /// let far = ServerConfig::remote("far", "https://mcp.example.com/mcp");
    /// let far = runtime.servers().ensure(runtime.embedder(), far).await?.server.id;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ensure(self: &Arc<Self>, who: &Principal, config: ServerConfig) -> Result<ServerDetails> {
        // So that two callers do not both register it.
        let _alone = self.ensuring.lock().await;
        match self.named(who, &config.name)? {
            None => self.create(who, config).await,
            Some(same) if same.server.load().config == config => Ok(self.details(&same, who)),
            Some(other) => {
                let (servers, owner) = (self.clone(), who.clone());
                let decide = move |_: &Registered, before: &Server| {
                    servers.check_config(&owner, Some(&before.config), &config, UPDATE)?;
                    Ok(ServerConfig { grants_paths: servers.writes_any_command(&owner), ..config })
                };
                self.change(who, other.id, decide).await
            }
        }
    }

    fn named(&self, who: &Principal, name: &str) -> Result<Option<Arc<Registered>>> {
        let all = self.registry.all();
        let is_meant = |registered: &&Arc<Registered>| {
            let server = registered.server.load();
            server.user_id == who.user_id && server.config.name == name
        };
        let mut found = all.values().filter(is_meant);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => {
                Err(Error::Conflict(format!("there are several servers named `{name}`; use their ids")))
            }
            (found, _) => Ok(found.cloned()),
        }
    }
}
