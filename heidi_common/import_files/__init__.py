"""Files that users import: CSV in its variants, JSON and NDJSON, in the encodings that programs write.

`reading.read_file` reads any of them. `decoding` finds the encoding, `csv_rows` and `json_rows` the rows, `columns` the
meaning of a header, and `spreadsheet_text` protects exported values from being run as formulas.

A file is either read, with a reason for each row that is not, or rejected once as a whole before anything is imported.
"""
