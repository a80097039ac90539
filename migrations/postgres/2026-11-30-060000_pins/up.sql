-- The definitions of each server's tools that were accepted, sealed. An older program passes over it; a server without
-- a row is pinned to the listing that is stored of it.

CREATE TABLE server_pins (
    server_id TEXT COLLATE "C" PRIMARY KEY NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    pins TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
