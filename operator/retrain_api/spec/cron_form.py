"""The form of a schedule and of a time zone: what the API server checks in CEL, and what is looked up here besides.

cronsim has the last word on a schedule, and is asked here. The API server has no cron, so the rules say the same there: five
fields, each a list of numbers, names, ranges and steps within its bounds, and together a day that some year has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, StringConstraints

from retrain_api.cron import NAMED, Cron
from retrain_api.wire import rule

from .form import Check, Form, Hint

_FIVE = "minute, hour, day of the month, month and day of the week"
_NAMES = ", ".join(NAMED)
_FIELD = "[0-9A-Za-z*,/#-]+"
SCHEDULE = Form(
    rf"{'|'.join(NAMED)}|{_FIELD}( +{_FIELD}){{4}}",
    f"must be {_FIVE}, such as 0 3 * * 6, or one of {_NAMES}",
    (
        Hint(rf"(?i:{'|'.join(NAMED)})", "write {}; these words have small letters", "lower"),
        Hint("(?i:@midnight)", "write @daily"),
        Hint("(?i:@yearly|@annually)", "write the five fields; once a year is 0 3 1 1 *"),
        Hint("(?i:@every).*", "write the five fields; every six hours is 0 */6 * * *"),
        Hint("@.*", f"there is no such word; write one of {_NAMES}, or {_FIVE}, such as 0 3 * * 6"),
        Hint("(?i:(CRON_)?TZ=).*", "the zone belongs in spec.timeZone; write the five fields alone"),
        Hint(r"(.* )?[?]( .*)?", "write * for every day, not a question mark"),
        Hint(rf"{_FIELD}( +{_FIELD}){{0,3}}", f"has too few fields; write {_FIVE}, such as 0 3 * * 6"),
        Hint(rf"{_FIELD}( +{_FIELD}){{5,}}", f"has too many fields; seconds and years are not read: write {_FIVE}"),
        Hint(" .*|.* ", "must have no spaces before or after it"),
    ),
)
"""What a schedule looks like; `CronField` and `NEVER` say whether it means something."""

_WORDS = "self.split(' ').filter(word, word != '')"
_NOT_FIVE = f"size({_WORDS}) != 5"
_STEP = "(/0*[1-9][0-9]{0,2})?"


@dataclass(frozen=True)
class CronField:
    """One of the five: its place, its bounds, and what it takes beside numbers."""

    place: int
    name: str
    low: int
    high: int
    number: str
    names: tuple[str, ...] = ()
    others: str = ""
    note: str = ""

    @property
    def item(self) -> str:
        """The pattern of an entry of its list."""
        one = f"({self.number}|(?i:{'|'.join(self.names)}))" if self.names else f"({self.number})"
        plain = f"([*]|{one}(-{one})?){_STEP}"
        return f"{plain}|{self.others.replace('{}', one)}" if self.others else plain

    @property
    def sentence(self) -> str:
        """What is said of an entry that the field can't have."""
        named = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        span = f"{self.names[1]}-{self.names[5]}" if self.names else f"{self.low + 1}-{self.low + 5}"
        return (
            f"the {self.name} must be {self.low} to {self.high}{named}: one of them, a range upwards such as {span}, a step such as "
            f"*/2, or several of these with commas between{self.note}"
        )

    @property
    def cel(self) -> str:
        """The field in CEL."""
        return f"{_WORDS}[{self.place}]"

    @property
    def check(self) -> Check:
        """Whether the field takes what stands there. What has not five fields is for the form to refuse."""
        upwards = f"[{self.numbers('part')}.split('/')[0].split('-')].all(ends, int(ends[0]) <= int(ends[1]))"
        right = f"part.matches('^({self.item})$') && (!part.contains('-') || {upwards})"
        return Check(rule(f"{_NOT_FIVE} || {self.cel}.split(',').all(part, {right})", self.sentence), self._answer)

    def numbers(self, cel: str) -> str:
        """CEL of a text with its names as numbers."""
        named = f"{cel}.upperAscii()" if self.names else cel
        return named + "".join(f".replace('{name}', '{value}')" for value, name in enumerate(self.names, self.low))

    def _answer(self, schedule: str) -> str:
        words = schedule.split()
        right = len(words) != 5 or all(map(self._takes, words[self.place].split(",")))
        return "" if right else self.sentence

    def _takes(self, part: str) -> bool:
        if re.fullmatch(self.item, part) is None:
            return False
        first, _, last = part.partition("/")[0].partition("-")
        return not last or self._value(first) <= self._value(last)

    def _value(self, text: str) -> int:
        return int(text) if text.isdigit() else self.names.index(text.upper()) + self.low


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MINUTE = CronField(0, "minute", 0, 59, "[0-5]?[0-9]")
HOUR = CronField(1, "hour", 0, 23, "[01]?[0-9]|2[0-3]")
DAY = CronField(2, "day of the month", 1, 31, "0?[1-9]|[12][0-9]|3[01]", others="(?i:LW?)")
MONTH = CronField(3, "month", 1, 12, "0?[1-9]|1[0-2]", _MONTHS)
WEEKDAY = CronField(4, "day of the week", 0, 7, "0?[0-7]", _DAYS, "{}#[1-5]|0?[0-7](?i:L)", "; Sunday is 0 or 7")
"""L is the last one of the month, 5L its last Friday, LW its last weekday, FRI#2 its second Friday."""


