"""Rules about personal data: each column that can hold some says where it is erased and where it is exported.

Columns of IDs, numbers, booleans and times are left out: an ID remains after an erasure, and the rest means nothing
without the text beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import NamedTuple

from sqlalchemy import Boolean, DateTime, Float, Integer, MetaData, Table, Time, Uuid

from heidi_services.core.service.personal_data import PARTS as CORE
from heidi_services.files.service.personal_data import PARTS as FILES
from heidi_services.integration.service.personal_data import PARTS as INTEGRATION
from heidi_services.notification.service.personal_data import PARTS as NOTIFICATION
from heidi_services.scheduler.service.personal_data import PARTS as SCHEDULER
from heidi_services.users import peer_data
from heidi_services.users.service import data_export

PARTS = (NOTIFICATION, SCHEDULER, INTEGRATION, CORE, FILES)
IMPERSONAL_TYPES = (Uuid, Integer, Float, Boolean, DateTime, Time)
USERS = "heidi_services.users.service.erasure"
AUTH = "heidi_services.auth.service.erasure.erase_user_data"
NOTIFICATIONS = "heidi_services.notification.service.erasure"
INTEGRATIONS = "heidi_services.integration.service.erasure.erase_user_data"
SCHEDULES = "heidi_services.scheduler.service.erasure"
FILE_DATA = "heidi_services.files.service.erasure.erase_user_data"
MONITORS = "heidi_services.scheduler.service.monitors.erasure"
OPERATIONS = "heidi_services.core.service.erasure.erase_user_data"
RESPONSES = "heidi_common.interceptors.idempotency_keys.delete_for_user"
SECRET = "not exported: a secret, or the hash of one"
COPY = "not exported: a copy of what another part contains"


class Handling(NamedTuple):
    """The function that erases a column, and the part of the export that contains it (or the reason why none does)."""

    erased_by: str
    exported: str


def _columns(table: str, names: str, erased_by: str, exported: str) -> dict[str, Handling]:
    return {f"{table}.{name}": Handling(erased_by, exported) for name in names.split()}


PERSONAL: Mapping[str, Handling] = {
    **_columns("users", "email first_name last_name phone locale timezone", f"{USERS}._anonymize", "user"),
    **_columns("users", "password_hash", f"{USERS}._anonymize", SECRET),
    **_columns("users", "search", f"{USERS}._anonymize", COPY),
    **_columns("audit_addresses", "sealed", "heidi_common.audit.addresses.delete_for_user", COPY),
    **_columns("audit_addresses", "fingerprint", "heidi_common.audit.addresses.delete_for_user", SECRET),
    **_columns("sessions", "ip user_agent label", f"{USERS}._anonymize", "sessions"),
    **_columns("idempotency_keys", "body", RESPONSES, "storedResponses"),
    **_columns("outbox", "sealed", f"{USERS}._erase_events", "not exported: the requested message contains it"),
    **_columns("outbox", "data", f"{SCHEDULES}._erase_runs", "facts"),
    **_columns("inbox", "last_error", f"{USERS}._erase_events", "not exported: an internal error message"),
    **_columns("one_time_tokens", "email label", AUTH, COPY),
    **_columns("one_time_tokens", "token_hash", AUTH, SECRET),
    **_columns("totp", "secret", AUTH, SECRET),
    **_columns("recovery_codes", "code_hash", AUTH, SECRET),
    **_columns(
        "notifications",
        "subject content metadata attachments html options",
        f"{NOTIFICATIONS}._erase_texts",
        "notifications",
    ),
    **_columns("notifications", "sealed", f"{NOTIFICATIONS}._erase_texts", SECRET),
    **_columns(
        "notification_attached_contents",
        "sha256 content",
        "heidi_services.notification.service.attachments.contents.delete_unused",
        COPY,
    ),
    **_columns("notification_attempts", "error response", f"{NOTIFICATIONS}._erase_texts", "attempts"),
    **_columns("notification_devices", "label", f"{NOTIFICATIONS}.erase_user_data", "devices"),
    **_columns("notification_devices", "token p256dh auth", f"{NOTIFICATIONS}.erase_user_data", SECRET),
    **_columns("notification_preferences", "muted timezone", f"{NOTIFICATIONS}.erase_user_data", "preferences"),
    **_columns(
        "notification_suppressions",
        "address reason detail",
        "heidi_services.notification.service.recipients.suppressions.hash_addresses",
        "suppressions",
    ),
    **_columns("integrations", "name webhook_url config endpoint_auth_info", INTEGRATIONS, "integrations"),
    **_columns(
        "integrations",
        "credentials endpoint_auth signing_secret previous_signing_secret older_signing_secrets",
        INTEGRATIONS,
        SECRET,
    ),
    **_columns("integration_logs", "request response error", INTEGRATIONS, "integrations"),
    **_columns("webhook_events", "provider_event_id body", INTEGRATIONS, "integrations"),
    **_columns("deliveries", "body", INTEGRATIONS, COPY),
    **_columns("deliveries", "last_error", INTEGRATIONS, "integrations"),
    **_columns("delivery_attempts", "response error", INTEGRATIONS, "deliveryAttempts"),
    **_columns("syncs", "last_error", INTEGRATIONS, "syncs"),
    **_columns(
        "schedules",
        "name description payload on_failure concurrency_key tags alert_recipients",
        f"{SCHEDULES}._erase_schedules",
        "schedules",
    ),
    **_columns("schedules", "sort_name", f"{SCHEDULES}._erase_schedules", COPY),
    **_columns("schedule_runs", "result error", f"{SCHEDULES}._erase_runs", "runs"),
    **_columns("files", "name content_type", FILE_DATA, "files"),
    **_columns("file_uploads", "name content_type", FILE_DATA, "fileUploads"),
    **_columns("stored_objects", "sha256 detected_type signature", FILE_DATA, "fileObjects"),
    **_columns("monitors", "name description recipients", f"{MONITORS}.erase_monitors", "monitors"),
    **_columns("monitor_pings", "user_agent body", f"{MONITORS}.erase_monitors", "pings"),
    **_columns(
        "import_lines", "detail", "heidi_common.import_jobs.cleanup.erase_user", "not exported: an error message"
    ),
    **_columns("exports", "sealed", "heidi_common.export_jobs.cleanup.erase_user", SECRET),
    **_columns("operations", "steps error", OPERATIONS, "operations"),
    **_columns("operations", "sealed", "heidi_services.core.service.operation_progress.complete", SECRET),
}

NOT_PERSONAL: Mapping[str, str] = {
    "audit": "IDs and HMACs: the chain of hashes never changes",
    "cities": "public data",
    "city_names": "public data",
    "place_names": "public data",
    "place_names_version": "public data",
    "clients": "programs",
    "firebase_projects": "parameters of a project, which its users share",
    "notification_templates": "texts for all users, without values",
    "template_versions": "texts for all users, without values",
    "notification_sender_domains": "domains of the platform's operators",
    "notification_batches": "IDs and numbers",
    "heartbeats": "names of processes, machines and queues",
    "imports": "who imported how many rows, and how the file is read",
    "import_contents": "a file, encrypted, until its import has ended",
    "import_lines.outcome": "an enumeration",
    "exports.kind": "an enumeration",
    "exports.status": "an enumeration",
    "exports.options": "the format of the file",
    "exports.error": "an error message without values",
    "clock_states": "names of machines",
    "counter_deltas": "numbers",
    "platform_states": "names of providers and hosts",
    "counter_totals": "numbers",
    "throttle_counters": "HMACs, until a time limit of at most an hour",
    "users.role": "an enumeration",
    "sessions.revoked_reason": "an enumeration",
    "idempotency_keys.route": "a path with IDs",
    "idempotency_keys.key": "chosen by the client; it stays so that a repetition has no effect, for 24 hours",
    "idempotency_keys.request_hash": "a hash, for 24 hours",
    "idempotency_keys.headers": "Location and ETag: IDs",
    "inbox.consumer": "the name of a function",
    "inbox.status": "an enumeration",
    "outbox.type": "the type of the event",
    "outbox.subject": "an ID",
    "outbox.request_id": "an ID",
    "outbox.traceparent": "IDs",
    "one_time_tokens.purpose": "an enumeration",
    "notifications.type": "an enumeration",
    "notifications.channel": "an enumeration",
    "notifications.category": "a name that the platform's operators choose",
    "notifications.template": "the name of a template",
    "notifications.locale": "the language of the template",
    "notifications.status": "an enumeration",
    "notifications.failure_reason": "an enumeration",
    "notifications.provider_id": "an ID",
    "notifications.retry_progress": "times, counts and IDs of devices",
    "notification_attempts.provider": "the name of a provider",
    "notification_attempts.outcome": "an enumeration",
    "notification_attempts.code": "a code of the provider",
    "notification_attempts.provider_id": "an ID",
    "notification_devices.kind": "an enumeration",
    "notification_suppressions.channel": "an enumeration",
    "integrations.owner_role": "an enumeration",
    "integrations.provider": "an enumeration",
    "integrations.disabled_reason": "an enumeration",
    "integration_logs.direction": "an enumeration",
    "integration_logs.action": "an enumeration",
    "integration_logs.status": "an enumeration",
    "webhook_events.type": "the type of the event",
    "deliveries.event_type": "the type of the event",
    "deliveries.status": "an enumeration",
    "delivery_attempts.outcome": "an enumeration",
    "syncs.status": "an enumeration",
    "schedules.kind": "an enumeration",
    "schedules.cron_expression": "times",
    "schedules.every": "times",
    "schedules.excluded_dates": "dates without slots",
    "schedules.holiday_calendars": "names of countries and markets",
    "schedules.timezone": "the time zone of the times",
    "schedules.rules_version": "a version",
    "schedules.action": "an enumeration",
    "schedules.misfire_policy": "an enumeration",
    "schedules.overlap_policy": "an enumeration",
    "schedules.concurrency_policy": "an enumeration",
    "schedules.last_run_status": "an enumeration",
    "schedule_runs.trigger": "an enumeration",
    "schedule_runs.status": "an enumeration",
    "file_jobs": "IDs, times and the errors of decoders",
    "files.visibility": "an enumeration",
    "file_uploads.visibility": "an enumeration",
    "stored_objects.status": "an enumeration",
    "stored_objects.scan_status": "an enumeration",
    "monitors.every": "times",
    "monitors.cron_expression": "times",
    "monitors.timezone": "the time zone of the times",
    "monitors.status": "an enumeration",
    "monitors.last_ping_kind": "an enumeration",
    "monitor_pings.kind": "an enumeration",
    "monitor_pings.method": "an enumeration",
    "monitor_changes": "enumerations and times",
    "event_replays": "names of functions, event types, IDs and numbers",
    "operations.type": "an enumeration",
    "operations.status": "an enumeration",
    "operations.input": "without personal data: each operation type declares what it leaves out (`redact`)",
}
"""A table or a column -> why it holds no personal data."""

OWN_LISTS = {"user", "notifications", "devices", "preferences", "integrations"}
"""Parts that have the form of the list of the service's API."""
SELECTED = {
    "sessions": set(data_export.SESSION_COLUMNS),
    "facts": set(data_export.EVENT_COLUMNS),
    "storedResponses": set(data_export.RESPONSE_COLUMNS),
} | {
    name: {getattr(rows.model, column).key for column in rows.columns}
    for parts in PARTS
    for name, rows in parts.items()
}
"""Part -> the columns that it contains."""


