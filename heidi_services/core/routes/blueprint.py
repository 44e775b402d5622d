"""The blueprint that all modules of this package share."""

from heidi_common.interceptors.transform import Blueprint

blp = Blueprint("core", __name__, description="Status and overview of the platform, the event log, and operations")

BASE = "/api/v1/core"
