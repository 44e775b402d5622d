"""The main job of the platform, done as a REST client does it: `python -m heidi_standalone.demo`."""
