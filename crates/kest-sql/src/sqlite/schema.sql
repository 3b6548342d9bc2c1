-- The audit log of Kest, version 1. A row holds the line of a record as it was chained and signed.
CREATE TABLE IF NOT EXISTS kest_audit_schema (version INTEGER NOT NULL PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS kest_audit (
    writer TEXT NOT NULL,
    part INTEGER NOT NULL CHECK (part > 0),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    line TEXT NOT NULL,
    PRIMARY KEY (writer, part, seq)
) STRICT;
-- Parts that may be deleted, through this one: a sealed record of the log says so too.
CREATE TABLE IF NOT EXISTS kest_audit_removed (writer TEXT NOT NULL PRIMARY KEY, part INTEGER NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS kest_audit_no_update BEFORE UPDATE ON kest_audit
BEGIN
    SELECT RAISE(ABORT, 'kest_audit is append-only');
END;
CREATE TRIGGER IF NOT EXISTS kest_audit_no_delete BEFORE DELETE ON kest_audit
WHEN NOT EXISTS (SELECT 1 FROM kest_audit_removed AS it WHERE it.writer = OLD.writer AND it.part >= OLD.part)
BEGIN
    SELECT RAISE(ABORT, 'kest_audit is append-only');
END;
INSERT OR IGNORE INTO kest_audit_schema (version) VALUES (1);
