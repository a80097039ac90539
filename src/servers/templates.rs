//! Templates of servers: made, changed and removed by their owners, and servers made of them.
//!
//! A template is its maker's, or everybody's (`shared`), which holders of `mcp:manage` write. What those have written,
//! their template allows: a server made of it may have a command line, grants and references that its owner could not
//! write.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    error::{Error, Noun, Result},
    model::{Hidden, Permission, Principal, Server, ServerConfig, ServerId, Share, TemplateId, Timestamp},
    policy::{catalogue::Given, permission, reference, server as rules, template::ServerTemplate},
    registry::Registered,
    servers::{
        answered::{AnsweredServer, KeptAnswers, check_asked},
        registration::CREATE,
        service::Servers,
    },
    store::{self, templates::StoredAnswers},
};

pub(crate) use crate::store::templates::StoredTemplate;

/// A template with the servers made of it that the caller may change.
pub(crate) struct TemplateDetails {
    /// The template.
    pub(crate) stored: StoredTemplate,
    /// Those servers, oldest first, with the answers.
    pub(crate) servers: Vec<(Arc<Registered>, StoredAnswers)>,
}

/// A server wanted of a template. `Debug` does not show the answers.
pub(crate) struct TemplateOrder {
    /// The template.
    pub(crate) template: TemplateId,
    /// The server's name, in place of the template's.
    pub(crate) name: Option<String>,
    /// Answers to the questions of the template.
    pub(crate) values: BTreeMap<String, String>,
}

impl std::fmt::Debug for TemplateOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { template, name, values: _ } = self;
        f.debug_struct("TemplateOrder")
            .field("template", template)
            .field("name", name)
            .field("values", &Hidden)
            .finish()
    }
}

impl Servers {
    /// The caller's templates and those of everybody, by name.
    pub(crate) async fn templates(&self, who: &Principal) -> Result<Vec<StoredTemplate>> {
        self.access.require_any(who, permission::SEES, "template.list")?;
        let user = who.user_id;
        self.store.read(move |db| store::templates::of_user(db, user)).await
    }

    /// One of them, with its servers.
    pub(crate) async fn template(&self, who: &Principal, id: TemplateId) -> Result<TemplateDetails> {
        self.access.require_any(who, permission::SEES, "template.read")?;
        let read =
            move |db: &mut store::Connection| Ok((store::templates::find(db, id)?, store::templates::servers(db, id)?));
        let (stored, made) = self.store.read(read).await?;
        let is_seen = |stored: &StoredTemplate| stored.user_id.is_none_or(|owner| owner == who.user_id);
        let stored = stored.filter(is_seen).ok_or(Error::NotFound(Noun::Template))?;
        let own = |(id, answers): (ServerId, _)| Some((self.registry.get(id)?, answers));
        let servers = made.into_iter().filter_map(own).filter(|(server, _)| server.is_owned_by(who)).collect();
        Ok(TemplateDetails { stored, servers })
    }

    /// Makes a template (`mcp:write`).
    pub(crate) async fn create_template(&self, who: &Principal, template: ServerTemplate) -> Result<StoredTemplate> {
        const ACTION: &str = "template.create";
        self.check_template(who, &template, ACTION)?;
        let (id, now) = (TemplateId::new(), Timestamp::now());
        let user_id = (!template.shared).then_some(who.user_id);
        let stored = StoredTemplate { id, user_id, template, created_at: now, updated_at: now };
        let entry = self.access.change(who, ACTION, id)?.with_detail(stored.template.name.clone());
        let added = stored.clone();
        self.recorder.commit(Some(entry), move |db| store::templates::insert(db, &added)).await?;
        Ok(stored)
    }

    /// Changes a template. Servers that were made of it stay as they are until it is applied to them.
    pub(crate) async fn update_template(
        &self,
        who: &Principal,
        id: TemplateId,
        template: ServerTemplate,
    ) -> Result<StoredTemplate> {
        const ACTION: &str = "template.update";
        let before = self.template(who, id).await?.stored;
        self.require_template(who, before.template.shared, ACTION)?;
        self.check_template(who, &template, ACTION)?;
        let user_id = (!template.shared).then_some(who.user_id);
        let stored = StoredTemplate { user_id, template, updated_at: Timestamp::now(), ..before };
        let entry = self.access.change(who, ACTION, id)?.with_detail(stored.template.name.clone());
        let changed = stored.clone();
        let write = move |db: &mut store::Connection| match store::templates::update(db, &changed)? {
            true => Ok(()),
            false => Err(Error::NotFound(Noun::Template)),
        };
        self.recorder.commit(Some(entry), write).await?;
        Ok(stored)
    }

    /// Removes a template; the servers made of it stay.
    pub(crate) async fn delete_template(&self, who: &Principal, id: TemplateId) -> Result<()> {
        const ACTION: &str = "template.delete";
        let StoredTemplate { template, .. } = self.template(who, id).await?.stored;
        self.require_template(who, template.shared, ACTION)?;
        let entry = self.access.change(who, ACTION, id)?.with_detail(template.name);
        let remove = move |db: &mut store::Connection| match store::templates::delete(db, id)? {
            true => Ok(()),
            false => Err(Error::NotFound(Noun::Template)),
        };
        self.recorder.commit(Some(entry), remove).await
    }

