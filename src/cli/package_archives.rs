//! `ostler packages export` and `import`: packages of servers to machines without a network, by the data folder alone.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command as Clap, value_parser};
use ostler::packages;

use crate::cli::{
    failure::Failure,
    logging,
    report::{line, print},
    sources::Loaded,
};

/// Flags that they read.
pub(crate) const FLAGS: [&str; 4] = ["config", "data-dir", "log", "log-format"];

/// Command line of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArchiveOptions {
    /// Write these packages into a file; all, where none is named.
    Export(PathBuf, Vec<String>),
    /// Take the packages of a file over.
    Import(PathBuf),
}

/// The commands, with the flags that configure.
pub(crate) fn definitions(configuration: &[Arg]) -> [Clap; 2] {
    let file = || Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf));
    let packages = Arg::new("package").value_name("PACKAGE").action(ArgAction::Append);
    let codes = "Exit codes: 0 done, 1 failed, 64 bad usage.";
    [
        Clap::new("export")
            .about("Write installed packages into one archive, for machines of the same platform without a network")
            .arg(file().help("The archive, a tar file; one that is there is replaced"))
            .arg(packages.help("Names of packages; all that are installed, where none is named"))
            .args(configuration)
            .after_help(format!("Reads the data folder alone, whether an Ostler runs on it or not. {codes}")),
        Clap::new("import")
            .about("Take packages over from an archive; servers that ask for them run them without a registry")
            .arg(file().help("The archive of `ostler packages export`"))
            .args(configuration)
            .after_help(format!(
                "Writes to the data folder alone, whether an Ostler runs on it or not; as its user. Everything is \
                 compared with the archive's list before any of it is in place. {codes}"
            )),
    ]
}

/// Reads the command line of the command `name`.
pub(crate) fn options(name: &str, matches: &ArgMatches) -> ArchiveOptions {
    let file = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    if name == "import" {
        return ArchiveOptions::Import(file);
    }
    ArchiveOptions::Export(file, matches.get_many("package").into_iter().flatten().cloned().collect())
}

/// Does what the command line says.
pub(crate) fn run(loaded: &Loaded, options: &ArchiveOptions) -> Result<(), Failure> {
    logging::start(&loaded.config.log);
    let data_dir = &loaded.config.runtime.data_dir;
    let mut report = String::new();
    match options {
        ArchiveOptions::Export(file, names) => {
            let exported = packages::export(data_dir, file, names)?;
            exported.iter().for_each(|title| report.push_str(&line(title)));
        }
        ArchiveOptions::Import(file) => {
            for one in packages::import(data_dir, file)? {
                let known = if one.is_new { "" } else { "  (was there already)" };
                report.push_str(&line(&format!("{}  {}{known}", one.title, one.folder.display())));
            }
        }
    }
    print(&report)
}
