//! Severity of a `notifications/message` (specification, utilities/logging; RFC 5424, section 6.2.1).

/// A level; greater ones are more severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of use while looking for a fault.
    Debug,
    /// In the ordinary course of things.
    Info,
    /// Ordinary, but worth a look.
    Notice,
    /// May become a fault.
    Warning,
    /// A fault.
    Error,
    /// A part does not work.
    Critical,
    /// Something must be done at once.
    Alert,
    /// Nothing works.
    Emergency,
}

/// Every level and its name, the least severe first.
const NAMES: [(Level, &str); 8] = [
    (Level::Debug, "debug"),
    (Level::Info, "info"),
    (Level::Notice, "notice"),
    (Level::Warning, "warning"),
    (Level::Error, "error"),
    (Level::Critical, "critical"),
    (Level::Alert, "alert"),
    (Level::Emergency, "emergency"),
];

impl Level {
    /// The level of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find_map(|(level, one)| (*one == name).then_some(*level))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(level, _)| *level == self).map_or("debug", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_by_severity_and_known_by_name() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(NAMES.iter().all(|(level, name)| Level::named(name) == Some(*level) && level.name() == *name));
        assert_eq!(Level::named("verbose"), None);
    }
}
