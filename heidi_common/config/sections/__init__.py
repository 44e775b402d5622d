"""The declarations of all settings, a class for each heading of docs/configuration.md."""
