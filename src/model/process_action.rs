//! [`ProcessAction`]: actions on servers' processes, as the audit log names them.

/// An action on a server's process. The audit log is written with these names, and searched for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessAction {
    /// Started by a caller.
    Start,
    /// Stopped by a caller.
    Stop,
    /// Restarted by a caller.
    Restart,
    /// About to be run, for the first time or again as a caller or a change wants it.
    Spawn,
    /// About to be run again after the last process ended by itself.
    Respawn,
    /// Ended by itself, or not started.
    Fail,
    /// Restarted after a failure.
    Retry,
    /// Left down after too many failures.
    GiveUp,
    /// Healthy for a while after failures.
    Recover,
}

impl ProcessAction {
    const ALL: [Self; 9] = [
        Self::Start,
        Self::Stop,
        Self::Restart,
        Self::Spawn,
        Self::Respawn,
        Self::Fail,
        Self::Retry,
        Self::GiveUp,
        Self::Recover,
    ];

    /// Its name in the audit log, `noun.verb`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "server.start",
            Self::Stop => "server.stop",
            Self::Restart => "server.restart",
            Self::Spawn => "server.spawn",
            Self::Respawn => "server.respawn",
            Self::Fail => "server.fail",
            Self::Retry => "server.retry",
            Self::GiveUp => "server.give-up",
            Self::Recover => "server.recover",
        }
    }

    /// The action of this name in the audit log; `None` of one that is about something else.
    #[must_use]
    pub fn parse(action: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == action)
    }

    /// True when a program is about to be run.
    #[must_use]
    pub fn is_spawn(self) -> bool {
        matches!(self, Self::Spawn | Self::Respawn)
    }

    /// The verb of its name.
    #[must_use]
    pub fn verb(self) -> &'static str {
        self.as_str().trim_start_matches("server.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_found_by_their_names() {
        for action in ProcessAction::ALL {
            assert_eq!(ProcessAction::parse(action.as_str()), Some(action));
        }
        assert_eq!(ProcessAction::parse("server.create"), None);
        assert_eq!(ProcessAction::GiveUp.verb(), "give-up");
    }
}
