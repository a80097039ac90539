-- Which credential acted: a session, a key, a token, or none. An older program leaves it out.

ALTER TABLE audit_logs ADD COLUMN credential TEXT;
CREATE INDEX audit_logs_credential ON audit_logs (credential, id DESC);
