"""Exports that are too large for one response: requested by HTTP, written by a worker, delivered as a file.

`requests.py` creates, lists and cancels exports, `processing.py` carries them out, `cleanup.py` deletes old ones. A
service contributes an `Exporter` (`base.py`) and its routes; `workers/exports.py` stores the file in the file service.
"""
