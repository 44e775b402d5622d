"""Domain events and jobs: the transactional outbox, the inbox of subscribers, and rows that are due.

`events` defines the event types. `outbox.emit` stores an event in the caller's transaction; `inbox.handle` runs a
subscriber's handler once for each event and keeps what failed permanently as a dead letter. `jobs` has the mixin of
all rows that are work to do, with the statements that claim them and that repeat lost wake-up messages; `lease_keeper`
keeps claims while another system is slow.
"""
