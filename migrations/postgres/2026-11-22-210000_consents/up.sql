-- What somebody consented to for a remote server, and what Ostler is to its authorization servers: tokens and secrets,
-- sealed. An older program passes over it.

CREATE TABLE server_consents (
    server_id TEXT COLLATE "C" PRIMARY KEY NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    consent TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
