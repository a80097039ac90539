//! Old entries of the audit log go, and what is left still proves what it did; what repeats itself is no entry.

use ::ostler::{
    Runtime,
    access::AuditVerdict,
    actix::{self, System},
    model::{AuditEntry, AuditFilter, NewUser, PageRequest, Principal, Role, ServerConfig, Timestamp},
    policy::{restart::RestartPolicy, retention::Retention},
};

use crate::support::{backends::on_both_databases, server::hostile_server, setup::PROGRAM, *};

/// A runtime in this process on what `setup` says, that keeps of the audit log what `retention` says.
async fn start(setup: &Setup, retention: impl FnOnce(&mut Retention)) -> Runtime {
    let builder = Runtime::builder()
        .data_dir(setup.home.join("data"))
        .database(setup.environment["DATABASE_URL"].parse().unwrap())
        .guard(PROGRAM)
        .restart(RestartPolicy {
            max_retries: 1,
            base: millis(1),
            probe_every: millis(20),
            ..RestartPolicy::default()
        });
    builder.with(|settings| retention(&mut settings.retention)).start().await.unwrap()
}

async fn entries(runtime: &Runtime, action: &str, target: Option<String>) -> Vec<AuditEntry> {
    let filter = AuditFilter { action: Some(action.into()), target, ..AuditFilter::default() };
    let page = PageRequest { limit: 100, cursor: None };
    runtime.audit_log().list(runtime.embedder(), filter, page).await.unwrap().items
}

async fn verify(runtime: &Runtime) -> AuditVerdict {
    runtime.audit_log().verify(runtime.embedder(), None).await.unwrap()
}

/// Adds entries: accounts that come and go.
pub(crate) async fn add_entries(runtime: &Runtime) {
    let admin = runtime.embedder();
    for number in 0..10 {
        let user = NewUser {
            email: format!("user-{number}@example.org"),
            name: "Somebody".into(),
            role: Role::Viewer,
            password: "a-password-for-tests-only".into(),
        };
        let user = runtime.accounts().create(admin, user).await.unwrap();
        runtime.accounts().delete(admin, user.id).await.unwrap();
    }
}

/// Verifies the log until it is as wanted: entries are removed in batches.
pub(crate) async fn verified_when(runtime: &Runtime, wanted: impl Fn(&AuditVerdict) -> bool) -> AuditVerdict {
    loop {
        let verdict = verify(runtime).await;
        if wanted(&verdict) {
            return verdict;
        }
        tokio::task::yield_now().await;
    }
}

on_both_databases! {
    fn entries_that_are_too_old_or_too_many_go_and_the_rest_is_still_proven(setup: Setup) {
        System::new().block_on(async {
            let runtime = start(&setup, |_| {}).await;
            add_entries(&runtime).await;
            let before = verify(&runtime).await;
            assert!(before.verified && before.removed == 0 && before.entries > 20, "{before:?}");
            runtime.stop().await;

            let runtime = start(&setup, |retention| retention.audit_bytes = 10_000).await;
            let after = verified_when(&runtime, |verdict| verdict.entries <= 10).await;
            assert!(after.verified && after.entries >= 5 && after.removed > 0, "{after:?}");
            assert_eq!(after.removed, after.removed_by_retention);
            assert!(after.removed_until.is_some_and(|until| until <= Timestamp::now()), "{after:?}");
            add_entries(&runtime).await;
            assert!(verify(&runtime).await.verified);
            runtime.stop().await;

            let runtime = start(&setup, |retention| retention.audit_age = Some(millis(1))).await;
            let old = verified_when(&runtime, |verdict| verdict.entries <= 3).await;
            assert!(old.verified && old.removed == old.removed_by_retention, "{old:?}");
            let said = entries(&runtime, "audit.retention", None).await;
            assert!(said[0].detail.as_ref().is_some_and(|detail| detail.contains(" entries until 2")), "{said:?}");
            runtime.stop().await;

            let runtime = start(&setup, |_| {}).await;
            assert!(verify(&runtime).await.verified);
            runtime.stop().await;
        });
    }
}

#[actix::test]
async fn a_server_that_stays_down_is_put_on_record_once_and_each_probe_is_in_the_history_of_its_health() {
    let setup = Setup::new();
    let runtime = start(&setup, |_| {}).await;
    let admin: Principal = runtime.embedder().clone();
    let config = ServerConfig::new("broken", hostile_server().to_str().unwrap()).args(["crash-at-start"]);
    let id = runtime.servers().create(&admin, config).await.unwrap().server.id;
    runtime.servers().start(&admin, id).await.unwrap_err();
    let probes = || async {
        let until = Timestamp::now();
        let history =
            runtime.history().health_changes(&admin, id, until.minus(seconds(60)), until.plus(seconds(60))).await;
        history.unwrap().into_iter().filter(|change| change.reason.is_some()).count()
    };
    while probes().await < 12 {
        tokio::task::yield_now().await;
    }
    let target = Some(id.to_string());
    assert_eq!(entries(&runtime, "server.give-up", target.clone()).await.len(), 1);
    assert_eq!(entries(&runtime, "server.fail", target).await.len(), 2);
    runtime.stop().await;
}
