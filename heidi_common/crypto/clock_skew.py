"""The difference between the clocks of two machines that every verification of times allows."""

LEEWAY_SECONDS = 5
"""Added to the limits of `iat`, `nbf` and `exp` of tokens, and the least tolerance of a timestamp in a signature.

Machines whose clocks are synchronized differ by less than a second. RFC 7519 (4.1.4) permits a small leeway.
"""
