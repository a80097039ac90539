-- What each server runs of a package: the versions that it was resolved to, sealed. An older program passes over it; a
-- server without a row is resolved anew.

CREATE TABLE server_packages (
    server_id TEXT COLLATE "C" PRIMARY KEY NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    package TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
