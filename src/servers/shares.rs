//! Letting others use a server.

use std::sync::Arc;

use crate::{
    error::{Error, Faults, Noun, Result},
    events::ServerChangeKind,
    model::{Permission, Principal, ServerId, Share, UserId},
    policy::permission,
    registry::Registered,
    servers::service::Servers,
    store,
};

impl Servers {
    /// Shares of the server: users other than the owner, and their permissions.
    pub fn shares(&self, who: &Principal, id: ServerId) -> Result<Vec<Share>> {
        Ok(self.registry.reach(who, id, permission::READS, "share.list")?.shares.load().to_vec())
    }

    /// Lets another user use the server, or changes their permissions; only its owner and holders of `mcp:manage` may.
    pub async fn share(self: &Arc<Self>, who: &Principal, id: ServerId, share: Share) -> Result<Share> {
        const ACTION: &str = "share.put";
        let registered = self.registry.reach_as_owner(who, id, ACTION)?;
        check(&registered, &share)?;
        let entry = self.access.change(who, ACTION, id)?.with_detail(described(&share));
        let (servers, added) = (self.clone(), share.clone());
        let put = move |db: &mut store::Connection| store::shares::put(db, id, &added);
        self.recorder
            .run_to_completion(async move {
                let _change = servers.lifecycle.begin_change().await;
                let _alone = registered.changing.lock().await;
                servers.recorder.write(Some(entry), put).await?;
                registered.change_shares(share.user_id, Some(share.clone()));
                servers.revocation.rights_changed();
                if !share.permissions.contains(&Permission::McpExecute) {
                    servers.placement.end_isolated_of_user(share.user_id, Some(id));
                }
                servers.events.publish_server_change_to(&registered, share.user_id, ServerChangeKind::Created);
                Ok(share)
            })
            .await
    }

    /// Ends that.
    pub async fn unshare(self: &Arc<Self>, who: &Principal, id: ServerId, user: UserId) -> Result<()> {
        const ACTION: &str = "share.delete";
        let registered = self.registry.reach_as_owner(who, id, ACTION)?;
        let entry = self.access.change(who, ACTION, id)?.with_detail(format!("with {user}"));
        let servers = self.clone();
        self.recorder
            .run_to_completion(async move {
                let _change = servers.lifecycle.begin_change().await;
                let _alone = registered.changing.lock().await;
                let delete = move |db: &mut store::Connection| match store::shares::delete(db, id, user)? {
                    true => Ok(()),
                    false => Err(Error::NotFound(Noun::Share)),
                };
                servers.recorder.write(Some(entry), delete).await?;
                registered.change_shares(user, None);
                servers.revocation.rights_changed();
                servers.placement.end_isolated_of_user(user, Some(id));
                servers.events.publish_server_change_to(&registered, user, ServerChangeKind::Deleted);
                Ok(())
            })
            .await
    }
}

fn check(registered: &Registered, share: &Share) -> Result<()> {
    let mut faults = Faults::default();
    faults.check(permission::may_be_shared(&share.permissions), "/permissions", permission::SHARE_RULE);
    let owner = registered.server.load().user_id == share.user_id;
    faults.check(!owner, "/userId", "is the owner, who has every right already");
    faults.into_result()
}

fn described(share: &Share) -> String {
    let names: Vec<_> = share.permissions.iter().map(|one| permission::name(*one)).collect();
    format!("with {}: {}", share.user_id, names.join(", "))
}
