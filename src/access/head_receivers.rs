//! [`HeadReceivers`]: receivers elsewhere of the head of the audit log.
//!
//! Each has a task of its own, which knows the newest head alone: one that is down or hangs delays nothing, and gets
//! the head once it is there again.

use std::{
    fs,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future;
use tokio::{sync::watch, time::timeout};

use crate::{access::head_message::HeadMessage, model::AuditLink, outbound::SyslogTarget};

/// Time for a receiver to take a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for all receivers to take the last one, at the stop of a runtime.
const LAST_SEND_TIMEOUT: Duration = Duration::from_secs(3);

/// Receivers of the head of the audit log, besides Ostler's log and a file; none by default.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AuditReceivers {
    /// A syslog server.
    pub syslog: Option<SyslogTarget>,
    /// A URL that takes messages by POST; it may hold a token.
    #[cfg(feature = "remote")]
    pub webhook: Option<secrecy::SecretString>,
    /// File with the key that signs these messages; `None` leaves them unsigned.
    #[cfg(feature = "remote")]
    pub webhook_key_file: Option<std::path::PathBuf>,
}

/// Receivers, and the outcome of the last attempt at each.
pub(crate) struct HeadReceivers {
    installation: Arc<str>,
    receivers: Vec<Arc<Receiver>>,
}

struct Receiver {
    means: Means,
    /// The newest head, sent again while it is not taken.
    offered: watch::Sender<Option<AuditLink>>,
    state: watch::Sender<Delivery>,
}

enum Means {
    Syslog {
        target: SyslogTarget,
        host: String,
    },
    #[cfg(feature = "remote")]
    Webhook {
        url: secrecy::SecretString,
        key_file: Option<std::path::PathBuf>,
    },
}

/// The outcome of the attempts at one receiver.
#[derive(Clone, Default)]
struct Delivery {
    attempts: u64,
    attempted: Option<AuditLink>,
    taken: Option<AuditLink>,
    /// Attempts since it last took a message.
    failures: u64,
}

impl HeadReceivers {
    /// Receivers by these settings, which were sent nothing yet.
    pub(crate) fn new(settings: &AuditReceivers, installation: &str) -> Self {
        let host = || fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
        let syslog = settings.syslog.clone().map(|target| Means::Syslog { target, host: host() });
        #[cfg(feature = "remote")]
        let webhook =
            settings.webhook.clone().map(|url| Means::Webhook { url, key_file: settings.webhook_key_file.clone() });
        #[cfg(not(feature = "remote"))]
        let webhook = None;
        let receiver = |means| {
            Arc::new(Receiver {
                means,
                offered: watch::Sender::new(None),
                state: watch::Sender::new(Delivery::default()),
            })
        };
        Self { installation: installation.into(), receivers: syslog.into_iter().chain(webhook).map(receiver).collect() }
    }

    /// Sends each receiver what is offered, until `self` is dropped.
    pub(super) fn run(&self) -> impl Future<Output = ()> + use<> {
        let each = self.receivers.iter().map(|receiver| {
            let (offered, installation) = (receiver.offered.subscribe(), self.installation.clone());
            deliver(Arc::downgrade(receiver), offered, installation)
        });
        let all = future::join_all(each.collect::<Vec<_>>());
        async { drop(all.await) }
    }

    /// Offers the newest head to each receiver that has not taken it. Does not wait.
    pub(super) fn offer(&self, head: &AuditLink) {
        for receiver in &self.receivers {
            receiver.offer(head);
        }
    }

    /// Offers the last head, and waits until each receiver has taken it or not, for 3 s at most.
    pub(super) async fn offer_last(&self, head: &AuditLink) {
        let each = self.receivers.iter().map(|receiver| async {
            let before = receiver.state.borrow().attempts;
            if receiver.offer(head) {
                let mut state = receiver.state.subscribe();
                let is_tried = |state: &Delivery| state.attempts > before && state.attempted.as_ref() == Some(head);
                // It ends with the runtime.
                let _ = state.wait_for(is_tried).await;
            }
        });
        // The next run sends what was not taken by then.
        let _ = timeout(LAST_SEND_TIMEOUT, future::join_all(each)).await;
    }

