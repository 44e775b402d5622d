"""The scheduler's endpoints: schedules, their runs, previews, and monitors with their pings."""

from heidi_services.scheduler.routes import attention, monitors, personal_data, pings, previews, runs, schedules
from heidi_services.scheduler.routes.blueprint import blp

MODULES = (schedules, runs, previews, monitors, attention, personal_data)
"""Importing them adds their endpoints to the blueprint."""

blueprints = (blp, pings.blp)
