"""Cron expressions: what they mean, when they come, and how people say them.

The semantics are those of Debian's cron, with one improvement: a job with a fixed time is
neither lost nor doubled when the clocks change.
"""

from heidi_services.scheduler.cron.evaluate import (
    HORIZON_YEARS as HORIZON_YEARS,
    next_after as next_after,
    slots as slots,
)
from heidi_services.scheduler.cron.parse import (
    Cron as Cron,
    CronError as CronError,
    parse as parse,
)
from heidi_services.scheduler.cron.words import (
    describe as describe,
    oddities as oddities,
)
from heidi_services.scheduler.cron.zones import (
    ZoneError as ZoneError,
    zone as zone,
)
