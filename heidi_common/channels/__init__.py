"""The channels of notifications: one module for each, and one entry in `registry`.

They are declared here and not in the notification service, so that the scheduler and the console know them too.
"""
