//! Decides who may have a server refer to secrets outside of Ostler.

use crate::{
    error::{Error, Faults, Result},
    model::{Permission, Principal, ServerConfig},
    policy::{change, reference},
    servers::service::Servers,
};

impl Servers {
    /// Refuses references to secrets outside of Ostler that lead nowhere, and all of them to callers without
    /// `mcp:manage`: what they name is the operator's, and no owner's. Those that are there stand for as long as the
    /// server has nothing else that could carry them elsewhere.
    pub(super) fn check_external_references(
        &self,
        who: &Principal,
        before: Option<&ServerConfig>,
        after: &ServerConfig,
        action: &str,
    ) -> Result<()> {
        if before.is_some_and(|before| change::is_routed_alike(before, after)) {
            return Ok(());
        }
        let mut faults = Faults::default();
        for (pointer, reference) in reference::external_references(after) {
            if !who.may(Permission::McpManage) {
                self.access.entries().record_denial(who, action, &pointer);
                let place = pointer.trim_start_matches('/').replace('/', ".");
                return Err(Error::Forbidden(format!(
                    "{place}: {reference} needs mcp:manage, as does another command, args, url, env, headers or oauth \
                     of a server that has it: keep the secret in Ostler, as in ${{secret:NAME}}, or ask a user who has \
                     that"
                )));
            }
            let why = self.secrets.refusal(&reference);
            faults.check(why.is_none(), pointer, format!("{reference} {}", why.unwrap_or_default()));
        }
        faults.into_result()
    }
}
