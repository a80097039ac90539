//! Declarations of a client about itself, sent with each request (2026-07-28, basic/index#meta).

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::mcp::{Level, Members};

/// The extension that lets a server answer with a task instead of a result; it is not bridged, so never declared.
const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// A client as a server hears of it.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Its `capabilities`, as it wrote them.
    pub capabilities: Arc<RawValue>,
    /// Its `clientInfo`, as it wrote it; `None` is Ostler's own.
    pub info: Option<Arc<RawValue>>,
    /// The least severe `notifications/message` it wants, by its name; `None` where it did not say.
    pub log_level: Option<String>,
}

impl Declared {
    /// The level by which messages are sorted out; `None` where it gave none, or none that is known.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.log_level.as_deref().and_then(Level::named)
    }

    /// Capabilities declared to servers: all but tasks.
    pub(super) fn passed_on(&self) -> Arc<RawValue> {
        without_tasks(&self.capabilities)
    }
}

/// Removes tasks, of either era, from capabilities; byte for byte the same where there are none.
pub(super) fn without_tasks(capabilities: &Arc<RawValue>) -> Arc<RawValue> {
    if !capabilities.get().contains("tasks") {
        return capabilities.clone();
    }
    let Ok(mut members) = Members::parse(capabilities) else { return capabilities.clone() };
    members.remove("tasks");
    let extensions = members.get("extensions").and_then(|extensions| Members::parse(extensions).ok());
    if let Some(mut extensions) = extensions.filter(|extensions| extensions.get(TASKS_EXTENSION).is_some()) {
        extensions.remove(TASKS_EXTENSION);
        members.set("extensions", Arc::from(extensions.to_raw()));
    }
    Arc::from(members.to_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_never_declared_and_all_else_is_as_it_was() {
        let passed_on = |text: &str| {
            let capabilities = Arc::from(RawValue::from_string(text.to_owned()).unwrap());
            without_tasks(&capabilities).get().to_owned()
        };
        for text in ["{}", r#"{ "sampling" : {"x":1e400} }"#, r#"{"extensions":{"dev.tasks/x":[ ]}}"#] {
            assert_eq!(passed_on(text), text);
        }
        let both = r#"{"tasks":{"list":{}},"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":[ 1]},"roots":{}}"#;
        assert_eq!(passed_on(both), r#"{"extensions":{"a/b":[ 1]},"roots":{}}"#);
    }
}
