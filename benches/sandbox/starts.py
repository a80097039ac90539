#!/usr/bin/env python3
"""Compares what a start and an end of a server cost at each level of the sandbox: processor time of all its processes.

Usage: starts.py OSTLER [--blocks N] [--starts N] [--levels LEVEL,...] COMMAND [ARGUMENT ...]

OSTLER is a release build, COMMAND an MCP server. The levels take turns, a block of starts each. The figure is what the
kernel has counted for all processes that Ostler waited for, guards with all below them: nothing is sampled.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/published"))

from run import Ostler  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def ended_seconds(pid):
    """Processor time of the children of a process that have ended, and of theirs."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[13:15]) / TICKS


def block(ostler, identity, starts):
    """Milliseconds of processor time a start, with the end after it."""
    before = ended_seconds(ostler.process.pid)
    for _ in range(starts):
        for step, expected in (("POST", "start"), ("GET", "tools"), ("POST", "stop")):
            status, answer = ostler.ask(step, f"/api/mcp/{identity}/{expected}")
            if status != 200:
                sys.exit(f"{expected}: {status} {answer}")
    return 1000 * (ended_seconds(ostler.process.pid) - before) / starts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ostler")
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--levels", default="none,standard,strict")
    parser.add_argument("command")
    parser.add_argument("args", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    levels = given.levels.split(",")
    with tempfile.TemporaryDirectory(prefix="ostler-starts-") as folder:
        ostler = Ostler(os.path.abspath(given.ostler), pathlib.Path(folder), "standard")
        try:
            ids = {}
            for level in levels:
                body = {"name": level, "command": given.command, "args": given.args, "sandbox": {"level": level}}
                status, made = ostler.ask("POST", "/api/mcp", body)
                if status != 201:
                    sys.exit(f"{level}: {status} {made}")
                ids[level] = made["id"]
                ostler.ask("GET", f"/api/mcp/{ids[level]}/tools")
                ostler.ask("POST", f"/api/mcp/{ids[level]}/stop")
            found = {level: [] for level in levels}
            for _ in range(given.blocks):
                for level in levels:
                    found[level].append(block(ostler, ids[level], given.starts))
        finally:
            ostler.stop()
    first = found[levels[0]]
    of = f"over {levels[0]}, median of {given.blocks} blocks of {given.starts} (least, most)"
    print(f"{'level':10} {'ms a start':>10}  {of}")
    for level in levels:
        ratios = sorted(one / base for one, base in zip(found[level], first))
        spread = f"{statistics.median(ratios):.3f} ({ratios[0]:.3f}, {ratios[-1]:.3f})"
        print(f"{level:10} {statistics.median(found[level]):10.2f}  {spread}")


if __name__ == "__main__":
    main()
