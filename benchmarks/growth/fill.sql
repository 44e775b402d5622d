-- One INSERT for each table. Parameters: `count`, the number of rows of each table by its name, and the owners of
-- many rows.
-- IDs are in ascending order, as those of version 7 are.

INSERT INTO users (id, email, role, first_name, last_name, is_active, created_at, updated_at, deleted_at)
SELECT CASE WHEN n = 1 THEN CAST(:heavy AS uuid) ELSE pg_temp.row_id('user', n) END, 'user' || n || '@example.test',
       CASE WHEN n % 100000 = 0 THEN 'ADMIN' WHEN n % 5000 = 0 THEN 'MODERATOR' ELSE 'USER' END,
       (ARRAY['Ada','Bo','Chloe','Dmitri','Eva','Farid','Grace','Hugo','Ines','Jo'])[1 + n % 10],
       (ARRAY['Novak','Smith','Garcia','Meier','Ito','Okafor','Lind'])[1 + n % 7] || to_hex(n % 4096), n % 1000 <> 0,
       pg_temp.at(n / CAST(:count AS float8)), now(), CASE WHEN n % 30 = 0 THEN now() END
FROM generate_series(1, :count) n;

INSERT INTO sessions (id, user_id, rotated_at, created_at, idle_expires_at, absolute_expires_at,
    revoked_at, user_agent)
SELECT pg_temp.row_id('session', n), pg_temp.row_id('user', 2 + n % (:users - 1)), now(),
       pg_temp.at(n / CAST(:count AS float8)),
       pg_temp.at(n / CAST(:count AS float8)) + interval '7 days',
       pg_temp.at(n / CAST(:count AS float8)) + interval '30 days',
       CASE WHEN n % 2 = 0 THEN now() END, 'browser'
FROM generate_series(1, :count) n;

INSERT INTO notifications (id, user_id, type, channel, category, subject, content, status,
    created_at, updated_at, sent_at, delivered_at, read_at, stream_id, batch_id)
SELECT pg_temp.row_id('notification', n),
       CASE WHEN n % 200 = 0 THEN CAST(:heavy AS uuid) ELSE pg_temp.row_id('user', n % :users) END, 'INFO',
       CASE WHEN n % 8 = 1 THEN 'EMAIL' ELSE 'IN_APP' END, CASE WHEN n % 3 = 0 THEN 'marketing' ELSE 'general' END,
       'Your order has arrived', 'The parcel with your order is at the door.',
       CASE WHEN n % 3000 = 1 THEN 'FAILED' WHEN n % 3 = 1 THEN 'READ' WHEN n % 8 = 1 THEN 'SENT'
           ELSE 'DELIVERED' END,
       pg_temp.at(n / CAST(:count AS float8), 348), now(),
       pg_temp.at(n / CAST(:count AS float8), 348), now(), CASE WHEN n % 3 = 1 THEN now() END,
       CASE WHEN n % 8 <> 1 THEN n END, CASE WHEN n % 10 = 0 THEN pg_temp.row_id('batch', n / 10000) END
FROM generate_series(1, :count) n;

INSERT INTO notification_attempts (id, notification_id, number, provider, outcome, started_at, duration_ms)
SELECT pg_temp.row_id('attempt', n), pg_temp.row_id('notification', n), 1, 'smtp', 'sent', now(), 20
FROM generate_series(1, :count) n;

INSERT INTO outbox (id, type, subject, user_id, data, created_at, sent_at, position)
SELECT pg_temp.row_id('event', n),
       (ARRAY['notification.queued', 'notification.sent', 'notification.sent', 'notification.read',
           'user.updated', 'schedule.execute', 'auth.sign_in', 'notification.failed'])[1 + n % 8],
       CAST(pg_temp.row_id('notification', n) AS text), pg_temp.row_id('user', n % :users),
       jsonb_build_object('id', CAST(pg_temp.row_id('notification', n) AS text), 'channel', 'IN_APP'),
       pg_temp.at(n / CAST(:count AS float8)),
       pg_temp.at(n / CAST(:count AS float8)), n
FROM generate_series(1, :count) n;

INSERT INTO inbox (event_id, consumer, status, created_at, done_at, attempts)
SELECT pg_temp.row_id('event', n), 'welcome_user', 'done',
       pg_temp.at(n / CAST(:count AS float8), 13),
       pg_temp.at(n / CAST(:count AS float8), 13), 1
FROM generate_series(1, :count) n;

INSERT INTO schedules (id, name, cron_expression, timezone, action, payload, is_enabled,
    misfire_policy, misfire_window_seconds, overlap_policy, max_attempts, timeout_seconds,
    jitter_seconds, created_by, next_run)
