//! Permissions of each role, and the decision whether a caller may do something with a server.

use crate::model::{Permission, PermissionSet, Role};

/// The permissions of an account of `role`, before a key narrows them.
#[must_use]
pub fn of_role(role: Role) -> PermissionSet {
    use Permission::{AuditRead, GatewayManage, GatewayRead, McpExecute, McpManage, McpRead, McpWrite, UsersManage};
    let held: &[Permission] = match role {
        Role::Admin => &[McpRead, McpWrite, McpExecute, McpManage, GatewayRead, GatewayManage, UsersManage, AuditRead],
        Role::Developer => &[McpRead, McpWrite, McpExecute, GatewayRead],
        Role::Executor => &[McpRead, McpExecute],
        Role::Viewer => &[McpRead, GatewayRead],
    };
    held.iter().copied().collect()
}

/// The permission as keys, shares and documentation write it, such as `mcp:read`.
#[must_use]
pub fn name(permission: Permission) -> &'static str {
    match permission {
        Permission::McpRead => "mcp:read",
        Permission::McpWrite => "mcp:write",
        Permission::McpExecute => "mcp:execute",
        Permission::McpManage => "mcp:manage",
        Permission::GatewayRead => "gateway:read",
        Permission::GatewayManage => "gateway:manage",
        Permission::UsersManage => "users:manage",
        Permission::AuditRead => "audit:read",
    }
}

/// True when `held` has every permission of `wanted`.
#[must_use]
pub fn covers(held: &PermissionSet, wanted: &PermissionSet) -> bool {
    wanted.iter().all(|permission| held.has(permission))
}

/// Any of these gives sight of a server: that it is there, its description and its state.
pub const SEES: &[Permission] = &[Permission::McpRead, Permission::McpExecute, Permission::McpWrite];

/// Any of these gives what it takes to call a server: what it offers, and the record of one's own calls.
pub const USES: &[Permission] = &[Permission::McpRead, Permission::McpExecute];

/// Any of these gives sight of how a server is run, secrets masked.
pub const CONFIGURES: &[Permission] = &[Permission::McpRead, Permission::McpWrite];

/// Gives sight of all else: everybody's calls, standard error, the timeline, figures, the accounts it is shared with.
pub const READS: &[Permission] = &[Permission::McpRead];

/// Allows changing a server, and starting and stopping it.
pub const WRITES: &[Permission] = &[Permission::McpWrite];

/// Allows calling a server.
pub const EXECUTES: &[Permission] = &[Permission::McpExecute];

/// The rule for the permissions of a share, for people.
pub(crate) const SHARE_RULE: &str = "must be a list of one or more of mcp:read, mcp:write, mcp:execute";

/// True for permissions that a share may give.
pub(crate) fn may_be_shared(permissions: &[Permission]) -> bool {
    const SHARED: [Permission; 3] = [Permission::McpRead, Permission::McpWrite, Permission::McpExecute];
    !permissions.is_empty() && permissions.iter().all(|permission| SHARED.contains(permission))
}

/// The relation of a caller to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Their own.
    Owner,
    /// Owned by another account, and shared with the caller, who gets these permissions.
    SharedWith(&'a [Permission]),
    /// Owned by another account.
    Stranger,
}

/// The decision on a caller's action on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessDecision {
    /// They may.
    Allowed,
    /// They may know of it, but lack this permission, their own or the share's.
    Forbidden(Permission),
    /// For them there is no such server.
    Invisible,
}

/// True when `held` has one of the permissions of `wanted`, or `mcp:manage`, which is all of them on everybody's
/// servers.
#[must_use]
pub fn holds_any(held: &PermissionSet, wanted: &[Permission]) -> bool {
    held.has(Permission::McpManage) || wanted.iter().any(|one| held.has(*one))
}

/// Decides on an action of a caller with the permissions `held` that any of `wanted` (`mcp:read`, `mcp:write`,
/// `mcp:execute`) allows.
///
/// `mcp:manage` is enough for everything. A share gives what it names and no more, and nothing its receiver does not
/// hold as well.
#[must_use]
pub fn on_server(held: &PermissionSet, standing: Standing<'_>, wanted: &[Permission]) -> AccessDecision {
    if held.has(Permission::McpManage) {
        return AccessDecision::Allowed;
    }
    let granted = |one: &Permission| match standing {
        Standing::Owner => true,
        Standing::SharedWith(shared) => shared.contains(one),
        Standing::Stranger => false,
    };
    match (standing, wanted.first()) {
        (Standing::Stranger, _) => AccessDecision::Invisible,
        _ if wanted.iter().any(|one| granted(one) && held.has(*one)) => AccessDecision::Allowed,
        (_, first) => AccessDecision::Forbidden(first.copied().unwrap_or(Permission::McpManage)),
    }
}

