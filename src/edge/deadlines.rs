//! [`Seat`]: a connection's place in its worker's table, with what it waits for and until when.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Waker,
    time::Duration,
};

/// How often deadlines are looked at; each is kept to within two of these.
pub(super) const TICK: Duration = Duration::from_millis(50);

const NEVER: u64 = u64::MAX;

/// What a connection waits for; each has a deadline of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Bytes of a request.
    Read,
    /// Room for bytes of an answer.
    Write,
    /// Whatever the one who answers the request waits for.
    Work,
}

/// A connection as its worker sees it.
#[derive(Debug, Default)]
pub(super) struct Place {
    deadlines: [Deadline; 3],
    waker: RefCell<Option<Waker>>,
    /// Where in the table; the worker keeps it right.
    pub(super) index: Cell<usize>,
    /// Whether it waits for a request of which no byte has come, and so may be closed without harm.
    pub(super) idle: Cell<bool>,
    /// Whether it has to make room for another.
    pub(super) evicted: Cell<bool>,
    /// Whether it is one too many, and only there to be told so.
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

impl Place {
    /// The task that is woken when something is due.
    pub(super) fn listen(&self, waker: &Waker) {
        self.waker.replace(Some(waker.clone()));
    }

    /// Wakes it where a deadline has passed.
    pub(super) fn remind(&self, now: u64) {
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

    /// Whether `wait` has a deadline.
    pub(super) fn is_set(&self, wait: Wait) -> bool {
        self.deadline(wait).get() != NEVER
    }

    /// There is nothing to wait for any more.
    pub(super) fn clear(&self, wait: Wait) {
        self.set(wait, NEVER);
    }

    /// Whether the deadline of `wait` has passed by the tick `now`.
    pub(super) fn has_passed(&self, wait: Wait, now: u64) -> bool {
        self.deadline(wait).get() <= now
    }
}

/// So many ticks that at least `duration` passes.
pub(super) fn ticks(duration: Duration) -> u64 {
    // The tick under way does not count.
    u64::try_from(duration.as_millis().div_ceil(TICK.as_millis())).unwrap_or(NEVER / 2) + 1
}

/// Every connection of a worker.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: RefCell<Vec<Rc<Place>>>,
    hand: Cell<usize>,
}

impl Places {
    pub(super) fn len(&self) -> usize {
        self.all.borrow().len()
    }

    pub(super) fn add(&self) -> Rc<Place> {
        let mut all = self.all.borrow_mut();
        let place = Rc::new(Place { index: Cell::new(all.len()), ..Place::default() });
        all.push(Rc::clone(&place));
        place
    }

    pub(super) fn remove(&self, place: &Place) {
        let mut all = self.all.borrow_mut();
        let index = place.index.get();
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

    pub(super) fn for_each(&self, act: impl FnMut(&Rc<Place>)) {
        self.all.borrow().iter().for_each(act);
    }

    /// The next connection that is idle, none among the first `most` looked at.
    pub(super) fn next_idle(&self, most: usize) -> Option<Rc<Place>> {
        let all = self.all.borrow();
        let start = self.hand.get();
        let indices = (0..most.min(all.len())).map(|step| (start + step) % all.len().max(1));
        let found = indices.into_iter().find_map(|index| {
            let place = all.get(index)?;
            (place.idle.get() && !place.evicted.get()).then(|| (index, Rc::clone(place)))
        });
        self.hand.set(found.as_ref().map_or(start + most, |(index, _)| index + 1));
        found.map(|(_, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_leaves_at_least_the_time_it_was_given() {
        assert_eq!(ticks(Duration::ZERO), 1);
        assert_eq!(ticks(TICK), 2);
        assert_eq!(ticks(TICK * 3 - Duration::from_millis(1)), 4);
        let place = Place::default();
        place.set(Wait::Read, 7);
        assert!(!place.has_passed(Wait::Read, 6) && place.has_passed(Wait::Read, 7) && !place.is_set(Wait::Write));
    }

    #[test]
    fn places_are_found_again_after_others_have_gone() {
        let places = Places::default();
        let [a, b, c] = [places.add(), places.add(), places.add()];
        places.remove(&a);
        assert_eq!((places.len(), c.index.get(), b.index.get()), (2, 0, 1));
        places.remove(&c);
        places.remove(&b);
        assert_eq!(places.len(), 0);
    }

    #[test]
    fn only_idle_connections_make_room_each_once() {
        let places = Places::default();
        let all = [places.add(), places.add(), places.add()];
        assert!(places.next_idle(9).is_none());
        all[1].idle.set(true);
        let found = places.next_idle(9).unwrap();
        assert_eq!(found.index.get(), 1);
        found.evicted.set(true);
        assert!(places.next_idle(9).is_none());
    }
}
