//! A real Ostler in a process of its own; when the test lets go of it, nothing of it may be left.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock, mpsc},
    thread,
    time::Duration,
};

use super::{
    Caller, Setup, eventually, processes, seconds,
    setup::ADMIN_PASSWORD,
    wait::{breathe, now, within},
};

/// An Ostler that runs, or ran.
pub struct Ostler {
    pub setup: Setup,
    pub address: SocketAddr,
    child: Option<Child>,
    errors: Arc<Mutex<Vec<u8>>>,
    admin: OnceLock<Caller>,
}

impl Ostler {
    /// An Ostler with the harness's defaults.
    #[track_caller]
    pub fn spawn() -> Self {
        Setup::new().spawn()
    }

    /// An Ostler with some settings of its own.
    #[track_caller]
    pub fn with(settings: &[(&str, &str)]) -> Self {
        settings.iter().fold(Setup::new(), |setup, (key, value)| setup.env(key, value)).spawn()
    }

    #[track_caller]
    pub(super) fn start(setup: Setup, log: Stdio) -> Self {
        let errors = Arc::default();
        let (child, address) = launch(&setup, log, &errors);
        Self { setup, address, child: Some(child), errors, admin: OnceLock::new() }
    }

    /// Starts it again and again until it stays, as a service manager does; then returns at once, ready or not.
    pub(super) fn start_persistently(setup: Setup) -> Self {
        let errors = Arc::default();
        let (child, address) = loop {
            let (mut child, address) = spawn(&setup, Stdio::piped(), &errors);
            match address {
                Ok(address) => break (child, address),
                Err(_) => child.wait().unwrap(),
            };
        };
        Self { setup, address, child: Some(child), errors, admin: OnceLock::new() }
    }

    /// Starts it again on the same data, after it ended.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        let (child, address) = launch(&self.setup, Stdio::piped(), &self.errors);
        (self.child, self.address) = (Some(child), address);
        self.admin = OnceLock::new();
    }

    /// The same, ready or not.
    #[track_caller]
    pub fn start_again_in_trouble(&mut self) {
        let (child, address) = spawn(&self.setup, Stdio::piped(), &self.errors);
        (self.child, self.address) = (Some(child), address.unwrap());
    }

    /// Nobody in particular.
    pub fn anonymous(&self) -> Caller {
        Caller::anonymous(self.address, &self.setup.tag)
    }

    /// The first admin.
    #[track_caller]
    pub fn admin(&self) -> Caller {
        self.admin.get_or_init(|| self.anonymous().log_in("admin@localhost", ADMIN_PASSWORD)).clone()
    }

    /// A new account with this role; its name is the role's.
    #[track_caller]
    pub fn user(&self, role: &str) -> Caller {
        self.admin().make_user(role, role)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it has ended").id()
    }

    /// What it wrote on standard error.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.errors.lock().unwrap()).into_owned()
    }

    /// `kill -9`, and waits until the process itself is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        processes::signal(self.pid(), signal);
    }

    /// SIGTERM, and waits for the exit.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.exited()
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn exited(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it has ended");
        within(seconds(40), "Ostler ends", || child.try_wait().unwrap())
    }

    /// Every process that belongs to this test, without Ostler itself.
    pub fn processes(&self) -> Vec<processes::Process> {
        let own = self.child.as_ref().map(Child::id);
        processes::tagged(&self.setup.tag).into_iter().filter(|process| Some(process.pid) != own).collect()
    }

    /// Claims that no process of any server is left within the two seconds that were promised.
    #[track_caller]
    pub fn leaves_nothing(&self) {
        let left = self.left_after(seconds(2));
        assert!(left.is_empty(), "two seconds later there still are {left:#?}");
    }

    /// What is left of its processes after `limit`, or as soon as nothing is.
    fn left_after(&self, limit: Duration) -> Vec<processes::Process> {
        let began = now();
        loop {
            let left = self.processes();
            if left.is_empty() || began.elapsed() > limit {
                return left;
            }
            breathe();
        }
    }
}

#[track_caller]
fn launch(setup: &Setup, log: Stdio, errors: &Arc<Mutex<Vec<u8>>>) -> (Child, SocketAddr) {
    let (mut child, address) = spawn(setup, log, errors);
    let address = address.unwrap_or_else(|line| {
        let _ = child.kill();
        let _ = child.wait();
        let _ = std::fs::remove_dir_all(&setup.home);
        panic!("its first line was {line:?}; on standard error:\n{}", String::from_utf8_lossy(&errors.lock().unwrap()));
    });
    eventually("it is ready", || {
        let ready = Caller::anonymous(address, "").get("/readyz").status == 200;
        ready.then_some(())
    });
    (child, address)
}

/// Starts it and waits for its first line, which is where it listens; `Err` is another line, or none.
fn spawn(setup: &Setup, log: Stdio, errors: &Arc<Mutex<Vec<u8>>>) -> (Child, Result<SocketAddr, String>) {
    let mut command = setup.command();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut child = command.spawn().unwrap();
    // It keeps the other end of the log.
    drop(command);
    if let Some(log) = child.stderr.take() {
        collect(log, Arc::clone(errors));
    }
    let (sender, receiver) = mpsc::channel();
    let out = child.stdout.take().unwrap();
    thread::spawn(move || {
        let mut out = BufReader::new(out);
        let mut line = String::new();
        let _ = out.read_line(&mut line);
        let _ = sender.send(line);
        let _ = std::io::copy(&mut out, &mut std::io::sink());
    });
    let line = receiver.recv_timeout(seconds(30)).unwrap_or_default();
    let address = line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
    (child, address.ok_or(line))
}

fn collect(mut from: impl Read + Send + 'static, into: Arc<Mutex<Vec<u8>>>) {
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            into.lock().unwrap().extend_from_slice(&piece[..count]);
        }
    });
}

impl Drop for Ostler {
    fn drop(&mut self) {
        self.kill();
        let left = self.left_after(seconds(2));
        for process in &left {
            processes::signal(process.pid, rustix::process::Signal::KILL);
        }
        let _ = std::fs::remove_dir_all(&self.setup.home);
        if thread::panicking() {
            eprintln!("--- Ostler's standard error ---\n{}\n--- end ---", self.errors());
        } else {
            assert!(left.is_empty(), "two seconds after kill -9 of Ostler there still are {left:#?}");
        }
    }
}
