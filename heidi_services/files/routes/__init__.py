"""The HTTP endpoints: files, their content, links, and resumable uploads."""

from heidi_services.files.routes import (
    content,  # noqa: F401  (adds its views to files.blp)
    files,
    links,
    personal_data,
    uploads,
)

blueprints = (files.blp, links.blp, uploads.blp, personal_data.blp)
