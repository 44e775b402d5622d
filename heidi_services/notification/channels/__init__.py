"""The ways out: one file per provider, one table of which channel uses which."""
