"""Files that are sent with e-mails.

selection: reads the files when a message is accepted, and divides them into attached and linked ones.
contents: the copies of the attached ones, which are stored in the transaction of the message and deleted by the clock.
links: the text with which an e-mail offers the others.

An accepted message is thereby independent of its files: they may be changed, deleted or moved to another storage, and
every attempt sends the same bytes.
"""
