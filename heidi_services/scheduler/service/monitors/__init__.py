"""Heartbeats: monitors of jobs that run elsewhere.

changes: create, change, pause, resume and delete monitors. pings: record a ping. states: the rules of the statuses.
overdue: what the clock does when a ping is missing. status_changes: store a change and notify the recipients.
queries: read monitors, their pings and changes. badge: the status as SVG. erasure: monitors of an erased user.
"""
