"""The forms that texts of a spec have: symbols, intervals, locations, names, quantities.

Each form is written once. The API server's CEL rule, the check of `retrain run` and the sentence that both answer with come
from it, so that a person reads the same words in both places and never a regular expression: of a `pattern` in the schema the
API server prints the pattern itself.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, StringConstraints

from retrain_api.wire import Text, rule

from .cron_form import SCHEDULE, TIME_ZONE
from .form import Check as Check
from .form import Form as Form
from .form import Hint as Hint

SYMBOL = Form(
    r"[A-Z0-9]{1,20}([.-][A-Z0-9]{1,20}){0,2}",
    "must be capital letters and digits, in up to three parts with - or . between them, such as BTC-USD or AAPL",
    (
        Hint(
            r"[A-Za-z0-9]{1,20}([-./_: ][A-Za-z0-9]{1,20}){0,2}",
            "write {}; a symbol is capital letters and digits, with - or . between its parts",
            "upper",
            (("/", "-"), ("_", "-"), (":", "-"), (" ", "-")),
        ),
    ),
)

_INTERVAL = "must be a number and m, h or d, such as 1m, 4h or 1d"
_UNITS = r"(m|min|mins|minute|minutes|h|hr|hrs|hour|hours|d|day|days)"
_SHORT_UNITS = (
    *((" ", ""), ("minutes", "m"), ("minute", "m"), ("mins", "m"), ("min", "m")),
    *(("hours", "h"), ("hour", "h"), ("hrs", "h"), ("hr", "h"), ("days", "d"), ("day", "d")),
)
INTERVAL = Form(
    r"[1-9][0-9]{0,3}(m|h|d)",
    _INTERVAL,
    (
        Hint(r"1 ?([wW]|week)", "write 7d; an interval is a number and m, h or d"),
        Hint(r"[0-9]+ ?([wW]|weeks?)", "weeks are written in days: 7d is one week"),
        Hint(r"[0-9]+ ?(s|S|sec|second|seconds)", "seconds are not read; the shortest interval is 1m"),
        Hint(
            r"[0-9]+ ?(M|mo|month|months)", "months have no fixed length; minutes are a small m, as in 1m, and days d"
        ),
        Hint(
            rf"(?i:[1-9][0-9]{{0,3}} ?{_UNITS})",
            "write {}; an interval is a number and m, h or d",
            "lower",
            _SHORT_UNITS,
        ),
        Hint(r"[1-9][0-9]{0,3}", "write {}m for minutes; an interval is a number and m, h or d"),
    ),
)

_DURATION = "a duration is a number and m, h or d"
DURATION = Form(
    r"[1-9][0-9]{0,4}(m|h|d)",
    "must be a number and m, h or d, such as 90m, 36h or 180d",
    (
        Hint(r"[0-9]+ ?([wW]|weeks?)", f"weeks are written in days: 14d is two weeks; {_DURATION}"),
        Hint(r"[0-9]+ ?(s|S|sec|second|seconds)", f"seconds are not read; {_DURATION}"),
        Hint(
            r"[0-9]+ ?(M|mo|month|months|y|Y|year|years)",
            "months and years have no fixed length; write days, such as 180d, and minutes with a small m",
        ),
        Hint(rf"(?i:[1-9][0-9]{{0,4}} ?{_UNITS})", f"write {{}}; {_DURATION}", "lower", _SHORT_UNITS),
        Hint(r"[1-9][0-9]{0,4}", f"write {{}}d for days; {_DURATION}"),
    ),
)


def _day(between: str) -> str:
    """The pattern of a day that exists, with `between` its numbers. A rule of CEL knows no calendar, so leap years are in it."""
    year = "[1-9][0-9]{3}"
    leap_year = "([1-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)"
    days = (
        (year, "(0[13578]|1[02])", "(0[1-9]|[12][0-9]|3[01])"),
        (year, "(0[469]|11)", "(0[1-9]|[12][0-9]|30)"),
        (year, "02", "(0[1-9]|1[0-9]|2[0-8])"),
        (leap_year, "02", "29"),
    )
    return f"({'|'.join(between.join(parts) for parts in days)})"


_A_DAY = "a day is year, month and day, such as 2025-05-31"
DAY = Form(
    _day("-"),
    "must be a day as year, month and day, such as 2025-05-31",
    (
        Hint(f"{_day('-')}[T ].*", "write {}: the day alone", length=10),
        Hint(_day("[/.]"), "write {}", replace=(("/", "-"), (".", "-"))),
        Hint("[1-9][0-9]{3}[-/.][0-9]{2}[-/.][0-9]{2}([T ].*)?", f"the calendar has no such day; {_A_DAY}"),
    ),
)

_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_FRACTION = "([.][0-9]{1,9})?"
_ZONE = f"(Z|[+-]{_CLOCK})"
_A_TIME = "a time is day, hour and zone, such as 2025-05-31T18:00:00Z"
TIME = Form(
    f"{_day('-')}T{_CLOCK}:[0-5][0-9]{_FRACTION}{_ZONE}",
    "must be a time with its zone, such as 2025-05-31T18:00:00Z",
    (
        Hint(
            f"{_day('-')}[Tt ]{_CLOCK}:[0-5][0-9]{_FRACTION}([Zz]|[+-]{_CLOCK})",
            f"write {{}}; {_A_TIME}",
            "upper",
            ((" ", "T"),),
        ),
        Hint(
            f"{_day('-')}T{_CLOCK}:[0-5][0-9]{_FRACTION}", "write {}Z for UTC, or the time's own zone, such as +02:00"
        ),
        Hint(f"{_day('-')}", "write {}T00:00:00Z for the beginning of that day in UTC"),
        Hint(f"{_day('-')}[Tt ]{_CLOCK}.*", f"hour, minute, second and zone are all needed; {_A_TIME}"),
        Hint("[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}([Tt ].*)?", f"the calendar or the clock has no such time; {_A_TIME}"),
    ),
)
"""RFC 3339, with capital letters."""

_RCLONE = "rclone://[A-Za-z0-9_]([A-Za-z0-9_.+@ -]*[A-Za-z0-9_.+@-])?(/.*)?"
URI = Form(
    # Of rclone the name of a remote, never one of its ":kind,option=value:" strings: those may hold passwords.
    rf"s3://[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9](/.*)?|file://(/|\./|\.\./).*|{_RCLONE}",
    "must be s3://bucket/path/, file:///path/ or rclone://remote/path/",
    (
        Hint(
            r"(gs|gcs)://.*",
            "gs:// is not read; Google Cloud Storage is reached as s3:// with AWS_ENDPOINT_URL, or as rclone://",
        ),
        Hint(
            r"(az|azure|abfss?|wasbs?|adl)://.*",
            "Azure storage is not read directly; it is reached as rclone://remote/path/",
        ),
        Hint(r"(s3a|s3n|S3)://.*", "write s3:// before the bucket"),
        Hint(
            r"https?://.*",
            "web addresses are not read; write s3://bucket/path/, and the endpoint as AWS_ENDPOINT_URL in the Secret",
        ),
        Hint(r"s3://[^/]*[A-Z].*", "bucket names have no capital letters"),
        Hint(r"s3://[^/]*_.*", "bucket names have no underscores"),
        Hint(r"s3://(/.*)?", "the name of the bucket is missing; write s3://bucket/path/"),
        Hint(r"s3://([^/]{1,2}|[^/]{64,})(/.*)?", "bucket names have 3 to 63 characters"),
        Hint(r"s3://.*", "bucket names are small letters, digits, . and -, with a letter or digit at both ends"),
        Hint(
            r"rclone://:.*",
            "must name a remote of rclone.conf, as rclone://remote/path/; options belong into that file",
        ),
        Hint(r"rclone:.*", "must name a remote of rclone.conf, as rclone://remote/path/"),
        Hint(r"file:.*", "write file:/// before a path from the root, or file://./ before one beside the YAML file"),
        Hint(r"/.*|[A-Za-z]:\\.*", "write file:// before a path from the root, as in file:///data/"),
        Hint(
            r"[A-Za-z][A-Za-z0-9+.-]*://.*",
            "this kind of location is not read; what rclone reaches is written rclone://remote/path/",
        ),
        Hint(r"~/.*", "~ is not read; write the whole path, as in file:///home/me/data/"),
        Hint(
            r"[A-Za-z0-9_./-]+",
            "write file://./ before a path beside the YAML file, as in file://./data/, or s3:// before a bucket",
        ),
    ),
)

_NAME = "small letters, digits, - and ., with a letter or digit at both ends"
_NAME_SPELLINGS = (("_", "-"), (" ", "-"))
NAME = Form(
    r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?",
    f"must be a name as Kubernetes takes it: {_NAME}",
    (Hint(r"[A-Za-z0-9]([A-Za-z0-9._ -]*[A-Za-z0-9])?", f"write {{}}; a name is {_NAME}", "lower", _NAME_SPELLINGS),),
)

SECRET_NAME = Form(
    r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?",
    NAME.sentence,
    (
        Hint(
            r"[A-Za-z][A-Za-z0-9+.-]*:/.*",
            "must be the name of a Secret; the address belongs into that Secret, as its key url",
        ),
        *NAME.hints,
    ),
)
"""The same of a Secret that holds an address, which people write here in its place."""

_LABEL = "small letters, digits and -, with a letter or digit at both ends"
LABEL = Form(
    r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
    f"must be {_LABEL}",
    (
        Hint(
            r"[A-Za-z0-9]([A-Za-z0-9._ -]*[A-Za-z0-9])?",
            f"write {{}}; a name here is {_LABEL}",
            "lower",
            (*_NAME_SPELLINGS, (".", "-")),
        ),
    ),
)

FILE_NAME = Form(r"[^/]+", "must be the name of a file, without /; folders belong into data.uri")

FOLDER = Form(r"[^/].*", "must be a folder in the repository, without / before it")

# Not \s: in Python it matches more characters than on the API server.
_SPACE = " \t\n\v\f\r"
GIT_URL = Form(
    rf"https?://[^@{_SPACE}]+",
    "must be an http:// or https:// address without spaces, such as https://github.com/team/reports.git",
    (
        Hint(
            r"https?://.*@.*",
            "must have no user or token in it; the token belongs into the Secret that secretName names",
        ),
        Hint(r"(git@|ssh:|git:).*", "must be the https:// address of the repository; SSH keys are not used"),
        Hint(r"[A-Za-z0-9.-]+/[A-Za-z0-9._/-]+", "write https:// before the address"),
    ),
)

VARIABLE = Form(
    r"[A-Za-z_][A-Za-z0-9_]*",
    "must be letters, digits and _, not beginning with a digit",
    (
        Hint(
            r"[A-Za-z_][A-Za-z0-9_. -]*",
            "write {}; a variable is letters, digits and _",
            replace=(("-", "_"), (".", "_"), (" ", "_")),
        ),
    ),
)

RESOURCE = Form(
    r"[a-z0-9.-]+/[A-Za-z0-9._-]+",
    "must be the name of an extended resource, such as nvidia.com/gpu",
    (Hint(r"(?i:gpu|nvidia)", "write nvidia.com/gpu"), Hint(r"(?i:amd)", "write amd.com/gpu")),
)

LABEL_VALUE = Form(
    r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?",
    "must be a label's value: at most 63 letters, digits, ., - and _, with a letter or digit at both ends",
)

_AMOUNT = r"[0-9]+(\.[0-9]+)?"
QUANTITY = Form(
    rf"{_AMOUNT}(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?",
    "must be an amount as Kubernetes writes it, such as 2, 500m, 8G or 16Gi",
    (
        Hint(rf"{_AMOUNT} ?[kKMGTP]i[bB]?", "write {}", replace=((" ", ""), ("B", ""), ("b", ""), ("k", "K"))),
        Hint(rf"{_AMOUNT} ?[MGTP][bB]?", "write {} or {}i", replace=((" ", ""), ("B", ""), ("b", ""))),
        Hint(
            rf"{_AMOUNT} ?[kK][bB]?",
            "write {} (1000) or Ki (1024)",
            replace=((" ", ""), ("B", ""), ("b", ""), ("K", "k")),
        ),
        Hint(rf"{_AMOUNT} ?([gtp]i?[bB]?|mi?[bB]|mi)", "units of memory have a capital letter: write G or Gi, M or Mi"),
    ),
)
"""Of amounts in quotes. Those without are whole numbers."""

FORMS: dict[str, Form] = {
    "symbol": SYMBOL,
    "interval": INTERVAL,
    "duration": DURATION,
    "day": DAY,
    "time": TIME,
    "location": URI,
    "name": NAME,
    "name of a secret": SECRET_NAME,
    "label": LABEL,
    "file name": FILE_NAME,
    "folder": FOLDER,
    "git address": GIT_URL,
    "variable": VARIABLE,
    "resource": RESOURCE,
    "label value": LABEL_VALUE,
    "amount": QUANTITY,
    "schedule": SCHEDULE,
    "time zone": TIME_ZONE,
}
"""Every form, for the tests that hold the API server's answers against those given here."""


