"""What the integration service can do, one file per deed."""
