#!/usr/bin/env python3
"""Compares the latency of calls to one server beside a fork bomb in another, which may have 64 processes, and without.

Usage: bomb.py OSTLER HOSTILE [--blocks N] [--calls N]

OSTLER and HOSTILE (the example `hostile_server`) are release builds. Three blocks of calls take turns: with no other
work, beside a server that is started again each second, and beside one in which a bomb is set off after each start, as
the bomb itself ends it.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/published"))

from run import Ostler  # noqa: E402

PROCESSES = 64


def register(ostler, name, command):
    body = {"name": name, "command": command, "args": ["ok"], "limits": {"processes": PROCESSES}}
    status, made = ostler.ask("POST", "/api/mcp", body)
    if status != 201:
        sys.exit(f"{name}: {status} {made}")
    return made["id"]


def block(ostler, identity, calls):
    """The 99th percentile of the latency of calls one after the other, in milliseconds."""
    taken = []
    for _ in range(calls):
        begin = time.perf_counter()
        status, answer = ostler.ask("POST", f"/api/mcp/{identity}/execute", {"toolName": "echo", "parameters": {}})
        taken.append(1000 * (time.perf_counter() - begin))
        if status != 200:
            sys.exit(f"{status} {answer}")
    return statistics.quantiles(taken, n=100)[98]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ostler")
    parser.add_argument("hostile")
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--calls", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ostler-bomb-") as folder:
        ostler = Ostler(os.path.abspath(given.ostler), pathlib.Path(folder), "standard")
        try:
            calm, bomb = (register(ostler, name, os.path.abspath(given.hostile)) for name in ("calm", "bomb"))
            beside, ended, bombs = [None], threading.Event(), [0]

            def keep_busy():
                while not ended.wait(1):
                    if beside[0]:
                        ostler.ask("POST", f"/api/mcp/{bomb}/restart")
                    if beside[0] == "bombs":
                        fork = {"toolName": "fork", "parameters": {"count": 10_000}}
                        ostler.ask("POST", f"/api/mcp/{bomb}/execute", fork)
                        bombs[0] += 1

            busy = threading.Thread(target=keep_busy)
            busy.start()
            block(ostler, calm, given.calls)
            rounds = []
            for _ in range(given.blocks):
                taken = []
                for beside[0] in (None, "restarts", "bombs"):
                    taken.append(block(ostler, calm, given.calls))
                beside[0] = None
                rounds.append(taken)
            ended.set()
            busy.join()
        finally:
            ostler.stop()
    calm, restarts, bombed = (statistics.median(column) for column in zip(*rounds))
    print(f"p99: {calm:.2f} ms; beside restarts {restarts:.2f} ms; beside {bombs[0]} bombs {bombed:.2f} ms")
    for name, index in (("restarts", 1), (f"bombs of {PROCESSES} processes", 2)):
        ratios = sorted(taken[index] / taken[0] for taken in rounds)
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        print(f"beside {name}: median of {given.blocks} rounds {statistics.median(ratios):.2f} times ({spread})")


if __name__ == "__main__":
    main()
