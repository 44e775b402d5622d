"""For each alert, series with which it must fire, and similar ones with which it must not.

The values are in the notation of promtool, a sample a minute: `0+5x60` starts at 0 and grows by 5, 60 times; `_` is
a missing sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Series = Mapping[str, str]
HOUR = 60


class Case(NamedTuple):
    """The series with which an alert fires, and those with which it does not, after a time.

    Attributes:
        firing: Series -> values.
        quiet: Series -> values, for each situation.
        minutes: When the alert is evaluated, in minutes from the first sample.
    """

    firing: tuple[Series, ...]
    quiet: tuple[Series, ...]
    minutes: int = 15


def state(series: str, firing: float, quiet: float, minutes: int = 15) -> Case:
    """An alert on a gauge that does not change."""
    length = minutes + 5
    return Case(({series: f"{firing}x{length}"},), ({series: f"{quiet}x{length}"}, {}), minutes)


SERVICES = ("auth", "users", "city", "core", "notification", "scheduler", "integration", "files")
UP = {f'up{{job="heidi",service="{name}"}}': "1x30" for name in SERVICES}
SERVERS = {f'up{{job="{name}"}}': "1x30" for name in ("postgres", "redis", "rabbitmq")}
DATABASE = {"heidi_database_up": "1x3000"}
BEATS = {f'heidi_heartbeat_age_seconds{{role="{role}"}}': "3x30" for role in ("relay", "clock", "worker")}
REQUESTS = 'flask_http_request_total{service="core",method="GET",status="200"}'
ERRORS = 'flask_http_request_total{service="core",method="GET",status="500"}'
PENDING, DUE = 'heidi_work_pending{kind="notifications"}', 'heidi_work_oldest_due_seconds{kind="notifications"}'
LATER = 'heidi_work_scheduled{kind="notifications"}'
SATURATED, WAITING = 'heidi_worker_saturated_seconds{host="a"}', 'heidi_queue_oldest_due_seconds{queue="core"}'
DISK = 'instance="a",mountpoint="/",fstype="ext4"'
CREATED, FAILED = (f'heidi_backup_age_seconds{{event="{event}"}}' for event in ("created", "failed"))
EXPIRY = 'heidi_certificate_remaining_seconds{host="heidi.example.org"}'


def without(series: Series, part: str) -> Series:
    """Leave out the series whose name contains `part`."""
    return {name: values for name, values in series.items() if part not in name}


def durations(route: str, *, quick: int, total: int = 20) -> Series:
    """Requests of a route in each minute: `quick` of `total` take less than half a second."""
    name = "flask_http_request_duration_seconds"
    labels = f'service="scheduler",url_rule="{route}"'
    return {
        f'{name}_bucket{{{labels},le="0.5"}}': f"0+{quick}x430",
        f'{name}_bucket{{{labels},le="10.0"}}': f"0+{total}x430",
        f'{name}_bucket{{{labels},le="+Inf"}}': f"0+{total}x430",
        f"{name}_count{{{labels}}}": f"0+{total}x430",
    }


def sent(in_time: int, late: int) -> Series:
    """Messages in five minutes, seen by two services."""
    name = "heidi_messages_sent_recently"
    return {
        f'{name}{{service="{service}",speed="{speed}"}}': f"{number}x430"
        for service in ("auth", "core")
        for speed, number in (("in_time", in_time), ("late", late))
    }


def lateness(seconds: str) -> Series:
    """The lateness of schedules, while their runs are in time."""
    return {"heidi_schedules_overdue_seconds": seconds, 'heidi_work_oldest_due_seconds{kind="runs"}': "0x430"}


def burn(fast: Series, slow: Series, none: Series, objective: str) -> dict[str, Case]:
    """The two alerts on a budget: `fast` fires both, `slow` only that on a slow burn, `none` neither."""
    return {
        f"{objective}BudgetBurnsFast": Case((fast,), (slow, none, {}), 7 * HOUR),
        f"{objective}BudgetBurnsSlowly": Case((fast, slow), (none, {}), 7 * HOUR),
    }


def api(errors: int) -> Series:
    """Errors among 10,000 requests of each minute."""
    return {REQUESTS: f"0+{10_000 - errors}x430", ERRORS: f"0+{errors}x430"}


CASES: Mapping[str, Case] = {
    "Watchdog": Case(({},), (), 1),
    "ServiceDown": Case(
        (
            UP | {'up{job="heidi",service="city"}': "1x5 0x20"},
            without(UP, "scheduler"),
            UP | {'up{job="heidi",service="auth"}': "1x5 stale"},
        ),
        (UP, UP | {'up{job="heidi",service="city"}': "1x14 0 0"}),
    ),
    "ErrorRate": Case(
        (
            {REQUESTS: "0+2x30", ERRORS: "_x12 1x20"},  # the first error ever
            {REQUESTS: "0+10x30", ERRORS: "0x8 1+3x20"},
            {ERRORS: "_x11 1+2x20"},  # nothing but errors
        ),
        ({REQUESTS: "0+10x30"}, {REQUESTS: "0+1000x30", ERRORS: "_x12 1x20"}, {REQUESTS: "0+10x30", ERRORS: "5x30"}),
    ),
    "Slow": Case(
        (durations("/api/v1/schedules", quick=18),),
        (
            durations("/api/v1/schedules", quick=20),
            durations("/api/v1/core/events/stream", quick=0),
            durations("/api/v1/files/uploads/<uuid:upload_id>", quick=0),
            durations("/api/v1/schedules/<uuid:schedule_id>/run?wait", quick=0),
        ),
    ),
    "Memory": state('heidi_service_memory_bytes{service="core"}', 450e6, 200e6),
    "DatabaseAway": state('heidi_database_up{service="core"}', 0, 1),
    "BackgroundProcessDown": Case(
        (
            DATABASE | BEATS | {'heidi_heartbeat_age_seconds{role="worker"}': "0+60x30"},
            DATABASE | without(BEATS, "clock"),
        ),
        (DATABASE | BEATS, {"heidi_database_up": "0x30"}),
    ),
    "QueueDepth": Case(
        (
            {PENDING: "300x150", DUE: "0+60x150"},
            {PENDING: "300x150", DUE: "0x150"},  # they fail, and are repeated
            {PENDING: "3000x150", DUE: "0x150", LATER: "1000x150"},
        ),
        (
            {PENDING: "300x150", DUE: "0x150", LATER: "300x150"},  # scheduled for another day
            {PENDING: "90x150", DUE: "900x150"},
            {PENDING: "5000x10 2000x5 20x135", DUE: "10x15 0x135"},  # a mailing
        ),
        2 * HOUR,
    ),
    "WorkOverdue": state('heidi_work_oldest_due_seconds{kind="deliveries"}', 400, 30),
    "WorkersBusy": Case(
        ({SATURATED: "0 0+60x30", WAITING: "0+20x30"},),
        (
            {SATURATED: "0 0+60x30", WAITING: "0x30"},  # busy, but nothing waits
            {SATURATED: "0x30", WAITING: "0+20x30"},
            {SATURATED: "120x5 0x3 60x22", WAITING: "40x30"},
        ),
    ),
    "RelayStuck": state("heidi_outbox_oldest_unsent_seconds", 70, 2),
    "ScheduleOverdue": state("heidi_schedules_overdue_seconds", 480, 1),
    "DispatchingHeld": state('heidi_dispatching_held{host="a"}', 1, 0),
    "DeadWork": Case(
        ({"heidi_inbox_dead": "5x300"},),  # still, hours later
        ({"heidi_inbox_dead": "0x300"}, {"heidi_inbox_dead": "5x100 4 3 2 1 0x200"}),
        4 * HOUR,
    ),
    "SchedulesFailing": state("heidi_schedules_failing", 1, 0, 20),
    "EndpointsDisabled": state("heidi_endpoints_disabled", 2, 0),
    "CredentialsRejected": state('heidi_provider_rejection_age_seconds{provider="twilio"}', 600, 10_000),
    "BackupOld": Case(
        (DATABASE | {CREATED: "100000x200"}, DATABASE),
        (DATABASE | {CREATED: "80000x200"}, {"heidi_database_up": "0x200"}),
        2 * HOUR,
    ),
    "BackupFailed": Case(
        ({CREATED: "90000x20", FAILED: "100x20"}, {FAILED: "100x20"}),
        ({CREATED: "100x20", FAILED: "90000x20"}, {CREATED: "100x20"}),
    ),
    "CertificateExpiry": state(EXPIRY, 10 * 86_400, 30 * 86_400, 70),
    "CertificateExpiryImminent": state(EXPIRY, 2 * 86_400, 10 * 86_400),
    "MigrationFailed": state("heidi_migration_failed", 1, 0),
    "ServerDown": Case(
        (
            SERVERS | {'up{job="redis"}': "0x30"},
            SERVERS | {'pg_up{job="postgres"}': "0x30"},
            SERVERS | {'redis_up{job="redis"}': "0x30"},
            without(SERVERS, "rabbitmq"),
        ),
        (SERVERS, SERVERS | {'pg_up{job="postgres"}': "1x30"}),
    ),
    "DatabaseConnections": Case(
        (
            {
                'pg_stat_activity_count{instance="a",state="idle"}': "150x30",
                'pg_stat_activity_count{instance="a",state="active"}': "20x30",
                'pg_settings_max_connections{instance="a"}': "200x30",
            },
        ),
        (
            {
                'pg_stat_activity_count{instance="a",state="idle"}': "150x30",
                'pg_settings_max_connections{instance="a"}': "200x30",
            },
        ),
    ),
    "RedisCannotSave": Case(
        ({"redis_rdb_last_bgsave_status": "0x30"}, {"redis_aof_last_write_status": "0x30"}),
        ({"redis_rdb_last_bgsave_status": "1x30", "redis_aof_last_write_status": "1x30"},),
    ),
    "BrokerBlocked": Case(
        ({"rabbitmq_alarms_free_disk_space_watermark": "1x30"}, {"rabbitmq_alarms_memory_used_watermark": "1x30"}),
        ({"rabbitmq_alarms_free_disk_space_watermark": "0x30", "rabbitmq_alarms_memory_used_watermark": "0x30"},),
    ),
    "BrokerQueues": state('rabbitmq_queue_messages_ready{instance="a"}', 20_000, 500, 20),
    "DiskSpace": Case(
        (
            {f"node_filesystem_avail_bytes{{{DISK}}}": "10x500", f"node_filesystem_size_bytes{{{DISK}}}": "100x500"},
            {  # full within hours
                f"node_filesystem_avail_bytes{{{DISK}}}": "80000-100x500",
                f"node_filesystem_size_bytes{{{DISK}}}": "100000x500",
            },
            {
                'kubelet_volume_stats_available_bytes{persistentvolumeclaim="a"}': "10x500",
                'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="a"}': "100x500",
            },
        ),
        (
            {f"node_filesystem_avail_bytes{{{DISK}}}": "50x500", f"node_filesystem_size_bytes{{{DISK}}}": "100x500"},
            {
                'node_filesystem_avail_bytes{instance="a",fstype="tmpfs"}': "1x500",
                'node_filesystem_size_bytes{instance="a",fstype="tmpfs"}': "100x500",
            },
        ),
        6 * HOUR,
    ),
    "DiskFull": Case(
        (
            {f"node_filesystem_avail_bytes{{{DISK}}}": "4x30", f"node_filesystem_size_bytes{{{DISK}}}": "100x30"},
            {
                'kubelet_volume_stats_available_bytes{persistentvolumeclaim="a"}': "4x30",
                'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="a"}': "100x30",
            },
        ),
        ({f"node_filesystem_avail_bytes{{{DISK}}}": "10x30", f"node_filesystem_size_bytes{{{DISK}}}": "100x30"},),
    ),
    **burn(api(200), api(30), api(5), "Availability"),
    **burn(
        durations("/api/v1/schedules", quick=700, total=1000),
        durations("/api/v1/schedules", quick=970, total=1000),
        durations("/api/v1/schedules", quick=995, total=1000)
        | durations("/api/v1/schedules/<uuid:schedule_id>/run?wait", quick=0, total=1000),
        "Latency",
    ),
    **burn(sent(10, 90), sent(80, 20), sent(97, 3), "Delivery"),
    **burn(
        lateness("600x430"),
        lateness("0x60 90x14 0x400"),  # 15 minutes of seven hours
        lateness("2x430"),
        "ScheduleLateness",
    ),
}
