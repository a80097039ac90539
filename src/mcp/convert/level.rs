//! How severe a message of a server's log is (RFC 5424, as both eras name it).

/// From the least severe to the most.
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// Whether somebody who wants messages from `least` on wants one of `level`. A level nobody knows is heard.
#[must_use]
pub fn is_loud_enough(level: &str, least: &str) -> bool {
    let rank = |name: &str| LEVELS.iter().position(|one| *one == name);
    rank(level).is_none_or(|level| Some(level) >= rank(least))
}

/// Whether there is such a level.
#[must_use]
pub fn is_level(name: &str) -> bool {
    LEVELS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_severe_as_wanted_is_heard() {
        assert!(is_loud_enough("warning", "warning"));
        assert!(is_loud_enough("emergency", "debug"));
        assert!(!is_loud_enough("info", "notice"));
        assert!(is_loud_enough("loud", "error"));
        assert!(is_level("alert") && !is_level("loud"));
    }
}
