//! Applies a template to the servers that were made of it: one after the other, each replaced without losing a call.
//! The first that does not become ready stays as it was, and ends it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    error::{Error, Result, below},
    events::ServerChangeKind,
    model::{AuditEntry, Outcome, Principal, Server, ServerConfig, ServerId, Status, TemplateId, TimelineLevel},
    policy::{catalogue::Given, change, permission, reference, template::ServerTemplate},
    registry::Registered,
    servers::{details, server_view::ServerView, service::Servers, templates::TemplateDetails},
    store::templates::StoredAnswers,
    supervisor::messages::NotUp,
};

/// The name of an application in the audit log.
const ROLL: &str = "template.roll";

/// A server that a template is applied to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RolledServer {
    /// Its id.
    #[schema(value_type = String)]
    pub(crate) id: ServerId,
    /// Its name.
    pub(crate) name: String,
    /// The action taken, or the one that a dry run foresees.
    pub(crate) action: RollAction,
    /// The fields that differ.
    pub(crate) changes: Vec<FieldChange>,
    /// Why it is not changed.
    pub(crate) problem: Option<String>,
}

/// Action on a server that a template is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RollAction {
    /// It becomes what the template says.
    Update,
    /// It is that already.
    Skip,
    /// It stays as it was, as `problem` says.
    Refuse,
    /// It was not tried, as one before it was refused.
    Wait,
}

/// A field of a server that becomes another, with values of secrets masked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FieldChange {
    /// Its name.
    field: String,
    /// Its value so far.
    before: Value,
    /// Its value by the template.
    after: Value,
}

impl Servers {
    /// Applies a template to the servers made of it that the caller owns (`mcp:write`; with `mcp:manage`, to all), each
    /// with its answers; names, and which servers run, stay. Returns once each is ready again, and goes on where the
    /// caller is dropped. A dry run says of each what would become of it, and changes nothing.
    pub(crate) async fn roll_template(
        self: &Arc<Self>,
        who: &Principal,
        id: TemplateId,
        dry_run: bool,
    ) -> Result<Vec<RolledServer>> {
        self.access.require_any(who, permission::WRITES, ROLL)?;
        let TemplateDetails { stored, servers: made } = self.template(who, id).await?;
        let template = Arc::new(stored.template);
        if dry_run {
            let mut rolled = Vec::new();
            for (registered, answers) in made {
                rolled.push(self.foresee_roll(who, &template, &registered, &answers).await);
            }
            return Ok(rolled);
        }
        let busy = |_| Error::Conflict("a template is being applied to its servers: wait until that is done".into());
        let alone = self.rolling.clone().try_lock_owned().map_err(busy)?;
        let entry = self.access.change(who, ROLL, id)?.with_detail(template.name.clone());
        self.recorder.commit_entry(entry).await?;
        let (servers, who) = (self.clone(), who.clone());
        let rolled = self.recorder.spawn(async move {
            let _alone = alone;
            servers.roll(&who, &template, made).await
        });
        rolled.await.map_err(|_| Error::Internal("the application of a template panicked".into()))
    }

    async fn roll(
        self: &Arc<Self>,
        who: &Principal,
        template: &Arc<ServerTemplate>,
        made: Vec<(Arc<Registered>, StoredAnswers)>,
    ) -> Vec<RolledServer> {
        let (mut rolled, mut is_refused) = (Vec::new(), false);
        for (registered, answers) in made {
            let mut server = self.foresee_roll(who, template, &registered, &answers).await;
            if is_refused {
                server.action = RollAction::Wait;
            } else if server.action == RollAction::Update
                && let Err(error) = self.apply_template(who, template, &registered, answers).await
            {
                (server.action, server.problem) = (RollAction::Refuse, Some(error.to_string()));
            }
            is_refused |= server.action == RollAction::Refuse;
            rolled.push(server);
        }
        rolled
    }

    /// The outcome for one server, as far as it can be foreseen without a change.
    async fn foresee_roll(
        &self,
        who: &Principal,
        template: &ServerTemplate,
        registered: &Registered,
        answers: &StoredAnswers,
    ) -> RolledServer {
        let server = registered.server.load_full();
        let (id, name) = (registered.id, server.config.name.clone());
        let (action, changes, problem) = match self.rolled(who, template, answers, &server.config) {
            Ok(after) if after == server.config => (RollAction::Skip, Vec::new(), None),
            Ok(after) => {
                let refused = match self.check_templated(who, template, Some(&server.config), &after, ROLL) {
                    Ok(()) => self.placement.check_paths(&server.config, &after).await.err(),
                    Err(error) => Some(error),
                };
                let action = if refused.is_some() { RollAction::Refuse } else { RollAction::Update };
                (action, differences(&server, after), refused.map(|error| error.to_string()))
            }
            Err(error) => (RollAction::Refuse, Vec::new(), Some(error.to_string())),
        };
        RolledServer { id, name, action, changes, problem }
    }

