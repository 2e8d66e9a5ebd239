"""Spellings of every form of text that are refused, with the sentence that `retrain run` and the API server both answer."""

from __future__ import annotations

_SYMBOL = "; a symbol is capital letters and digits, with - or . between its parts"
_SYMBOL_FORM = (
    "must be capital letters and digits, in up to three parts with - or . between them, such as BTC-USD or AAPL"
)
_INTERVAL = "; an interval is a number and m, h or d"
_INTERVAL_FORM = "must be a number and m, h or d, such as 1m, 4h or 1d"
_DURATION = "; a duration is a number and m, h or d"
_DURATION_FORM = "must be a number and m, h or d, such as 90m, 36h or 180d"
_NO_MONTH = "months and years have no fixed length; write days, such as 180d, and minutes with a small m"
_NAME = "small letters, digits, - and ., with a letter or digit at both ends"
_LABEL = "small letters, digits and -, with a letter or digit at both ends"
_VARIABLE = "; a variable is letters, digits and _"
_GCS = "gs:// is not read; Google Cloud Storage is reached as s3:// with AWS_ENDPOINT_URL, or as rclone://"
_AZURE = "Azure storage is not read directly; it is reached as rclone://remote/path/"
_WEB = "web addresses are not read; write s3://bucket/path/, and the endpoint as AWS_ENDPOINT_URL in the Secret"
_FILE = "write file:/// before a path from the root, or file://./ before one beside the YAML file"
_RELATIVE = "write file://./ before a path beside the YAML file, as in file://./data/, or s3:// before a bucket"
_ROOT = "write file:// before a path from the root, as in file:///data/"
_VALUE = "must be a label's value: at most 63 letters, digits, ., - and _, with a letter or digit at both ends"
_NO_DAY = "the calendar has no such day; a day is year, month and day, such as 2025-05-31"
_TIME = "; a time is day, hour and zone, such as 2025-05-31T18:00:00Z"
_WHOLE_TIME = f"hour, minute, second and zone are all needed{_TIME}"
_NO_TIME = f"the calendar or the clock has no such time{_TIME}"
_TIME_FORM = "must be a time with its zone, such as 2025-05-31T18:00:00Z"

_FIVE = "minute, hour, day of the month, month and day of the week"
_NAMED = "@hourly, @daily, @weekly, @monthly"
_SCHEDULE_FORM = f"must be {_FIVE}, such as 0 3 * * 6, or one of {_NAMED}"
_TOO_MANY = f"has too many fields; seconds and years are not read: write {_FIVE}"
_TOO_FEW = f"has too few fields; write {_FIVE}, such as 0 3 * * 6"
_ZONE = "the name of a zone, such as Europe/Berlin or Etc/UTC"

