//! [`Enclosure`]: the level strict, namespaces and a file system of a server's own, made by bubblewrap (bwrap(1)), or
//! by this program where that is not installed.
//!
//! The server sees no other process, and of files only those that it may reach. What it may not call, its filter
//! refuses as at the level standard. Before it starts, a program that runs just like it looks for the canary. Landlock
//! would keep either from mounting, and would add nothing. Bubblewrap comes first, as systems that give namespaces to
//! few programs (AppArmor) give them to it.

mod bubblewrap;
mod own;
mod plan;

use std::{
    fs::{self, File},
    io::{self, Seek, Write},
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use libc::sock_filter;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::{
    model::SandboxLevel,
    supervisor::{
        containment::Containment,
        guard::{filter, spec::Spec, sys},
        servers_user::ServersUser,
    },
};

pub(in crate::supervisor) use bubblewrap::trial;
pub(super) use own::{NAME, run};

use plan::Plan;

/// The program that looks for the canary.
const TEST: &str = "/usr/bin/test";

/// This program, also where its path is closed to the server's user.
const THIS_PROGRAM: &str = "/proc/self/exe";

const REMEDY: &str = "to run it less closely contained, set its sandbox level to standard";

/// The makers of an enclosure.
enum MadeBy {
    Bubblewrap(PathBuf),
    ThisProgram,
}

/// The plan and the filter of calls, in files without names: command lines can be read by everybody, and by the server.
pub(super) struct Enclosure {
    made_by: MadeBy,
    plan: File,
    filter: File,
}

impl Enclosure {
    /// Makes and tries that of `spec`, if its level is strict. The error says why it cannot be had, and what helps.
    pub(super) fn of(spec: &Spec) -> Result<Option<Self>, String> {
        let is_strict = |containment: &&Containment| containment.level == SandboxLevel::Strict;
        let Some(containment) = spec.containment.as_ref().filter(is_strict) else { return Ok(None) };
        let made = Self::make(containment, spec).and_then(|enclosure| {
            enclosure.prove(&containment.canary, spec.user())?;
            Ok(enclosure)
        });
        made.map(Some).map_err(|why| format!("{why}; {REMEDY}"))
    }

    fn make(containment: &Containment, spec: &Spec) -> Result<Self, String> {
        let filter = filter::program(containment).ok_or("there is no filter of system calls for this processor")?;
        let plan = Plan::of(containment, spec.working_dir(), spec.temporary.as_ref())?;
        let made_by = bubblewrap::installed().map_or(MadeBy::ThisProgram, MadeBy::Bubblewrap);
        let in_words = |error: io::Error| format!("its plan cannot be handed over: {error}");
        let plan = match made_by {
            MadeBy::Bubblewrap(_) => {
                bubblewrap::arguments(&plan).iter().flat_map(|argument| [argument.as_bytes(), b"\0"].concat()).collect()
            }
            MadeBy::ThisProgram => serde_json::to_vec(&plan).map_err(|error| in_words(error.into()))?,
        };
        let filter: Vec<u8> = filter.iter().flat_map(instruction_bytes).collect();
        let (plan, filter) = (unnamed_file(&plan).map_err(in_words)?, unnamed_file(&filter).map_err(in_words)?);
        Ok(Self { made_by, plan, filter })
    }

    /// A command that runs a program inside, with the arguments that are added to it. It must be started before another
    /// is made.
    pub(super) fn command(&self, program: &str) -> io::Result<Command> {
        let mut files = [&self.plan, &self.filter];
        files.iter_mut().try_for_each(Seek::rewind)?;
        let [plan, filter] = files.map(|file| file.as_raw_fd().to_string());
        let mut command;
        match &self.made_by {
            MadeBy::Bubblewrap(bubblewrap) => {
                command = Command::new(bubblewrap);
                command.args(["--args", &plan, "--seccomp", &filter, "--"]);
            }
            MadeBy::ThisProgram => {
                command = Command::new(THIS_PROGRAM);
                command.arg0(NAME).args([plan, filter]);
            }
        }
        command.arg(program);
        Ok(command)
    }

    /// Looks for the canary from within, as the server's user.
    fn prove(&self, canary: &Path, user: Option<&ServersUser>) -> Result<(), String> {
        // What is not there anyhow would prove nothing.
        fs::metadata(canary).map_err(|error| format!("nothing proves it: {}: {error}", canary.display()))?;
        let maker = match self.made_by {
            MadeBy::Bubblewrap(_) => "bubblewrap",
            MadeBy::ThisProgram => "a substitute for bubblewrap, which is not installed,",
        };
        let user = user.cloned();
        let look = |mut command: Command| {
            sys::before_exec(&mut command, move || user.as_ref().map_or(Ok(()), ServersUser::assume));
            command.args(["!", "-e"]).arg(canary).env_clear().stdin(Stdio::null()).output()
        };
        let seen = self.command(TEST).and_then(look).map_err(|error| format!("{maker} cannot be run: {error}"))?;
        let said = String::from_utf8_lossy(&seen.stderr);
        match (seen.status.success(), said.lines().next()) {
            (true, _) => Ok(()),
            (false, Some(line)) => Err(format!("{maker} does not run on this machine: {line}")),
            (false, None) => Err("it could see a file of Ostler's from within".into()),
        }
    }
}

/// A file in memory, which programs started from here inherit.
fn unnamed_file(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("enclosure", MemfdFlags::empty())?);
    file.write_all(content)?;
    Ok(file)
}

/// An instruction as the kernel has it in memory.
fn instruction_bytes(sock_filter { code, jt, jf, k }: &sock_filter) -> Vec<u8> {
    [code.to_ne_bytes().as_slice(), &[*jt, *jf], &k.to_ne_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_is_eight_bytes() {
        let instruction = sock_filter { code: 0x0102, jt: 3, jf: 4, k: 0x0506_0708 };
        let expected = [&0x0102_u16.to_ne_bytes()[..], &[3, 4], &0x0506_0708_u32.to_ne_bytes()].concat();
        assert_eq!(instruction_bytes(&instruction), expected);
    }
}