    /// Has a server run as the template says, and as before where it does not become ready so.
    async fn apply_template(
        self: &Arc<Self>,
        who: &Principal,
        template: &Arc<ServerTemplate>,
        registered: &Arc<Registered>,
        answers: StoredAnswers,
    ) -> Result<()> {
        let before = registered.server.load().config.clone();
        let was_up = match registered.link.view.borrow().status {
            Status::Running | Status::Starting | Status::Restarting => true,
            Status::Stopped | Status::Stopping | Status::Failed | Status::Unauthorized => false,
        };
        let name = &template.name;
        registered.link.add_note(TimelineLevel::Info, &format!("template {name}: applied, by {}", who.email));
        let (servers, owner, template) = (self.clone(), who.clone(), template.clone());
        let decide = move |_: &Registered, server: &Server| {
            let after = servers.rolled(&owner, &template, &answers, &server.config)?;
            servers.check_templated(&owner, &template, Some(&server.config), &after, ROLL)?;
            Ok(after)
        };
        self.change(who, registered.id, decide).await?;
        let after = registered.server.load().config.clone();
        let Err(NotUp::Failed(report)) = self.placement.settled(registered).await? else { return Ok(()) };
        if !was_up {
            return Ok(());
        }
        let reason =
            format!("was not changed by the template {name}: with it, it {}; it runs as before", report.reason);
        self.put_back(registered, &after, before, &reason).await?;
        Err(Error::SpawnFailed { reason, stderr: report.stderr })
    }

    /// Has a server run as before the template was applied to it, unless it was changed since.
    async fn put_back(
        self: &Arc<Self>,
        registered: &Arc<Registered>,
        rolled: &ServerConfig,
        before: ServerConfig,
        reason: &str,
    ) -> Result<()> {
        let _work = self.lifecycle.begin_work()?;
        let _change = self.lifecycle.begin_change().await;
        let _alone = registered.changing.lock().await;
        let now = Server::clone(&registered.server.load());
        if now.config != *rolled {
            return Ok(());
        }
        registered.link.add_note(TimelineLevel::Warn, &format!("it {reason}"));
        let entry = AuditEntry::by_ostler(ROLL, registered.id, Outcome::Failure).with_detail(format!("it {reason}"));
        let back = Server { config: before, ..now.clone() };
        self.apply(registered, &now, back, entry).await?;
        self.events.publish_server_change(registered, ServerChangeKind::Updated);
        Ok(())
    }

    /// The configuration that a template makes of a server with its answers.
    fn rolled(
        &self,
        who: &Principal,
        template: &ServerTemplate,
        answers: &StoredAnswers,
        before: &ServerConfig,
    ) -> Result<ServerConfig> {
        let is_open = |key: &str| answers.get(key).is_some_and(|answer| !reference::is_whole(answer));
        if let Some((key, _)) = template.parameters.iter().find(|(key, one)| one.is_secret && is_open(key)) {
            let why = "was no secret when the server was made, and its answer is not kept as one: add the server again";
            return Err(Error::invalid(below("/values", key), why));
        }
        let mut keep = |_: &str, value: &str| value.to_owned();
        let after = template.server(Given { values: answers, pointer: "/values", keep: &mut keep })?;
        let after = ServerConfig {
            name: before.name.clone(),
            enabled: before.enabled,
            grants_paths: template.shared || self.writes_any_command(who),
            ..after
        };
        let is_named_alike = change::is_named_alike(before, &after);
        let grants_paths = if is_named_alike { before.grants_paths } else { after.grants_paths };
        Ok(ServerConfig { grants_paths, ..after })
    }
}

/// The fields of a server that become others.
fn differences(server: &Server, after: ServerConfig) -> Vec<FieldChange> {
    let shown = |mut config: ServerConfig, is_masked: bool| {
        if is_masked {
            details::mask(&mut config);
        }
        serde_json::to_value(ServerView::from(Server { config, ..server.clone() })).unwrap_or_default()
    };
    let [before_masked, after_masked] = [&server.config, &after].map(|config| shown(config.clone(), true));
    let [before, after] = [&server.config, &after].map(|config| shown(config.clone(), false));
    let fields = before.as_object().into_iter().flatten().filter(|(field, value)| after.get(*field) != Some(value));
    let value = |of: &Value, field: &str| of.get(field).cloned().unwrap_or_default();
    fields
        .map(|(field, _)| FieldChange {
            field: field.clone(),
            before: value(&before_masked, field),
            after: value(&after_masked, field),
        })
        .collect()
}