SPELLINGS: dict[str, dict[str, str]] = {
    "symbol": {
        "BTC/USDT": f"write BTC-USDT{_SYMBOL}",
        "btc-usd": f"write BTC-USD{_SYMBOL}",
        "BTC_USD": f"write BTC-USD{_SYMBOL}",
        "btc usd": f"write BTC-USD{_SYMBOL}",
        "BTC/USDT:USDT": f"write BTC-USDT-USDT{_SYMBOL}",
        "aapl": f"write AAPL{_SYMBOL}",
        "brk.b": f"write BRK.B{_SYMBOL}",
        "BTC-": _SYMBOL_FORM,
        "A-B-C-D": _SYMBOL_FORM,
        "^GSPC": _SYMBOL_FORM,
        "../x": _SYMBOL_FORM,
        "BTC-USD\n": _SYMBOL_FORM,
    },
    "interval": {
        "1w": f"write 7d{_INTERVAL}",
        "2w": "weeks are written in days: 7d is one week",
        "60s": "seconds are not read; the shortest interval is 1m",
        "1M": "months have no fixed length; minutes are a small m, as in 1m, and days d",
        "1min": f"write 1m{_INTERVAL}",
        "15 minutes": f"write 15m{_INTERVAL}",
        "1H": f"write 1h{_INTERVAL}",
        "1Day": f"write 1d{_INTERVAL}",
        "5": f"write 5m for minutes{_INTERVAL}",
        "0m": _INTERVAL_FORM,
        "1.5h": _INTERVAL_FORM,
        "hourly": _INTERVAL_FORM,
    },
    "duration": {
        "2w": f"weeks are written in days: 14d is two weeks{_DURATION}",
        "2 weeks": f"weeks are written in days: 14d is two weeks{_DURATION}",
        "90s": f"seconds are not read{_DURATION}",
        "6M": _NO_MONTH,
        "1y": _NO_MONTH,
        "180 days": f"write 180d{_DURATION}",
        "36H": f"write 36h{_DURATION}",
        "14": f"write 14d for days{_DURATION}",
        "0d": _DURATION_FORM,
        "014d": _DURATION_FORM,
        "1.5d": _DURATION_FORM,
        "1d12h": _DURATION_FORM,
        "P14D": _DURATION_FORM,
    },
    "day": {
        "2025-05-31T00:00:00Z": "write 2025-05-31: the day alone",
        "2025/05/31": "write 2025-05-31",
        "2024-02-29 00:00": "write 2024-02-29: the day alone",
        "2025-02-30": _NO_DAY,
        "2025-02-29": _NO_DAY,
        "2100-02-29": _NO_DAY,
        "2025-04-31": _NO_DAY,
        "2025-13-01": _NO_DAY,
        "2025-00-10": _NO_DAY,
        "2025-05-00": _NO_DAY,
        "2025-05-32": _NO_DAY,
        "2025/02/30": _NO_DAY,
        "2025-02-30T25:00:00Z": _NO_DAY,
        "0000-01-01": "must be a day as year, month and day, such as 2025-05-31",
        "31.05.25": "must be a day as year, month and day, such as 2025-05-31",
    },
    "time": {
        "2025-05-31 18:00:00Z": f"write 2025-05-31T18:00:00Z{_TIME}",
        "2025-05-31t18:00:00z": f"write 2025-05-31T18:00:00Z{_TIME}",
        "2025-05-31 18:00:00.5+02:00": f"write 2025-05-31T18:00:00.5+02:00{_TIME}",
        "2025-05-31T18:00:00": "write 2025-05-31T18:00:00Z for UTC, or the time's own zone, such as +02:00",
        "2025-05-31": "write 2025-05-31T00:00:00Z for the beginning of that day in UTC",
        "2025-05-31T18:00Z": _WHOLE_TIME,
        "2025-05-31 18:00": _WHOLE_TIME,
        "2025-05-31T18:00:00+0200": _WHOLE_TIME,
        "2025-05-31T18:00:61Z": _WHOLE_TIME,
        "2025-02-30T18:00:00Z": _NO_TIME,
        "2025-05-31T24:00:00Z": _NO_TIME,
        "2025-06-31": _NO_TIME,
        "now": _TIME_FORM,
        "1748714400": _TIME_FORM,
        "2025-05-31T18:00:00Z\n": _TIME_FORM,
        "31.05.2025 18:00": _TIME_FORM,
    },
    "location": {
        "gs://market-data/features/": _GCS,
        "abfss://c@account.dfs.core.windows.net/x": _AZURE,
        "s3a://bucket/x": "write s3:// before the bucket",
        "https://bucket.s3.amazonaws.com/x": _WEB,
        "s3://My_Bucket/models/": "bucket names have no capital letters",
        "s3://my_bucket/models/": "bucket names have no underscores",
        "s3://": "the name of the bucket is missing; write s3://bucket/path/",
        "s3:///models/": "the name of the bucket is missing; write s3://bucket/path/",
        "s3://a/": "bucket names have 3 to 63 characters",
        "s3://-bucket/": "bucket names are small letters, digits, . and -, with a letter or digit at both ends",
        "rclone://:s3,env_auth:/x": "must name a remote of rclone.conf, as rclone://remote/path/; options belong into that file",
        "rclone://": "must name a remote of rclone.conf, as rclone://remote/path/",
        "rclone://-x/": "must name a remote of rclone.conf, as rclone://remote/path/",
        "file://data/": _FILE,
        "/data": _ROOT,
        "C:\\data": _ROOT,
        "ftp://host/x": "this kind of location is not read; what rclone reaches is written rclone://remote/path/",
        "~/data/": "~ is not read; write the whole path, as in file:///home/me/data/",
        "data/": _RELATIVE,
        "bucket": _RELATIVE,
        "my bucket": "must be s3://bucket/path/, file:///path/ or rclone://remote/path/",
    },
    "name": {
        "My_Run": f"write my-run; a name is {_NAME}",
        "-a": f"must be a name as Kubernetes takes it: {_NAME}",
    },
    "name of a secret": {
        "slack://T1/B2/xyz": "must be the name of a Secret; the address belongs into that Secret, as its key url",
        "https:/hooks.example": "must be the name of a Secret; the address belongs into that Secret, as its key url",
        "My_Secret": f"write my-secret; a name is {_NAME}",
        "a-": f"must be a name as Kubernetes takes it: {_NAME}",
    },
    "label": {
        "My.Vault": f"write my-vault; a name here is {_LABEL}",
        "a-": f"must be {_LABEL}",
    },
    "file name": {"btc/1m.parquet": "must be the name of a file, without /; folders belong into data.uri"},
    "folder": {"/reports": "must be a folder in the repository, without / before it"},
    "git address": {
        "https://me@git.example/r": "must have no user or token in it; the token belongs into the Secret that secretName names",
        "git@github.com:team/r.git": "must be the https:// address of the repository; SSH keys are not used",
        "github.com/team/r.git": "write https:// before the address",
        "https://x/a b": "must be an http:// or https:// address without spaces, such as https://github.com/team/reports.git",
    },
    "variable": {
        "http-proxy": f"write http_proxy{_VARIABLE}",
        "1A": "must be letters, digits and _, not beginning with a digit",
    },
    "resource": {
        "gpu": "write nvidia.com/gpu",
        "AMD": "write amd.com/gpu",
        "nvidia.com/": "must be the name of an extended resource, such as nvidia.com/gpu",
    },
    "label value": {"My Team!": _VALUE, "x" * 64: _VALUE, "-a": _VALUE},
    "amount": {
        "16GB": "write 16G or 16Gi",
        "4 GB": "write 4G or 4Gi",
        "16GiB": "write 16Gi",
        "64kb": "write 64k (1000) or Ki (1024)",
        "8gi": "units of memory have a capital letter: write G or Gi, M or Mi",
        "": "must be an amount as Kubernetes writes it, such as 2, 500m, 8G or 16Gi",
        "-1": "must be an amount as Kubernetes writes it, such as 2, 500m, 8G or 16Gi",
        "1e3": "must be an amount as Kubernetes writes it, such as 2, 500m, 8G or 16Gi",
    },
    "schedule": {
        "@Daily": "write @daily; these words have small letters",
        "@midnight": "write @daily",
        "@yearly": "write the five fields; once a year is 0 3 1 1 *",
        "@every 6h": "write the five fields; every six hours is 0 */6 * * *",
        "@reboot": f"there is no such word; write one of {_NAMED}, or {_FIVE}, such as 0 3 * * 6",
        "TZ=Europe/Berlin 0 3 * * 6": "the zone belongs in spec.timeZone; write the five fields alone",
        "CRON_TZ=UTC 0 3 * * 6": "the zone belongs in spec.timeZone; write the five fields alone",
        "0 3 ? * 6": "write * for every day, not a question mark",
        "0 0 3 * * 6": _TOO_MANY,
        "0 3 * * 6 2026 x": _TOO_MANY,
        "0 3 * *": _TOO_FEW,
        "daily": _TOO_FEW,
        " 0 3 * * 6": "must have no spaces before or after it",
        "0 3 * * 6 ": "must have no spaces before or after it",
        "0\t3 * * 6": _SCHEDULE_FORM,
        "0 3 * * 6\n": _SCHEDULE_FORM,
        "0 3:30 * * 6": _SCHEDULE_FORM,
        "": _SCHEDULE_FORM,
    },
    "time zone": {
        "Europe / Berlin": "write Europe/Berlin; a zone has no spaces in its name",
        "America/New York": "write America/New_York; a zone has no spaces in its name",
        "+02:00": f"an offset knows no summer time; write {_ZONE}",
        "UTC+5:30": f"an offset knows no summer time; write {_ZONE}",
        "Europe//Berlin": f"must be {_ZONE}",
        "/etc/localtime": f"must be {_ZONE}",
        "../UTC": f"must be {_ZONE}",
    },
}
