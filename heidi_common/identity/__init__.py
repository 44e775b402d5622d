"""Users, sessions and machine clients: the tables that auth and users share and that all services read.

`models` has the tables. `accounts` and `second_factor` contain what auth and users both do with an account,
`address_proof` decides whether its e-mail address belongs to its user, `mailer` requests security e-mails, and
`revocation` tells whether a session or client is still active. `password_hashing` hashes and verifies passwords,
`password_text` normalizes them, `password_policy` decides which are accepted, `password_formats` reads the hashes of
other systems, and `firebase_projects` stores what Firebase's hashes need. `emails` normalizes addresses, and
`login_throttle` limits failed sign-ins and similar attempts.
"""
