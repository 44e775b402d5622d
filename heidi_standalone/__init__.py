"""Run the whole platform on one machine on which no server is installed."""