    /// Each receiver by the name of its kind, and whether it took the last head that it was offered.
    #[cfg(feature = "metrics")]
    pub(super) fn states(&self) -> Vec<(&'static str, bool)> {
        let state = |receiver: &Arc<Receiver>| (receiver.means.kind(), receiver.state.borrow().failures == 0);
        self.receivers.iter().map(state).collect()
    }
}

impl Receiver {
    /// True where it is sent.
    fn offer(&self, head: &AuditLink) -> bool {
        let is_new = self.state.borrow().taken.as_ref() != Some(head);
        if is_new {
            self.offered.send_replace(Some(head.clone()));
        }
        is_new
    }

    /// Notes the outcome of an attempt. A failure is logged once, until one succeeds.
    fn note(&self, head: AuditLink, outcome: Result<(), String>) {
        let setting = self.means.setting();
        self.state.send_modify(|state| {
            state.attempts = state.attempts.saturating_add(1);
            state.attempted = Some(head.clone());
            match outcome {
                Ok(()) => {
                    let failures = std::mem::take(&mut state.failures);
                    if failures > 0 {
                        log::info!(setting, failures; "the head of the audit log is delivered again");
                    }
                    state.taken = Some(head);
                }
                Err(why) => {
                    if state.failures == 0 {
                        log::error!(setting, why; "the head of the audit log cannot be delivered; it is tried each minute");
                    }
                    state.failures = state.failures.saturating_add(1);
                }
            }
        });
    }
}

async fn deliver(receiver: Weak<Receiver>, mut offered: watch::Receiver<Option<AuditLink>>, installation: Arc<str>) {
    while offered.changed().await.is_ok() {
        let head = offered.borrow_and_update().clone();
        let (Some(receiver), Some(head)) = (receiver.upgrade(), head) else { return };
        let message = HeadMessage::new(head.clone(), &installation);
        let late = |_| Err(format!("it did not take it within {} s", SEND_TIMEOUT.as_secs()));
        let outcome = timeout(SEND_TIMEOUT, receiver.means.send(&message)).await.unwrap_or_else(late);
        receiver.note(head, outcome);
    }
}

impl Means {
    #[cfg(feature = "metrics")]
    fn kind(&self) -> &'static str {
        match self {
            Self::Syslog { .. } => "syslog",
            #[cfg(feature = "remote")]
            Self::Webhook { .. } => "webhook",
        }
    }

    fn setting(&self) -> &'static str {
        match self {
            Self::Syslog { .. } => "OSTLER_AUDIT_SYSLOG",
            #[cfg(feature = "remote")]
            Self::Webhook { .. } => "OSTLER_AUDIT_WEBHOOK",
        }
    }

    async fn send(&self, message: &HeadMessage) -> Result<(), String> {
        match self {
            Self::Syslog { target, host } => {
                let sent = target.send(&message.syslog(host, std::process::id())).await;
                sent.map_err(|cause| cause.to_string())
            }
            #[cfg(feature = "remote")]
            Self::Webhook { url, key_file } => post(url, key_file.clone(), message).await,
        }
    }
}

#[cfg(feature = "remote")]
async fn post(
    url: &secrecy::SecretString,
    key_file: Option<std::path::PathBuf>,
    message: &HeadMessage,
) -> Result<(), String> {
    use secrecy::ExposeSecret;

    use crate::{outbound::notify, tasks::blocking};

    let body = message.json();
    let mut headers = Vec::new();
    if let Some(file) = key_file {
        // Each time, so that a new key needs no restart.
        let read = blocking(move || Ok(fs::read_to_string(file))).await.map_err(|error| error.to_string())?;
        let key = read.map_err(|cause| format!("OSTLER_AUDIT_WEBHOOK_KEY_FILE cannot be read: {cause}"))?;
        headers.extend(message.signature(&key, &body));
    }
    notify(url.expose_secret(), &headers, body).await
}
