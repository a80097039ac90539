//! Health of an instance, from checks: one alone decides nothing, except the first.

/// The health of an instance, as its checks show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthVerdict {
    /// Not checked yet; gets requests.
    Unknown,
    /// Gets requests.
    Healthy,
    /// Gets none.
    Unhealthy,
}

/// Consecutive checks needed to change the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Good ones, to be healthy again.
    pub healthy_after: u32,
    /// Bad ones, to be unhealthy.
    pub unhealthy_after: u32,
}

/// The checks of one instance.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    verdict: HealthVerdict,
    /// Checks in a row that speak against the verdict.
    against: u32,
}

impl Default for Checks {
    fn default() -> Self {
        Self { verdict: HealthVerdict::Unknown, against: 0 }
    }
}

impl Checks {
    /// The present verdict.
    #[must_use]
    pub fn verdict(&self) -> HealthVerdict {
        self.verdict
    }

    /// True when the last check agreed with the verdict.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.against == 0
    }

    /// Takes a check in; true where it turned the verdict.
    pub fn record(&mut self, good: bool, thresholds: Thresholds) -> bool {
        let (other, needed) = match (self.verdict, good) {
            (HealthVerdict::Healthy, true) | (HealthVerdict::Unhealthy, false) => {
                self.against = 0;
                return false;
            }
            (HealthVerdict::Unknown, true) => (HealthVerdict::Healthy, 1),
            (HealthVerdict::Unknown, false) => (HealthVerdict::Unhealthy, 1),
            (HealthVerdict::Healthy, false) => (HealthVerdict::Unhealthy, thresholds.unhealthy_after),
            (HealthVerdict::Unhealthy, true) => (HealthVerdict::Healthy, thresholds.healthy_after),
        };
        self.against += 1;
        let turned = self.against >= needed;
        if turned {
            *self = Self { verdict: other, against: 0 };
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(checks: &[bool]) -> Vec<HealthVerdict> {
        let (mut state, thresholds) = (Checks::default(), Thresholds { healthy_after: 2, unhealthy_after: 3 });
        let after = |good: &bool| {
            state.record(*good, thresholds);
            state.verdict()
        };
        checks.iter().map(after).collect()
    }

    #[test]
    fn the_first_check_decides_alone() {
        assert_eq!(verdicts(&[true]), [HealthVerdict::Healthy]);
        assert_eq!(verdicts(&[false]), [HealthVerdict::Unhealthy]);
    }

    #[test]
    fn later_it_takes_several_in_a_row() {
        use HealthVerdict::{Healthy, Unhealthy};
        let checks = [true, false, false, true, false, false, false, true, false, true, true];
        let expected =
            [Healthy, Healthy, Healthy, Healthy, Healthy, Healthy, Unhealthy, Unhealthy, Unhealthy, Unhealthy, Healthy];
        assert_eq!(verdicts(&checks), expected);
    }
}
