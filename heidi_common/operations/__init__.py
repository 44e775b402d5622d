"""The operations that core runs over several services: one module for each, and one entry in `registry`.

They are declared here and not in core, so that the scheduler, too, can validate the input of an operation before it
requests it.
"""
