#!/usr/bin/env bash
# Linux (seen with 6.18), pressure stall information: a trigger is written to /proc/pressure/memory.
#
# Expected: `some 150000 20000000` (150 ms in any 20 s) is refused, however it is written, for windows are of 0.5 to 10
#   s; `some 500000 2000000` (0.5 s in any 2 s) is accepted.
# Seen: with a line feed or a NUL at the end that is so. Without either, the kernel puts its own NUL over the last byte:
#   the window is a tenth, so the first is accepted as 2 s, and the second refused as 0.2 s (EINVAL). The documentation
#   has only a C program, which writes `strlen(trigger) + 1` bytes and does not say why.
# What it means: languages whose strings have no NUL (`write_all`, `os.write`, `printf %s`) get EINVAL for a good trigger
#   or, worse, another window than they wrote: ten seconds become one. Ostler writes the NUL.
set -euo pipefail

uname -sr
python3 - <<'PYTHON'
import errno, os

def outcome(trigger: bytes) -> str:
    file = os.open("/proc/pressure/memory", os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(file, trigger)
        return "accepted"
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        os.close(file)

expected = {
    b"some 500000 2000000": {b"": "EINVAL", b"\n": "accepted", b"\0": "accepted"},
    b"some 150000 20000000": {b"": "accepted", b"\n": "EINVAL", b"\0": "EINVAL"},
}
for trigger, ends in expected.items():
    found = {end: outcome(trigger + end) for end in ends}
    print(trigger, found)
    assert found == ends
PYTHON
