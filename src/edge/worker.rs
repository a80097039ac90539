//! [`Worker`]: state that the connections of one thread share: the table of them, the time, spare buffers.

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
    deadlines::{CHECK_INTERVAL, ConnectionSlot, ConnectionSlots},
    load_shedding::Shedder,
};

/// The size of a buffer for reading.
pub(super) const READ_BUFFER_BYTES: usize = 16 << 10;
/// Places looked at for one that is idle.
const EVICTION_CANDIDATES_MAX: usize = 256;
/// Spare buffers kept.
const SPARE_BUFFERS_MAX: usize = 32;

/// One thread's part of the edge.
#[derive(Debug)]
pub(super) struct Worker {
    slots: ConnectionSlots,
    spare: RefCell<Vec<BytesMut>>,
    now: Cell<u64>,
    is_ticking: Cell<bool>,
    stopping: Cell<bool>,
    connections_max: usize,
    refused_max: usize,
    pub(super) shedder: Shedder,
    pub(super) date: Date,
}

impl Worker {
    /// A worker that serves at most so many connections, and tells so many more that it does not.
    pub(super) fn new(connections_max: usize, refused_max: usize) -> Rc<Self> {
        Rc::new(Self {
            slots: ConnectionSlots::default(),
            spare: RefCell::default(),
            now: Cell::new(0),
            is_ticking: Cell::new(false),
            stopping: Cell::new(false),
            connections_max,
            refused_max,
            shedder: Shedder::default(),
            date: Date::default(),
        })
    }

    /// A place for another connection. Where there is none left, one that is idle makes room, else the place is a
    /// surplus one; `None` where there are too many even of these.
    pub(super) fn claim_slot(self: &Rc<Self>) -> Option<Rc<ConnectionSlot>> {
        let mut is_surplus = false;
        if self.slots.len() >= self.connections_max {
            if self.slots.len() >= self.connections_max + self.refused_max {
                return None;
            }
            match self.slots.next_idle(EVICTION_CANDIDATES_MAX) {
                Some(idle) => {
                    idle.evicted.set(true);
                    idle.wake();
                }
                None => is_surplus = true,
            }
        }
        if !self.is_ticking.replace(true) {
            self.date.refresh();
            spawn(run_ticks(Rc::downgrade(self)));
        }
        let slot = self.slots.add();
        slot.surplus.set(is_surplus);
        Some(slot)
    }

    /// Gives a place back.
    pub(super) fn release_slot(&self, slot: &ConnectionSlot) {
        self.slots.remove(slot);
    }

    /// The tick at hand.
    pub(super) fn now(&self) -> u64 {
        self.now.get()
    }

    /// True once the connections are to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Lets every connection end after the request it is at.
    pub(super) fn stop(&self) {
        self.stopping.set(true);
        self.slots.for_each(|slot| slot.wake());
    }

    /// An empty buffer.
    pub(super) fn take_buffer(&self) -> BytesMut {
        self.spare.borrow_mut().pop().unwrap_or_else(|| BytesMut::with_capacity(READ_BUFFER_BYTES))
    }

    /// Takes a buffer back, for another connection.
    pub(super) fn give_buffer(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut spare = self.spare.borrow_mut();
        // One that others still read from, or that has grown, is left to the allocator.
        if spare.len() < SPARE_BUFFERS_MAX
            && buffer.try_reclaim(READ_BUFFER_BYTES)
            && buffer.capacity() <= 2 * READ_BUFFER_BYTES
        {
            spare.push(buffer);
        }
    }

    /// One tick, which came so much too late. Says whether another is needed.
    fn tick(&self, late: Duration) -> bool {
        let now = self.now.get() + 1;
        self.now.set(now);
        self.date.refresh();
        self.shedder.observe(late, self.slots.len());
        self.slots.for_each(|slot| slot.wake_if_due(now));
        self.slots.len() > 0 || !self.shedder.is_idle()
    }
}

/// Counts time while there are connections. It is counted in ticks that were served, not read from a clock: to a
/// process that was suspended, or has too much to do, the time when it could not read is no client's fault.
async fn run_ticks(worker: Weak<Worker>) {
    let mut interval = interval(CHECK_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.tick().await;
    loop {
        let expected = Instant::now() + CHECK_INTERVAL;
        interval.tick().await;
        let Some(worker) = worker.upgrade() else { return };
        if !worker.tick(Instant::now().saturating_duration_since(expected)) {
            worker.is_ticking.set(false);
            return;
        }
    }
}
