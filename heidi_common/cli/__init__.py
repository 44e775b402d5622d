"""The `flask` commands.

commands: loads the commands of every service, and handles a missing configuration and an unavailable database.
doctor: `flask doctor`, which reports on every dependency. doctor_checks: its checks.
lists: lists that say when they are cut. imports: what commands that import files have in common.
"""
