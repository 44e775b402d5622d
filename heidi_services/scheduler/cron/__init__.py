"""Cron expressions: what they mean, when they come, and how people say them.

The semantics are those of Debian's cron, with one improvement: a job with a fixed time is
neither lost nor doubled when the clocks change.
"""

from heidi_services.scheduler.cron.description import describe as describe
from heidi_services.scheduler.cron.description import oddities as oddities
from heidi_services.scheduler.cron.occurrences import HORIZON_YEARS as HORIZON_YEARS
from heidi_services.scheduler.cron.occurrences import next_after as next_after
from heidi_services.scheduler.cron.occurrences import slots as slots
from heidi_services.scheduler.cron.parser import Cron as Cron
from heidi_services.scheduler.cron.parser import CronError as CronError
from heidi_services.scheduler.cron.parser import parse as parse
from heidi_services.scheduler.cron.timezones import ZoneError as ZoneError
from heidi_services.scheduler.cron.timezones import zone as zone