def _not_a_fraction(given: Any) -> Any:
    """A fraction with the way to write it: a structural schema knows no union of string and float."""
    if isinstance(given, float) and 0 < given < 1e6:
        milli = round(given * 1000)
        raise ValueError(f'write "{given!r}"' + (f" or {milli}m" if milli == given * 1000 else ", in quotes"))
    return given


# `retrain run` resolves these against the YAML file before anything reads them.
_ON_A_CLUSTER = Check(
    rule(
        "!self.startsWith('file://.')",
        "a relative file:// location is for `retrain run` alone; on a cluster write the path at which pods.volumeMounts mounts "
        "the folder, as in file:///data/",
    ),
    lambda uri: "",
)
_KEY = Form(
    r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
    "names of labels are at most 63 letters, digits, ., - and _, with a letter or digit at both ends, and may have a domain "
    "before them, as in example.com/team",
)


def _keys(names: dict[str, str]) -> str:
    return next(filter(None, map(_KEY.answer, names)), "")


_KEYS = Check(rule(f"self.all(name, {_KEY.rule['rule'].replace('self.', 'name.')})", _KEY.sentence), _keys, added=True)
Labels: TypeAlias = Annotated[dict[str, Annotated[Text, LABEL_VALUE.added_check]], Field(max_length=32), _KEYS]
Annotations: TypeAlias = Annotated[dict[str, Text], Field(max_length=32), _KEYS]


def _in_quotes(given: Any) -> Any:
    """YAML reads the symbols ON, NO and 600519 as true, false and a number."""
    if isinstance(given, bool):
        raise ValueError("must be a string: write it in quotes")
    if isinstance(given, int):
        raise ValueError(f'must be a string: write "{given}"')
    return given


Symbol: TypeAlias = Annotated[str, StringConstraints(max_length=41), BeforeValidator(_in_quotes), SYMBOL.check]
# 41 characters: with phase and hash they leave a Job's name six for the run.
Uri: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=1024), URI.check, _ON_A_CLUSTER]
ObjectName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=253), NAME.check]
Length: TypeAlias = Annotated[str, StringConstraints(max_length=16), DURATION.check]
"""A duration in a spec; `retrain_api.time.Duration.parse` reads it."""

Quantity: TypeAlias = Annotated[
    Annotated[int, Field(ge=0, le=2**63 - 1)] | Annotated[str, StringConstraints(max_length=32)],
    BeforeValidator(_not_a_fraction),
    Check(QUANTITY.rule_of_text_or_integer, QUANTITY.answer),
]
