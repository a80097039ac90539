//! The services of one moment, and which of them a path belongs to.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::gateway::Service;

/// An immutable snapshot.
#[derive(Clone, Default)]
pub(crate) struct Table {
    by_path: HashMap<String, Arc<Service>>,
    by_name: BTreeMap<String, Arc<Service>>,
    /// Bytes of the longest `basePath`.
    longest: usize,
}

impl Table {
    /// The service with the longest `basePath` that `path` is at or below; `path` has no query. Allocates nothing.
    #[must_use]
    pub(crate) fn find(&self, path: &str) -> Option<&Arc<Service>> {
        if self.by_path.is_empty() {
            return None;
        }
        let mut rest = self.cut(path)?;
        loop {
            if let Some(service) = self.by_path.get(rest) {
                return Some(service);
            }
            rest = rest.rsplit_once('/')?.0;
        }
    }

    /// The start of `path` that can be a `basePath`: as long as the longest, and whole segments.
    fn cut<'a>(&self, path: &'a str) -> Option<&'a str> {
        if path.len() <= self.longest {
            return Some(path);
        }
        let whole = path.as_bytes().get(..=self.longest)?;
        let border = whole.iter().rposition(|byte| *byte == b'/')?;
        path.get(..border)
    }

    /// True where there is no service at all.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// The service of this name.
    #[must_use]
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Service>> {
        self.by_name.get(name)
    }

    /// All services, by name.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.by_name.values()
    }

    /// The table with `service` in it, in place of the one of its name.
    pub(super) fn with(&self, service: Arc<Service>) -> Self {
        let mut by_name = self.by_name.clone();
        by_name.insert(service.spec().name.clone(), service);
        Self::of(by_name)
    }

    /// The table without `service`.
    pub(super) fn without(&self, service: &Service) -> Self {
        let mut by_name = self.by_name.clone();
        by_name.remove(&service.spec().name);
        Self::of(by_name)
    }

    fn of(by_name: BTreeMap<String, Arc<Service>>) -> Self {
        let by_path = by_name.values().map(|service| (service.spec().base_path.clone(), service.clone()));
        let by_path: HashMap<_, _> = by_path.collect();
        let longest = by_path.keys().map(String::len).max().unwrap_or_default();
        Self { by_path, by_name, longest }
    }
}
