"""The programs of a platform under a supervisor, which restarts them."""
