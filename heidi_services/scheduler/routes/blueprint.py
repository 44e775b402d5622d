"""The blueprint that all modules of this package share."""

from heidi_common.identity.scopes import Scope
from heidi_common.interceptors.transform import Blueprint

blp = Blueprint("schedules", __name__, description="Cron schedules and their runs")

BASE = "/api/v1/schedules"
SCHEDULE = f"{BASE}/<uuid:schedule_id>"
WRITE = (Scope.SCHEDULES_WRITE,)
