//! [`run_to_end`]: a program that is run once, to its end, under a guard as a server is.

use std::{io, path::Path};

use tokio::{io::AsyncReadExt, net::unix::pipe};

use crate::supervisor::{
    guard::{Report, Spec},
    process, server,
};

/// Most bytes that are kept of what a program says.
const SAID_BYTES_MAX: usize = 64 << 10;

/// Mark of such a program in its environment, where a server has its own.
const MARK: &str = "once";

/// The end of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    /// True when it exited with 0.
    pub(crate) is_success: bool,
    /// The end of what it wrote on standard error.
    pub(crate) said: String,
    /// The reason why it was not run, or not to its end.
    pub(crate) failure: Option<String>,
}

/// Runs a program to its end. Dropping the future ends its whole tree. Needs a tokio runtime.
pub(crate) async fn run_to_end(guard: &Path, spec: &Spec) -> io::Result<Ended> {
    let spec = server::of_one_process(spec, MARK);
    let mut process = process::spawn(guard, &spec, false)?;
    // It is asked nothing.
    drop(process.stdin);
    let (output, said) = (tail(process.stdout), tail(process.stderr));
    let reports = async {
        let mut last = (false, None);
        while let Some(report) = process.reports.next().await {
            last = match report {
                Report::Started { .. } | Report::Held { .. } => last,
                Report::Exited { code, .. } => (code == Some(0), last.1),
                Report::Failed { reason, .. } | Report::Uncontained { reason } => (false, Some(reason)),
                Report::Exceeded(exceeded) => (false, Some(exceeded.to_string())),
            };
        }
        last
    };
    let (_, said, (is_success, failure)) = tokio::join!(output, said, reports);
    drop(process.orders);
    process.reports.reap().await;
    Ok(Ended { is_success, said, failure })
}

/// The last bytes of a pipe, as text.
async fn tail(mut pipe: pipe::Receiver) -> String {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; SAID_BYTES_MAX]);
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        kept.extend_from_slice(chunk.get(..length).unwrap_or_default());
        let surplus = kept.len().saturating_sub(SAID_BYTES_MAX);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
