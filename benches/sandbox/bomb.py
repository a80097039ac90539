#!/usr/bin/env python3
"""Compares the latency of calls to one server beside a fork bomb in another, which may have 64 processes, and without.

Usage: bomb.py OSTLER HOSTILE [--blocks N] [--calls N]

OSTLER and HOSTILE (the example `hostile_server`) are release builds. Blocks of calls with and without the bomb take
turns; a bomb is set off each second while its block lasts, in a server that was started again.
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
            is_on, ended, bombs = threading.Event(), threading.Event(), [0]

            def keep_bombing():
                while not ended.is_set():
                    if is_on.wait(0.1):
                        ostler.ask("POST", f"/api/mcp/{bomb}/restart")
                        fork = {"toolName": "fork", "parameters": {"count": 10_000}}
                        ostler.ask("POST", f"/api/mcp/{bomb}/execute", fork)
                        bombs[0] += 1
                        ended.wait(1)

            bomber = threading.Thread(target=keep_bombing)
            bomber.start()
            block(ostler, calm, given.calls)
            pairs = []
            for _ in range(given.blocks):
                without = block(ostler, calm, given.calls)
                is_on.set()
                beside = block(ostler, calm, given.calls)
                is_on.clear()
                pairs.append((without, beside))
            ended.set()
            bomber.join()
        finally:
            ostler.stop()
    ratios = sorted(beside / without for without, beside in pairs)
    without, beside = (statistics.median(column) for column in zip(*pairs))
    print(f"p99 without {without:.2f} ms, beside {beside:.2f} ms; {bombs[0]} bombs of {PROCESSES} processes")
    median = statistics.median(ratios)
    print(f"ratio, median of {given.blocks} pairs: {median:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
