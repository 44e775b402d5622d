"""The scheduler's endpoints: schedules, their runs, and previews."""

from heidi_services.scheduler.routes import attention, personal_data, previews, runs, schedules
from heidi_services.scheduler.routes.blueprint import blp

MODULES = (schedules, runs, previews, attention, personal_data)
"""Importing them adds their endpoints to the blueprint."""

blueprints = (blp,)
