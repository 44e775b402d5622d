"""The `flask` commands.

commands: the commands of every service, a missing configuration, and an unavailable database. lazy_command: imports
a group of commands when it is used. times: times that are typed in a terminal.
doctor: `flask doctor`, which reports on every dependency. doctor_checks: its checks.
lists: lists that say when they are cut. imports: what commands that import files have in common.
"""
