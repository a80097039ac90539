//! List changes that are yet to be notified: several changes of a list in short order make one notification.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Time in which changes of one list are coalesced.
const COALESCE_WINDOW: Duration = Duration::from_millis(50);

/// A set of lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ListKinds {
    pub tools: bool,
    pub prompts: bool,
    pub resources: bool,
}

/// Pending `list_changed` notifications.
pub(super) struct ListChanges {
    wanted: ListKinds,
    changed: ListKinds,
    at: Option<Instant>,
}

impl ListChanges {
    /// No pending notifications; changes of lists outside of `wanted` are ignored.
    pub(super) fn within(wanted: ListKinds) -> Self {
        Self { wanted, changed: ListKinds::default(), at: None }
    }

    /// Records a change of `tools`, `prompts` or `resources`.
    pub(super) fn record(&mut self, list: &str) {
        self.changed.tools |= self.wanted.tools && list == "tools";
        self.changed.prompts |= self.wanted.prompts && list == "prompts";
        self.changed.resources |= self.wanted.resources && list == "resources";
        if self.changed != ListKinds::default() {
            self.at.get_or_insert_with(|| Instant::now() + COALESCE_WINDOW);
        }
    }

    /// Records a change of every list.
    pub(super) fn record_all(&mut self) {
        for list in ["tools", "prompts", "resources"] {
            self.record(list);
        }
    }

    /// The next notification that is due; waits for one. Cancel safe.
    pub(super) async fn next_due(&mut self) -> &'static str {
        let Some(at) = self.at else { return std::future::pending().await };
        sleep_until(at).await;
        let changed = &mut self.changed;
        let all = [
            (&mut changed.tools, "notifications/tools/list_changed"),
            (&mut changed.prompts, "notifications/prompts/list_changed"),
            (&mut changed.resources, "notifications/resources/list_changed"),
        ];
        let next = all.into_iter().find(|(changed, _)| **changed).map(|(changed, method)| {
            *changed = false;
            method
        });
        if self.changed == ListKinds::default() {
            self.at = None;
        }
        match next {
            Some(method) => method,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_changes_is_told_once() {
        let mut changes = ListChanges::within(ListKinds { tools: true, prompts: false, resources: true });
        for list in ["tools", "tools", "prompts", "resources", "tools"] {
            changes.record(list);
        }
        assert_eq!(changes.next_due().await, "notifications/tools/list_changed");
        assert_eq!(changes.next_due().await, "notifications/resources/list_changed");
        assert!(tokio::time::timeout(COALESCE_WINDOW * 10, changes.next_due()).await.is_err());
        changes.record("prompts");
        assert!(tokio::time::timeout(COALESCE_WINDOW * 10, changes.next_due()).await.is_err());
        changes.record_all();
        assert_eq!(changes.next_due().await, "notifications/tools/list_changed");
    }
}
