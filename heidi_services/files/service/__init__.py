"""The use cases of the file service.

The steps of an upload: `objects.begin` inserts the row of an object, the content is written to storage, and
`objects.complete` makes it the content of a file. A process may be killed at any step: what it leaves is an object that
was not completed, which `cleanup` removes after a day.
"""