    /// Registers a server of a template (`mcp:write`). Answers that are secrets are kept as secrets of the caller's. A
    /// dry run changes nothing and counts against no limit.
    pub(crate) async fn create_from_template(
        self: &Arc<Self>,
        who: &Principal,
        order: TemplateOrder,
        dry_run: bool,
    ) -> Result<AnsweredServer> {
        self.access.require_any(who, permission::WRITES, CREATE)?;
        let TemplateOrder { template: id, name, mut values } = order;
        let template = self.template(who, id).await?.stored.template;
        let fields = template.fields();
        check_asked(&fields, &values)?;
        values.retain(|_, value| !value.is_empty());
        let listed = self.secrets.list(who)?;
        let mut kept = KeptAnswers::new(name.as_deref().unwrap_or(&template.name), &listed);
        let mut keep = |key: &str, value: &str| kept.keep(key, value);
        let config = template.server(Given { values: &values, pointer: "/values", keep: &mut keep })?;
        for (key, value) in values.iter_mut() {
            if fields.iter().any(|field| field.is_secret && field.name == *key) && !reference::is_whole(value) {
                *value = kept.keep(key, value);
            }
        }
        let secrets = kept.secrets();
        let config = ServerConfig {
            name: name.unwrap_or(config.name),
            grants_paths: template.shared || self.writes_any_command(who),
            ..config
        };
        self.check_templated(who, &template, None, &config, CREATE)?;
        self.placement.check_paths(&ServerConfig::new("", ""), &config).await?;
        if dry_run {
            return self.foresee_answered(who, config, secrets).await;
        }
        let also = move |db: &mut store::Connection, server: &Server| {
            store::templates::link(db, server.id, id, &values)?;
            share(db, server, template.shares)
        };
        self.add_answered(who, config, secrets, also).await
    }

    /// Decides whether a server may become what a template makes of it: what everybody's template says was written by
    /// those who may, but no reference that an answer makes.
    pub(super) fn check_templated(
        &self,
        who: &Principal,
        template: &ServerTemplate,
        before: Option<&ServerConfig>,
        after: &ServerConfig,
        action: &str,
    ) -> Result<()> {
        let is_free = !template.shared || who.may(Permission::McpManage);
        // The answers are those of the owner of the server, also where others apply the template.
        if !is_free || before.is_some() {
            self.check_answers(who, template, before, after, action)?;
        }
        if is_free {
            return self.check_config(who, before, after, action);
        }
        rules::faults(after, &self.settings.allowed_variables).into_result()?;
        self.check_url(before, after)
    }

    /// Refuses references to secrets outside of Ostler that neither the template has nor the server had before.
    fn check_answers(
        &self,
        who: &Principal,
        template: &ServerTemplate,
        before: Option<&ServerConfig>,
        after: &ServerConfig,
        action: &str,
    ) -> Result<()> {
        let mut known = template.external_references();
        known.extend(before.into_iter().flat_map(reference::external_references).map(|(_, reference)| reference));
        let foreign = reference::external_references(after).find(|(_, reference)| !known.contains(reference));
        let Some((pointer, foreign)) = foreign else { return Ok(()) };
        self.access.entries().record_denial(who, action, &pointer);
        let place = pointer.trim_start_matches('/').replace('/', ".");
        let why = format!("{place}: {foreign} in an answer needs mcp:manage: give the value, or ${{secret:NAME}}");
        Err(Error::Forbidden(why))
    }

    fn check_template(&self, who: &Principal, template: &ServerTemplate, action: &str) -> Result<()> {
        self.require_template(who, template.shared, action)?;
        template.check(&self.settings.allowed_variables)
    }

    /// `Forbidden` for callers who may not write a template of their own, or one of everybody.
    fn require_template(&self, who: &Principal, is_shared: bool, action: &str) -> Result<()> {
        self.access.require_any(who, permission::WRITES, action)?;
        if !is_shared || who.may(Permission::McpManage) {
            return Ok(());
        }
        self.access.entries().record_denial(who, action, permission::name(Permission::McpManage));
        let why = "shared: a template of everybody needs mcp:manage: make one of your own, or ask a user who has that";
        Err(Error::Forbidden(why.into()))
    }
}

/// Shares a server that is being registered, but with its owner, and with accounts that are gone.
fn share(db: &mut store::Connection, server: &Server, shares: Vec<Share>) -> Result<Vec<Share>> {
    let mut shared = Vec::new();
    for share in shares.into_iter().filter(|share| share.user_id != server.user_id) {
        match store::shares::put(db, server.id, &share) {
            Ok(()) => shared.push(share),
            Err(Error::NotFound(Noun::User)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(shared)
}
