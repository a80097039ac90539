//! [`ToolNames`]: the closed set of tool names that are values of a label.

use std::{collections::HashSet, sync::Arc};

use parking_lot::RwLock;

use crate::telemetry::labels::OTHER;

/// Names that become values of a label; a series for each stays in memory until the program ends, so more share one.
const NAMES_MAX: usize = 500;

/// Tool names that are values of a label.
#[derive(Default)]
pub(super) struct ToolNames(RwLock<HashSet<Arc<str>>>);

impl ToolNames {
    /// The label of a tool: its name where it is known or `is_listed` by its server, else [`OTHER`], as a caller could
    /// make up any number of names.
    pub(super) fn label(&self, name: &str, is_listed: impl FnOnce() -> bool) -> Arc<str> {
        let names = self.0.read();
        if let Some(known) = names.get(name) {
            return known.clone();
        }
        let is_full = names.len() >= NAMES_MAX;
        drop(names);
        if is_full || !is_listed() {
            return OTHER.into();
        }
        let name: Arc<str> = name.into();
        self.0.write().insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_tools_become_labels() {
        let names = ToolNames::default();
        assert_eq!(&*names.label("made-up", || false), OTHER);
        assert_eq!(&*names.label("echo", || true), "echo");
        // Known from now on, whatever its server lists.
        assert_eq!(&*names.label("echo", || false), "echo");
    }

    #[test]
    fn tools_beyond_the_limit_share_a_label() {
        let names = ToolNames::default();
        (0..NAMES_MAX).for_each(|n| assert_eq!(&*names.label(&n.to_string(), || true), n.to_string()));
        assert_eq!(&*names.label("one more", || true), OTHER);
    }
}
