//! Standard error of a server: a bounded ring, kept across restarts, that can be followed.

use std::{collections::VecDeque, sync::Arc};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::{io::AsyncReadExt, net::unix::pipe, sync::watch};

use crate::{
    model::{OutputLine, Timestamp, UserId},
    policy::mask::Mask,
    timeline::Log,
};

/// Bytes of text the ring holds.
const CAPACITY_BYTES: usize = 1024 * 1024;

/// Longest line; what is longer, or has no end, is cut into several.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// The last megabyte of a server's standard error.
///
/// A process that is one user's alone writes into its server's, and only that user reads what it wrote.
#[derive(Default)]
pub struct Output {
    lines: Arc<OutputLines>,
    mask: ArcSwap<Mask>,
    log: Log,
    /// The user who alone may read these lines; `None` where every reader of the server's may.
    user: Option<UserId>,
}

/// Lines of all processes of a server.
#[derive(Default)]
struct OutputLines {
    ring: Mutex<Ring>,
    latest: watch::Sender<u64>,
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<(Option<UserId>, OutputLine)>,
    bytes: usize,
    last_seq: u64,
}

impl Output {
    /// Output whose lines are put on a timeline as well.
    pub(super) fn logged(log: Log) -> Self {
        Self { log, ..Self::default() }
    }

    /// Output of a process that is one user's alone. Its lines are on no timeline: every reader of the server would see
    /// them.
    #[must_use]
    pub fn of_user(&self, user: UserId) -> Self {
        Self { lines: self.lines.clone(), user: Some(user), ..Self::default() }
    }

    /// `text` with what is secret masked.
    pub(super) fn masked(&self, text: &str) -> String {
        self.mask.load().text(text).into_owned()
    }

    /// Hides other secrets from now on.
    pub(super) fn set_mask(&self, mask: Mask) {
        self.mask.store(mask.into());
    }

    /// The lines after `seq` that are for everybody or `user`, oldest first; all of them after 0.
    pub fn after(&self, seq: u64, user: UserId) -> Vec<OutputLine> {
        self.filtered(seq, |owner| owner.is_none_or(|owner| owner == user))
    }

    fn filtered(&self, seq: u64, wanted: impl Fn(Option<UserId>) -> bool) -> Vec<OutputLine> {
        let ring = self.lines.ring.lock();
        let from = ring.lines.partition_point(|(_, line)| line.seq <= seq);
        let wanted = ring.lines.iter().skip(from).filter(|(owner, _)| wanted(*owner));
        wanted.map(|(_, line)| line.clone()).collect()
    }

    /// Number of the newest line; wakes with each new one, closes when the server is removed.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.lines.latest.subscribe()
    }

    /// The last `most` lines of its own after `seq`, without their numbers.
    pub(super) fn tail(&self, seq: u64, most: usize) -> Vec<String> {
        let lines = self.filtered(seq, |owner| owner == self.user);
        let skip = lines.len().saturating_sub(most);
        lines.into_iter().skip(skip).map(|line| line.line).collect()
    }

    /// Number of the newest line.
    pub(super) fn last_seq(&self) -> u64 {
        *self.lines.latest.borrow()
    }

    /// Adds a line and drops the oldest ones that no longer fit.
    pub(super) fn push(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let line = self.masked(text.trim_end());
        self.log.stderr(&line);
        let seq = {
            let mut ring = self.lines.ring.lock();
            ring.last_seq = ring.last_seq.saturating_add(1);
            ring.bytes = ring.bytes.saturating_add(cost(&line));
            let seq = ring.last_seq;
            ring.lines.push_back((self.user, OutputLine { seq, at: Timestamp::now(), line }));
            while ring.bytes > CAPACITY_BYTES {
                let Some((_, oldest)) = ring.lines.pop_front() else { break };
                ring.bytes = ring.bytes.saturating_sub(cost(&oldest.line));
            }
            seq
        };
        self.lines.latest.send_replace(seq);
    }

    /// Reads a pipe to its end, so that the server never blocks on it.
    pub(super) async fn drain(&self, mut pipe: pipe::Receiver) {
        let mut pending = Vec::with_capacity(4096);
        while let Ok(1..) = pipe.read_buf(&mut pending).await {
            let mut rest = pending.as_slice();
            while let Some((line, after)) = split_line(rest) {
                self.push(line);
                rest = after;
            }
            let used = pending.len().saturating_sub(rest.len());
            pending.drain(..used);
            // A flood must leave the thread to others.
            tokio::task::yield_now().await;
        }
        if !pending.is_empty() {
            self.push(&pending);
        }
    }
}

/// Bytes a line counts for: its text, and about the memory that holds it.
fn cost(line: &str) -> usize {
    line.len().saturating_add(64)
}

/// The first line of `bytes` and what follows it, if it has ended or is as long as a line may be.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let window = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
    match memchr::memchr(b'\n', window) {
        Some(at) => Some((bytes.get(..at)?, bytes.get(at.saturating_add(1)..)?)),
        None => (window.len() == LINE_BYTES_MAX).then(|| bytes.split_at(LINE_BYTES_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_newest_megabyte_and_says_where_it_begins() {
        let output = Output::default();
        for _ in 0..200 {
            output.push(&[b'x'; 10_000]);
        }
        let lines = output.after(0, UserId::nobody());
        assert!(lines.iter().map(|line| line.line.len()).sum::<usize>() <= CAPACITY_BYTES);
        assert_eq!(
            (lines.last().unwrap().seq, lines.first().unwrap().seq),
            (200, 201 - u64::try_from(lines.len()).unwrap())
        );
        assert_eq!(output.after(199, UserId::nobody()).len(), 1);
    }

    #[test]
    fn what_one_users_process_wrote_is_read_by_that_user_alone() {
        let (ada, bob) = (UserId::new(), UserId::new());
        let output = Output::default();
        let of_ada = output.of_user(ada);
        output.push(b"for all");
        of_ada.push(b"for ada");
        let read = |user| output.after(0, user).into_iter().map(|line| (line.seq, line.line)).collect::<Vec<_>>();
        assert_eq!(read(ada), [(1, "for all".to_owned()), (2, "for ada".to_owned())]);
        assert_eq!(read(bob), [(1, "for all".to_owned())]);
        assert_eq!((output.tail(0, 9), of_ada.tail(0, 9)), (vec!["for all".to_owned()], vec!["for ada".to_owned()]));
    }

    #[test]
    fn text_without_an_end_is_cut_into_lines() {
        let text = vec![b'x'; LINE_BYTES_MAX + 5];
        let (line, rest) = split_line(&text).unwrap();
        assert_eq!((line.len(), rest.len()), (LINE_BYTES_MAX, 5));
        assert_eq!(split_line(rest), None);
        assert_eq!(split_line(b"a\nb"), Some((&b"a"[..], &b"b"[..])));
    }
}
