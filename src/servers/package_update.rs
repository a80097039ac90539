//! Moves servers to other versions of their packages: the new ones are installed beside the old, tried out by a process
//! that serves no caller, shown, and only then moved to, without losing a call.

use std::sync::Arc;

use aws_lc_rs::digest;
use serde_json::value::RawValue;

use crate::{
    error::{Error, Noun, Result},
    events::ServerChangeKind,
    listings::ACCEPT,
    model::{
        AuditEntry, AvailableVersions, CallFilter, Isolation, Outcome, PackageRun, PackageUpdate, PageRequest,
        Principal, ServerId, TimelineLevel, ToolChange,
    },
    packages::{UpdateInProgress, Versions},
    placement::{Trial, TrialCall},
    policy::{
        hex, package, payload, permission,
        pins::{self, Pins},
    },
    registry::Registered,
    servers::service::Servers,
    store,
    supervisor::messages::NotUp,
};

/// Names in the audit log: code of other versions is run, and servers are moved to them.
const TRY: &str = "package.try";
const UPDATE: &str = "package.update";
const ROLLBACK: &str = "package.rollback";

/// Recorded calls among which those are found that a new version is asked.
const CALLS_SEARCHED: u32 = 100;

/// Bytes of tools' names in a message.
const TOOLS_BYTES_MAX: usize = 300;

/// Bytes of the hash that names versions with their tools.
const REVISION_BYTES: usize = 16;

/// Way of an update of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// Says what would be another, and changes nothing.
    DryRun,
    /// Moves to the new versions; tools that are others wait to be accepted.
    Move,
    /// Moves to the new versions where no tool is another, or gone; else `Conflict`.
    Unattended,
    /// Moves to the versions of a dry run and accepts their tools; `Conflict` where there are others by now.
    Accept(String),
}

/// A move of a server from one version of its package to another.
struct Move {
    server: Arc<Registered>,
    run: PackageRun,
    difference: AvailableVersions,
    to: Versions,
    /// Tools that its caller looked at and accepts.
    changes: Vec<ToolChange>,
    /// All tools that are accepted with it.
    tools: Pins,
    action: &'static str,
    _alone: UpdateInProgress,
}

impl Servers {
    /// Updates a server's package to the versions that its command line asks for now (`mcp:write`). A process that
    /// serves no caller is started with them, and asked what the server was called with before. Where it does not get
    /// ready, or fails at a call and was not accepted so, the server stays as it is, and the failure says why. Takes as
    /// long as it takes to install them, and goes on where the caller is dropped.
    pub async fn update_package(
        self: &Arc<Self>,
        who: &Principal,
        id: ServerId,
        mode: UpdateMode,
    ) -> Result<PackageUpdate> {
        let server = self.registry.reach(who, id, permission::WRITES, UPDATE)?;
        let alone = self.packages.begin_update(id)?;
        let (servers, who) = (self.clone(), who.clone());
        let updated =
            self.recorder.spawn(async move { servers.update_to_newest(Some(&who), server, mode, alone).await });
        updated.await.map_err(|_| Error::Internal("an update panicked".into()))?
    }

    /// Has a server run the versions of its package, and list the tools, that it had before its last update
    /// (`mcp:write`).
    pub async fn roll_back_package(self: &Arc<Self>, who: &Principal, id: ServerId) -> Result<AvailableVersions> {
        let server = self.registry.reach(who, id, permission::WRITES, ROLLBACK)?;
        let alone = self.packages.begin_update(id)?;
        let run = self.replaced_run(&server)?;
        let (difference, to, tools) = self.packages.previous(id, &run)?;
        let (servers, who) = (self.clone(), who.clone());
        let (seen, changes) = (difference.clone(), Vec::new());
        let moving = Move { server, run, difference, to, changes, tools, action: ROLLBACK, _alone: alone };
        let moved = self.recorder.spawn(async move { servers.move_to(Some(&who), moving).await });
        moved.await.map_err(|_| Error::Internal("a rollback panicked".into()))??;
        Ok(seen)
    }

