"""What the macros in `templates/components` need from Python: paging, tones of statuses, JSON, charts."""
