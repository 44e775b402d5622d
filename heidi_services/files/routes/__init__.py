"""The HTTP endpoints: files, their content, avatars, links, and resumable uploads."""

from heidi_services.files.routes import (
    avatars,  # noqa: F401  (adds its view to files.blp)
    content,  # noqa: F401  (adds its views to files.blp)
    files,
    links,
    personal_data,
    resumable_uploads,
)
from heidi_services.files.routes.body_stream import discard_rest

blueprints = (files.blp, links.blp, resumable_uploads.blp, personal_data.blp)
for blueprint in blueprints:
    blueprint.after_request(discard_rest)
