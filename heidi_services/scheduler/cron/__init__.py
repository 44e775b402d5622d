"""Cron expressions: parse them, compute their occurrences, describe them.

    parser.py         text -> CronExpression
    fields.py         one field of an expression: numbers, names, ranges, steps, lists
    expression.py     CronExpression: the parsed sets of numbers
    occurrences.py    the next occurrences in a time zone, across daylight-saving changes
    counting.py       how many occurrences lie in a period
    timezones.py      IANA time zones and their UTC offset changes
    intervals.py      the kind EVERY: durations, counted from an anchor
    exclusions.py     dates and holidays without slots
    description.py    an expression or an interval in words
    wording/          the words, in English and German
    clock_changes.py  notes for the author on the next daylight-saving changes

The semantics are those of Debian's cron, with one improvement: a job at a fixed time is neither lost nor run twice
when the clocks change.
"""