_ENDS = "part.split('/')[0].split('-')"
_FIRST = f"int({_ENDS}[0])"
_LAST = f"(part.contains('-') ? int({_ENDS}[1]) : part.contains('/') ? 12 : {_FIRST})"
_EACH = "(part.contains('/') ? int(part.split('/')[1]) : 1)"
_IN_MONTH = f"part.startsWith('*') ? (month - 1) % {_EACH} == 0 : month >= {_FIRST} && month <= {_LAST} && (month - {_FIRST}) % {_EACH} == 0"
_LONG = f"({DAY.cel}.split(',').exists(day, day.startsWith('30')) ? [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] : [1, 3, 5, 7, 8, 10, 12])"
# Where either of the two days begins with a star both must fit, by cron's rule; else one of them is enough.
_COMES_NOT = (
    f"({DAY.cel}.startsWith('*') || {WEEKDAY.cel}.startsWith('*')) && "
    f"{DAY.cel}.split(',').all(day, day.matches('^3[01]')) && "
    f"{MONTH.cel}.split(',').all(part, part.matches('^({MONTH.item})$')) && "
    f"!{_LONG}.exists(month, {MONTH.numbers(MONTH.cel)}.split(',').exists(part, {_IN_MONTH}))"
)
_NEVER = "names a day that never comes: no such month has so many days"


def _unknown_to_cron(schedule: str) -> str:
    """What cronsim refuses after all: of what has the right form it is a day that never comes."""
    try:
        Cron.parse(schedule, "Etc/UTC")
    except ValueError:
        return _NEVER
    return ""


NEVER = Check(rule(f"{_NOT_FIVE} || !({_COMES_NOT})", _NEVER), _unknown_to_cron)

Schedule: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    SCHEDULE.check,
    MINUTE.check,
    HOUR.check,
    DAY.check,
    MONTH.check,
    WEEKDAY.check,
    NEVER,
]

_ZONE = "the name of a zone, such as Europe/Berlin or Etc/UTC"
TIME_ZONE = Form(
    r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*",
    f"must be {_ZONE}",
    (
        Hint(
            r"[A-Za-z0-9_+-]+( ?/ ?[A-Za-z0-9_ +-]+)*",
            "write {}; a zone has no spaces in its name",
            replace=((" / ", "/"), ("/ ", "/"), (" /", "/"), (" ", "_")),
        ),
        Hint(".*[+-]?[0-9]{1,2}:[0-9]{2}", f"an offset knows no summer time; write {_ZONE}"),
    ),
)


# They follow the machine that they are read on, or count leap seconds.
_NO_ZONES = frozenset(("localtime", "posix", "posixrules", "right", "Factory"))


def _known(zone: str) -> bool:
    if zone.partition("/")[0] in _NO_ZONES:
        return False
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _in_the_list(zone: str) -> str:
    """The zone. Raises ValueError, with the name that was probably meant, for one that the list does not have."""
    if _known(zone):
        return zone
    low = zone.lower()
    names = {name.lower(): name for name in sorted(available_timezones() - _NO_ZONES)}
    cities = {name.rpartition("/")[2]: name for name in names}
    near = [name for name in (low, cities.get(low)) if name in names] or get_close_matches(low, names, 1, 0.8)
    if near:
        raise ValueError(f"write {names[near[0]]}; zones have their names of the IANA list")
    raise ValueError(f"the IANA list has no such zone; write {_ZONE}")


TimeZone: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=64), TIME_ZONE.check, AfterValidator(_in_the_list)
]
"""Only its form is checked on the API server, which has no list: the operator says Invalid of a zone that there is not."""
