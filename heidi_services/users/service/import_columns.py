"""The columns of an import of users: the fields of `UserImportIn`."""

from heidi_common.import_files.columns import Columns

COLUMNS = Columns(
    descriptions={
        "email": "required; existing users are not changed",
        "id": "a UUID that the user keeps; must not exist yet",
        "password": "plain text; is hashed",  # nosec B105  # a description
        "passwordHash": "a hash of another system instead: bcrypt, argon2, PBKDF2 or scrypt",
        "passwordSalt": "only for Firebase hashes, with --firebase-config",
        "role": "USER (default), MODERATOR or ADMIN",
        "firstName": "up to 100 characters",
        "lastName": "up to 100 characters",
        "phone": "with country code, such as +49 30 123456",
        "locale": "a language tag, such as de-AT",
        "timezone": "IANA, such as Europe/Vienna",
        "isActive": "true (default) or false",
        "emailVerified": "true (default) or false: the user has to verify the address",
        "createdAt": "ISO 8601 with offset, such as 2019-05-04T10:00:00Z",
    },
    required=frozenset({"email"}),
)
