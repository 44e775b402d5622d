"""Password hashes as they are stored, of this platform and of others: read one, check its bounds, compare a password.

`reading.read_hash` reads every format. `stored_hash` describes what the formats have in common, and each other module
is one format or one family: bcrypt, argon2, PBKDF2, scrypt, Firebase's scrypt, and Keycloak's JSON.

A hash is checked when it is imported and again when it is verified, by the same code: the library that will verify it
runs once with the cheapest cost. Costs have bounds, so that no stored text makes a sign-in slower than the most
expensive hash that is allowed (about three seconds).
"""
