"""Files, uploads and links for the export of a user's data. The content is downloaded at `/files/{id}/content`."""

from __future__ import annotations

from heidi_common.identity.personal_data import PersonalRows
from heidi_services.files.models import File, FileLink, ResumableUpload, StoredObject

PARTS = {
    "files": PersonalRows(
        File, ("name", "content_type", "visibility", "object_id", "created_at"), lambda user_id: File.user_id == user_id
    ),
    "fileUploads": PersonalRows(
        ResumableUpload,
        ("name", "content_type", "visibility", "bytes", "offset", "created_at"),
        lambda user_id: ResumableUpload.user_id == user_id,
    ),
    "fileLinks": PersonalRows(
        FileLink,
        ("file_id", "created_at", "expires_at", "max_downloads", "downloads"),
        lambda user_id: FileLink.user_id == user_id,
    ),
    "fileObjects": PersonalRows(
        StoredObject,
        ("status", "bytes", "sha256", "detected_type", "width", "height", "scan_status", "signature", "created_at"),
        lambda user_id: StoredObject.user_id == user_id,
    ),
}
