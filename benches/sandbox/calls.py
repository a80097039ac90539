#!/usr/bin/env python3
"""Compares what a call costs at each level of the sandbox: processor time of Ostler, the guard and the server.

Usage: calls.py OSTLER [--blocks N] [--calls N] [--levels LEVEL,...]

OSTLER is a release build, its `demo-server` is called. The levels take turns, a block of calls each. The figure is what
the scheduler has counted, in nanoseconds.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/published"))

from run import Ostler  # noqa: E402


def nanoseconds(pids):
    """Processor time of processes that live."""
    counts = (count for pid in pids for count in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(count.read_text().split()[0]) for count in counts)


def parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def block(ostler, identity, pids, calls):
    """Microseconds of processor time a call."""
    body = {"toolName": "echo", "parameters": {"text": "hay"}}
    before = nanoseconds(pids)
    for _ in range(calls):
        status, answer = ostler.ask("POST", f"/api/mcp/{identity}/execute", body)
        if status != 200:
            sys.exit(f"{status} {answer}")
    return (nanoseconds(pids) - before) / calls / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ostler")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--levels", default="none,standard,strict")
    given = parser.parse_args()
    levels, program = given.levels.split(","), os.path.abspath(given.ostler)
    with tempfile.TemporaryDirectory(prefix="ostler-calls-") as folder:
        ostler = Ostler(program, pathlib.Path(folder), "standard")
        try:
            servers, found = {}, {level: [] for level in levels}
            for level in levels:
                body = {"name": level, "command": program, "args": ["demo-server"], "sandbox": {"level": level}}
                status, made = ostler.ask("POST", "/api/mcp", body)
                if status != 201:
                    sys.exit(f"{level}: {status} {made}")
                ostler.ask("GET", f"/api/mcp/{made['id']}/tools")
                pid = ostler.ask("GET", f"/api/mcp/{made['id']}")[1]["runtimeStatus"]["pid"]
                servers[level] = (made["id"], [ostler.process.pid, pid, parent(pid)])
            for _ in range(given.blocks + 1):
                for level in levels:
                    found[level].append(block(ostler, *servers[level], given.calls))
        finally:
            ostler.stop()
    # The first block of each warms up.
    found = {level: taken[1:] for level, taken in found.items()}
    for level in levels:
        ratios = sorted(taken / first for taken, first in zip(found[level], found[levels[0]]))
        median = statistics.median(found[level])
        spread = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
        print(f"{level:9} {median:7.1f} µs a call, {statistics.median(ratios):.3f} times {levels[0]} ({spread})")


if __name__ == "__main__":
    main()
