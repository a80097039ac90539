//! A machine without IPv6: nothing there can ever pass for a shortage.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::support::*;

/// Makes a network with the IPv4 half of `lo` and nothing else, and keeps it until it may read a line.
const MAKE_NETWORK: &str = "mount -t sysfs none /sys && echo 9 > /sys/class/net/lo/flags || exit
    ipv6=/proc/sys/net/ipv6/conf/all/disable_ipv6
    [ ! -e $ipv6 ] || echo 1 > $ipv6 || exit
    echo ready
    read -r _";

/// Moves this thread, and all that it starts from now on, into a network without IPv6; false where none can be made.
fn leave_ipv6() -> bool {
    let mut command = Command::new("unshare");
    let command = command.args(["--net", "--mount", "sh", "-c", MAKE_NETWORK]).stdin(Stdio::piped());
    let Ok(mut maker) = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else { return false };
    let mut said = String::new();
    BufReader::new(maker.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let is_ready = said == "ready\n";
    if is_ready {
        let network = File::open(format!("/proc/{}/ns/net", maker.id())).unwrap();
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&network), Some(LinkNameSpaceType::Network)).unwrap();
    }
    // Waiting closes its input, so it ends.
    maker.wait().unwrap();
    is_ready
}

fn an_instance_with_no_route_to_it_is_at_fault() {
    if !leave_ipv6() {
        return absent("this user may make no network without IPv6");
    }
    let ostler = Ostler::with(&[("MCP_PRIVATE_ADDRESSES", "true")]);
    let admin = ostler.admin();
    let why = "this machine has no IPv6 address to reach ::1 from";
    for (name, endpoint) in [("connected", json!(null)), ("asked", json!("/health"))] {
        let service = json!({
            "name": name, "basePath": format!("/{name}"), "instances": [{"host": "::1", "port": 9}],
            "healthEndpoint": endpoint, "authentication": false, "healthCheck": {"interval": 3_600_000},
        });
        admin.post("/api/gateway/services", service).is(201);
        // Whichever is first, this or the check.
        let refused = ostler.anonymous().get(&format!("/{name}/x"));
        let code = refused.string("/code");
        assert!(["upstream_failed", "no_healthy_instance"].contains(&code.as_str()), "{refused:?}");
        let health = admin.press(&format!("/api/gateway/health/{name}/check")).is(200);
        let health = health.has("/status", "unhealthy").has("/instances/0/history/0/error", why);
        drop(health);
    }
    let far = admin.post("/api/mcp", json!({"name": "far", "url": "http://[::1]:9/mcp"})).is(201).string("/id");
    let far = admin.server(&far);
    let reason = far.start().problem(500, "spawn_failed").text();
    assert!(reason.contains(why), "{reason}");
}

#[test]
fn an_instance_at_an_address_of_a_family_that_is_not_there_is_unhealthy() {
    // A network is a thread's own, and other tests may run on this one.
    thread::spawn(an_instance_with_no_route_to_it_is_at_fault).join().unwrap();
}
