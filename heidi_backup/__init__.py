"""Backup and recovery of the database: `flask backup`.

cli.py            the commands
archive.py        a backup as it is stored: its name, its manifest, and the storage in a folder or a bucket
creation.py       dump, check, encrypt, store
verification.py   restore into a scratch database and compare the numbers of rows
restoration.py    restore into the place of a database, which is kept under another name
point_in_time.py  base backups, and recovery to a point in time with the archived WAL
schedule.py       the process that does this every day
encryption.py     age;  programs.py  PostgreSQL's programs;  databases.py  connections, locks, row counts
"""
