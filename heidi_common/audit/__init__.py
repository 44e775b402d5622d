"""The audit trail: an append-only, hash-chained record of security-relevant actions.

`trail` writes entries (`record`, `record_failure`), `rejections` records rejected tokens and forbidden requests, and
limits them with `sampler`. `fingerprint` replaces addresses by HMACs. `chain` verifies that no entry was changed or
removed.
"""
