#!/usr/bin/env bash
# Patroni 3.0.2, which Debian 12 has, and 3.0.3 from PyPI; etcd 3.4.23 by its third protocol (`etcd3:`); ttl 20 s.
#
# Expected: a leader that is suspended for longer than the ttl finds another one in its place when it wakes, and gives way.
# Seen: with 3.0.2, one that was suspended between reading the state of the cluster and renewing its key asks for a new
#   lease and writes the leader's key without a comparison. It leads again, the promoted one is demoted, and what was
#   committed there meanwhile is rewound: 868 of 2832 acknowledged calls in a run with two nodes behind haproxy. With
#   3.0.3 it is told that it does not lead.
# What it means: no lock in the database, and no check of who leads, helps against this. Use Patroni 3.0.3 or newer.
set -euo pipefail

folder="$(mktemp -d)"
trap 'kill "$etcd"; wait "$etcd" || true; rm -rf "$folder"' EXIT
cd "$folder"
port=23791
etcd --data-dir data --listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
    --listen-peer-urls "http://127.0.0.1:$((port + 1))" >log 2>&1 &
etcd=$!

run() {
    python3 -m venv "$1"
    "$1/bin/pip" --quiet --disable-pip-version-check install "patroni[etcd3]==$1" 'setuptools<81' 'psycopg[binary]==3.2.13'
    "$1/bin/python" - "http://127.0.0.1:$port" "$2" <<'PYTHON'
import os
import signal
import sys
import time

from patroni.dcs import get_dcs
from patroni.version import __version__


def node(name):
    times = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}
    return get_dcs({"scope": __version__, "name": name, "etcd3": {"url": sys.argv[1]}, **times})


first = os.fork()
if first == 0:
    old = node("old")
    assert old.attempt_to_acquire_leader()
    cluster = old.get_cluster()
    os.kill(os.getpid(), signal.SIGSTOP)
    # As the loop does; its arguments differ by version.
    old.update_leader(*([None] if __version__ == "3.0.2" else [cluster.leader, None]))
    os._exit(0)
os.waitpid(first, os.WUNTRACED)
new = node("new")
began = time.time()
while not new.attempt_to_acquire_leader():
    time.sleep(1)
print(f"Patroni {__version__}: the new one leads after {time.time() - began:.0f} s")
os.kill(first, signal.SIGCONT)
os.waitpid(first, 0)
leader = node("reader").get_cluster().leader.name
print(f"Patroni {__version__}: once the old one is awake, the {leader} one leads")
sys.stdout.flush()
os._exit(leader != sys.argv[2])
PYTHON
}

run 3.0.2 old
run 3.0.3 new
