//! [`Registrations`]: services registered, replaced, changed and removed, in the database and in the table.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;

use crate::{
    access::Access,
    error::{Error, Noun, Result},
    gateway::{
        Gateway, GatewayHealth, GatewayStats, InstanceStats, Service, ServiceHealth,
        service_details::{GatewayConfig, Registration, ServiceDetails, ServiceItem},
    },
    model::{AuditEntry, InstanceChange, InstanceSpec, Permission, Principal, Serve, ServiceSpec, Timestamp},
    policy::service as rules,
    recorder::Recorder,
    store::{self, Store, services::StoredService},
    tasks::lifecycle::Lifecycle,
};

/// Time that the requests in flight of a removed service get before its removal is answered: as long as a request may
/// take by default.
const REMOVAL_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Change of a registered service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServiceChange {
    /// It was registered, or replaced.
    Registered,
    /// The weight of an instance was changed, or whether it is drained.
    InstanceChanged {
        /// Its host and port.
        instance: String,
    },
    /// It was removed.
    Removed,
}

/// Observer of registrations.
pub(crate) trait RegistrationObserver: Send + Sync {
    /// Called after the change is in the database, and before the first health check that follows from it.
    fn service_changed(&self, service: &str, change: ServiceChange);
}

/// The services of the gateway as the database holds them.
pub struct Registrations {
    gateway: Gateway,
    serve: Serve,
    access: Arc<Access>,
    store: Store,
    recorder: Recorder,
    lifecycle: Arc<Lifecycle>,
    observer: Arc<dyn RegistrationObserver>,
    times: Mutex<BTreeMap<String, RegistrationTimes>>,
    /// Held while a service is registered or removed, from the checks to the table: of two that ask for one `basePath`
    /// the second is to see the first.
    changing: tokio::sync::Mutex<()>,
}

