-- A link for each line of the audit log from now on: the SHA-256 of the line, its place and the link before it.
-- Without a foreign key, so that a line that is gone shows. An older program writes lines without links.

CREATE TABLE audit_chain (
    seq INTEGER PRIMARY KEY NOT NULL,
    entry_id TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL
);
