"""http_client."""
