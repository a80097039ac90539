//! Services behind the gateway: registering, replacing, changing, removing, and how they are.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Error, Noun, Result},
    gateway::{Gateway, GatewayHealth, GatewayStats, InstanceStats, ServiceHealth, ServiceStats},
    model::{
        AuditEntry, InstanceChange, InstanceSpec, LoadBalancing, Permission, Principal, Serve, ServiceSpec, Timestamp,
    },
    policy::service as rules,
    runtime::{GatewayChange, Runtime},
    store::{self, services::StoredService},
    tasks::run_to_completion,
};

/// How long requests under way on a removed service may take before its removal is answered.
const DRAIN: Duration = Duration::from_secs(30);

/// The gateway, and what of its services is not in its table.
pub(super) struct Services {
    pub gateway: Gateway,
    /// When each was registered, and last replaced.
    times: Mutex<BTreeMap<String, (Timestamp, Timestamp)>>,
    /// Held while one is registered or removed, from the checks to the table.
    changing: tokio::sync::Mutex<()>,
}

/// Whether a registration made a service or replaced one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// There was none of its name.
    New,
    /// There was.
    Replaced,
}

/// A service and when it was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Service)]
pub struct ServiceDetails {
    /// What was registered.
    #[serde(flatten)]
    pub spec: ServiceSpec,
    /// When its name was first registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last replaced or changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A service as it was registered, with its figures and its health.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceItem {
    /// What was registered, and when.
    #[serde(flatten)]
    pub service: ServiceDetails,
    /// Its requests, and those of each instance.
    pub stats: ServiceStats,
    /// How it is, and what the last checks of each instance said.
    pub health: ServiceHealth,
}

/// What the gateway was told: its settings, and every service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayConfig {
    /// Milliseconds between health checks, where a service says nothing.
    pub health_check_interval: u64,
    /// Milliseconds that a request may take, where its service says nothing.
    pub timeout: u64,
    /// How an instance is chosen, where its service says nothing.
    pub load_balancing: LoadBalancing,
    /// Every service, by name.
    pub services: Vec<ServiceDetails>,
}

impl Services {
    pub fn new(gateway: Gateway) -> Self {
        Self { gateway, times: Mutex::default(), changing: tokio::sync::Mutex::default() }
    }

    fn times(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Timestamp, Timestamp)>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, StoredService { spec, created_at, updated_at }: StoredService) {
        self.times().insert(spec.name.clone(), (created_at, updated_at));
        self.gateway.register(spec);
    }

    fn details(&self, spec: &ServiceSpec) -> ServiceDetails {
        let (created_at, updated_at) = self.times().get(&spec.name).copied().unwrap_or_else(|| {
            let now = Timestamp::now();
            (now, now)
        });
        ServiceDetails { spec: spec.clone(), created_at, updated_at }
    }
}

