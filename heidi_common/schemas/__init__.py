"""Schemas of requests and responses (marshmallow): camelCase in JSON, unknown fields rejected.

base: `Schema`, the base class; `PageQuery`, the query of lists; `ProblemOut`, the body of errors.
fields: `Text`, `PersonName`, `UtcDateTime`, `Number`, `Flag`, `FreeJson`.
validators: checks that several schemas share. timezones: the names of the IANA database. naming: snake_case, camelCase.
locales: language tags. person_names, phone_numbers: which are accepted.
"""
