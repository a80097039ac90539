//! What callers see of a catalogue: the rules of its owner applied, once for each change of either.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwapOption;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    mcp::{self, Members},
    model::{Catalogue, Server, ServerId, ToolRules},
    policy::{nesting, tools},
};

/// The last catalogue that was shown of each server.
#[derive(Default)]
pub(super) struct AllShown(Mutex<HashMap<ServerId, Arc<Shown>>>);

impl AllShown {
    /// That of one server, which may be none yet.
    pub fn of(&self, id: ServerId) -> Arc<Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().clone()
    }

    /// Forgets a server.
    pub fn forget(&self, id: ServerId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// The last catalogue that was shown.
#[derive(Default)]
pub(super) struct Shown(ArcSwapOption<Views>);

/// A catalogue as its server wrote it, and what callers see of it.
struct Views {
    source: Arc<Catalogue>,
    server: Arc<Server>,
    permitted: Arc<Catalogue>,
    described: Arc<Catalogue>,
    annotated: Arc<[Arc<RawValue>]>,
}

impl Shown {
    /// Without the tools that callers may not see; the same one where they may see all.
    pub fn permitted(&self, source: &Arc<Catalogue>, server: &Arc<Server>) -> Arc<Catalogue> {
        self.views(source, server).permitted.clone()
    }

    /// The same with the owner's descriptions in place of the server's.
    pub fn described(&self, source: &Arc<Catalogue>, server: &Arc<Server>) -> Arc<Catalogue> {
        self.views(source, server).described.clone()
    }

    /// Those of the tools that callers may see whose calls over HTTP may have to repeat arguments in headers.
    pub fn annotated(&self, source: &Arc<Catalogue>, server: &Arc<Server>) -> Arc<[Arc<RawValue>]> {
        self.views(source, server).annotated.clone()
    }

    fn views(&self, source: &Arc<Catalogue>, server: &Arc<Server>) -> Arc<Views> {
        let last = self.0.load_full();
        let current = |views: &Arc<Views>| Arc::ptr_eq(&views.source, source) && Arc::ptr_eq(&views.server, server);
        last.filter(current).unwrap_or_else(|| {
            let views = Arc::new(Views::of(source, server));
            self.0.store(Some(views.clone()));
            views
        })
    }
}

impl Views {
    fn of(source: &Arc<Catalogue>, server: &Arc<Server>) -> Self {
        let (rules, listable) = (&server.config.tools, listable(source));
        let with = |tools| Arc::new(Catalogue { tools: Arc::new(tools), ..Catalogue::clone(&listable) });
        let all = tools::permit_all(rules);
        let permitted = if all { listable.clone() } else { with(permitted(rules, &listable.tools)) };
        let described = if rules.descriptions.is_empty() {
            permitted.clone()
        } else {
            with(permitted.tools.iter().map(|tool| described(rules, tool)).collect())
        };
        let annotated = permitted.tools.iter().filter(|tool| mcp::may_annotate(tool)).cloned().collect();
        Self { source: source.clone(), server: server.clone(), permitted, described, annotated }
    }
}

/// How many items a catalogue has that are nested too deep for a list: for its readers, they would hide all others.
pub(super) fn count_unlistable(catalogue: &Catalogue) -> usize {
    let Catalogue { tools, prompts, resources, templates, .. } = catalogue;
    let items = [tools, prompts, resources, templates].into_iter().flat_map(|items| items.iter());
    items.filter(|item| is_unlistable(item)).count()
}

/// The catalogue without those items; the same one where it has none.
fn listable(source: &Arc<Catalogue>) -> Arc<Catalogue> {
    if count_unlistable(source) == 0 {
        return source.clone();
    }
    let kept = |items: &[Arc<RawValue>]| Arc::new(items.iter().filter(|item| !is_unlistable(item)).cloned().collect());
    Arc::new(Catalogue {
        version: source.version.clone(),
        greeting: source.greeting.clone(),
        tools: kept(&source.tools),
        prompts: kept(&source.prompts),
        resources: kept(&source.resources),
        templates: kept(&source.templates),
    })
}

fn is_unlistable(item: &RawValue) -> bool {
    nesting::exceeds(item.get(), nesting::LISTED_MAX)
}

/// Those of the tools that callers may see.
pub(super) fn permitted(rules: &ToolRules, listed: &[Arc<RawValue>]) -> Vec<Arc<RawValue>> {
    let may_see = |tool: &&Arc<RawValue>| name(tool).is_some_and(|name| tools::permit(rules, &name));
    listed.iter().filter(may_see).cloned().collect()
}

/// The result of a `tools/list` without the tools that callers may not see; as it came where they may see all.
pub(crate) fn permitted_page(rules: &ToolRules, page: Arc<RawValue>) -> Arc<RawValue> {
    if tools::permit_all(rules) {
        return page;
    }
    let Ok(mut members) = Members::parse(&page) else { return page };
    let listed = members.get("tools").and_then(|list| serde_json::from_str::<Vec<Box<RawValue>>>(list.get()).ok());
    let listed: Vec<Arc<RawValue>> = listed.unwrap_or_default().into_iter().map(Arc::from).collect();
    // What was read can be written.
    let Ok(list) = to_raw_value(&permitted(rules, &listed)) else { return page };
    members.set("tools", Arc::from(list));
    Arc::from(members.to_raw())
}

fn described(rules: &ToolRules, tool: &Arc<RawValue>) -> Arc<RawValue> {
    let description = name(tool).and_then(|name| to_raw_value(rules.descriptions.get(&name)?).ok());
    let (Some(description), Ok(mut members)) = (description, Members::parse(tool)) else { return tool.clone() };
    members.set("description", Arc::from(description));
    Arc::from(members.to_raw())
}

fn name(tool: &RawValue) -> Option<String> {
    Members::parse(tool).ok()?.text("name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HealthStatus, ServerConfig, Timestamp, UserId};

    fn raw(text: &str) -> Arc<RawValue> {
        Arc::from(RawValue::from_string(text.to_owned()).unwrap())
    }

    fn server(tools: ToolRules) -> Arc<Server> {
        Arc::new(Server {
            id: ServerId::new(),
            user_id: UserId::new(),
            config: ServerConfig { tools, ..ServerConfig::new("a", "b") },
            health_status: HealthStatus::Unknown,
            total_calls: 0,
            total_errors: 0,
            total_execution_time: 0,
            last_used_at: None,
            last_health_check: None,
            created_at: Timestamp::now(),
            updated_at: Timestamp::now(),
        })
    }

    fn listing(tools: &[&str]) -> Arc<Catalogue> {
        Arc::new(Catalogue { tools: Arc::new(tools.iter().map(|tool| raw(tool)).collect()), ..Catalogue::default() })
    }

    fn texts(catalogue: &Catalogue) -> Vec<&str> {
        catalogue.tools.iter().map(|tool| tool.get()).collect()
    }

    const READ: &str = r#"{"name":"read", "vendor":1e400,"description":"old"}"#;

    #[test]
    fn without_rules_a_catalogue_is_shown_as_it_is() {
        let (source, server) = (listing(&[READ, "17"]), server(ToolRules::default()));
        let shown = Shown::default();
        assert!(Arc::ptr_eq(&shown.permitted(&source, &server), &source));
        assert!(Arc::ptr_eq(&shown.described(&source, &server), &source));
        let page = raw(r#"{ "tools" : [ ] }"#);
        assert!(Arc::ptr_eq(&permitted_page(&server.config.tools, page.clone()), &page));
    }

    #[test]
    fn an_item_that_readers_of_json_refuse_hides_no_other() {
        let deep = format!(r#"{{"name":"deep","inputSchema":{}{}}}"#, "[".repeat(100), "]".repeat(100));
        let source = listing(&[READ, &deep]);
        assert_eq!(texts(&Shown::default().permitted(&source, &server(ToolRules::default()))), [READ]);
        assert_eq!(count_unlistable(&source), 1);
    }

    #[test]
    fn what_is_denied_is_left_out_and_the_rest_comes_byte_for_byte() {
        let rules = ToolRules { deny: vec!["write*".into()], ..ToolRules::default() };
        let source = listing(&[READ, r#"{"name":"write_file"}"#, r#"{"name":"wr\u0069te"}"#]);
        assert_eq!(texts(&Shown::default().permitted(&source, &server(rules.clone()))), [READ]);
        let page = raw(&format!(r#"{{"x":1e400,"tools":[{READ},{{"name":"write"}}],"nextCursor":"c"}}"#));
        let expected = format!(r#"{{"x":1e400,"tools":[{READ}],"nextCursor":"c"}}"#);
        assert_eq!(permitted_page(&rules, page).get(), expected);
    }

    #[test]
    fn an_owners_description_stands_in_place_of_the_servers() {
        let descriptions = [("read".to_owned(), "\"new\"".to_owned()), ("bare".to_owned(), "x".to_owned())].into();
        let rules = ToolRules { descriptions, ..ToolRules::default() };
        let (source, server) = (listing(&[READ, r#"{"name":"bare"}"#]), server(rules));
        let shown = Shown::default();
        let expected =
            [r#"{"name":"read","vendor":1e400,"description":"\"new\""}"#, r#"{"name":"bare","description":"x"}"#];
        assert_eq!(texts(&shown.described(&source, &server)), expected);
        assert!(Arc::ptr_eq(&shown.permitted(&source, &server), &source));
    }

    #[test]
    fn a_new_catalogue_and_new_rules_are_seen_at_once() {
        let (shown, before) = (Shown::default(), server(ToolRules::default()));
        assert_eq!(shown.permitted(&listing(&[READ]), &before).tools.len(), 1);
        let source = listing(&[READ, READ]);
        assert_eq!(shown.permitted(&source, &before).tools.len(), 2);
        let after = server(ToolRules { deny: vec!["*".into()], ..ToolRules::default() });
        assert_eq!(shown.permitted(&source, &after).tools.len(), 0);
    }
}
