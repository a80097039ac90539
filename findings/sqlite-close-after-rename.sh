#!/usr/bin/env bash
# SQLite 3.51.1 (pysqlite3-binary 0.5.4.post2 from PyPI), write-ahead log, one connection.
#
# Expected: once a database file is renamed under an open connection, a commit or the close either fails or goes where
#   the file went, for closing the last connection folds the log into the file.
# Seen: every commit and the close succeed, and the close leaves the log behind under the old name. The renamed file
#   has none of the rows that were still in the log, those committed before the rename among them, and passes
#   `integrity_check`.
# What it means: whoever moves a database away under a program that then stops in good order has lost rows without one
#   error. Ostler compares the file's name with the open file before and after each commit, refuses what follows, and
#   folds the log in itself when it stops.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install pysqlite3-binary==0.5.4.post2
cd "$folder"
venv/bin/python - <<'PYTHON'
import os

import pysqlite3 as sqlite

print("SQLite", sqlite.sqlite_version)


def rows_after(rename: bool):
    name = f"app-{rename}.db"
    kept = f"moved-{rename}.db" if rename else name
    db = sqlite.connect(name)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t (x)")
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("INSERT INTO t VALUES ('before')")
    db.commit()
    if rename:
        os.rename(name, kept)
    db.execute("INSERT INTO t VALUES ('after')")
    db.commit()
    db.close()
    log = os.path.getsize(name + "-wal") if os.path.exists(name + "-wal") else 0
    db = sqlite.connect(kept)
    rows = [row for (row,) in db.execute("SELECT x FROM t")]
    (sound,) = db.execute("PRAGMA integrity_check").fetchone()
    print(f"renamed: {rename}; rows: {rows}; integrity: {sound}; bytes of log left behind: {log}")
    return rows, sound, log > 0


assert rows_after(False) == (["before", "after"], "ok", False)
assert rows_after(True) == ([], "ok", True)
PYTHON