def holding(tables: Iterable[Table]) -> Iterator[str]:
    """The columns whose type can hold personal data, as `table.column`."""
    for table in tables:
        for column in table.columns:
            if not isinstance(column.type, IMPERSONAL_TYPES):
                yield f"{table.name}.{column.name}"


def undeclared(metadata: MetaData) -> list[str]:
    """Find the columns that can hold personal data and have no entry, and the entries without a column."""
    columns = set(holding(metadata.tables.values()))
    declared = set(PERSONAL) | {name for name in NOT_PERSONAL if "." in name}
    whole_tables = {name for name in NOT_PERSONAL if "." not in name}
    in_table = {name for name in columns if name.partition(".")[0] in whole_tables}
    missing = [f"{name}: say where it is erased and exported" for name in columns - declared - in_table]
    stale = [f"{name}: no such column" for name in declared - columns]
    return sorted(missing + stale + [f"{name}: declared twice" for name in in_table & declared])


def unfulfilled(entries: Mapping[str, Handling]) -> list[str]:
    """Find the entries whose eraser does not exist, or whose part of the export does not contain the column."""
    errors = []
    requested = {name for _, _, names in peer_data.PERSONAL_DATA for name in names.split()}
    for name, (erased_by, exported) in entries.items():
        module, _, function = erased_by.rpartition(".")
        if not hasattr(import_module(module), function):
            errors.append(f"{name}: {erased_by} does not exist")
        if exported in SELECTED and name.partition(".")[2] not in SELECTED[exported]:
            errors.append(f"{name}: the part {exported} does not contain it")
        if exported not in SELECTED | dict.fromkeys(OWN_LISTS) and not exported.startswith("not exported: "):
            errors.append(f"{name}: there is no part {exported}")
    return errors + [f"{part} is not requested" for part in {name for parts in PARTS for name in parts} - requested]
