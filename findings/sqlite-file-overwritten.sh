#!/usr/bin/env bash
# SQLite 3.51.1 (pysqlite3-binary 0.5.4.post2 from PyPI), write-ahead log, a connection that stays open.
#
# Expected: once another file is copied over the one that is open (`cp`, which leaves the inode), the next commit or the
#   next checkpoint fails, for the file's header no longer goes with the log.
# Seen: commit, checkpoint and close succeed. The log is folded into the foreign file, where acknowledged rows are then
#   missing, and `quick_check` and `integrity_check` say `ok`: what was in the log and what was in the copy can fit.
# What it means: no check of the contents tells an overwritten file from a good one. Only a checkpoint writes to a
#   database file in this mode, and each leaves a trace in the index of the log (`-shm`). Ostler compares that with size
#   and time of the file: what changed without a checkpoint was written by something else.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install pysqlite3-binary==0.5.4.post2
cd "$folder"
venv/bin/python - <<'PYTHON'
import shutil

import pysqlite3 as sqlite

print("SQLite", sqlite.sqlite_version)
db = sqlite.connect("app.db", isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA wal_autocheckpoint = 0")
db.execute("CREATE TABLE users (name)")
db.execute("CREATE TABLE calls (name)")
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
shutil.copyfile("app.db", "backup.db")
db.execute("INSERT INTO users VALUES ('acknowledged')")
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

shutil.copyfile("backup.db", "app.db")
db.execute("INSERT INTO calls VALUES ('after')")
checkpoint = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
db.close()

db = sqlite.connect("app.db")
users, calls = (db.execute(f"SELECT name FROM {table}").fetchall() for table in ("users", "calls"))
checks = [db.execute(f"PRAGMA {check}").fetchone()[0] for check in ("quick_check", "integrity_check")]
print(f"checkpoint: {checkpoint}; users: {users}; calls: {calls}; checks: {checks}")
assert checkpoint[0] == 0 and users == [] and calls == [("after",)] and checks == ["ok", "ok"]
PYTHON
