//! What the fixture knows while it runs, and how it writes.

use std::{
    collections::{HashMap, HashSet},
    io::Write,
    sync::{Arc, Mutex, atomic::AtomicBool, mpsc},
};

use serde_json::{Value, json};

use crate::{listening::Listeners, seal::Seal};

/// Which revisions it speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// With a handshake.
    Legacy,
    /// Without one.
    Modern,
}

/// The process.
pub(crate) struct Server {
    pub(crate) era: Era,
    /// Ids of requests that are being worked on; one that is cancelled is taken out.
    pub(crate) working: Mutex<HashSet<String>>,
    pub(crate) listeners: Listeners,
    pub(crate) seal: Seal,
    /// Whether the tool and the prompt that come and go are there.
    pub(crate) extra_tool: AtomicBool,
    pub(crate) extra_prompt: AtomicBool,
    /// What the handshake said, and what was said since (older era only).
    pub(crate) session: Mutex<Session>,
}

/// What one client of the older era told.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) initialized: bool,
    pub(crate) capabilities: Value,
    pub(crate) log_level: Option<String>,
    pub(crate) subscriptions: HashSet<String>,
    /// Requests of ours that wait for an answer, by their ids.
    pub(crate) asked: HashMap<String, mpsc::Sender<Value>>,
}

impl Server {
    pub(crate) fn new(era: Era) -> Arc<Self> {
        Arc::new(Self {
            era,
            working: Mutex::default(),
            listeners: Listeners::default(),
            seal: Seal::new(),
            extra_tool: AtomicBool::new(false),
            extra_prompt: AtomicBool::new(false),
            session: Mutex::default(),
        })
    }

    /// Writes a message as one line.
    pub(crate) fn write(&self, message: &Value) {
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{message}").and_then(|()| out.flush()).is_err() {
            std::process::exit(141);
        }
    }

    pub(crate) fn notify(&self, method: &str, params: Value) {
        self.write(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request of our own, with `id`, which the suite wants to see; the answer comes through the receiver. What
    /// was asked with that id before, and not answered, is given up.
    pub(crate) fn ask(&self, id: &str, method: &str, params: &Value) -> mpsc::Receiver<Value> {
        let (sender, answer) = mpsc::channel();
        if self.session.lock().unwrap().asked.insert(id.to_owned(), sender).is_some() {
            self.notify("notifications/cancelled", json!({"requestId": id, "reason": "asked anew"}));
        }
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        answer
    }
}