    /// Updates a server's package as `mode` says, for a caller or by Ostler itself.
    pub(super) async fn update_to_newest(
        self: &Arc<Self>,
        who: Option<&Principal>,
        server: Arc<Registered>,
        mode: UpdateMode,
        alone: UpdateInProgress,
    ) -> Result<PackageUpdate> {
        let run = self.replaced_run(&server)?;
        self.recorder.commit_entry(self.entry(who, TRY, server.id)?).await?;
        let note = |text: &str| server.link.add_note(TimelineLevel::Info, &format!("update: {text}"));
        let installers = self.placement.installers();
        let (versions, to) = self.packages.install_newest(server.id, &run, &installers, &note).await?;
        let Trial { tools: listed, calls } = self.try_out(&server, &versions, &to).await?;
        let (tools, removed_tools) = self.listings.compared(&server, &listed);
        let revision = revision(&to, &listed);
        let mut update = PackageUpdate { versions, tools, removed_tools, revision, calls, is_applied: false };
        if mode == UpdateMode::DryRun {
            return Ok(update);
        }
        if let Some(reason) = objection(&update, &mode) {
            return Err(Error::Conflict(reason));
        }
        let accepts = matches!(mode, UpdateMode::Accept(_));
        if update.versions.is_other {
            let (changes, tools) =
                if accepts { (update.tools.clone(), Pins::of(&*listed)) } else { Default::default() };
            let difference = update.versions.clone();
            let moving = Move { server, run, difference, to, changes, tools, action: UPDATE, _alone: alone };
            self.move_to(who, moving).await?;
        }
        update.is_applied = true;
        Ok(update)
    }

    /// Findings about a process of the server with other versions of its package.
    async fn try_out(&self, server: &Registered, versions: &AvailableVersions, to: &Versions) -> Result<Trial> {
        let (process, calls) = (ServerId::new(), self.canary_calls(server).await?);
        let _loan = self.packages.lend(process, to);
        let (name, version) = (&versions.name, &versions.available);
        server.link.add_note(TimelineLevel::Info, &format!("update: trying {name} {version}"));
        self.placement.try_out(process, server, calls).await?.map_err(|not_up| {
            let (reason, stderr) = match not_up {
                NotUp::Failed(report) => (report.reason, report.stderr),
                NotUp::Stopped => ("was stopped".into(), Vec::new()),
            };
            let reason = format!("was not updated: with {name} {version} it {reason}");
            server.link.add_note(TimelineLevel::Warn, &format!("it {reason}"));
            Error::SpawnFailed { reason, stderr }
        })
    }

    /// Recorded calls of tools that change nothing, for another version to answer as well.
    async fn canary_calls(&self, server: &Registered) -> Result<Vec<TrialCall>> {
        let (id, tools) = (server.id, self.listings.read_only(server));
        // A process of one caller alone has what that caller gave it.
        if tools.is_empty() || server.server.load().config.isolation != Isolation::Shared {
            return Ok(Vec::new());
        }
        let filter = CallFilter { success: Some(true), ..CallFilter::default() };
        let page = PageRequest { limit: CALLS_SEARCHED, cursor: None };
        let calls = self.store.read(move |db| store::calls::list(db, &[id], &filter, &page)).await?;
        Ok(package::canary_calls(&tools, calls.items))
    }

