//! Lists that changed and are yet to be told of: several changes of one list within a moment are one.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long further changes are waited for.
const MOMENT: Duration = Duration::from_millis(50);

/// Which lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists {
    pub tools: bool,
    pub prompts: bool,
    pub resources: bool,
}

/// What is yet to be told.
pub(super) struct Changes {
    wanted: Lists,
    noted: Lists,
    at: Option<Instant>,
}

impl Changes {
    /// Nothing, at first; and never anything of lists that are not wanted.
    pub fn among(wanted: Lists) -> Self {
        Self { wanted, noted: Lists::default(), at: None }
    }

    /// A list changed: `tools`, `prompts` or `resources`.
    pub fn note(&mut self, list: &str) {
        self.noted.tools |= self.wanted.tools && list == "tools";
        self.noted.prompts |= self.wanted.prompts && list == "prompts";
        self.noted.resources |= self.wanted.resources && list == "resources";
        if self.noted != Lists::default() {
            self.at.get_or_insert_with(|| Instant::now() + MOMENT);
        }
    }

    /// Every list may be another.
    pub fn note_all(&mut self) {
        for list in ["tools", "prompts", "resources"] {
            self.note(list);
        }
    }

    /// The next notification that is due; waits for one. May be dropped and called again without loss.
    pub async fn due(&mut self) -> &'static str {
        let Some(at) = self.at else { return std::future::pending().await };
        sleep_until(at).await;
        let noted = &mut self.noted;
        let all = [
            (&mut noted.tools, "notifications/tools/list_changed"),
            (&mut noted.prompts, "notifications/prompts/list_changed"),
            (&mut noted.resources, "notifications/resources/list_changed"),
        ];
        let next = all.into_iter().find(|(noted, _)| **noted).map(|(noted, method)| {
            *noted = false;
            method
        });
        if self.noted == Lists::default() {
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
        let mut changes = Changes::among(Lists { tools: true, prompts: false, resources: true });
        for list in ["tools", "tools", "prompts", "resources", "tools"] {
            changes.note(list);
        }
        assert_eq!(changes.due().await, "notifications/tools/list_changed");
        assert_eq!(changes.due().await, "notifications/resources/list_changed");
        assert!(tokio::time::timeout(MOMENT * 10, changes.due()).await.is_err());
        changes.note("prompts");
        assert!(tokio::time::timeout(MOMENT * 10, changes.due()).await.is_err());
        changes.note_all();
        assert_eq!(changes.due().await, "notifications/tools/list_changed");
    }
}
