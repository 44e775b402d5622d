"""Users, sessions and machine clients: the tables that auth and users share and that all services read.

`models` has the tables, `mailer` requests security e-mails, `accounts` what auth and users both do with an account, and `revocation` whether a session or
client is still active. `password_hashing` hashes and verifies passwords, `password_policy` decides which are accepted,
`emails` normalises addresses, and `login_throttle` limits failed sign-ins and similar attempts.
"""