impl Runtime {
    /// The services of this moment, for forwarding: nothing here asks who is calling.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.inner.services.gateway
    }

    /// Which halves of Ostler run here.
    #[must_use]
    pub fn serves(&self) -> Serve {
        self.inner.settings.serve
    }

    /// Registers a service, or replaces the one of its name without dropping a request (`gateway:manage`). From then
    /// on requests under its `basePath` reach it. `Conflict` where the node or another service has that path.
    pub async fn register_service(&self, who: &Principal, spec: ServiceSpec) -> Result<(ServiceDetails, Registration)> {
        const ACTION: &str = "service.register";
        self.inner.access.require(who, Permission::GatewayManage, ACTION)?;
        rules::faults(&spec).into_result()?;
        check_path(&spec, self.serves())?;
        let (runtime, who) = (self.clone(), who.clone());
        run_to_completion(async move {
            let _work = runtime.inner.lifecycle.begin_work()?;
            let services = &runtime.inner.services;
            let _alone = services.changing.lock().await;
            services.gateway.check_free(&spec)?;
            let before = services.times().get(&spec.name).copied();
            let now = Timestamp::now();
            let (created_at, made) = before.map_or((now, Registration::New), |(at, _)| (at, Registration::Replaced));
            let action = if before.is_some() { "service.replace" } else { ACTION };
            let entry = runtime.inner.access.change(&who, action, &spec.name)?.with_detail(spec.base_path.clone());
            let details = ServiceDetails { spec: spec.clone(), created_at, updated_at: now };
            let stored = StoredService { spec, created_at, updated_at: now };
            runtime.put_service(entry, stored, GatewayChange::Registered, None).await?;
            let (service, instances) = (details.spec.name.as_str(), details.spec.instances.len());
            log::info!(service, instances; "service registered");
            Ok((details, made))
        })
        .await
    }

    /// Changes one instance of a service (`gateway:manage`): one that is drained gets no new request, and what it has
    /// under way goes on to its end. Answers its figures, which say when that is so.
    pub async fn update_instance(&self, who: &Principal, name: &str, change: InstanceChange) -> Result<InstanceStats> {
        const ACTION: &str = "service.update";
        self.inner.access.require(who, Permission::GatewayManage, ACTION)?;
        rules::change_faults(&change).into_result()?;
        let (runtime, who, name) = (self.clone(), who.clone(), name.to_owned());
        run_to_completion(async move {
            let _work = runtime.inner.lifecycle.begin_work()?;
            let services = &runtime.inner.services;
            let _alone = services.changing.lock().await;
            let missing = || Error::NotFound(Noun::Instance);
            let ServiceDetails { mut spec, created_at, .. } = services.details(services.gateway.service(&name)?.spec());
            let (index, instance) = instance_of(&mut spec, &change).ok_or_else(missing)?;
            instance.weight = change.weight.unwrap_or(instance.weight);
            instance.draining = change.draining.unwrap_or(instance.draining);
            let InstanceSpec { host, port, weight, draining } = instance.clone();
            let detail = format!("{host}:{port} weight {weight}{}", if draining { " draining" } else { "" });
            let entry = runtime.inner.access.change(&who, ACTION, &name)?.with_detail(detail);
            let stored = StoredService { spec, created_at, updated_at: Timestamp::now() };
            runtime.put_service(entry, stored, GatewayChange::Instance, Some(format!("{host}:{port}"))).await?;
            log::info!(service = name.as_str(), host = host.as_str(), port, weight, draining; "instance changed");
            services.gateway.service(&name)?.stats().instances.into_iter().nth(index).ok_or_else(missing)
        })
        .await
    }

    /// Stores a service, then forwards by it. What changed is told before the first check of it can be.
    async fn put_service(
        &self,
        entry: AuditEntry,
        stored: StoredService,
        change: GatewayChange,
        instance: Option<String>,
    ) -> Result<()> {
        let row = stored.clone();
        self.inner.recorder.write(Some(entry), move |db| store::services::put(db, &row)).await?;
        self.tell_service(&stored.spec.name, change, instance);
        self.inner.services.put(stored);
        Ok(())
    }

    /// Removes a service (`gateway:manage`): no new request reaches it. Returns once those under way have ended, or
    /// after 30 s, when they go on unwaited for.
    pub async fn unregister_service(&self, who: &Principal, name: &str) -> Result<()> {
        const ACTION: &str = "service.unregister";
        self.inner.access.require(who, Permission::GatewayManage, ACTION)?;
        let entry = self.inner.access.change(who, ACTION, name)?;
        let (runtime, name) = (self.clone(), name.to_owned());
        let service = run_to_completion(async move {
            let _work = runtime.inner.lifecycle.begin_work()?;
            let services = &runtime.inner.services;
            let _alone = services.changing.lock().await;
            services.gateway.service(&name)?;
            let row = name.clone();
            runtime.inner.recorder.write(Some(entry), move |db| store::services::delete(db, &row)).await?;
            services.times().remove(&name);
            log::info!(service = name.as_str(); "service removed");
            let removed = services.gateway.unregister(&name).ok_or(Error::NotFound(Noun::Service))?;
            runtime.tell_service(&name, GatewayChange::Removed, None);
            Ok(removed)
        })
        .await?;
        if !service.drained(DRAIN).await {
            let (service, requests) = (service.spec().name.as_str(), service.in_flight());
            log::warn!(service, requests; "a removed service still has requests under way");
        }
        Ok(())
    }

    /// One service (`gateway:read`, as all below).
    pub fn service(&self, who: &Principal, name: &str) -> Result<ServiceDetails> {
        self.inner.access.require(who, Permission::GatewayRead, "service.read")?;
        Ok(self.inner.services.details(self.gateway().service(name)?.spec()))
    }

    /// Every service, by name, with its figures and its health.
    pub fn services(&self, who: &Principal) -> Result<Vec<ServiceItem>> {
        self.inner.access.require(who, Permission::GatewayRead, "service.list")?;
        let table = self.gateway().table();
        let item = |one: &std::sync::Arc<crate::gateway::Service>| ServiceItem {
            service: self.inner.services.details(one.spec()),
            stats: one.stats(),
            health: one.health(),
        };
        Ok(table.services().map(item).collect())
    }

    /// Settings and services.
    pub fn gateway_config(&self, who: &Principal) -> Result<GatewayConfig> {
        self.inner.access.require(who, Permission::GatewayRead, "gateway.config")?;
        let settings = self.gateway().settings();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Ok(GatewayConfig {
            health_check_interval: millis(settings.health_check_interval),
            timeout: millis(settings.timeout),
            load_balancing: settings.load_balancing,
            services: self.gateway().table().services().map(|one| self.inner.services.details(one.spec())).collect(),
        })
    }

    /// The figures of all services.
    pub fn gateway_stats(&self, who: &Principal) -> Result<GatewayStats> {
        self.inner.access.require(who, Permission::GatewayRead, "gateway.stats")?;
        Ok(self.gateway().stats())
    }

    /// The health of all services, as last checked.
    pub fn gateway_health(&self, who: &Principal) -> Result<GatewayHealth> {
        self.inner.access.require(who, Permission::GatewayRead, "gateway.health")?;
        Ok(self.gateway().health())
    }

    /// The health of one service, as last checked.
    pub fn service_health(&self, who: &Principal, name: &str) -> Result<ServiceHealth> {
        self.inner.access.require(who, Permission::GatewayRead, "service.health")?;
        Ok(self.gateway().service(name)?.health())
    }

    /// Checks every instance of a service now (`gateway:manage`), and says how they are after that.
    pub async fn check_service(&self, who: &Principal, name: &str) -> Result<ServiceHealth> {
        self.inner.access.require(who, Permission::GatewayManage, "service.check")?;
        let service = self.gateway().service(name)?;
        self.gateway().check(&service).await?;
        Ok(service.health())
    }

    /// Puts the services of the database into the table; none where the gateway is off.
    pub(super) async fn load_services(&self) -> Result<()> {
        if !self.serves().gateway() {
            return Ok(());
        }
        for stored in self.inner.store.read(store::services::all).await? {
            // Registered while another half was on, perhaps.
            match check_path(&stored.spec, self.serves()) {
                Ok(()) => self.inner.services.put(stored),
                Err(cause) => {
                    let service = stored.spec.name.as_str();
                    log::warn!(service, cause:%; "a service was passed over");
                }
            }
        }
        Ok(())
    }

    /// Brings the table to what the database holds.
    pub(super) async fn reload_services(&self) -> Result<()> {
        let services = &self.inner.services;
        let _alone = services.changing.lock().await;
        let stored = self.inner.store.read(store::services::all).await?;
        let known: Vec<_> = services.times().keys().cloned().collect();
        for gone in known.iter().filter(|name| stored.iter().all(|stored| stored.spec.name != **name)) {
            services.times().remove(gone);
            drop(services.gateway.unregister(gone));
            self.tell_service(gone, GatewayChange::Removed, None);
        }
        self.load_services().await
    }
}

fn instance_of<'a>(spec: &'a mut ServiceSpec, change: &InstanceChange) -> Option<(usize, &'a mut InstanceSpec)> {
    let mut numbered = spec.instances.iter_mut().enumerate();
    numbered.find(|(_, one)| (&one.host, one.port) == (&change.host, change.port))
}

fn check_path(spec: &ServiceSpec, serve: Serve) -> Result<()> {
    match rules::taken(&spec.base_path, serve) {
        None => Ok(()),
        Some(own) => Err(Error::Conflict(format!(
            "basePath: {} would take {own}, which this Ostler serves itself; choose another path, or switch that part off \
             (OSTLER_SERVE)",
            spec.base_path
        ))),
    }
}
