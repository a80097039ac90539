#!/usr/bin/env python3
"""Compares published servers as their launchers start them with what Ostler starts in their place, in one run.

Usage: launchers.py OSTLER [--rounds N] [--only NAME,...] [--skip PART,...]

OSTLER is a release build. Needs npx and uvx on PATH and the registries of npm and PyPI for the first starts; as root,
the part without a network runs in a network namespace of its own. Parts: alone, ten, fifty, offline.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PUBLISHED = HERE.parents[1] / "tests/published"
sys.path.insert(0, str(PUBLISHED))

from run import READY_SECONDS, Ostler, filled, furnish, registration  # noqa: E402

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
}


def by_itself(body, folder):
    """Seconds from the start of a launcher to the answer of `initialize`."""
    command = [body["command"], *body["args"]]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    begin = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=os.environ | body["env"], start_new_session=True, **pipes)
    process.stdin.write(json.dumps(HELLO).encode() + b"\n")
    process.stdin.flush()
    while b'"result"' not in process.stdout.readline():
        if process.poll() is not None:
            raise RuntimeError(f"{command} ended")
    taken = time.monotonic() - begin
    process.stdin.close()
    os.killpg(process.pid, 15)
    process.wait(30)
    return taken


def tools_of(ostler, identity):
    """What it lists, as soon as it is ready."""
    status, answer = ostler.ask("GET", f"/api/mcp/{identity}/tools")
    if status != 200:
        raise RuntimeError(f"{status} {answer.get('detail')}")
    return json.dumps(answer["items"])


def tree(pid):
    """The processes below this one."""
    below, parents = [pid], {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdecimal():
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
        except OSError:
            continue
    for one in below:
        below += parents.get(one, [])
    return below[1:]


def megabytes(pids):
    """Proportional share of memory of these processes."""
    sizes = 0
    for pid in pids:
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        sizes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return sizes / 1024


def register(ostler, body):
    status, made = ostler.ask("POST", "/api/mcp", body)
    if status != 201:
        raise RuntimeError(f"{body['name']}: {status} {made}")
    return made["id"]


def alone(ostlers, servers, places, rounds):
    """Each server by itself, its launcher and both ways in turn."""
    head = f"{'launcher':>8} {'keep s':>7} {'repl. s':>7} {'/launch.':>8} {'/keep':>6} {'MB':>11} {'':>5} tools"
    print(f"\n{'one server':22} {head}")
    ratios = {"npx": [], "uvx": []}
    for server in servers:
        body = registration(server, places)
        ids = {}
        try:
            for way, ostler in ostlers.items():
                ids[way] = register(ostler, body)
                tools_of(ostler, ids[way])
            times, memory, tools = {"launcher": [], "keep": [], "replace": []}, {}, {}
            for way, ostler in ostlers.items():
                memory[way] = megabytes(tree(ostler.process.pid))
                memory[way + " processes"] = len(tree(ostler.process.pid))
                tools[way] = tools_of(ostler, ids[way])
                ostler.ask("POST", f"/api/mcp/{ids[way]}/stop")
            by_itself(body, places["work"])
            for _ in range(rounds):
                times["launcher"].append(by_itself(body, places["work"]))
                for way, ostler in ostlers.items():
                    begin = time.monotonic()
                    ostler.ask("POST", f"/api/mcp/{ids[way]}/start")
                    tools_of(ostler, ids[way])
                    times[way].append(time.monotonic() - begin)
                    ostler.ask("POST", f"/api/mcp/{ids[way]}/stop")
            launcher, keep, replace = (statistics.median(times[way]) for way in ("launcher", "keep", "replace"))
            ratios[body["command"]].append((replace / launcher, replace / keep, memory["replace"] / memory["keep"]))
            sizes = f"{memory['replace']:.0f}/{memory['keep']:.0f}"
            counts = f"{memory['replace processes']}/{memory['keep processes']}"
            same = "same" if tools["keep"] == tools["replace"] else "DIFFERENT"
            print(
                f"{server['name']:22} {launcher:8.2f} {keep:7.2f} {replace:7.2f} {replace / launcher:8.2f}"
                f" {replace / keep:6.2f} {sizes:>11} {counts:>5} {same} {len(json.loads(tools['keep']))}",
                flush=True,
            )
        except (RuntimeError, KeyError) as error:
            print(f"{server['name']:22} {str(error)[:300]}", flush=True)
        for way, identity in ids.items():
            ostlers[way].ask("DELETE", f"/api/mcp/{identity}")
    for launcher, all_ratios in ratios.items():
        if all_ratios:
            medians = " ".join(f"{statistics.median(column):.2f}" for column in zip(*all_ratios))
            print(f"{len(all_ratios)} by {launcher}, medians: time/launcher, time/keep, memory/keep: {medians}")


def many(ostler, server, places, count):
    body = registration(server, places)
    ids = [register(ostler, body | {"name": f"{body['name']} {number}"}) for number in range(count)]
    for identity in ids:
        tools_of(ostler, identity)
    return ids


def ten(ostlers, servers, places):
    """Ten servers of one package at once: memory of all their processes."""
    print(f"\n{'ten at once':22} {'keep MB':>8} {'replace':>8} {'ratio':>6} processes")
    for name in ("everything", "time"):
        sizes, counts = {}, {}
        for way, ostler in ostlers.items():
            server = next(server for server in servers if server["name"] == name)
            ids = many(ostler, server, places, 10)
            processes = tree(ostler.process.pid)
            sizes[way], counts[way] = megabytes(processes), len(processes)
            for identity in ids:
                ostler.ask("DELETE", f"/api/mcp/{identity}")
        keep, replace = sizes["keep"], sizes["replace"]
        figures = f"{keep:8.0f} {replace:8.0f} {replace / keep:6.2f} {counts['replace']}/{counts['keep']}"
        print(f"{name:22} {figures}", flush=True)


def start(program, folder, way):
    """An Ostler that treats launchers so, on the data that it has from before."""
    home = folder / way
    home.mkdir(exist_ok=True)
    os.environ["MCP_LAUNCHERS"] = way
    return Ostler(program, home, "standard")


def fifty(program, folder, ostlers, servers, places):
    """Fifty servers that are enabled, and Ostler started again: seconds until all are ready."""
    print(f"\n{'fifty at a restart':22} {'seconds':>8} {'MB':>8}")
    server = next(server for server in servers if server["name"] == "filesystem")
    for way in ostlers:
        ids = many(ostlers[way], server, places, 50)
        begin = time.monotonic()
        ostlers[way].stop()
        ostlers[way] = start(program, folder, way)
        for identity in ids:
            tools_of(ostlers[way], identity)
        taken = time.monotonic() - begin
        print(f"{way:22} {taken:8.1f} {megabytes(tree(ostlers[way].process.pid)):8.0f}", flush=True)
        for identity in ids:
            ostlers[way].ask("DELETE", f"/api/mcp/{identity}")


def offline(program, folder, ostlers, servers, places):
    """All servers at once, in a network namespace that has nothing but loopback: how many start."""
    print(f"\n{'without a network':22}  started of {len(servers)}")
    for way in ostlers:
        ids = {}
        for server in servers:
            ids[server["name"]] = register(ostlers[way], registration(server, places))
            try:
                tools_of(ostlers[way], ids[server["name"]])
            except RuntimeError as error:
                print(f"{server['name']}: {error}"[:300])
        ostlers[way].stop()
        inside = subprocess.run(
            ["unshare", "-n", sys.executable, __file__, program, "--inside", str(folder), way],
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"{way:22} {inside.stdout.strip()} {inside.stderr[-2000:]}", flush=True)
        ostlers[way] = start(program, folder, way)


def inside(program, folder, way):
    """Within the namespace: starts an Ostler on its data, and counts servers that are ready within two minutes."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    ostler = start(program, pathlib.Path(folder), way)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = ostler.ask("GET", "/api/mcp?limit=100")[1]
        states = [server["runtimeStatus"]["status"] for server in found["items"]]
        if all(state == "running" for state in states):
            break
        time.sleep(0.5)
    print(states.count("running"))
    ostler.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ostler")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--skip", default="")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    program = os.path.abspath(given.ostler)
    if given.inside:
        return inside(program, *given.inside)
    servers = json.loads((PUBLISHED / "servers.json").read_text()) + json.loads((HERE / "more.json").read_text())
    if given.only:
        servers = [server for server in servers if server["name"] in given.only.split(",")]
    skipped = given.skip.split(",")
    with tempfile.TemporaryDirectory(prefix="ostler-launchers-") as name:
        folder = pathlib.Path(name)
        furnish(folder / "work")
        places = {"work": str(folder / "work"), "page": "", "chromium": "chromium"}
        ostlers = {way: start(program, folder, way) for way in ("keep", "replace")}
        try:
            if "alone" not in skipped:
                alone(ostlers, servers, places, given.rounds)
            if "ten" not in skipped:
                ten(ostlers, servers, places)
            if "fifty" not in skipped:
                fifty(program, folder, ostlers, servers, places)
            if "offline" not in skipped and os.getuid() == 0:
                offline(program, folder, ostlers, servers, places)
        finally:
            for ostler in ostlers.values():
                ostler.stop()


if __name__ == "__main__":
    sys.exit(main())
