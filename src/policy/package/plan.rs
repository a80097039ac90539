//! [`LauncherPlan`]: what becomes of the launcher in a server's command line.

use super::launchers::recognize;
use crate::model::{LauncherUse, PackageRun, ServerConfig};

/// Treatment of the launcher in a server's command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LauncherPlan {
    /// The treatment that applies; `None` where there is no launcher that is known.
    pub launcher: Option<LauncherUse>,
    /// The packages that it is asked to run.
    pub package: Option<PackageRun>,
    /// Part of its command line that is not understood.
    pub unrecognized: Option<String>,
    /// The reason why the command line runs as it is, though its launcher was to be replaced.
    pub notice: Option<String>,
}

impl LauncherPlan {
    /// The plan for a server; `usual` holds where it does not say.
    #[must_use]
    pub fn of(config: &ServerConfig, usual: LauncherUse) -> Self {
        if config.remote.is_some() {
            return Self::default();
        }
        let wanted = config.launcher.unwrap_or(usual);
        match recognize(&config.command, &config.args) {
            Some(Ok(package)) => Self { launcher: Some(wanted), package: Some(package), ..Self::default() },
            Some(Err(reason)) => {
                let notice = || format!("its launcher is run as it is: {reason}");
                let notice = (wanted != LauncherUse::Keep).then(notice);
                Self { launcher: Some(LauncherUse::Keep), unrecognized: Some(reason), notice, ..Self::default() }
            }
            None => {
                let notice =
                    || "its command is run as it is: it is no launcher of packages that Ostler knows".to_owned();
                let notice = config.launcher.is_some_and(|own| own != LauncherUse::Keep).then(notice);
                Self { notice, ..Self::default() }
            }
        }
    }

    /// The packages whose program is run in place of the launcher; `None` where the command line runs as it is.
    #[must_use]
    pub fn replaced(self) -> Option<PackageRun> {
        self.package.filter(|_| self.launcher != Some(LauncherUse::Keep))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(command: &str, args: &[&str], own: Option<LauncherUse>, usual: LauncherUse) -> LauncherPlan {
        let config = ServerConfig { launcher: own, ..ServerConfig::new("a", command).args(args.to_vec()) };
        LauncherPlan::of(&config, usual)
    }

    #[test]
    fn a_servers_own_word_counts_before_the_usual() {
        use LauncherUse::{Follow, Keep, Replace};
        for (own, usual, applies) in [
            (None, Keep, Keep),
            (None, Replace, Replace),
            (None, Follow, Follow),
            (Some(Keep), Replace, Keep),
            (Some(Replace), Keep, Replace),
            (Some(Follow), Replace, Follow),
        ] {
            let plan = plan("npx", &["-y", "x"], own, usual);
            assert_eq!((plan.launcher, plan.notice.as_ref()), (Some(applies), None));
            assert_eq!(plan.replaced().is_some(), applies != Keep);
        }
    }

    #[test]
    fn what_runs_as_it_is_though_it_was_to_be_replaced_says_why() {
        use LauncherUse::{Keep, Replace};
        let other = plan("npx", &["--registry=x", "y"], None, Replace);
        assert_eq!(other.launcher, Some(Keep));
        assert!(other.notice.clone().unwrap().contains("--registry"), "{other:?}");
        assert_eq!(plan("npx", &["--registry=x", "y"], None, Keep).notice, None);
        assert!(plan("node", &["x"], Some(Replace), Keep).notice.unwrap().contains("no launcher"));
        assert!(plan("node", &["x"], Some(LauncherUse::Follow), Keep).notice.unwrap().contains("no launcher"));
        assert_eq!(plan("node", &["x"], None, Replace), LauncherPlan::default());
    }
}
