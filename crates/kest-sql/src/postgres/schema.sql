-- The audit log of Kest, version 1. A row holds the line of a record as it was chained and signed.
BEGIN;
SELECT pg_advisory_xact_lock(hashtextextended('kest_audit_schema', 0));
CREATE TABLE IF NOT EXISTS kest_audit (
    writer uuid NOT NULL,
    part integer NOT NULL CHECK (part > 0),
    seq bigint NOT NULL CHECK (seq >= 0),
    line text NOT NULL,
    PRIMARY KEY (writer, part, seq)
);
-- Parts that may be deleted, through this one: a sealed record of the log says so too.
CREATE TABLE IF NOT EXISTS kest_audit_removed (writer uuid NOT NULL PRIMARY KEY, part integer NOT NULL);
-- A temporary table of the same name must not say what may be deleted: those of a session are looked at last.
SELECT set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), 'pg_temp'), true);
CREATE OR REPLACE FUNCTION kest_audit_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM kest_audit_removed AS it WHERE it.writer = OLD.writer AND it.part >= OLD.part) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'kest_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
DROP TRIGGER IF EXISTS kest_audit_rows ON kest_audit;
CREATE TRIGGER kest_audit_rows BEFORE UPDATE OR DELETE ON kest_audit
    FOR EACH ROW EXECUTE FUNCTION kest_audit_append_only();
DROP TRIGGER IF EXISTS kest_audit_table ON kest_audit;
CREATE TRIGGER kest_audit_table BEFORE TRUNCATE ON kest_audit
    FOR EACH STATEMENT EXECUTE FUNCTION kest_audit_append_only();
CREATE TABLE IF NOT EXISTS kest_audit_schema (version bigint NOT NULL PRIMARY KEY);
INSERT INTO kest_audit_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
COMMIT;
