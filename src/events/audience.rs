//! [`Audience`]: the users that an event concerns.

use std::{borrow::Cow, sync::Weak};

use crate::{
    events::event::LiveEvent,
    model::{Permission, Principal, UserId},
    policy::permission,
    registry::Registered,
};

/// The users that an event concerns.
#[derive(Clone)]
pub(super) enum Audience {
    /// Those who may read the server when the event is delivered. Weak, as an event does not keep a removed server.
    Server(Weak<Registered>),
    /// These, and managers: the server is removed, or not shared with them any more.
    Users(Vec<UserId>),
    /// Those who may see the gateway.
    Gateway,
}

impl Audience {
    /// The event as far as `who` may see it.
    pub(super) fn visible<'e>(&self, event: &'e LiveEvent, who: &Principal) -> Option<Cow<'e, LiveEvent>> {
        let (is_member, reads_output) = match self {
            Self::Server(server) => {
                let server = server.upgrade()?;
                (server.allows(who, event.required(who.user_id)), server.allows(who, permission::READS))
            }
            Self::Users(users) => {
                let manages = who.may(Permission::McpManage);
                let is_one = users.contains(&who.user_id) && permission::holds_any(&who.permissions, permission::SEES);
                (manages || is_one, manages)
            }
            Self::Gateway => (who.may(Permission::GatewayRead), true),
        };
        is_member.then(|| if reads_output { Cow::Borrowed(event) } else { Cow::Owned(event.without_output()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::credentials::embedder,
        model::{PermissionSet, Role, ServerId},
        policy::permission::of_role,
    };

    fn user(role: Role) -> Principal {
        Principal { user_id: UserId::new(), role, permissions: of_role(role), ..embedder() }
    }

    #[test]
    fn event_of_a_removed_server_is_for_those_who_saw_it() {
        let event = LiveEvent::Restart { server_id: ServerId::new(), attempt: 1 };
        let (owner, other, manager) = (user(Role::Developer), user(Role::Developer), user(Role::Admin));
        let audience = Audience::Users(vec![owner.user_id]);
        let sees = |who| audience.visible(&event, who).is_some();
        assert_eq!([&owner, &other, &manager].map(sees), [true, false, true]);
        let powerless = Principal { permissions: PermissionSet::default(), ..owner };
        assert!(audience.visible(&event, &powerless).is_none());
        assert!(Audience::Gateway.visible(&event, &powerless).is_none());
        assert!(Audience::Server(Weak::new()).visible(&event, &manager).is_none());
    }
}
