"""The HTTP endpoints: files, their content, links, and resumable uploads."""

from heidi_services.files.routes import (
    content,  # noqa: F401  (adds its views to files.blp)
    files,
    links,
    personal_data,
    uploads,
)
from heidi_services.files.routes.body import discard_rest

blueprints = (files.blp, links.blp, uploads.blp, personal_data.blp)
for blueprint in blueprints:
    blueprint.after_request(discard_rest)
