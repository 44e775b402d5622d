"""Screenshots of the console of a running standalone platform: those of the documents, and of every page."""
