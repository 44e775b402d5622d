"""Prepare the database of a standalone platform: migrations, the administrator, cities, and sample data on request."""
