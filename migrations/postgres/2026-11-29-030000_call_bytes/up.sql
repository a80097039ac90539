-- Of arguments and answers that are too long to be kept whole, the column holds the beginning: bytes and SHA-256 of the whole.
ALTER TABLE mcp_tool_calls ADD COLUMN parameters_length BIGINT;
ALTER TABLE mcp_tool_calls ADD COLUMN parameters_sha256 TEXT;
ALTER TABLE mcp_tool_calls ADD COLUMN response_length BIGINT;
ALTER TABLE mcp_tool_calls ADD COLUMN response_sha256 TEXT;

-- Bytes of calls by the hour (since 1970) that their ids are of, written with the calls: so it is known who has too many, and
-- where the oldest are, without another index of calls.
CREATE TABLE call_bytes (
    hour BIGINT NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    server_id TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (hour, user_id, server_id)
);

-- Calls recorded before that table: of each server those with ids before this one are still to be counted. The empty server
-- says that it is still to be found out which they are.
CREATE TABLE call_bytes_backlog (
    server_id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    before_id TEXT COLLATE "C" NOT NULL
);
INSERT INTO call_bytes_backlog (server_id, before_id) VALUES ('', '');