SELECT CASE WHEN n = 1 THEN CAST(:heavy_schedule AS uuid) ELSE pg_temp.row_id('schedule', n) END, 'schedule ' || n,
       '0 * * * *', 'UTC', 'event.emit', '{}', n % 10 <> 0, 'LATEST', 60, 'SKIP', 1, 60, 0, gen_random_uuid(),
       CASE WHEN n % 10 <> 0 THEN now() + interval '1 day' + n * interval '1 s' END
FROM generate_series(1, :count) n;

INSERT INTO schedule_runs (id, schedule_id, scheduled_for, trigger, status, started_at, finished_at,
    created_at, attempts)
SELECT pg_temp.row_id('run', n),
       CASE WHEN n % 4 = 0 THEN CAST(:heavy_schedule AS uuid) ELSE pg_temp.row_id('schedule',
           2 + n % (:schedules - 1)) END,
       now() - n * interval '3 s', 'CRON', CASE WHEN n % 1000 = 1 THEN 'FAILED' ELSE 'SUCCEEDED' END,
       now() - n * interval '3 s', now() - n * interval '3 s', now() - n * interval '3 s', 1
FROM generate_series(1, :count) n;

INSERT INTO integrations (id, user_id, owner_role, provider, name, webhook_url, config, signing_secret)
SELECT CASE WHEN n = 1 THEN CAST(:heavy_integration AS uuid) ELSE pg_temp.row_id('integration', n) END,
       CASE WHEN n = 1 THEN CAST(:heavy AS uuid) ELSE pg_temp.row_id('user', n) END, 'USER', 'WEBHOOK', 'webhook',
       'https://example.test/hook', '{"eventTypes": ["user.*"]}', '-'
FROM generate_series(1, :count) n;

INSERT INTO deliveries (id, integration_id, event_id, event_type, body, status, delivered_at, created_at, attempts)
SELECT pg_temp.row_id('delivery', n),
       CASE WHEN n % 4 = 0 THEN CAST(:heavy_integration AS uuid) ELSE pg_temp.row_id('integration',
           n % :integrations) END,
       pg_temp.row_id('event', n), 'user.updated', '{}', 'DELIVERED',
       pg_temp.at(n / CAST(:count AS float8)),
       pg_temp.at(n / CAST(:count AS float8)), 1
FROM generate_series(1, :count) n;

INSERT INTO delivery_attempts (id, delivery_id, number, outcome, status_code, duration_ms)
SELECT pg_temp.row_id('delivery attempt', n), pg_temp.row_id('delivery', n), 1, 'delivered', 200, 20
FROM generate_series(1, :count) n;

INSERT INTO webhook_events (id, integration_id, provider_event_id, type, body, created_at)
SELECT pg_temp.row_id('webhook', n),
       CASE WHEN n % 4 = 0 THEN CAST(:heavy_integration AS uuid) ELSE pg_temp.row_id('integration',
           n % :integrations) END,
       n::text, 'invoice.paid', '{}', pg_temp.at(n / CAST(:count AS float8), 87)
FROM generate_series(1, :count) n;

INSERT INTO integration_logs (id, integration_id, direction, action, status, status_code, created_at)
SELECT pg_temp.row_id('log', n),
       CASE WHEN n % 4 = 0 THEN CAST(:heavy_integration AS uuid) ELSE pg_temp.row_id('integration',
           n % :integrations) END,
       'OUT', 'forward', 'SUCCESS', 200, pg_temp.at(n / CAST(:count AS float8))
FROM generate_series(1, :count) n;

INSERT INTO operations (id, type, status, input, steps, created_at, finished_at)
SELECT pg_temp.row_id('operation', n), 'broadcast', 'SUCCEEDED', '{}', '[]',
       pg_temp.at(n / CAST(:count AS float8)), now()
FROM generate_series(1, :count) n;

INSERT INTO audit (position, id, at, action, outcome, actor, target, previous_hash, hash)
SELECT n, pg_temp.row_id('audit', n), pg_temp.at(n / CAST(:count AS float8)),
       CASE WHEN n % 10 = 0 THEN 'authn_login_fail' ELSE 'authn_login_success' END,
       CASE WHEN n % 10 = 0 THEN 'failure' ELSE 'success' END, CAST(pg_temp.row_id('user', n % :users) AS text),
       NULL, '-', '-'
FROM generate_series(1, :count) n;

INSERT INTO idempotency_keys (caller_id, route, key, request_hash, status, headers, body, expires_at)
SELECT pg_temp.row_id('user', n), 'POST /api/v1/notifications', n::text, '-', 202, '{}', '{}',
       now() + interval '23 hours' * (n / CAST(:count AS float8))
FROM generate_series(1, :count) n;

INSERT INTO one_time_tokens (id, user_id, purpose, token_hash, email, created_at, expires_at)
SELECT pg_temp.row_id('token', n), pg_temp.row_id('user', n), 'verify_email', 'hash' || n, 'a@example.test', now(),
       now() + interval '1 day'
FROM generate_series(1, :count) n;
