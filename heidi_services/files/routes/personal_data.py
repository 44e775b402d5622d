"""The caller's personal data, for the export that the users service collects."""

from __future__ import annotations

from typing import Any

from heidi_common.database.pagination import Page
from heidi_common.identity.personal_data import PersonalRecordOut, part_query
from heidi_common.interceptors.transform import Blueprint
from heidi_common.jwt.data_subject import exported_user
from heidi_common.jwt.guards import authenticated
from heidi_services.files.service.personal_data import PARTS

blp = Blueprint("files-personal-data", __name__, description="The caller's personal data")


@blp.route("/api/v1/files/personal-data", methods=["GET"])
@authenticated
@blp.arguments(part_query(PARTS), location="query")
@blp.response(200, PersonalRecordOut(many=True))
def list_personal_data(query: dict[str, Any]) -> Page:
    """List one part of the data that this service stores about you. `GET /users/me/export` collects all parts."""
    return PARTS[query.pop("part")].page(exported_user(query.pop("user_id")), **query)
