//! [`Worker`]: what the connections of one thread share: the table of them, the time, spare buffers.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::Duration,
};

use actix_web::rt::spawn;
use bytes::BytesMut;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    date::Date,
    deadlines::{Place, Places, TICK},
    load_shedding::Shedder,
};

/// The size of a buffer for reading.
pub(super) const BUFFER: usize = 16 << 10;
/// Places looked at for one that is idle.
const LOOKED_AT: usize = 256;
/// Spare buffers kept.
const MOST_SPARE: usize = 32;

/// One thread's part of the edge.
#[derive(Debug)]
pub(super) struct Worker {
    places: Places,
    spare: RefCell<Vec<BytesMut>>,
    now: Cell<u64>,
    is_beating: Cell<bool>,
    stopping: Cell<bool>,
    most_connections: usize,
    most_told: usize,
    pub(super) shedder: Shedder,
    pub(super) date: Date,
}

impl Worker {
    /// A worker that serves at most so many connections, and tells so many more that it does not.
    pub(super) fn new(most_connections: usize, most_told: usize) -> Rc<Self> {
        Rc::new(Self {
            places: Places::default(),
            spare: RefCell::default(),
            now: Cell::new(0),
            is_beating: Cell::new(false),
            stopping: Cell::new(false),
            most_connections,
            most_told,
            shedder: Shedder::default(),
            date: Date::default(),
        })
    }

    /// A place for another connection. Where there is none left, one that is idle makes room, else the place is a surplus
    /// one; `None` where there are too many even of these.
    pub(super) fn seat(self: &Rc<Self>) -> Option<Rc<Place>> {
        let mut is_surplus = false;
        if self.places.len() >= self.most_connections {
            if self.places.len() >= self.most_connections + self.most_told {
                return None;
            }
            match self.places.next_idle(LOOKED_AT) {
                Some(idle) => {
                    idle.evicted.set(true);
                    idle.wake();
                }
                None => is_surplus = true,
            }
        }
        if !self.is_beating.replace(true) {
            self.date.refresh();
            spawn(beat(Rc::downgrade(self)));
        }
        let place = self.places.add();
        place.surplus.set(is_surplus);
        Some(place)
    }

    /// Gives a place back.
    pub(super) fn leave(&self, place: &Place) {
        self.places.remove(place);
    }

    /// The tick at hand.
    pub(super) fn now(&self) -> u64 {
        self.now.get()
    }

    /// Whether the connections are to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Lets every connection end after the request it is at.
    pub(super) fn stop(&self) {
        self.stopping.set(true);
        self.places.for_each(|place| place.wake());
    }

    /// An empty buffer.
    pub(super) fn take_buffer(&self) -> BytesMut {
        self.spare.borrow_mut().pop().unwrap_or_else(|| BytesMut::with_capacity(BUFFER))
    }

    /// Takes a buffer back, for another connection.
    pub(super) fn give_buffer(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut spare = self.spare.borrow_mut();
        // One that others still read from, or that has grown, is left to the allocator.
        if spare.len() < MOST_SPARE && buffer.try_reclaim(BUFFER) && buffer.capacity() <= 2 * BUFFER {
            spare.push(buffer);
        }
    }

    /// One tick, which came so much too late. Says whether another is needed.
    fn tick(&self, late: Duration) -> bool {
        let now = self.now.get() + 1;
        self.now.set(now);
        self.date.refresh();
        self.shedder.observe(late, self.places.len());
        self.places.for_each(|place| place.remind(now));
        self.places.len() > 0 || !self.shedder.is_calm()
    }
}

/// Counts time while there are connections. It is counted in ticks that were served, not read from a clock: to a
/// process that was suspended, or has too much to do, the time when it could not read is no client's fault.
async fn beat(worker: Weak<Worker>) {
    let mut interval = interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.tick().await;
    loop {
        let expected = Instant::now() + TICK;
        interval.tick().await;
        let Some(worker) = worker.upgrade() else { return };
        if !worker.tick(Instant::now().saturating_duration_since(expected)) {
            worker.is_beating.set(false);
            return;
        }
    }
}
