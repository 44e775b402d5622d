"""What the scheduler can do: one file for each deed."""

from heidi_services.scheduler.service.answering import answered as answered
from heidi_services.scheduler.service.answering import conclude as conclude
from heidi_services.scheduler.service.backfilling import backfill as backfill
from heidi_services.scheduler.service.editing import change as change
from heidi_services.scheduler.service.editing import create as create
from heidi_services.scheduler.service.editing import disable as disable
from heidi_services.scheduler.service.editing import enable as enable
from heidi_services.scheduler.service.editing import remove as remove
from heidi_services.scheduler.service.finding import find as find
from heidi_services.scheduler.service.finding import find_runs as find_runs
from heidi_services.scheduler.service.finding import get as get
from heidi_services.scheduler.service.finding import get_run as get_run
from heidi_services.scheduler.service.firing import fire as fire
from heidi_services.scheduler.service.previewing import Preview as Preview
from heidi_services.scheduler.service.previewing import preview as preview
from heidi_services.scheduler.service.previewing import upcoming as upcoming
from heidi_services.scheduler.service.pruning import prune as prune
from heidi_services.scheduler.service.reaping import overdue as overdue
from heidi_services.scheduler.service.reaping import reap as reap
from heidi_services.scheduler.service.running import run as run
from heidi_services.scheduler.service.starting import run_now as run_now
from heidi_services.scheduler.service.starting import wait_for as wait_for
