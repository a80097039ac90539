//! Searches the catalogue, and registers servers from it.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    catalogue::SourceState,
    error::{Error, Noun, Result},
    model::{Hidden, Principal, ServerConfig},
    placement::Placement,
    policy::{
        catalogue::{self, CatalogueEntry, Given},
        catalogue_source::BUILT_IN,
        client_file, permission,
    },
    servers::{
        answered::{AnsweredServer, KeptAnswers, check_asked},
        registration::CREATE,
        service::Servers,
    },
    tasks::blocking,
};

/// Most entries of a page: more than are built in.
const PAGE_ENTRIES_MAX: usize = 200;

/// Entries of the catalogue to be found.
#[derive(Debug, Default)]
pub(crate) struct CatalogueSearch {
    /// Words that an entry must have, all of them.
    pub(crate) words: String,
    /// Its category.
    pub(crate) category: Option<String>,
    /// Its source.
    pub(crate) source: Option<String>,
    /// The id of the last entry of the page before.
    pub(crate) cursor: Option<String>,
}

/// A page of the catalogue.
pub(crate) struct CataloguePage {
    /// Its entries.
    pub(crate) entries: Vec<FoundEntry>,
    /// The cursor of the next page.
    pub(crate) next_cursor: Option<String>,
    /// State of the further sources.
    pub(crate) sources: Vec<SourceState>,
}

/// An entry of the catalogue, as this machine sees it.
pub(crate) struct FoundEntry {
    /// The entry.
    pub(crate) entry: Arc<CatalogueEntry>,
    /// The reason why it cannot be run here.
    pub(crate) refusal: Option<String>,
}

/// A server wanted from the catalogue. `Debug` does not show the answers.
pub(crate) struct CatalogueOrder {
    /// The name of its entry.
    pub(crate) entry: String,
    /// Its own name; that of its entry where there is none.
    pub(crate) name: Option<String>,
    /// Answers to the questions of its entry.
    pub(crate) values: BTreeMap<String, String>,
}

impl std::fmt::Debug for CatalogueOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { entry, name, values: _ } = self;
        f.debug_struct("CatalogueOrder").field("entry", entry).field("name", name).field("values", &Hidden).finish()
    }
}

impl Servers {
    /// Begins to read the catalogue's further sources. On the thread of an arbiter.
    pub(crate) fn follow_sources(&self) {
        self.catalogue.run();
    }

    /// Entries of the catalogue: what is built in first, then those of further sources.
    pub(crate) async fn catalogue(&self, who: &Principal, search: CatalogueSearch) -> Result<CataloguePage> {
        self.access.require_any(who, permission::SEES, "catalogue.list")?;
        let sources = self.catalogue.states();
        let names: Vec<_> = [BUILT_IN].into_iter().chain(sources.iter().map(|one| one.name.as_str())).collect();
        if let Some(unknown) = search.source.as_deref().filter(|source| !names.contains(source)) {
            return Err(Error::Malformed(format!("source: is {unknown:?}, which is none of {}", names.join(", "))));
        }
        let (further, placement) = (self.catalogue.entries(), self.placement.clone());
        // Thousands of entries are read through.
        let (entries, next_cursor) = blocking(move || page(&search, &further, &placement)).await?;
        Ok(CataloguePage { entries, next_cursor, sources })
    }

    /// An entry of the catalogue, as this machine sees it.
    pub(crate) async fn found_entry(&self, who: &Principal, id: &str) -> Result<FoundEntry> {
        let (entry, placement) = (self.catalogue_entry(who, id)?, self.placement.clone());
        blocking(move || Ok(FoundEntry { refusal: refusal(&entry, &mut BTreeMap::new(), &placement), entry })).await
    }

