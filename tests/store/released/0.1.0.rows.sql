-- What a relay of version 0.1.0 leaves in each of its tables: one booking that the index has, one row it rejected, a
-- call that is out, and a list that somebody was at when the power went.
INSERT INTO ei_source (name, next_look_at, failures, error, error_since, snapshot_run)
VALUES ('tidbok-nord', '2026-11-02T09:00:00.000000+00:00', 2, 'the database does not answer', '2026-11-02T08:00:00.000000+00:00', 3);
INSERT INTO ei_lane (id, engagement_index, source_system, source, lease_token, open_call, paused)
VALUES (1, 'national', 'SE2321000016-84GX', 'tidbok-nord', 7, 12, false);
INSERT INTO ei_booking (source, booking_id, row_id, version, source_system, removed, resident_id, care_unit, kind, starts_at, presentable, changed_at, over_at)
VALUES ('tidbok-nord', 'b-1', 1, 4, 'SE2321000016-84GX', false, '191212121212', 'SE2321000016-1HZ5', 'booking', '2026-12-24T10:30:00', true, '2026-11-02T08:00:00.000000+00:00', '2026-12-24T09:30:00.000000+00:00');
INSERT INTO ei_post (id, lane_id, booking_id, resident_id, care_unit, data_controller, wanted, wanted_since, expires_at, known, sent_at, call_id)
VALUES (5, 1, 'b-1', '191212121212', 'SE2321000016-1HZ5', 'SE232100-0016', '20261224103000', '2026-11-02T08:00:00.000000+00:00', '2026-12-24T09:30:00.000000+00:00', '20261224103000', '2026-11-02T08:00:02.000000+00:00', 12);
INSERT INTO ei_call (id, lane_id, correlation_id, started_at, lease_until, posts, post_ids)
VALUES (12, 1, '0b5c1f0e-6d0c-4d5e-9b1e-0d8f6f1a2b3c', '2026-11-02T08:00:01.000000+00:00', '2026-11-02T08:01:11.000000+00:00', 1, '[5]');
INSERT INTO ei_receipt (source, row_id, fingerprint, event_id, outcome, reason, settled_at)
VALUES ('tidbok-nord', 1, '0123456789abcdef', 'e-1', 'taken', NULL, '2026-11-02T08:00:00.000000+00:00'),
       ('tidbok-nord', 2, 'fedcba9876543210', NULL, 'rejected', 'starts_at: was "soon", expected a time', '2026-11-02T08:00:00.000000+00:00');
INSERT INTO ei_snapshot (source, run, booking_id, line, fate, said)
VALUES ('tidbok-nord', 2, 'b-9', 7, 'created', '{"booking_id": "b-9", "resident_id": "191212121212"}'),
       ('tidbok-nord', 3, 'b-1', 2, 'unchanged', NULL),
       ('tidbok-nord', 3, 'b-2', NULL, 'gone', NULL);
INSERT INTO ei_audit (id, at, who, command, subject, reason)
VALUES (1, '2026-11-02T08:00:00.000000+00:00', 'anna', 'lanes pause', 'national:SE2321000016-84GX', 'maintenance');
INSERT INTO ei_chore (name, next_at) VALUES ('prune', '2026-11-02T09:00:00.000000+00:00');
