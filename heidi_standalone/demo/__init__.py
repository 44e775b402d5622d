"""A demonstration of what the platform does, as a REST client: `python -m heidi_standalone.demo`."""