    /// An entry of the catalogue.
    fn catalogue_entry(&self, who: &Principal, id: &str) -> Result<Arc<CatalogueEntry>> {
        self.access.require_any(who, permission::SEES, "catalogue.read")?;
        let built_in = catalogue::built_in().iter().find(|entry| entry.id() == id || entry.name == id).cloned();
        let further = || self.catalogue.entries().into_iter().find(|entry| entry.id() == id);
        built_in.or_else(further).ok_or(Error::NotFound(Noun::CatalogueEntry))
    }

    /// Registers a server from the catalogue (`mcp:write`), by the same rules as one written by hand. Answers that are
    /// secrets are kept as secrets of the caller's. A dry run changes nothing and counts against no limit.
    pub(crate) async fn install(
        self: &Arc<Self>,
        who: &Principal,
        order: CatalogueOrder,
        dry_run: bool,
    ) -> Result<AnsweredServer> {
        self.access.require_any(who, permission::WRITES, CREATE)?;
        let (config, secrets) = self.answered(who, order)?;
        self.check_new(who, &config).await?;
        let config = ServerConfig { grants_paths: self.writes_any_command(who), ..config };
        match dry_run {
            true => self.foresee_answered(who, config, secrets).await,
            false => self.add_answered(who, config, secrets, |_, _| Ok(Vec::new())).await,
        }
    }

    /// A configuration made of an order, and the secrets that it refers to.
    fn answered(
        &self,
        who: &Principal,
        CatalogueOrder { entry, name, values }: CatalogueOrder,
    ) -> Result<(ServerConfig, BTreeMap<String, String>)> {
        let entry = self.catalogue_entry(who, &entry)?;
        check_asked(&catalogue::fields(&entry), &values)?;
        let server = name.unwrap_or_else(|| entry.shown_name().to_owned());
        let listed = self.secrets.list(who)?;
        let mut kept = KeptAnswers::new(&server, &listed);
        let mut keep = |key: &str, value: &str| kept.keep(key, value);
        let given = Given { values: &values, pointer: "/values", keep: &mut keep };
        let mut change = catalogue::server(&entry, given)?;
        change.name = Some(server.clone());
        Ok((client_file::fresh(change)?, kept.secrets()))
    }
}

/// A page of what is searched for. Blocks.
fn page(
    search: &CatalogueSearch,
    further: &[Arc<CatalogueEntry>],
    placement: &Placement,
) -> Result<(Vec<FoundEntry>, Option<String>)> {
    let CatalogueSearch { words, category, source, cursor } = search;
    let all = catalogue::built_in().iter().chain(further);
    let all = all.filter(|entry| source.as_ref().is_none_or(|source| entry.source_name() == source));
    let found = catalogue::found(all, words, category.as_deref());
    let start = match cursor {
        None => 0,
        Some(cursor) => {
            let last = found.iter().position(|entry| entry.id() == cursor);
            last.ok_or_else(|| Error::Malformed("cursor: is not one that a list gave".into()))?.saturating_add(1)
        }
    };
    let mut rest = found.into_iter().skip(start);
    let mut programs = BTreeMap::new();
    let seen = |entry: &Arc<CatalogueEntry>| {
        let refusal = refusal(entry, &mut programs, placement);
        FoundEntry { entry: entry.clone(), refusal }
    };
    let entries: Vec<_> = rest.by_ref().take(PAGE_ENTRIES_MAX).map(seen).collect();
    let last = entries.last().map(|found| found.entry.id().to_owned());
    Ok((entries, rest.next().and(last)))
}

/// The reason why an entry cannot be run here; `programs` has those that were looked for. Blocks.
fn refusal(
    entry: &CatalogueEntry,
    programs: &mut BTreeMap<&'static str, bool>,
    placement: &Placement,
) -> Option<String> {
    if let Err(reason) = entry.source() {
        return Some(reason);
    }
    let program = entry.needed_program()?;
    let look = || placement.preview(&ServerConfig::new("", program)).is_some_and(|start| start.program.is_some());
    let is_here = *programs.entry(program).or_insert_with(look);
    (!is_here).then(|| format!("needs {program}, which is not on this machine"))
}
