//! [`InstalledProgram`]: the program of an installed package, run as its launcher would run it.

use std::{collections::BTreeSet, path::PathBuf};

use super::{installation::Store, installer::Installer, pin::Pin};
use crate::{
    model::PackageRun,
    policy::package,
    supervisor::{SERVER_VARIABLE, ServersUser, guard::Spec},
};

/// The program of an installed package.
pub(crate) struct InstalledProgram {
    /// The installation.
    root: PathBuf,
    /// The folder of its programs.
    programs: PathBuf,
    /// The name of this one.
    name: String,
    /// Its arguments.
    args: Vec<String>,
    /// The variable that names the place of the file it keeps, and the name of that file.
    own_file: Option<(&'static str, &'static str)>,
    installer: &'static Installer,
}

impl InstalledProgram {
    /// The program that a command line asks for, of an installation that is complete; `user` can pass to it then. The
    /// error is for people. Blocks.
    pub(super) fn located(
        store: &Store,
        (installer, pin): (&'static Installer, &Pin),
        run: &PackageRun,
        user: Option<&ServersUser>,
    ) -> Result<Self, String> {
        let root = store.folder(&pin.lock);
        let programs = root.join(installer.programs);
        let package = run.name();
        let named = |name: &String| programs.join(name).is_file();
        let own = || {
            let of_it = (installer.programs_of)(&root, package).map_err(|error| error.to_string())?;
            let name = run.program.clone().or_else(|| (installer.own_program)(package, &of_it));
            name.clone().filter(named).ok_or_else(|| no_program(installer, pin, name.as_deref(), &of_it))
        };
        let name = run.program.clone().filter(named).map_or_else(own, Ok)?;
        if let Some(user) = user {
            store.let_pass(&pin.lock).map_err(|error| format!("the store of packages cannot be opened: {error}"))?;
            // An environment of Python has a link to its interpreter.
            let python = programs.join("python").canonicalize().ok();
            [Some(programs.clone()), python].iter().flatten().try_for_each(|place| user.try_way(place)).map_err(
                |why| format!("{why} on the way to its package; allow it (`chmod o+x`), or set MCP_LAUNCHERS to keep"),
            )?;
        }
        Ok(Self { root, programs, name, args: run.args.clone(), own_file: package::own_file(run.name()), installer })
    }

    /// The spec that runs it in place of its launcher, otherwise as `spec` says.
    pub(crate) fn instead_of_launcher(self, spec: &Spec) -> Spec {
        let mut spec = spec.clone();
        spec.program = self.programs.join(&self.name).display().to_string();
        spec.args = self.args;
        let rest = spec.env.get("PATH").map(|path| format!(":{path}")).unwrap_or_default();
        spec.env.insert("PATH".into(), format!("{}{rest}", self.programs.display()));
        // As the shell of npm and uv have it.
        spec.env.insert("PWD".into(), spec.working_dir().display().to_string());
        let launched = self.installer.launched.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        spec.env.extend(launched);
        if let Some((variable, file)) = self.own_file {
            let place = match (&spec.own_folder, spec.env.get(SERVER_VARIABLE)) {
                (Some(folder), _) => folder.join(file),
                (None, id) => spec.dir.join(format!("{}-{file}", id.map_or("server", String::as_str))),
            };
            spec.env.entry(variable.into()).or_insert_with(|| place.display().to_string());
        }
        if let Some(containment) = &mut spec.containment {
            containment.read.push(self.root);
        }
        spec
    }
}

/// Failure to find the program that is asked for; with those that there are.
fn no_program(installer: &Installer, pin: &Pin, name: Option<&str>, of_it: &BTreeSet<String>) -> String {
    let (package, version) = (pin.name(), &pin.lock.version);
    let Some(first) = of_it.first() else { return format!("{package} {version} has no program to run") };
    let missing =
        name.map_or_else(|| "several programs and none of its own name".into(), |name| format!("no program {name}"));
    let all: Vec<_> = of_it.iter().map(String::as_str).collect();
    let line = format!("{} {package} {first}", installer.with_program);
    format!("{package} {version} has {missing}: it has {}; start it with the name of one, as `{line}`", all.join(", "))
}
