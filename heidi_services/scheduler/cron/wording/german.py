"""Descriptions in German."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from heidi_services.scheduler.cron.wording.base import Wording, consecutive

WEEKDAYS = ("Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag")
MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"),
    *("August", "September", "Oktober", "November", "Dezember"),
)
ORDINALS = ("ersten", "zweiten", "dritten", "vierten", "fünften")
UNITS = (("Tag", "Tage"), ("Stunde", "Stunden"), ("Minute", "Minuten"), ("Sekunde", "Sekunden"))
EACH = ("jeden Tag", "jede Stunde", "jede Minute", "jede Sekunde")


class German(Wording):
    """`im Juni montags um 02:30 Uhr`."""

    AND, TO = "und", "bis"

    def sentence(self, times: str, days: str, months: str, *, is_combined: bool) -> str:
        """The days stand first, unless the time could then be taken to belong to the second condition only."""
        return " ".join(filter(None, (times, days, months) if is_combined else (months, days, times)))

    def at_times(self, times: Sequence[str]) -> str:
        return f"um {self.join(times)} Uhr"

    def every_minutes(self, step: int) -> str:
        return "jede Minute" if step == 1 else f"alle {step} Minuten"

    def every_minute_of(self, hours: Collection[int]) -> str:
        return f"jede Minute {self._of_hours(hours)}"

    def at_minutes(self, minutes: Collection[int], hours: Collection[int] | None) -> str:
        at = "zur Minute" if len(minutes) == 1 else "zu den Minuten"
        return f"{at} {self.numbers(minutes)} {'jeder Stunde' if hours is None else self._of_hours(hours)}"

    def every_day(self) -> str:
        return "jeden Tag"

    def on_dates(self, days: Collection[int], *, last: bool) -> str:
        phrases = _dates(days) if days else []
        return f"{self.join(phrases + (['am letzten Tag'] if last else []))} des Monats"

    def on_weekdays(self, weekly: Sequence[int], nth: Sequence[tuple[int, int]], last: Sequence[int]) -> str:
        monthly = [f"am {ORDINALS[n - 1]} {WEEKDAYS[weekday]}" for weekday, n in nth]
        monthly += [f"am letzten {WEEKDAYS[weekday]}" for weekday in last]
        return self.join(_weekly(weekly) + monthly) + (" des Monats" if monthly else "")

    def either(self, dates: str, weekdays: str) -> str:
        return f"{dates} oder {weekdays}"

    def both(self, dates: str, weekdays: str) -> str:
        return f"{weekdays}, aber nur {dates}"

    def in_months(self, months: Sequence[int]) -> str:
        return f"im {self.join([MONTHS[month - 1] for month in months])}"

    def every(self, days: int, hours: int, minutes: int, seconds: int) -> str:
        numbers = (days, hours, minutes, seconds)
        if sum(numbers) == 1:
            return EACH[numbers.index(1)]
        parts = [f"{number} {names[number > 1]}" for number, names in zip(numbers, UNITS, strict=True) if number]
        return f"alle {' '.join(parts)}"

    def once(self, time: str, zone: str) -> str:
        return f"einmal um {time}, {zone}"

    def counted_from(self, interval: str, anchor: str) -> str:
        return f"{interval}, gezählt ab {anchor}"

    def skipped(self, times: str, count: int, resumes: str | None) -> str:
        effect = "dann läuft nichts" if resumes is None else f"ein Lauf beginnt um {resumes}"
        verb = "entfällt" if count == 1 else "entfallen"
        return f"{times} {verb}, weil die Uhren vorgestellt werden; {effect}"

    def repeated(self, times: str, count: int, *, is_run_twice: bool) -> str:
        effect = "beide Male beginnt ein Lauf" if is_run_twice else "nur beim ersten Mal beginnt ein Lauf"
        verb = "kommt" if count == 1 else "kommen"
        return f"{times} {verb} zweimal vor, weil die Uhren zurückgestellt werden; {effect}"

    def _of_hours(self, hours: Collection[int]) -> str:
        return f"der Stunde{'n' * (len(hours) > 1)} {self.numbers(hours)}"


def _weekly(weekdays: Sequence[int]) -> list[str]:
    if list(weekdays) == [1, 2, 3, 4, 5]:
        return ["montags bis freitags"]
    return [f"{WEEKDAYS[weekday].lower()}s" for weekday in weekdays]


def _dates(days: Collection[int]) -> list[str]:
    """`am 1.`, `15.`, `vom 20. bis 25.`, `am 30.`: a date after another one needs no preposition."""
    phrases, after_date = [], False
    for first, last in consecutive(days):
        if last > first + 1:
            phrases.append(f"vom {first}. bis {last}.")
            after_date = False
            continue
        phrases += [f"{'' if after_date else 'am '}{first}."] + ([f"{last}."] if last > first else [])
        after_date = True
    return phrases
