//! Connections that switch protocols become tunnels, for those who asked.

use super::Front;
use crate::support::upstream::{Then, Upstream};

/// Switches to whatever it is asked for, then sends back what it gets, and `bye` at the end.
fn switching() -> Upstream {
    Upstream::start(|seen, wire| {
        let Some(protocol) = seen.header("upgrade") else {
            wire.send(
                "HTTP/1.1 426 Upgrade Required\r\nUpgrade: odd/1\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n",
            );
            return Then::Keep;
        };
        wire.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\nfirst"
        ));
        while let Some(piece) = wire.exact(4) {
            wire.send(piece);
        }
        wire.send("bye!");
        Then::Close
    })
}

#[test]
fn a_switched_connection_is_a_tunnel_both_ways_until_both_ends_close() {
    let upstream = switching();
    let front = Front::of(&upstream);
    for protocol in ["websocket", "odd/1"] {
        let mut wire = front.wire();
        wire.send(format!(
            "GET /s/x HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: {protocol}\r\n\r\nping"
        ));
        let head = wire.head().unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.to_lowercase().contains(&format!("upgrade: {protocol}")), "{head}");
        assert_eq!(wire.exact(9).unwrap(), b"firstping");
        wire.send([0, 1, 2, 255]);
        assert_eq!(wire.exact(4).unwrap(), [0, 1, 2, 255]);
        wire.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(wire.exact(4).unwrap(), b"bye!");
        assert!(wire.is_over());
    }
}

#[test]
fn an_instance_may_ask_for_an_upgrade() {
    let upstream = switching();
    let front = Front::of(&upstream);
    assert_eq!(front.wire().get("/s/x").is(426).header("upgrade"), Some("odd/1"));
}

#[test]
fn an_answer_instead_of_a_switch_is_an_answer() {
    let upstream = Upstream::saying("no");
    let front = Front::of(&upstream);
    let mut wire = front.wire();
    wire.send("GET /s/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(wire.reply().is(200).text(), "no");
    assert_eq!(wire.get("/s/x").is(200).text(), "no");
}
