//! Output of a server: a bounded ring, kept across restarts, that can be followed. It has the lines of standard error,
//! and those of standard output that are no messages.

use std::{collections::VecDeque, sync::Arc};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::{io::AsyncReadExt, net::unix::pipe, sync::watch};

use crate::{
    model::{OutputLine, OutputStream, Timestamp, UserId},
    policy::{mask::Mask, payload},
    timeline::Log,
};

/// Bytes of text the ring holds.
const CAPACITY_BYTES: usize = 1024 * 1024;

/// Longest line; what is longer, or has no end, is cut into several.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// The longest beginning of a stray line that is masked before it is cut: half a secret is not found.
const STRAY_BYTES_MAX: usize = 5 * LINE_BYTES_MAX;

/// Lines of one process in a report on its exit: the first, which often have the reason, and the last.
const REPORTED_LINES: (usize, usize) = (5, 15);

/// The last megabyte of a server's output.
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

    /// The first and the last of its own lines after `seq`, without their numbers, with an ellipsis between them; those
    /// of standard output are marked.
    pub(super) fn words(&self, seq: u64) -> Vec<String> {
        let lines = self.filtered(seq, |owner| owner == self.user).into_iter();
        let mut lines: Vec<_> = lines
            .map(|OutputLine { stream, line, .. }| match stream {
                OutputStream::Stderr => line,
                OutputStream::Stdout => format!("[stdout] {line}"),
            })
            .collect();
        let (first, last) = REPORTED_LINES;
        let left_out = lines.len().saturating_sub(last).max(first);
        if left_out > first {
            lines.splice(first..left_out, [format!("… {} lines …", left_out.saturating_sub(first))]);
        }
        lines
    }

    /// Number of the newest line.
    pub(super) fn last_seq(&self) -> u64 {
        *self.lines.latest.borrow()
    }

    /// Adds a line of standard error.
    pub(super) fn push(&self, bytes: &[u8]) {
        self.add(OutputStream::Stderr, bytes);
    }

    /// Adds a line of standard output that is no message, or the beginning of a long one; blank ones are left out.
    pub(super) fn push_stray(&self, bytes: &[u8]) {
        if !bytes.trim_ascii().is_empty() {
            self.add(OutputStream::Stdout, bytes.get(..STRAY_BYTES_MAX).unwrap_or(bytes));
        }
    }

    /// Adds a line and drops the oldest ones that no longer fit.
    fn add(&self, stream: OutputStream, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let line = payload::beginning(&self.masked(text.trim_end()), LINE_BYTES_MAX).to_owned();
        self.log.output(stream, &line);
        let seq = {
            let mut ring = self.lines.ring.lock();
            ring.last_seq = ring.last_seq.saturating_add(1);
            ring.bytes = ring.bytes.saturating_add(cost(&line));
            let seq = ring.last_seq;
            ring.lines.push_back((self.user, OutputLine { seq, at: Timestamp::now(), stream, line }));
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
        assert_eq!((output.words(0), of_ada.words(0)), (vec!["for all".to_owned()], vec!["for ada".to_owned()]));
    }

    #[test]
    fn of_many_lines_the_first_and_the_last_are_reported() {
        let output = Output::default();
        let numbered = |lines: std::ops::RangeInclusive<u32>| lines.map(|line| line.to_string()).collect::<Vec<_>>();
        (1..=20).for_each(|line| output.push(format!("{line}\n").as_bytes()));
        assert_eq!(output.words(0), numbered(1..=20));
        (21..=40).for_each(|line| output.push(format!("{line}\n").as_bytes()));
        let expected = [numbered(1..=5), vec!["… 20 lines …".into()], numbered(26..=40)].concat();
        assert_eq!(output.words(0), expected);
        assert_eq!(output.words(38), numbered(39..=40));
    }

    #[test]
    fn lines_of_standard_output_are_marked_and_bounded() {
        let output = Output::default();
        output.push_stray(b"\r");
        output.push_stray(b"Error: KEY is not set\r");
        output.push_stray(&[b'x'; 2 * LINE_BYTES_MAX]);
        let words = output.words(0);
        assert_eq!((words.len(), words[0].as_str()), (2, "[stdout] Error: KEY is not set"));
        assert_eq!(words[1].len(), LINE_BYTES_MAX + "[stdout] ".len());
        assert_eq!(output.after(0, UserId::new())[0].stream, OutputStream::Stdout);
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
