"""Imports that are requested by HTTP and carried out by a worker, with progress and a result per line.

`upload.py` reads the file from the request, `content.py` encrypts it, `requests.py` creates, lists and cancels imports,
`processing.py` carries them out, `cleanup.py` deletes old ones. A service contributes an `Importer` (`base.py`) and its
routes.
"""
