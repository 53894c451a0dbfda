
-- Data is kept once a tenant and content. What was found damaged is no longer handed to new fits.
CREATE TABLE dataset (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    refs INTEGER NOT NULL CHECK (refs >= 0),
    damaged INTEGER NOT NULL DEFAULT 0,
    file TEXT,
    info BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX dataset_identity ON dataset (tenant, sha256) WHERE damaged = 0;

-- Small data; in its own table, so that counting references does not rewrite it.
CREATE TABLE dataset_inline (
    dataset BLOB NOT NULL PRIMARY KEY REFERENCES dataset (id) ON DELETE CASCADE,
    columns BLOB NOT NULL
) STRICT;

CREATE TABLE fit (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    owner TEXT,
    lease_until INTEGER,
    lost_leases INTEGER NOT NULL,
    last_event INTEGER NOT NULL,
    dataset BLOB NOT NULL REFERENCES dataset (id),
    labels BLOB NOT NULL,
    spec BLOB NOT NULL,
    shape BLOB NOT NULL,
    progress BLOB,
    outcome BLOB
) STRICT;
CREATE INDEX fit_by_tenant ON fit (tenant, id);
CREATE INDEX fit_by_status ON fit (tenant, status, id);
CREATE INDEX fit_by_dataset ON fit (dataset);
CREATE INDEX fit_queued ON fit (id) WHERE status = 'queued';
CREATE INDEX fit_leased ON fit (lease_until) WHERE status = 'running';

CREATE TABLE label (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    fit BLOB NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, key, value, fit)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_by_fit ON label (fit);

CREATE TABLE event (
    fit BLOB NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (fit, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    fit BLOB NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    stride INTEGER NOT NULL,
    points BLOB NOT NULL,
    PRIMARY KEY (fit, first)
) STRICT;

CREATE TABLE checkpoint (
    fit BLOB NOT NULL PRIMARY KEY REFERENCES fit (id) ON DELETE CASCADE,
    state BLOB NOT NULL
) STRICT;

CREATE TABLE predictor (
    fit BLOB NOT NULL PRIMARY KEY REFERENCES fit (id) ON DELETE CASCADE,
    state BLOB NOT NULL
) STRICT;

CREATE TABLE idempotency (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    fit BLOB NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_fit ON idempotency (fit);
CREATE INDEX idempotency_by_age ON idempotency (used_at);

-- How many fits are in each state, so that admission does not count a queue of a hundred thousand.
CREATE TABLE tally (status TEXT NOT NULL PRIMARY KEY, fits INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO tally VALUES ('queued', 0), ('running', 0), ('succeeded', 0), ('failed', 0), ('cancelled', 0);
CREATE TRIGGER fit_added AFTER INSERT ON fit BEGIN
    UPDATE tally SET fits = fits + 1 WHERE status = new.status;
END;
CREATE TRIGGER fit_moved AFTER UPDATE OF status ON fit WHEN old.status <> new.status BEGIN
    UPDATE tally SET fits = fits - 1 WHERE status = old.status;
    UPDATE tally SET fits = fits + 1 WHERE status = new.status;
END;
CREATE TRIGGER fit_removed AFTER DELETE ON fit BEGIN
    UPDATE tally SET fits = fits - 1 WHERE status = old.status;
END;

-- Written to find out whether writing works.
CREATE TABLE probe (writes INTEGER NOT NULL) STRICT;
INSERT INTO probe VALUES (0);
