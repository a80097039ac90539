-- Bytes of a server's calls that call_bytes does not have yet: JSON, [[hour, user, bytes], …]. The row is written with each call
-- anyway, so that the call writes no other page for them.
ALTER TABLE mcp_servers ADD COLUMN held_bytes TEXT;
