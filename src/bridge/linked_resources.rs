//! Resources that servers link to without listing them: which server each one is of, for the user who was given it.
//!
//! Known until the process ends. No request could be routed without: a prefix in the URI would break links that clients
//! open themselves (`https:`, `file:`), and asking other servers for it would tell them what it is.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;

use crate::{
    accounts::AccountObserver,
    model::{ServerId, UserId},
};

/// Resources that are known of one user; the oldest is forgotten then.
const LINKED_PER_USER_MAX: usize = 1000;

/// Bytes of the longest URI that is known.
pub(super) const LINKED_URI_BYTES_MAX: usize = 2048;

/// Linked resources of all users.
#[derive(Default)]
pub(crate) struct LinkedResources(Mutex<HashMap<UserId, LinksOfUser>>);

#[derive(Default)]
struct LinksOfUser {
    servers: HashMap<String, ServerId>,
    /// Oldest first.
    uris: VecDeque<String>,
}

impl LinkedResources {
    /// Notes that a server gave a user this URI.
    pub(super) fn add(&self, user: UserId, uri: &str, server: ServerId) {
        if uri.len() > LINKED_URI_BYTES_MAX {
            return;
        }
        let mut users = self.0.lock();
        let LinksOfUser { servers, uris } = users.entry(user).or_default();
        if servers.insert(uri.to_owned(), server).is_none() {
            uris.push_back(uri.to_owned());
        }
        if uris.len() > LINKED_PER_USER_MAX
            && let Some(oldest) = uris.pop_front()
        {
            servers.remove(&oldest);
        }
    }

    /// The server that gave a user this URI last.
    pub(super) fn server_of(&self, user: UserId, uri: &str) -> Option<ServerId> {
        self.0.lock().get(&user)?.servers.get(uri).copied()
    }
}

impl AccountObserver for LinkedResources {
    fn account_closed(&self, user: UserId) {
        self.0.lock().remove(&user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_known_to_its_user_alone_and_the_oldest_is_forgotten() {
        let (linked, ada, bob) = (LinkedResources::default(), UserId::new(), UserId::new());
        let (one, other) = (ServerId::new(), ServerId::new());
        linked.add(ada, "a:0", one);
        linked.add(ada, "a:0", other);
        assert_eq!(linked.server_of(ada, "a:0"), Some(other));
        assert_eq!(linked.server_of(bob, "a:0"), None);
        for number in 1..=LINKED_PER_USER_MAX {
            linked.add(ada, &format!("a:{number}"), one);
        }
        assert_eq!(linked.server_of(ada, "a:0"), None);
        assert_eq!(linked.server_of(ada, "a:1"), Some(one));
        linked.add(ada, &"x".repeat(LINKED_URI_BYTES_MAX + 1), one);
        assert_eq!(linked.server_of(ada, "a:1"), Some(one), "a URI that is too long takes no place");
        linked.account_closed(ada);
        assert_eq!(linked.server_of(ada, "a:1"), None);
    }
}
