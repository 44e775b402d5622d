"""Access to PostgreSQL: the specification's library "prisma".

`session` binds the engine (`db`), and `models` has the declarative base and the `Entity` mixin. `transactions` is the
one place that commits (`transaction`, `after_commit`), and reads outside of a transaction (`reading`). `compiled` runs
hot statements without SQLAlchemy's overhead, `pagination` has keyset pages with signed `cursors`, `listener` waits for
notifications (LISTEN/NOTIFY), `text_search` reduces text to the plain letters that searches compare, and
`reencryption` encrypts the rows of a table with a new key.
"""
