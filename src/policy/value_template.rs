//! [`Templates`]: values of a server that are put together at each start, as they refer to secrets outside of Ostler.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    model::ServerConfig,
    policy::{
        external::ExternalReference,
        reference::{Piece, pieces},
    },
};

/// Secrets that were fetched, by what referred to them.
pub type Found = BTreeMap<ExternalReference, String>;

/// The values of a server that refer to secrets outside of Ostler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    /// Those of its environment, by variable.
    pub env: BTreeMap<String, Template>,
    /// Those of its headers, by name.
    pub headers: BTreeMap<String, Template>,
}

/// A value with Ostler's own secrets in place; references to others are left. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Reference(ExternalReference),
}

impl Templates {
    /// The templates of a configuration, with each secret of Ostler's that `find` has.
    pub(crate) fn of<'a>(config: &ServerConfig, find: impl Fn(&str) -> Option<&'a str>) -> Self {
        let all = |values: &BTreeMap<String, String>| {
            let template = |(name, value): (&String, &String)| Some((name.clone(), Template::of(value, &find)?));
            values.iter().filter_map(template).collect()
        };
        let headers = config.remote.as_ref().map(|remote| all(&remote.headers)).unwrap_or_default();
        Self { env: all(&config.env), headers }
    }

    /// True where nothing has to be fetched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.env.is_empty() && self.headers.is_empty()
    }

    /// Each template, after its place for people: `env.TOKEN`.
    pub(crate) fn places(&self) -> impl Iterator<Item = (String, &Template)> {
        let env = self.env.iter().map(|(name, template)| (format!("env.{name}"), template));
        env.chain(self.headers.iter().map(|(name, template)| (format!("headers.{name}"), template)))
    }
}

impl Template {
    /// The template of a value; `None` where it refers to nothing outside.
    pub(crate) fn of<'a>(value: &str, find: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let part = |piece: Piece<'_>| match piece {
            Piece::Text(text) => Part::Text(text.to_owned()),
            // Nothing is started by it.
            Piece::Secret(name) => Part::Text(find(name).unwrap_or_default().to_owned()),
            Piece::External(reference) => Part::Reference(reference),
        };
        let template = Self(pieces(value).map(part).collect());
        let is_one = template.references().next().is_some();
        is_one.then_some(template)
    }

    /// The references that it has.
    pub(crate) fn references(&self) -> impl Iterator<Item = &ExternalReference> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Reference(reference) => Some(reference),
        })
    }

    /// The value; what a secret holds is not looked at again.
    #[must_use]
    pub fn filled(&self, found: &Found) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Reference(reference) => found.get(reference).cloned().unwrap_or_default(),
        };
        self.0.iter().map(text).collect()
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.references()).finish()
    }
}

/// The distinct references of some templates.
pub(crate) fn references<'a>(templates: impl Iterator<Item = &'a Template>) -> BTreeSet<&'a ExternalReference> {
    templates.flat_map(Template::references).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Option<&'static str> {
        (name == "OWN").then_some("own ${file:/etc/shadow} ${secret:OWN}")
    }

    #[test]
    fn a_value_has_each_secret_in_its_place_and_none_is_looked_at_again() {
        assert_eq!(Template::of("${secret:OWN} plain", find), None);
        let template = Template::of("a ${env:A}-${secret:OWN}-${env:A}", find).unwrap();
        let found = [(ExternalReference::Variable("A".into()), "${secret:OWN}${env:A}".to_owned())].into();
        let expected = "a ${secret:OWN}${env:A}-own ${file:/etc/shadow} ${secret:OWN}-${secret:OWN}${env:A}";
        assert_eq!(template.filled(&found), expected);
        assert_eq!(references([&template].into_iter()).len(), 1);
        assert!(!format!("{template:?}").contains("own"));
    }

    #[test]
    fn only_values_that_refer_to_something_outside_are_templates() {
        let near = ServerConfig::new("a", "b").env("A", "${exec:x}").env("B", "${secret:OWN}").env("C", "c");
        let places = |templates: &Templates| templates.places().map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!(places(&Templates::of(&near, find)), ["env.A"]);
        let mut far = ServerConfig::remote("a", "https://example.com");
        far.remote.as_mut().unwrap().headers.insert("X-Key".into(), "Bearer ${credential:x}".into());
        assert_eq!(places(&Templates::of(&far, find)), ["headers.X-Key"]);
        assert!(Templates::of(&ServerConfig::new("a", "b").env("B", "${secret:OWN}"), find).is_empty());
    }
}
