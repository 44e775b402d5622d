"""The embedded servers: PostgreSQL, Valkey, nginx and a mail sink."""
