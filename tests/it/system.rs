//! What Ostler says about itself to those who manage it.

use crate::support::{backends::on_both_databases, *};

on_both_databases! {
    fn those_who_manage_see_every_setting_with_its_origin_and_no_secret(setup: Setup) {
        let ostler = setup.spawn();
        let system = ostler.admin().get("/api/system").is(200);
        let system = system.has("/version", env!("CARGO_PKG_VERSION"));
        assert!(system.number("/database/sizeBytes") > 0 && system.list("/database/migrations").len() > 3);
        assert!(system.at("/startedAt").is_string() && system.at("/limits/maxInFlight").is_number());
        let settings = system.list("/configuration");
        let port = settings.iter().find(|one| one["key"] == "port").unwrap();
        assert!(port["value"].is_string() && port["origin"].is_string(), "{port}");
        let secrets = settings.iter().filter(|one| ["secret_key", "admin_password"].contains(&one["key"].as_str().unwrap()));
        secrets.for_each(|one| assert!(one["value"].as_str().unwrap().len() < 20, "{}", one["key"]));
        ostler.user("developer").get("/api/system").problem(403, "forbidden");
    }
}
