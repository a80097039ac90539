//! [`Watch`]: looks at what the tree below this process uses, more often the closer it is to a limit.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::PathBuf,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::Signal,
};
use tokio::time::Instant;

use crate::{
    model::{Exceeded, Limits},
    policy::limits,
    supervisor::{
        guard::{
            folder_size::FolderSize, footprint::Footprint, limits::CountedBy, spec::Spec, throttle::Throttle, tree,
        },
        temporary::Temporary,
    },
};

/// Has the kernel tell when tasks waited for memory for 0.1 s of 2 s, the shortest window that needs no privilege.
const PRESSURE: (&str, &[u8]) = ("/proc/pressure/memory", b"some 100000 2000000\0");

/// Time to the next look after one that counted each page once, which costs milliseconds.
const PAUSE_AFTER_COUNT: Duration = Duration::from_millis(250);

/// Time between two steps of a look at the folder, which so costs a twentieth of a core while it lasts.
const FOLDER_STEP_PAUSE: Duration = Duration::from_millis(20);

/// Time between two looks for the link to the temporary files: what tidies up leaves it alone for days.
const LINK_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The limits that are watched, and when the next look is due.
pub(super) struct Watch {
    limits: Limits,
    /// Time of the next look at the tree; `None` where nothing of it is to be watched.
    due: Option<Instant>,
    pressure: Option<File>,
    folder: Option<FolderWatch>,
    /// The temporary files, and when their link is looked for.
    temporary: Option<(Temporary, Instant)>,
    throttle: Option<Throttle>,
    /// Processes of the last look.
    pids: Vec<i32>,
}

/// Result of a look.
pub(super) enum Finding {
    /// It is exceeded, so the tree is ended.
    Exceeded(Exceeded),
    /// The tree is held to its share of the processors, and was stopped for so long in all.
    Held(Duration),
}

struct FolderWatch {
    paths: Vec<PathBuf>,
    size: FolderSize,
    due: Instant,
}

impl Watch {
    /// Watches what the kernel does not bound by itself.
    pub(super) fn new(spec: &Spec, counted_by: CountedBy) -> Self {
        let processes = spec.limits.processes.filter(|_| counted_by == CountedBy::Guard);
        let (limits, now) = (Limits { processes, ..spec.limits }, Instant::now());
        let temporary = spec.temporary.iter().map(|temporary| temporary.folder().to_owned());
        let own = spec.own_folder.iter().cloned();
        let folders = limits.disk_mb.map(|_| own.chain(temporary).collect::<Vec<_>>()).filter(|all| !all.is_empty());
        Self {
            due: (limits.memory_mb.is_some() || processes.is_some()).then_some(now),
            pressure: limits.memory_mb.and_then(|_| pressure().ok()),
            folder: folders.map(|paths| FolderWatch { size: FolderSize::of(&paths), paths, due: now }),
            temporary: spec.temporary.clone().map(|temporary| (temporary, now + LINK_PAUSE)),
            throttle: limits.cpu_percent.map(Throttle::new),
            limits,
            pids: Vec::new(),
        }
    }

    /// Waits for bytes at `control`, or its end; false once a look is due instead.
    pub(super) fn wait(&mut self, control: impl AsFd) -> io::Result<bool> {
        let others = [
            self.folder.as_ref().map(|folder| folder.due),
            self.temporary.as_ref().map(|(_, due)| *due),
            self.throttle.as_ref().map(|throttle| throttle.due),
        ];
        let due = self.due.into_iter().chain(others.into_iter().flatten()).min();
        let timeout = due.map(|due| Timespec::try_from(due.saturating_duration_since(Instant::now())));
        let timeout = timeout.transpose().map_err(io::Error::other)?;
        let mut fds = vec![PollFd::new(&control, PollFlags::IN)];
        fds.extend(self.pressure.as_ref().map(|file| PollFd::new(file, PollFlags::PRI)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let events = |index: usize| fds.get(index).map_or(PollFlags::empty(), PollFd::revents);
        let (is_readable, pressure) = (!events(0).is_empty(), events(1));
        if pressure.contains(PollFlags::PRI) {
            self.due = Some(Instant::now());
        }
        self.pressure.take_if(|_| pressure.contains(PollFlags::ERR));
        Ok(is_readable)
    }

    /// Takes the looks that are due, and begins to end the tree if a limit is exceeded, which `report` gets first.
    pub(super) fn enforce(&mut self, report: impl Fn(Finding)) -> bool {
        let now = Instant::now();
        if let Some((temporary, due)) = self.temporary.as_mut().filter(|(_, due)| *due <= now) {
            temporary.keep_link();
            *due = now + LINK_PAUSE;
        }
        let throttle = self.throttle.as_mut().filter(|throttle| throttle.due <= now);
        throttle.and_then(Throttle::look).into_iter().for_each(|held| report(Finding::Held(held)));
        let of_tree = self.due.filter(|due| *due <= now).and_then(|_| self.look_at_tree());
        let folder = self.folder.as_mut().filter(|folder| folder.due <= now);
        let of_folder = folder.and_then(|folder| folder.go_on(&self.limits));
        let Some(exceeded) = of_tree.or(of_folder) else { return false };
        report(Finding::Exceeded(exceeded));
        tree::signal_each(&self.pids, Signal::KILL);
        true
    }

    /// Lets the tree use the processors as it likes, which it may need in order to end.
    pub(super) fn release(&mut self) {
        if let Some(mut throttle) = self.throttle.take() {
            throttle.go_on();
        }
    }

    fn look_at_tree(&mut self) -> Option<Exceeded> {
        let mut found = Footprint::below(tree::this());
        let mut exceeded = found.uses.exceeded(&self.limits);
        let mut pause = found.uses.pause(&self.limits);
        if exceeded.is_some() && found.pids.len() > 1 {
            found.uses.memory = found.distinct_memory();
            exceeded = found.uses.exceeded(&self.limits);
            pause = PAUSE_AFTER_COUNT;
        }
        self.due = Some(Instant::now() + pause);
        self.pids = found.pids;
        exceeded
    }
}

impl FolderWatch {
    fn go_on(&mut self, limits: &Limits) -> Option<Exceeded> {
        let Some(bytes) = self.size.step() else {
            self.due = Instant::now() + FOLDER_STEP_PAUSE;
            return None;
        };
        self.size = FolderSize::of(&self.paths);
        self.due = Instant::now() + limits::folder_pause(bytes, limits);
        limits::folder_exceeded(bytes, limits)
    }
}

fn pressure() -> io::Result<File> {
    let (path, trigger) = PRESSURE;
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).write(true).custom_flags(nonblocking).open(path)?;
    file.write_all(trigger)?;
    Ok(file)
}