    async fn move_to(self: &Arc<Self>, who: Option<&Principal>, moving: Move) -> Result<()> {
        let Move { server, run, difference, .. } = &moving;
        let AvailableVersions { name, version, available, .. } = difference;
        let detail = format!("{name} {version} → {available}");
        let (before, accepted) = (self.packages.current(server.id, run)?, self.listings.accepted(server.id));
        self.put_in_place(who, &moving, (&before, &accepted), &detail).await?;
        server.link.add_note(TimelineLevel::Info, &format!("{detail}, by {}", who.map_or("Ostler", |who| &who.email)));
        let moved = self.placement.move_on(server).await;
        let Ok(Err(NotUp::Failed(report))) = moved else {
            self.listings.end_move(server, None).await?;
            self.events.publish_server_change(server, ServerChangeKind::Updated);
            // Where the supervisor was lost, the next one starts it so.
            return moved.map(drop);
        };
        let why = format!("was not moved to {name} {available}, with which it {}", report.reason);
        let reason = format!("{why}; it runs {version} as before");
        server.link.add_note(TimelineLevel::Warn, &format!("it {reason}"));
        let entry =
            AuditEntry::by_ostler(moving.action, server.id, Outcome::Failure).with_detail(format!("it {reason}"));
        self.packages.put_back(entry, server.id, &before).await?;
        self.placement.move_back(server).await?;
        self.listings.end_move(server, Some(&accepted)).await?;
        Err(Error::SpawnFailed { reason, stderr: report.stderr })
    }

    /// Keeps other versions as those that a server runs from its next process on, and accepts their tools.
    async fn put_in_place(
        &self,
        who: Option<&Principal>,
        Move { server, run, to, changes, tools, action, .. }: &Move,
        (before, accepted): (&Versions, &Pins),
        detail: &str,
    ) -> Result<()> {
        let _work = self.lifecycle.begin_work()?;
        let _change = self.lifecycle.begin_change().await;
        let _alone = server.changing.lock().await;
        if self.replaced_run(server)? != *run {
            return Err(Error::Stale(Noun::Server));
        }
        let entry = self.entry(who, action, server.id)?.with_detail(detail);
        if let Some(who) = who {
            for change in changes {
                let entry = AuditEntry::by(who, ACCEPT, server.id, Outcome::Success);
                self.recorder.commit_entry(entry.with_detail(pins::described(change))).await?;
            }
        }
        self.listings.begin_move(server, tools).await?;
        let replaced = self.packages.replace(entry, server.id, (before, accepted), to).await;
        if replaced.is_err() {
            self.listings.end_move(server, Some(accepted)).await?;
        }
        replaced
    }

    /// An entry of the audit log about a caller's change, or one by Ostler itself.
    fn entry(&self, who: Option<&Principal>, action: &str, id: ServerId) -> Result<AuditEntry> {
        let own = || Ok(AuditEntry::by_ostler(action, id, Outcome::Success));
        who.map_or_else(own, |who| self.access.change(who, action, id))
    }
}

/// The reason why a server is not moved by an update.
fn objection(update: &PackageUpdate, mode: &UpdateMode) -> Option<String> {
    let PackageUpdate { versions, tools, removed_tools, revision, calls, .. } = update;
    if let UpdateMode::Accept(seen) = mode {
        let why = "its package, or what that lists, is not as it was looked at: look at the update again";
        return (seen != revision).then(|| why.to_owned());
    }
    let AvailableVersions { name, available, .. } = versions;
    let next = "look at the update, and accept it if it is right";
    let failed = calls.iter().find_map(|call| Some((&call.tool, call.failure.as_ref()?)));
    if let Some((tool, failure)) = failed {
        let what = format!("with {name} {available} its tool {tool}, called as it was before, fails: {failure}");
        return Some(format!("was not updated: {what}; {next}"));
    }
    let others: Vec<_> = tools.iter().map(|tool| &tool.name).chain(removed_tools).map(String::as_str).collect();
    let is_held = *mode == UpdateMode::Unattended && !others.is_empty();
    is_held.then(|| {
        let others = payload::shortened(&others.join(", "), TOOLS_BYTES_MAX);
        format!("was not updated: with {name} {available} tools are new, others or gone ({others}); {next}")
    })
}

/// Name of versions with the tools that they list.
fn revision(versions: &Versions, tools: &[Arc<RawValue>]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(versions.digest().as_bytes());
    for definition in pins::definitions(tools).values() {
        hash.update(definition.hash().as_bytes());
    }
    hex::encode(hash.finish().as_ref().get(..REVISION_BYTES).unwrap_or_default())
}