/// Times of a registration, which the table does not need.
#[derive(Clone, Copy)]
struct RegistrationTimes {
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Registrations {
    /// Services of `gateway`, none of which is loaded yet. No service takes a path that `serve` needs.
    pub(crate) fn new(
        gateway: Gateway,
        serve: Serve,
        access: Arc<Access>,
        store: Store,
        recorder: Recorder,
        lifecycle: Arc<Lifecycle>,
        observer: Arc<dyn RegistrationObserver>,
    ) -> Self {
        let (times, changing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { gateway, serve, access, store, recorder, lifecycle, observer, times, changing }
    }

    /// The table in memory, which forwarding reads: it has no permissions.
    #[must_use]
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Registers a service, or replaces the one of its name without dropping a request (`gateway:manage`). From then
    /// on requests under its `basePath` reach it. `Conflict` where the node or another service has that path.
    pub async fn register(
        self: &Arc<Self>,
        who: &Principal,
        spec: ServiceSpec,
    ) -> Result<(ServiceDetails, Registration)> {
        const ACTION: &str = "service.register";
        self.access.require(who, Permission::GatewayManage, ACTION)?;
        rules::faults(&spec).into_result()?;
        self.check_path(&spec)?;
        let (registrations, who) = (self.clone(), who.clone());
        self.recorder
            .run_to_completion(async move {
                let _work = registrations.lifecycle.begin_work()?;
                let _alone = registrations.changing.lock().await;
                registrations.gateway.check_free(&spec)?;
                let before = registrations.times.lock().get(&spec.name).copied();
                let now = Timestamp::now();
                let (created_at, made) =
                    before.map_or((now, Registration::New), |times| (times.created_at, Registration::Replaced));
                let action = if before.is_some() { "service.replace" } else { ACTION };
                let entry = registrations.access.change(&who, action, &spec.name)?.with_detail(spec.base_path.clone());
                let details = ServiceDetails { spec: spec.clone(), created_at, updated_at: now };
                let stored = StoredService { spec, created_at, updated_at: now };
                registrations.put(entry, stored, ServiceChange::Registered).await?;
                let (service, instances) = (details.spec.name.as_str(), details.spec.instances.len());
                log::info!(service, instances; "service registered");
                Ok((details, made))
            })
            .await
    }

    /// Changes one instance of a service (`gateway:manage`): one that is drained gets no new request, and its requests
    /// in flight go on to their end. Answers its figures, which say when that is so.
    pub async fn update_instance(
        self: &Arc<Self>,
        who: &Principal,
        name: &str,
        change: InstanceChange,
    ) -> Result<InstanceStats> {
        const ACTION: &str = "service.update";
        self.access.require(who, Permission::GatewayManage, ACTION)?;
        rules::change_faults(&change).into_result()?;
        let (registrations, who, name) = (self.clone(), who.clone(), name.to_owned());
        self.recorder
            .run_to_completion(async move {
                let _work = registrations.lifecycle.begin_work()?;
                let _alone = registrations.changing.lock().await;
                let missing = || Error::NotFound(Noun::Instance);
                let service = registrations.gateway.service(&name)?;
                let ServiceDetails { mut spec, created_at, .. } = registrations.details(service.spec());
                let (index, instance) = instance_of(&mut spec, &change).ok_or_else(missing)?;
                instance.weight = change.weight.unwrap_or(instance.weight);
                instance.draining = change.draining.unwrap_or(instance.draining);
                let InstanceSpec { host, port, weight, draining } = instance.clone();
                let detail = format!("{host}:{port} weight {weight}{}", if draining { " draining" } else { "" });
                let entry = registrations.access.change(&who, ACTION, &name)?.with_detail(detail);
                let stored = StoredService { spec, created_at, updated_at: Timestamp::now() };
                let change = ServiceChange::InstanceChanged { instance: format!("{host}:{port}") };
                registrations.put(entry, stored, change).await?;
                log::info!(service = name.as_str(), host = host.as_str(), port, weight, draining; "instance changed");
                registrations.gateway.service(&name)?.stats().instances.into_iter().nth(index).ok_or_else(missing)
            })
            .await
    }

    /// Stores a service, then forwards by it. Observers are called first, as the first check of it may follow at once.
    async fn put(&self, entry: AuditEntry, stored: StoredService, change: ServiceChange) -> Result<()> {
        let row = stored.clone();
        self.recorder.write(Some(entry), move |db| store::services::put(db, &row)).await?;
        self.observer.service_changed(&stored.spec.name, change);
        self.put_in_table(stored);
        Ok(())
    }

    fn put_in_table(&self, StoredService { spec, created_at, updated_at }: StoredService) {
        self.times.lock().insert(spec.name.clone(), RegistrationTimes { created_at, updated_at });
        self.gateway.register(spec);
    }

    /// Removes a service (`gateway:manage`): no new request reaches it. Returns once those in flight have ended, or
    /// after 30 s, when they go on unwaited for.
    pub async fn unregister(self: &Arc<Self>, who: &Principal, name: &str) -> Result<()> {
        const ACTION: &str = "service.unregister";
        self.access.require(who, Permission::GatewayManage, ACTION)?;
        let entry = self.access.change(who, ACTION, name)?;
        let (registrations, name) = (self.clone(), name.to_owned());
        let service = self
            .recorder
            .run_to_completion(async move {
                let _work = registrations.lifecycle.begin_work()?;
                let _alone = registrations.changing.lock().await;
                registrations.gateway.service(&name)?;
                let row = name.clone();
                registrations.recorder.write(Some(entry), move |db| store::services::delete(db, &row)).await?;
                registrations.times.lock().remove(&name);
                log::info!(service = name.as_str(); "service removed");
                let removed = registrations.gateway.unregister(&name).ok_or(Error::NotFound(Noun::Service))?;
                registrations.observer.service_changed(&name, ServiceChange::Removed);
                Ok(removed)
            })
            .await?;
        if !service.drained(REMOVAL_DRAIN_TIMEOUT).await {
            let (service, requests) = (service.spec().name.as_str(), service.in_flight());
            log::warn!(service, requests; "a removed service still has requests in flight");
        }
        Ok(())
    }

    /// One service (`gateway:read`, as all below).
    pub fn get(&self, who: &Principal, name: &str) -> Result<ServiceDetails> {
        self.access.require(who, Permission::GatewayRead, "service.read")?;
        Ok(self.details(self.gateway.service(name)?.spec()))
    }

    /// Every service, by name, with its figures and its health.
    pub fn list(&self, who: &Principal) -> Result<Vec<ServiceItem>> {
        self.access.require(who, Permission::GatewayRead, "service.list")?;
        let table = self.gateway.table();
        let item = |service: &Arc<Service>| ServiceItem {
            service: self.details(service.spec()),
            stats: service.stats(),
            health: service.health(),
        };
        Ok(table.services().map(item).collect())
    }

    /// Settings and services.
    pub fn config(&self, who: &Principal) -> Result<GatewayConfig> {
        self.access.require(who, Permission::GatewayRead, "gateway.config")?;
        let settings = self.gateway.settings();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Ok(GatewayConfig {
            health_check_interval: millis(settings.health_check_interval),
            timeout: millis(settings.timeout),
            load_balancing: settings.load_balancing,
            services: self.gateway.table().services().map(|service| self.details(service.spec())).collect(),
        })
    }

    /// The figures of all services.
    pub fn stats(&self, who: &Principal) -> Result<GatewayStats> {
        self.access.require(who, Permission::GatewayRead, "gateway.stats")?;
        Ok(self.gateway.stats())
    }

    /// The health of all services, as last checked.
    pub fn health(&self, who: &Principal) -> Result<GatewayHealth> {
        self.access.require(who, Permission::GatewayRead, "gateway.health")?;
        Ok(self.gateway.health())
    }

    /// The health of one service, as last checked.
    pub fn service_health(&self, who: &Principal, name: &str) -> Result<ServiceHealth> {
        self.access.require(who, Permission::GatewayRead, "service.health")?;
        Ok(self.gateway.service(name)?.health())
    }

    /// Checks every instance of a service now (`gateway:manage`), and returns its health after that.
    pub async fn check(&self, who: &Principal, name: &str) -> Result<ServiceHealth> {
        self.access.require(who, Permission::GatewayManage, "service.check")?;
        let service = self.gateway.service(name)?;
        self.gateway.check(&service).await?;
        Ok(service.health())
    }

    /// Puts the services of the database into the table; none where the gateway is off.
    pub(crate) async fn load(&self) -> Result<()> {
        if !self.serve.gateway() {
            return Ok(());
        }
        for stored in self.store.read(store::services::all).await? {
            // Registered while another half was on, perhaps.
            match self.check_path(&stored.spec) {
                Ok(()) => self.put_in_table(stored),
                Err(cause) => {
                    let service = stored.spec.name.as_str();
                    log::warn!(service, cause:%; "a service was passed over");
                }
            }
        }
        Ok(())
    }

    /// Brings the table to what the database holds.
    pub(crate) async fn reload(&self) -> Result<()> {
        let _alone = self.changing.lock().await;
        let stored = self.store.read(store::services::all).await?;
        let known: Vec<_> = self.times.lock().keys().cloned().collect();
        for gone in known.iter().filter(|name| stored.iter().all(|stored| stored.spec.name != **name)) {
            self.times.lock().remove(gone);
            drop(self.gateway.unregister(gone));
            self.observer.service_changed(gone, ServiceChange::Removed);
        }
        self.load().await
    }

    fn check_path(&self, spec: &ServiceSpec) -> Result<()> {
        match rules::taken(&spec.base_path, self.serve) {
            None => Ok(()),
            Some(own) => Err(Error::Conflict(format!(
                "basePath: {} would take {own}, which this Ostler serves itself; choose another path, or switch that \
                 part off (OSTLER_SERVE)",
                spec.base_path
            ))),
        }
    }

    fn details(&self, spec: &ServiceSpec) -> ServiceDetails {
        let RegistrationTimes { created_at, updated_at } =
            self.times.lock().get(&spec.name).copied().unwrap_or_else(|| {
                let now = Timestamp::now();
                RegistrationTimes { created_at: now, updated_at: now }
            });
        ServiceDetails { spec: spec.clone(), created_at, updated_at }
    }
}

fn instance_of<'a>(spec: &'a mut ServiceSpec, change: &InstanceChange) -> Option<(usize, &'a mut InstanceSpec)> {
    let mut numbered = spec.instances.iter_mut().enumerate();
    numbered.find(|(_, instance)| (&instance.host, instance.port) == (&change.host, change.port))
}
