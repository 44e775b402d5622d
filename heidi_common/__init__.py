"""What the seven services share: one concern, one file, named for the concern."""
