"""What the scheduler can do: one file for each deed."""

from heidi_services.scheduler.service.backfill import backfill as backfill
from heidi_services.scheduler.service.dispatch import fire as fire
from heidi_services.scheduler.service.executor import run as run
from heidi_services.scheduler.service.manual_runs import run_now as run_now
from heidi_services.scheduler.service.manual_runs import wait_for as wait_for
from heidi_services.scheduler.service.preview import Preview as Preview
from heidi_services.scheduler.service.preview import preview as preview
from heidi_services.scheduler.service.preview import upcoming as upcoming
from heidi_services.scheduler.service.queries import find as find
from heidi_services.scheduler.service.queries import find_runs as find_runs
from heidi_services.scheduler.service.queries import get as get
from heidi_services.scheduler.service.queries import get_run as get_run
from heidi_services.scheduler.service.reaper import overdue as overdue
from heidi_services.scheduler.service.reaper import reap as reap
from heidi_services.scheduler.service.request_replies import answered as answered
from heidi_services.scheduler.service.request_replies import conclude as conclude
from heidi_services.scheduler.service.retention import prune as prune
from heidi_services.scheduler.service.schedules import change as change
from heidi_services.scheduler.service.schedules import create as create
from heidi_services.scheduler.service.schedules import disable as disable
from heidi_services.scheduler.service.schedules import enable as enable
from heidi_services.scheduler.service.schedules import remove as remove
