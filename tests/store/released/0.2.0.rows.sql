-- What a relay of version 0.2.0 leaves in each of its tables: a booking that the index has and one that is removed, whose
-- delete is on its way; a post that the index refused; rows it took, rejected and passed over; a call that is answered
-- and one that is out; a lane that is blocked; a list that somebody was at when the power went, and one that was given up.
INSERT INTO ei_source (name, next_look_at, failures, error, error_since, snapshot_run, retired_at, weighed_by, weighed_to, seen, next_check_at, policy_error)
VALUES ('tidbok-nord', '2026-11-23T09:00:00.000000+00:00', 2, 'the database does not answer', '2026-11-23T08:00:00.000000+00:00', 3, NULL, '0123456789abcdef', NULL, '0123456789abcdef', '2026-11-23T09:00:30.000000+00:00', NULL),
       ('tidbok-syd', '2026-11-23T09:00:00.000000+00:00', 0, NULL, NULL, 0, '2026-11-20T12:00:00.000000+00:00', NULL, 'b-4', NULL, '2026-11-23T09:00:30.000000+00:00', 'no-notification.csv: line 3: was "x", expected an HSA-id');
INSERT INTO ei_lane (id, engagement_index, source_system, source, lease_token, lease_until, open_call, next_call_at, next_split_at, next_bulk_at, failures, paused, blocked_code, blocked_text, blocked_since, failed_at, last_success_at)
VALUES (1, 'national', 'SE2321000016-84GX', 'tidbok-nord', 7, '2026-11-23T08:01:11.000000+00:00', 12, '2026-11-23T08:00:06.000000+00:00', '1970-01-01T00:00:00.000000+00:00', '2026-11-23T08:00:30.000000+00:00', 0, false, NULL, NULL, NULL, NULL, '2026-11-23T07:55:02.000000+00:00'),
       (2, 'national', 'SE2321000016-84GY', 'tidbok-nord', 3, '1970-01-01T00:00:00.000000+00:00', NULL, '2026-11-23T08:15:00.000000+00:00', '1970-01-01T00:00:00.000000+00:00', '1970-01-01T00:00:00.000000+00:00', 4, true, 'VP007', 'the consumer may not call', '2026-11-23T07:00:00.000000+00:00', '2026-11-23T08:00:00.000000+00:00', NULL);
INSERT INTO ei_booking (source, booking_id, row_id, row_version, version, source_system, removed, resident_id, care_unit, kind, starts_at, invited_on, valid_until, presentable, data_controller, changed_at, over_at)
VALUES ('tidbok-nord', 'b-1', 1, 4, 4, 'SE2321000016-84GX', false, '191212121212', 'SE2321000016-1HZ5', 'booking', '2026-12-24T10:30:00', NULL, NULL, true, NULL, '2026-11-23T07:55:00.000000+00:00', '2026-12-24T09:30:00.000000+00:00'),
       ('tidbok-nord', 'b-2', 5, NULL, 2, 'SE2321000016-84GX', true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-23T08:00:00.000000+00:00', '2026-11-23T08:00:00.000000+00:00'),
       ('tidbok-nord', 'b-3', 3, NULL, NULL, 'SE2321000016-84GY', false, '191212121212', 'SE2321000016-1HZ5', 'open_invitation', NULL, '2026-11-20', '2027-02-20', true, 'SE232100-0016', '2026-11-23T06:59:00.000000+00:00', '2027-02-19T23:00:00.000000+00:00');
INSERT INTO ei_post (id, lane_id, booking_id, resident_id, care_unit, data_controller, wanted, wanted_since, expires_at, known, sent_at, bulk, suspect, attempts, parked_code, parked_text, parked_at, call_id)
VALUES (5, 1, 'b-1', '191212121212', 'SE2321000016-1HZ5', 'SE232100-0016', '20261224103000', '2026-11-23T07:55:00.000000+00:00', '2026-12-24T09:30:00.000000+00:00', '20261224103000', '2026-11-23T07:55:02.000000+00:00', false, NULL, 0, NULL, NULL, NULL, 11),
       (6, 1, 'b-2', '191212121212', 'SE2321000016-1HZ5', 'SE232100-0016', '', '2026-11-23T08:00:00.000000+00:00', NULL, '20261222090000', '2026-11-23T07:55:02.000000+00:00', true, NULL, 0, NULL, NULL, NULL, 12),
       (7, 2, 'b-3', '191212121212', 'SE2321000016-1HZ5', 'SE232100-0016', '20261120000000', '2026-11-23T06:59:00.000000+00:00', '2027-02-19T23:00:00.000000+00:00', '', NULL, false, NULL, 1, 'ERROR', 'the care unit is not known', '2026-11-23T07:10:00.000000+00:00', 9);
INSERT INTO ei_call (id, lane_id, correlation_id, started_at, lease_until, ended_at, posts, post_ids, verdict, code, text)
VALUES (11, 1, '5f0c2a86-54c1-4a39-8a0f-6f2f9d3f7a10', '2026-11-23T07:55:01.000000+00:00', '2026-11-23T07:56:11.000000+00:00', '2026-11-23T07:55:02.000000+00:00', 2, NULL, 'accepted', 'OK', NULL),
       (12, 1, '0b5c1f0e-6d0c-4d5e-9b1e-0d8f6f1a2b3c', '2026-11-23T08:00:01.000000+00:00', '2026-11-23T08:01:11.000000+00:00', NULL, 1, '[6]', NULL, NULL, NULL);
INSERT INTO ei_receipt (source, row_id, fingerprint, event_id, outcome, reason, settled_at)
VALUES ('tidbok-nord', 1, '0123456789abcdef', 'e-1', 'taken', NULL, '2026-11-23T07:55:00.000000+00:00'),
       ('tidbok-nord', 2, 'fedcba9876543210', NULL, 'rejected', 'starts_at: was "soon", expected a time', '2026-11-23T07:55:00.000000+00:00'),
       ('tidbok-nord', 4, '00112233445566aa', NULL, 'superseded', NULL, '2026-11-23T08:00:00.000000+00:00');
INSERT INTO ei_snapshot (source, run, booking_id, line, fate, said)
VALUES ('tidbok-nord', 2, 'b-9', 7, 'created', '{"booking_id": "b-9", "resident_id": "191212121212"}'),
       ('tidbok-nord', 3, 'b-1', 2, 'unchanged', NULL),
       ('tidbok-nord', 3, 'b-2', NULL, 'gone', NULL);
INSERT INTO ei_snapshot_run (source, run, heard_at)
VALUES ('tidbok-nord', 2, NULL),
       ('tidbok-nord', 3, '2026-11-23T08:00:00.000000+00:00');
INSERT INTO ei_audit (id, at, who, command, subject, reason)
VALUES (1, '2026-11-23T08:00:00.000000+00:00', 'anna', 'lanes pause', 'national:SE2321000016-84GX', 'maintenance');
INSERT INTO ei_chore (name, next_at) VALUES ('prune', '2026-11-23T09:00:00.000000+00:00');
