//! [`Service`]: a registration, and the choice of the instance that gets a request.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    error::RateLimited,
    gateway::{
        clock::Clock,
        counters::Counters,
        instance::{Instance, InstanceId},
        service_state::SharedServiceState,
        settings::GatewaySettings,
    },
    model::{InstanceSpec, LoadBalancing, ServiceSpec},
    policy::{
        balance::{self, Balancer, Candidate},
        breaker::{Permit, may_eject},
    },
};

/// `Retry-After` where nothing better is known.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);

/// No instance takes a request now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoInstance {
    /// When the next instance may be back, as far as is known.
    pub retry_after: Duration,
    /// True where there are healthy ones, with as many requests in flight as they take (`maxConnections`).
    pub full: bool,
}

/// Observer of requests to a service.
pub(super) trait ServiceObserver: Send + Sync {
    /// Requests to an instance fail, so a check of it is due at once.
    fn suspected(&self, instance: InstanceId);
}

/// A service of the table. A holder goes on with the registration of the moment it was found.
pub(crate) struct Service {
    spec: ServiceSpec,
    timeout: Duration,
    load_balancing: LoadBalancing,
    check_interval: Duration,
    slots: Vec<WeightedInstance>,
    /// With candidates that are filled for each request; here so that their memory is used again.
    balancer: Mutex<(Balancer, Vec<Candidate>)>,
    clock: Clock,
    observer: Arc<dyn ServiceObserver>,
    pub(super) state: Arc<SharedServiceState>,
}

/// An instance with what this registration says of it.
#[derive(Debug)]
pub(super) struct WeightedInstance {
    pub(super) instance: Arc<Instance>,
    pub(super) weight: u32,
}

impl WeightedInstance {
    /// True where it should get requests: it is not drained, and has a share.
    pub(super) fn is_wanted(&self) -> bool {
        self.weight > 0 && !self.instance.is_draining()
    }

    /// True where it would get a request, if it had room for one.
    pub(super) fn is_available(&self, last_resort: bool, now: Duration) -> bool {
        self.is_wanted() && (self.instance.is_available(now) || (last_resort && self.instance.is_well()))
    }
}

impl Service {
    pub(super) fn new(
        spec: ServiceSpec,
        settings: &GatewaySettings,
        clock: &Clock,
        observer: &Arc<dyn ServiceObserver>,
        before: Option<&Self>,
    ) -> Self {
        let known = |host: &str, port| before?.find(host, port).cloned();
        let slot = |wanted: &InstanceSpec| {
            let new = || Arc::new(Instance::new(&wanted.host, wanted.port));
            let instance = known(&wanted.host, wanted.port).unwrap_or_else(new);
            instance.drain(wanted.draining, clock.now());
            WeightedInstance { instance, weight: wanted.weight }
        };
        let slots: Vec<WeightedInstance> = spec.instances.iter().map(slot).collect();
        let state = before.map(|before| before.state.clone()).unwrap_or_default();
        state.set_limit(spec.rate_limit);
        if let Some(before) = before {
            let gone = before.slots.iter().filter(|old| slots.iter().all(|new| new.instance.id() != old.instance.id()));
            state.release(gone.map(|slot| slot.instance.clone()));
        }
        Self {
            timeout: spec.timeout.unwrap_or(settings.timeout),
            load_balancing: spec.load_balancing.unwrap_or(settings.load_balancing),
            check_interval: spec.health_check.interval.unwrap_or(settings.health_check_interval),
            slots,
            balancer: Mutex::default(),
            clock: *clock,
            observer: observer.clone(),
            state,
            spec,
        }
    }

    /// The registration.
    #[must_use]
    pub(crate) fn spec(&self) -> &ServiceSpec {
        &self.spec
    }

    /// Timeout of a request, from first byte to last.
    #[must_use]
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Strategy by which its instances are chosen.
    #[must_use]
    pub(crate) fn load_balancing(&self) -> LoadBalancing {
        self.load_balancing
    }

    /// Time between checks of an instance that is well.
    #[must_use]
    pub(crate) fn check_interval(&self) -> Duration {
        self.check_interval
    }

