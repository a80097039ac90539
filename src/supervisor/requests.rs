//! The requests a process has in flight, and matching its answers to them.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::{
    mcp::{Level, Progress, convert::Demand},
    supervisor::{
        messages::{Answer, Dispatch, RequestEvent, RequestSubscriber, ServerRequest},
        server_instance::Figures,
    },
};

/// One request in flight.
struct Pending {
    /// Offset among all bytes sent to the process.
    start: usize,
    subscriber: Option<RequestSubscriber>,
    /// The least severe message its sender wants.
    level: Option<Level>,
    reply: oneshot::Sender<Answer>,
}

/// Every request in flight.
pub(super) struct Requests {
    pending: HashMap<u64, Pending>,
    figures: Arc<Figures>,
}

impl Requests {
    pub(super) fn new(figures: Arc<Figures>) -> Self {
        Self { pending: HashMap::new(), figures }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The ids of those in flight; later ones are greater.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        self.pending.keys().copied()
    }

    /// Adds a request whose line begins at `start` among all bytes sent.
    pub(super) fn add(&mut self, start: usize, request: Dispatch) {
        let Dispatch { id, subscriber, level, reply, .. } = request;
        self.pending.insert(id, Pending { start, subscriber, level, reply });
        self.figures.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets a request; false where it was answered already.
    pub(super) fn forget(&mut self, id: u64) -> bool {
        self.take(id).is_some()
    }

    /// Answers a request; an answer to none is counted and dropped.
    pub(super) fn settle(&mut self, id: Option<u64>, answer: Answer) {
        match id.and_then(|id| self.take(id)) {
            // The caller may have gone at this very moment.
            Some(pending) => drop(pending.reply.send(answer)),
            None => drop(self.figures.stray_answers.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Settles the request that an oversized line answers, as far as its ends or the lack of others tell.
    pub(super) fn settle_oversized(&mut self, head: &[u8], tail: &[u8]) {
        let only = || (self.pending.len() == 1).then(|| self.pending.keys().next().copied()).flatten();
        let id = find_id(head).or_else(|| find_id(tail)).filter(|id| self.pending.contains_key(id)).or_else(only);
        self.settle(id, Answer::TooLong);
    }

    /// Passes on a progress notification; one that its caller is too slow for is dropped.
    pub(super) fn forward_progress(&self, params: &RawValue) {
        let Some(progress) = Progress::read(params) else { return };
        let pending = progress.request().and_then(|id| self.pending.get(&id));
        let Some(subscriber) = pending.and_then(|pending| pending.subscriber.as_ref()) else { return };
        let Some(event) = subscriber.token.as_ref().and_then(|token| progress.with_token(token)) else { return };
        let event =
            RequestEvent::Notification { method: "notifications/progress".into(), params: Some(Arc::from(event)) };
        let _ = subscriber.events.try_send(event);
    }

    /// Hands a server's request to the oldest request with a subscriber that can take it now, or else to the oldest
    /// with any, which drops and so refuses a request that does not fit; gives it back where there is none.
    pub(super) fn route_server_request(&self, request: ServerRequest) -> Option<ServerRequest> {
        let Some(subscriber) = self.subscriber_for(&request).or_else(|| Some(self.oldest()?.1)) else {
            return Some(request);
        };
        drop(subscriber.events.try_send(RequestEvent::Request(request)));
        None
    }

    /// Notifies the subscriber of the oldest request that has one; false where none has.
    pub(super) fn notify_oldest(&self, event: impl FnOnce() -> RequestEvent) -> bool {
        self.oldest().is_some_and(|(_, subscriber)| notify(subscriber, event))
    }

    /// Passes a message of this level to the subscriber of the oldest request that has one, unless that request wants
    /// only more severe ones; false where none has a subscriber.
    pub(super) fn notify_oldest_of_level(&self, level: Option<Level>, event: impl FnOnce() -> RequestEvent) -> bool {
        self.oldest().is_some_and(|(pending, subscriber)| !is_wanted(level, pending.level) || notify(subscriber, event))
    }

    /// Passes a message of this level to the oldest of the requests that want messages, where they all have one owner;
    /// false where they have not, or there is none.
    pub(super) fn notify_only_owner(&self, level: Option<Level>, event: impl FnOnce() -> RequestEvent) -> bool {
        let wanting = || self.with_subscriber().filter(|(_, pending, _)| pending.level.is_some());
        let Some((_, pending, subscriber)) = wanting().min_by_key(|(id, ..)| *id) else { return false };
        let alone = wanting().all(|(.., other)| other.owner == subscriber.owner);
        alone && (!is_wanted(level, pending.level) || notify(subscriber, event))
    }

    /// The least severe level that a request in flight wants.
    pub(super) fn least_level(&self) -> Option<Level> {
        self.pending.values().filter_map(|pending| pending.level).min()
    }

    /// The oldest request with a subscriber; one that waits for its client is busy with the request before.
    fn oldest(&self) -> Option<(&Pending, &RequestSubscriber)> {
        let rank = |(id, _, subscriber): &(u64, &Pending, &RequestSubscriber)| {
            (subscriber.is_waiting.load(Ordering::Relaxed), *id)
        };
        self.with_subscriber().min_by_key(rank).map(|(_, pending, subscriber)| (pending, subscriber))
    }

    /// The oldest request whose subscriber declared what this request needs, and does not wait.
    fn subscriber_for(&self, request: &ServerRequest) -> Option<&RequestSubscriber> {
        let demand = Demand::of(&request.method, request.params.as_deref())?;
        let fits = |subscriber: &RequestSubscriber| {
            !subscriber.is_waiting.load(Ordering::Relaxed) && demand.is_met_by(&subscriber.capabilities)
        };
        let fitting = self.with_subscriber().filter(|(.., subscriber)| fits(subscriber));
        fitting.min_by_key(|(id, ..)| *id).map(|(.., subscriber)| subscriber)
    }

    fn with_subscriber(&self) -> impl Iterator<Item = (u64, &Pending, &RequestSubscriber)> {
        self.pending.iter().filter_map(|(id, pending)| Some((*id, pending, pending.subscriber.as_ref()?)))
    }

    /// Fails everything in flight.
    pub(super) fn fail_all(&mut self, reason: &str) {
        self.fail_before(usize::MAX, reason);
    }

    /// Fails what the server had read the beginning of, when it had read `read` bytes.
    pub(super) fn fail_before(&mut self, read: usize, reason: &str) {
        for (_, pending) in self.pending.extract_if(|_, pending| pending.start < read) {
            let _ = pending.reply.send(Answer::Died(reason.into()));
        }
        self.figures.in_flight.store(self.pending.len().try_into().unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Answers every request in flight with `NotSent`: not a byte of them was read, so another process may take them.
    pub(super) fn return_unsent(&mut self) {
        for (_, pending) in self.pending.drain() {
            let _ = pending.reply.send(Answer::NotSent);
        }
        self.figures.in_flight.store(0, Ordering::Relaxed);
    }

    fn take(&mut self, id: u64) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.figures.in_flight.fetch_sub(1, Ordering::Relaxed);
        Some(pending)
    }
}

/// Queues a message; leaves it out where the reader is too slow.
fn notify(subscriber: &RequestSubscriber, event: impl FnOnce() -> RequestEvent) -> bool {
    let _ = subscriber.events.try_send(event());
    true
}

/// True when a message of this level is at least as severe as the least severe one wanted.
fn is_wanted(level: Option<Level>, least: Option<Level>) -> bool {
    level.zip(least).is_none_or(|(level, least)| level >= least)
}

/// The number after the first `"id":` in a part of a message.
fn find_id(part: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(part);
    let (_, after) = text.split_once("\"id\":")?;
    let digits: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_flight(ids: &[u64]) -> (Requests, Vec<oneshot::Receiver<Answer>>) {
        let mut requests = Requests::new(Arc::default());
        let receivers = ids
            .iter()
            .map(|id| {
                let (reply, answer) = oneshot::channel();
                requests.add(usize::try_from(*id).unwrap(), dispatch(*id, None, None, reply));
                answer
            })
            .collect();
        (requests, receivers)
    }

    fn dispatch(
        id: u64,
        subscriber: Option<RequestSubscriber>,
        level: Option<Level>,
        reply: oneshot::Sender<Answer>,
    ) -> Dispatch {
        Dispatch { id, line: bytes::Bytes::new(), subscriber, level, reply }
    }

    fn result() -> Answer {
        Answer::Result(Arc::from(RawValue::from_string("{}".into()).unwrap()))
    }

    #[test]
    fn the_first_answer_counts_and_others_are_strays() {
        let (mut requests, mut answers) = in_flight(&[1, 2]);
        requests.settle(Some(1), result());
        requests.settle(Some(1), result());
        requests.settle(Some(9), result());
        requests.settle(None, result());
        assert!(matches!(answers[0].try_recv(), Ok(Answer::Result(_))));
        assert!(answers[1].try_recv().is_err());
        assert_eq!(requests.figures.stray_answers.load(Ordering::Relaxed), 3);
        assert_eq!(requests.figures.in_flight.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_the_server_never_read_may_be_sent_to_another() {
        let (mut requests, mut answers) = in_flight(&[10, 20]);
        requests.fail_before(20, "it ended");
        assert!(matches!(answers[0].try_recv(), Ok(Answer::Died(_))));
        requests.return_unsent();
        assert!(matches!(answers[1].try_recv(), Ok(Answer::NotSent)));
    }

    #[test]
    fn an_oversized_answer_fails_its_call() {
        let (mut requests, mut answers) = in_flight(&[1, 2]);
        requests.settle_oversized(br#"{"result":{"content":[{"#, br#""}]},"jsonrpc":"2.0","id":2}"#);
        assert!(matches!(answers[1].try_recv(), Ok(Answer::TooLong)));
        requests.settle_oversized(b"no id", b"here");
        assert!(matches!(answers[0].try_recv(), Ok(Answer::TooLong)));
    }
}
