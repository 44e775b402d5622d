"""What Schemathesis must know about the platform, loaded by it in its own virtual environment."""

import schemathesis

# The body of a resumable upload is bytes.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
