-- The audit log of Kest, version 1. A row holds the line of a record as it was chained and signed.
BEGIN IMMEDIATE;
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
-- REPLACE deletes what is in its place and fires no trigger for that. A row without a number of its own has no positive one here.
CREATE TRIGGER IF NOT EXISTS kest_audit_no_replace BEFORE INSERT ON kest_audit
WHEN EXISTS (SELECT 1 FROM kest_audit AS it WHERE it.writer = NEW.writer AND it.part = NEW.part AND it.seq = NEW.seq)
    OR (NEW.rowid > 0 AND EXISTS (SELECT 1 FROM kest_audit AS it WHERE it.rowid = NEW.rowid))
BEGIN
    SELECT RAISE(IGNORE);
END;
INSERT OR IGNORE INTO kest_audit_schema (version) VALUES (1);
COMMIT;
