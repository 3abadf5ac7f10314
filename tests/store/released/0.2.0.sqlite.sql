CREATE TABLE ei_relay_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT ei_relay_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE ei_booking (
    source VARCHAR(64) NOT NULL,
    booking_id VARCHAR(128) NOT NULL,
    row_id BIGINT NOT NULL,
    row_version BIGINT,
    version BIGINT,
    source_system VARCHAR(64) NOT NULL,
    removed BOOLEAN NOT NULL,
    resident_id VARCHAR(32),
    care_unit VARCHAR(64),
    kind VARCHAR(20),
    starts_at VARCHAR(19),
    invited_on VARCHAR(10),
    valid_until VARCHAR(19),
    presentable BOOLEAN,
    data_controller VARCHAR(64),
    changed_at TEXT NOT NULL,
    over_at TEXT,
    PRIMARY KEY (source, booking_id)
);

CREATE INDEX ei_booking_over ON ei_booking (removed, over_at) WHERE over_at IS NOT NULL;

CREATE TABLE ei_call (
    id INTEGER NOT NULL,
    lane_id BIGINT NOT NULL,
    correlation_id VARCHAR(36) NOT NULL,
    started_at TEXT NOT NULL,
    lease_until TEXT NOT NULL,
    ended_at TEXT,
    posts INTEGER NOT NULL,
    post_ids TEXT,
    verdict VARCHAR(20),
    code VARCHAR(20),
    text VARCHAR(500),
    PRIMARY KEY (id)
);

CREATE INDEX ei_call_started ON ei_call (started_at);

CREATE TABLE ei_lane (
    id INTEGER NOT NULL,
    engagement_index VARCHAR(64) NOT NULL,
    source_system VARCHAR(64) NOT NULL,
    source VARCHAR(64) NOT NULL,
    lease_token BIGINT DEFAULT '0' NOT NULL,
    lease_until TEXT DEFAULT '1970-01-01T00:00:00.000000+00:00' NOT NULL,
    open_call BIGINT,
    next_call_at TEXT DEFAULT '1970-01-01T00:00:00.000000+00:00' NOT NULL,
    next_split_at TEXT DEFAULT '1970-01-01T00:00:00.000000+00:00' NOT NULL,
    next_bulk_at TEXT DEFAULT '1970-01-01T00:00:00.000000+00:00' NOT NULL,
    failures INTEGER DEFAULT '0' NOT NULL,
    paused BOOLEAN DEFAULT 0 NOT NULL,
    blocked_code VARCHAR(20),
    blocked_text VARCHAR(500),
    blocked_since TEXT,
    failed_at TEXT,
    last_success_at TEXT,
    PRIMARY KEY (id),
    CONSTRAINT ei_lane_name UNIQUE (engagement_index, source_system)
);

CREATE TABLE ei_post (
    id INTEGER NOT NULL,
    lane_id BIGINT NOT NULL,
    booking_id VARCHAR(128) NOT NULL,
    resident_id VARCHAR(12) NOT NULL,
    care_unit VARCHAR(64) NOT NULL,
    data_controller VARCHAR(64) NOT NULL,
    wanted VARCHAR(14) NOT NULL,
    wanted_since TEXT NOT NULL,
    expires_at TEXT,
    known VARCHAR(14) DEFAULT '' NOT NULL,
    sent_at TEXT,
    bulk BOOLEAN DEFAULT 0 NOT NULL,
    suspect BIGINT,
    attempts INTEGER DEFAULT '0' NOT NULL,
    parked_code VARCHAR(20),
    parked_text VARCHAR(500),
    parked_at TEXT,
    call_id BIGINT,
    PRIMARY KEY (id),
    CONSTRAINT ei_post_key UNIQUE (booking_id, lane_id, resident_id, care_unit, data_controller)
);

CREATE INDEX ei_post_absent ON ei_post (wanted_since) WHERE wanted = '' AND known = '';

CREATE INDEX ei_post_expiry ON ei_post (expires_at) WHERE expires_at IS NOT NULL;

CREATE INDEX ei_post_parked ON ei_post (parked_at) WHERE parked_code IS NOT NULL;

CREATE INDEX ei_post_pending ON ei_post (lane_id, suspect, bulk, wanted_since, id) WHERE wanted != known AND parked_code IS NULL;

CREATE TABLE ei_receipt (
    source VARCHAR(64) NOT NULL,
    row_id BIGINT NOT NULL,
    fingerprint VARCHAR(16) NOT NULL,
    event_id VARCHAR(64),
    outcome VARCHAR(20) NOT NULL,
    reason VARCHAR(500),
    settled_at TEXT NOT NULL,
    PRIMARY KEY (source, row_id)
);

CREATE INDEX ei_receipt_event ON ei_receipt (source, event_id) WHERE event_id IS NOT NULL;

CREATE TABLE ei_source (
    name VARCHAR(64) NOT NULL,
    next_look_at TEXT DEFAULT '1970-01-01T00:00:00.000000+00:00' NOT NULL,
    failures INTEGER DEFAULT '0' NOT NULL,
    error VARCHAR(500),
    error_since TEXT,
    snapshot_run BIGINT DEFAULT '0' NOT NULL,
    retired_at TEXT,
    weighed_by VARCHAR(32),
    weighed_to VARCHAR(128),
    seen VARCHAR(32),
    next_check_at TEXT DEFAULT '1970-01-01T00:00:00.000000+00:00' NOT NULL,
    policy_error VARCHAR(500),
    PRIMARY KEY (name)
);

CREATE TABLE ei_snapshot (
    source VARCHAR(64) NOT NULL,
    run BIGINT NOT NULL,
    booking_id VARCHAR(128) NOT NULL,
    line BIGINT,
    fate VARCHAR(10) NOT NULL,
    said TEXT,
    PRIMARY KEY (source, run, booking_id)
);

CREATE TABLE ei_audit (
    id INTEGER NOT NULL,
    at TEXT NOT NULL,
    who VARCHAR(128) NOT NULL,
    command VARCHAR(64) NOT NULL,
    subject VARCHAR(255) NOT NULL,
    reason VARCHAR(500),
    PRIMARY KEY (id)
);

CREATE TABLE ei_chore (
    name VARCHAR(64) NOT NULL,
    next_at TEXT DEFAULT '1970-01-01T00:00:00.000000+00:00' NOT NULL,
    PRIMARY KEY (name)
);

INSERT INTO ei_relay_version (version_num) VALUES ('0001');

CREATE TABLE ei_snapshot_run (
    source VARCHAR(64) NOT NULL,
    run BIGINT NOT NULL,
    heard_at TEXT,
    PRIMARY KEY (source, run)
);

CREATE INDEX ei_receipt_rejected ON ei_receipt (source, settled_at) WHERE outcome = 'rejected';

UPDATE ei_relay_version SET version_num='0002' WHERE ei_relay_version.version_num = '0001';