    /// Its instances, as registered.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.slots.iter().map(|slot| &slot.instance)
    }

    pub(super) fn slots(&self) -> &[WeightedInstance] {
        &self.slots
    }

    pub(super) fn pick(&self, tried: &[InstanceId], now: Duration) -> Option<(&Arc<Instance>, Permit)> {
        let available =
            self.next(tried, |instance, weight| instance.share(weight, now), |instance| instance.begin(now));
        available.or_else(|| {
            let well = |instance: &Instance, weight| if instance.is_well() { balance::full_share(weight) } else { 0 };
            // Its outcome says nothing: the breaker waits for its time, and for trials.
            let begin = |_: &Instance| Some(Permit::Regular);
            if self.is_last_resort(tried, now) { self.next(tried, well, begin) } else { None }
        })
    }

    /// True when none is left but instances that are ejected or not known to be healthy again: then those whose last
    /// check was good get requests all the same. It is decided for each request, as checks may take instances out
    /// after others were ejected.
    pub(super) fn is_last_resort(&self, tried: &[InstanceId], now: Duration) -> bool {
        !self.untried(tried).any(|slot| slot.instance.is_available(now))
    }

    fn untried(&self, tried: &[InstanceId]) -> impl Iterator<Item = &WeightedInstance> + Clone {
        self.slots.iter().filter(|slot| slot.is_wanted() && !tried.contains(&slot.instance.id()))
    }

    /// The next of the instances to which `share` gives one and `begin` lets a request through.
    fn next(
        &self,
        tried: &[InstanceId],
        share: impl Fn(&Instance, u32) -> u32,
        begin: impl Fn(&Instance) -> Option<Permit>,
    ) -> Option<(&Arc<Instance>, Permit)> {
        let mut balancer = self.balancer.lock();
        let (balancer, candidates) = &mut *balancer;
        candidates.clear();
        candidates.extend(self.slots.iter().map(|slot| self.candidate(slot, tried, &share)));
        loop {
            let index = balancer.next(self.load_balancing, candidates)?;
            let instance = &self.slots.get(index)?.instance;
            if let Some(permit) = begin(instance) {
                // Under the lock, so that no two requests take the last place.
                instance.in_flight.fetch_add(1, SeqCst);
                instance.counters.request();
                return Some((instance, permit));
            }
            // Another request took the only trial.
            candidates.get_mut(index)?.share = 0;
        }
    }

    fn candidate(
        &self,
        slot: &WeightedInstance,
        tried: &[InstanceId],
        share: impl Fn(&Instance, u32) -> u32,
    ) -> Candidate {
        let in_flight = slot.instance.in_flight();
        let able = slot.is_wanted() && !self.is_full(in_flight) && !tried.contains(&slot.instance.id());
        let weight = balance::effective_weight(self.load_balancing, slot.weight);
        Candidate { share: if able { share(&slot.instance, weight) } else { 0 }, in_flight }
    }

    fn is_full(&self, in_flight: u32) -> bool {
        self.spec.max_connections.is_some_and(|most| in_flight >= most)
    }

    pub(super) fn no_instance(&self, tried: &[InstanceId], now: Duration) -> NoInstance {
        let able = self.untried(tried);
        let last_resort = self.is_last_resort(tried, now);
        let full =
            able.clone().any(|slot| slot.is_available(last_resort, now) && self.is_full(slot.instance.in_flight()));
        let wait = able.map(|slot| slot.instance.wait(now)).min().unwrap_or(self.check_interval);
        NoInstance { retry_after: if full { RETRY_AFTER_MIN } else { wait.max(RETRY_AFTER_MIN) }, full }
    }

    /// Counts a request of `caller` against the service's rate limit, or says that it is over it and counts nothing.
    pub(crate) fn admit(&self, caller: &str) -> Result<(), RateLimited> {
        if self.spec.rate_limit.is_none() { Ok(()) } else { self.state.admit(caller, self.now()) }
    }

    /// Takes one of the retries that may be made: a fifth of the requests of the last ten seconds, and ten at least.
    #[must_use]
    pub(crate) fn may_retry(&self) -> bool {
        self.state.retry(self.now())
    }

    /// Waits until no request is in flight, on instances of earlier registrations neither, or `grace` has passed;
    /// true where none is. For a service that is out of the table.
    pub(crate) async fn drained(&self, grace: Duration) -> bool {
        let idle = self.state.drained(|| self.in_flight() == 0);
        tokio::time::timeout(grace, idle).await.is_ok()
    }

    /// Requests in flight, on instances of earlier registrations too.
    #[must_use]
    pub(crate) fn in_flight(&self) -> u64 {
        let own = self.instances().map(|instance| u64::from(instance.in_flight.load(SeqCst)));
        own.sum::<u64>() + self.state.in_flight()
    }

    /// Counters of all its instances, those of earlier registrations too.
    pub(super) fn counters(&self) -> Counters {
        let all = Counters::default();
        self.state.add_to(&all);
        self.instances().for_each(|instance| all.absorb(&instance.counters));
        all
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Ejects an instance that requests speak against, or has it checked where too many are ejected already.
    pub(super) fn suspect(&self, instance: &Instance, now: Duration) {
        let _alone = self.state.ejecting.lock();
        let able = || self.slots.iter().filter(|slot| slot.is_wanted() && slot.instance.is_up());
        let others = able().filter(|slot| slot.instance.id() != instance.id() && slot.instance.is_ejected()).count();
        // A failed trial puts it back where it was.
        if instance.is_ejected() || may_eject(able().count(), others) {
            let (service, seconds) = (&self.spec.name, instance.eject(now).as_secs());
            let (host, port) = (instance.host(), instance.port());
            log::warn!(service, host, port, seconds; "instance ejected: requests to it fail");
        }
        if instance.suspect() {
            self.observer.suspected(instance.id());
        }
    }

    /// A lease was dropped.
    pub(super) fn returned(&self, instance: &Instance) {
        if instance.in_flight.fetch_sub(1, SeqCst) == 1 {
            self.state.on_idle();
        }
    }

    fn find(&self, host: &str, port: u16) -> Option<&Arc<Instance>> {
        self.instances().find(|instance| (instance.host(), instance.port()) == (host, port))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("spec", &self.spec).finish_non_exhaustive()
    }
}