/// Decides whether a caller with the permissions `held` may delete the server or change its shares.
///
/// The owner may with `mcp:write`, and anyone with `mcp:manage`; a share is never enough.
#[must_use]
pub fn on_ownership(held: &PermissionSet, standing: Standing<'_>) -> AccessDecision {
    match standing {
        Standing::Owner => on_server(held, standing, &[Permission::McpWrite]),
        Standing::SharedWith(_) | Standing::Stranger => on_server(held, standing, &[Permission::McpManage]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Permission::{GatewayRead, McpExecute, McpManage, McpRead, McpWrite, UsersManage};

    const EACH: [Permission; 3] = [McpRead, McpWrite, McpExecute];

    #[test]
    fn roles_hold_what_the_interface_promises() {
        let count = |role| of_role(role).iter().count();
        assert_eq!([8, 4, 2, 2], [Role::Admin, Role::Developer, Role::Executor, Role::Viewer].map(count));
        assert!(of_role(Role::Admin).has(UsersManage));
        assert!(!of_role(Role::Developer).has(McpManage));
        assert!(!of_role(Role::Executor).has(GatewayRead));
        assert!(!of_role(Role::Viewer).has(McpExecute));
    }

    #[test]
    fn a_permission_is_named_as_it_is_serialised() {
        for permission in of_role(Role::Admin).iter() {
            assert_eq!(serde_json::json!(name(permission)), serde_json::json!(permission));
        }
    }

    #[test]
    fn a_server_of_another_owner_is_invisible() {
        for role in [Role::Developer, Role::Executor, Role::Viewer] {
            for wanted in EACH {
                assert_eq!(on_server(&of_role(role), Standing::Stranger, &[wanted]), AccessDecision::Invisible);
            }
        }
        assert_eq!(on_ownership(&of_role(Role::Developer), Standing::Stranger), AccessDecision::Invisible);
    }

    #[test]
    fn an_owner_needs_the_permission_too() {
        let viewer = of_role(Role::Viewer);
        assert_eq!(on_server(&viewer, Standing::Owner, READS), AccessDecision::Allowed);
        assert_eq!(on_server(&viewer, Standing::Owner, EXECUTES), AccessDecision::Forbidden(McpExecute));
        assert_eq!(on_ownership(&viewer, Standing::Owner), AccessDecision::Forbidden(McpWrite));
        assert_eq!(on_ownership(&of_role(Role::Developer), Standing::Owner), AccessDecision::Allowed);
    }

    #[test]
    fn a_share_gives_what_it_names_and_no_more() {
        let developer = of_role(Role::Developer);
        let table: [(&[Permission], [bool; 6]); 5] = [
            (&[McpRead], [true, true, true, true, false, false]),
            (&[McpExecute], [true, true, false, false, true, false]),
            (&[McpWrite], [true, false, true, false, false, true]),
            (&[McpExecute, McpWrite], [true, true, true, false, true, true]),
            (&[McpRead, McpExecute], [true, true, true, true, true, false]),
        ];
        for (share, expected) in table {
            let given = [SEES, USES, CONFIGURES, READS, EXECUTES, &[McpWrite]]
                .map(|wanted| on_server(&developer, Standing::SharedWith(share), wanted) == AccessDecision::Allowed);
            assert_eq!(given, expected, "{share:?}");
        }
        let shared = Standing::SharedWith(&[McpExecute]);
        assert_eq!(on_server(&developer, shared, READS), AccessDecision::Forbidden(McpRead));
    }

    #[test]
    fn a_share_gives_nothing_its_receiver_does_not_hold() {
        let shared = Standing::SharedWith(&EACH);
        assert_eq!(on_server(&of_role(Role::Viewer), shared, EXECUTES), AccessDecision::Forbidden(McpExecute));
        let executes = Standing::SharedWith(EXECUTES);
        assert_eq!(on_server(&of_role(Role::Viewer), executes, SEES), AccessDecision::Forbidden(McpRead));
        let nothing = PermissionSet::default();
        assert_eq!(on_server(&nothing, shared, READS), AccessDecision::Forbidden(McpRead));
    }

    #[test]
    fn a_share_never_allows_sharing_on_or_deleting() {
        let verdict = on_ownership(&of_role(Role::Developer), Standing::SharedWith(&EACH));
        assert_eq!(verdict, AccessDecision::Forbidden(McpManage));
    }

    #[test]
    fn a_manager_may_do_everything_with_everybodys_servers() {
        let manager = PermissionSet::from_iter([McpManage]);
        for standing in [Standing::Owner, Standing::SharedWith(&[]), Standing::Stranger] {
            assert!(EACH.into_iter().all(|wanted| on_server(&manager, standing, &[wanted]) == AccessDecision::Allowed));
            assert_eq!(on_ownership(&manager, standing), AccessDecision::Allowed);
        }
    }
}
