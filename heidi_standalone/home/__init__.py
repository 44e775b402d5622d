"""HEIDI_HOME, the folder that contains all data of a standalone platform: its files, their owner and their secrets."""
