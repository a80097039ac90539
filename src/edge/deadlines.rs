//! [`ConnectionSlot`]: a connection's place in its worker's table, with what it waits for and until when.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Waker,
    time::Duration,
};

/// Interval at which deadlines are checked; each is kept to within two of these.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(50);

const NEVER: u64 = u64::MAX;

/// A wait of a connection; each has a deadline of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Bytes of a request.
    Read,
    /// Room for bytes of an answer.
    Write,
    /// Anything that answers the request, such as an instance.
    Work,
}

/// A connection as its worker sees it.
#[derive(Debug, Default)]
pub(super) struct ConnectionSlot {
    deadlines: [Deadline; 3],
    waker: RefCell<Option<Waker>>,
    /// Its index in the table; the worker keeps it up to date.
    pub(super) index: Cell<usize>,
    /// True while no byte of a request has come: the connection may be closed without harm.
    pub(super) idle: Cell<bool>,
    /// True once it has to make room for another.
    pub(super) evicted: Cell<bool>,
    /// True for a connection over the limit, which is only refused.
    pub(super) surplus: Cell<bool>,
}

/// The tick at which something is over.
#[derive(Debug)]
struct Deadline(Cell<u64>);

impl Default for Deadline {
    fn default() -> Self {
        Self(Cell::new(NEVER))
    }
}

impl ConnectionSlot {
    /// The task that is woken when something is due.
    pub(super) fn set_waker(&self, waker: &Waker) {
        self.waker.replace(Some(waker.clone()));
    }

    /// Wakes it where a deadline has passed.
    pub(super) fn wake_if_due(&self, now: u64) {
        if self.deadlines.iter().any(|deadline| deadline.0.get() <= now) {
            self.wake();
        }
    }

    /// Lets it look around.
    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    fn deadline(&self, wait: Wait) -> &Cell<u64> {
        let [read, write, work] = &self.deadlines;
        match wait {
            Wait::Read => &read.0,
            Wait::Write => &write.0,
            Wait::Work => &work.0,
        }
    }

    /// Lets `wait` end at the tick `at`, later or earlier than before.
    pub(super) fn set(&self, wait: Wait, at: u64) {
        self.deadline(wait).set(at);
    }

    /// True where `wait` has a deadline.
    pub(super) fn is_set(&self, wait: Wait) -> bool {
        self.deadline(wait).get() != NEVER
    }

    /// There is nothing to wait for any more.
    pub(super) fn clear(&self, wait: Wait) {
        self.set(wait, NEVER);
    }

    /// True where the deadline of `wait` has passed by the tick `now`.
    pub(super) fn has_passed(&self, wait: Wait, now: u64) -> bool {
        self.deadline(wait).get() <= now
    }
}

/// So many ticks that at least `duration` passes.
pub(super) fn ticks(duration: Duration) -> u64 {
    // The current tick does not count.
    u64::try_from(duration.as_millis().div_ceil(CHECK_INTERVAL.as_millis())).unwrap_or(NEVER / 2) + 1
}

/// Every connection of a worker.
#[derive(Debug, Default)]
pub(super) struct ConnectionSlots {
    all: RefCell<Vec<Rc<ConnectionSlot>>>,
    next_candidate: Cell<usize>,
}

impl ConnectionSlots {
    pub(super) fn len(&self) -> usize {
        self.all.borrow().len()
    }

    pub(super) fn add(&self) -> Rc<ConnectionSlot> {
        let mut all = self.all.borrow_mut();
        let slot = Rc::new(ConnectionSlot { index: Cell::new(all.len()), ..ConnectionSlot::default() });
        all.push(Rc::clone(&slot));
        slot
    }

    pub(super) fn remove(&self, slot: &ConnectionSlot) {
        let mut all = self.all.borrow_mut();
        let index = slot.index.get();
        if index < all.len() {
            all.swap_remove(index);
        }
        if let Some(moved) = all.get(index) {
            moved.index.set(index);
        }
        // A table that was large once need not stay so.
        if all.capacity() > 1024 && all.len() < all.capacity() / 4 {
            all.shrink_to_fit();
        }
    }

    pub(super) fn for_each(&self, act: impl FnMut(&Rc<ConnectionSlot>)) {
        self.all.borrow().iter().for_each(act);
    }

    /// The next connection that is idle, none among the first `most` looked at.
    pub(super) fn next_idle(&self, most: usize) -> Option<Rc<ConnectionSlot>> {
        let all = self.all.borrow();
        let start = self.next_candidate.get();
        let indices = (0..most.min(all.len())).map(|step| (start + step) % all.len().max(1));
        let found = indices.into_iter().find_map(|index| {
            let slot = all.get(index)?;
            (slot.idle.get() && !slot.evicted.get()).then(|| (index, Rc::clone(slot)))
        });
        self.next_candidate.set(found.as_ref().map_or(start + most, |(index, _)| index + 1));
        found.map(|(_, slot)| slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_leaves_at_least_the_time_it_was_given() {
        assert_eq!(ticks(Duration::ZERO), 1);
        assert_eq!(ticks(CHECK_INTERVAL), 2);
        assert_eq!(ticks(CHECK_INTERVAL * 3 - Duration::from_millis(1)), 4);
        let slot = ConnectionSlot::default();
        slot.set(Wait::Read, 7);
        assert!(!slot.has_passed(Wait::Read, 6) && slot.has_passed(Wait::Read, 7) && !slot.is_set(Wait::Write));
    }

    #[test]
    fn places_are_found_again_after_others_have_gone() {
        let slots = ConnectionSlots::default();
        let [a, b, c] = [slots.add(), slots.add(), slots.add()];
        slots.remove(&a);
        assert_eq!((slots.len(), c.index.get(), b.index.get()), (2, 0, 1));
        slots.remove(&c);
        slots.remove(&b);
        assert_eq!(slots.len(), 0);
    }

    #[test]
    fn only_idle_connections_make_room_each_once() {
        let slots = ConnectionSlots::default();
        let all = [slots.add(), slots.add(), slots.add()];
        assert!(slots.next_idle(9).is_none());
        all[1].idle.set(true);
        let found = slots.next_idle(9).unwrap();
        assert_eq!(found.index.get(), 1);
        found.evicted.set(true);
        assert!(slots.next_idle(9).is_none());
    }
}
