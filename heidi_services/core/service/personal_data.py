"""Operations for the export of a user's data."""

from heidi_common.identity.personal_data import PersonalRows
from heidi_services.core.models import Operation
from heidi_services.core.service.erasure import concerns

_OPERATION = ("type", "status", "input", "steps", "error", "requested_by", "created_at", "finished_at")

PARTS = {"operations": PersonalRows(Operation, _OPERATION, concerns)}
