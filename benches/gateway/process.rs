//! Processes that end when they are let go of, and what they cost.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::Outcome;

/// How long a proxy gets to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that is removed in the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Outcome<Self> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("gateway-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it, and says where that is.
    pub fn write(&self, name: &str, text: &str) -> Outcome<String> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process and its children.
pub struct Process(Child);

impl Process {
    /// Starts it, and waits until somebody listens at `address`.
    pub fn start(command: &mut Command, address: &str) -> Outcome<Self> {
        let mut process = Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?);
        let since = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.0.try_wait()? {
                return Err(format!("{command:?} ended with {status}").into());
            }
            if since.elapsed() > PATIENCE {
                return Err(format!("{command:?} does not listen on {address}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(process)
    }

    /// Time on a processor so far, of all its threads and children.
    pub fn cpu(&self) -> Duration {
        let nanos = |task: &PathBuf| {
            let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        Duration::from_nanos(self.tasks().iter().map(nanos).sum())
    }

    /// Resident memory in bytes, of all its children too.
    pub fn resident(&self) -> u64 {
        let kib = |pid: &u32| {
            let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
        };
        self.pids().iter().map(kib).sum::<u64>() << 10
    }

    fn tasks(&self) -> Vec<PathBuf> {
        let of = |pid: u32| fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
        self.pids().into_iter().flat_map(of).filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
    }

    fn pids(&self) -> Vec<u32> {
        let mut all = vec![self.0.id()];
        let mut next = 0;
        while next < all.len() {
            let pid = all[next];
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            next += 1;
        }
        all
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A master takes its workers along only where it is asked to end.
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(5) && matches!(self.0.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
