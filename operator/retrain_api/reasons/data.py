"""What is wrong with a feature file, or with what the run expects of it."""

from .reason import bad, neutral

_MEND_DATA = "Mend the data, then [retry](#try-again-what-failed)."

FILE_NOT_FOUND = bad("FileNotFound", "There is no such file.", "Check `data.uri`, `filename` and `interval`.")
DATA_CHANGED = bad(
    "DataChanged",
    "The feature file does not have the rows that the model was trained on any more; bars that were added since are no change.",
    "Rerun, so that training and evaluation see the same rows; turn on versions in the bucket to avoid it.",
)
DATA_RESTATED = bad(
    "DataRestated",
    "Days that an earlier training of the symbol read have other values now; the message names the first day and column.",
    "Ask the source why. A feature that changes while the candles stay knows later bars, such as a centred mean does.",
)
BAD_PIN = bad(
    "BadPin",
    "The record of which bytes this training began with is damaged.",
    "Set a new rerun token, to train on the file that is there now.",
)
BAD_INTERVAL = bad("BadInterval", "`data.interval` is no interval.", "Write a number and m, h or d, such as 4h.")
BAD_DURATION = bad(
    "BadDuration",
    "A length of time in `data.window` or `split` is no whole number of bars, or shorter than lookback and horizon.",
    "Write the length that the message names.",
)
WRONG_INTERVAL = bad(
    "WrongInterval",
    "The bars of the file are not `data.interval` apart.",
    "Correct `data.interval`, or give the file of that interval.",
)
_GRID = ("The times in the file are not those of sorted bars on one grid; the message names the row.", _MEND_DATA)
IRREGULAR_SPACING = bad("IrregularSpacing", *_GRID)
NOT_SORTED = bad("NotSorted", *_GRID)
REPEATED_TIMESTAMP = bad("RepeatedTimestamp", *_GRID)
TIMESTAMP_TYPE = bad("TimestampType", "Column timestamp does not hold date and time.", "Write it as UTC timestamps.")
TIMESTAMP_RANGE = bad("TimestampRange", "A time is before 1677 or after 2262.", _MEND_DATA)
BAR_IN_FUTURE = bad(
    "BarInFuture",
    "A bar opens later than the clock and five minutes; the message names the row and the likely cause.",
    "Correct or remove the bar: times are UTC, in one unit.",
)
DATA_STALE = bad(
    "DataStale",
    "The newest closed bar of the file is older than `data.maxAge` at the time as of which the run learns; the message has the figures.",
    "Look at what writes the file, then [retry](#try-again-what-failed). `data.waitFor` waits for data that is only late.",
)
NO_NEW_BARS = neutral(
    "NoNewBars",
    "The file has fewer closed bars after the last one that was used than `data.minNewBars` asks for, so the symbol is skipped.",
    "Nothing: there is too little new to learn from. The message has the figures.",
)
_FILE = (
    "The file is no parquet file that can be read in whole.",
    "Copy or write the file anew, then [retry](#try-again-what-failed).",
)
NOT_PARQUET = bad("NotParquet", *_FILE)
TRUNCATED = bad("Truncated", *_FILE)
DAMAGED = bad("Damaged", *_FILE)
UNREADABLE = bad("Unreadable", "The file can't be read.", "Check its owner, mode and encoding.")
REPEATED_COLUMN = bad("RepeatedColumn", "Two columns have the same name.", _MEND_DATA)
_ABSENT = (
    "A column is missing; the message names it and those that are there.",
    "Add the column, or correct `data.features`.",
)
MISSING_COLUMN = bad("MissingColumn", *_ABSENT)
MISSING_FEATURE = bad("MissingFeature", *_ABSENT)
NOT_NUMERIC = bad(
    "NotNumeric", "A column holds no numbers.", "Write it as numbers, or leave it out of `data.features`."
)
_VALUE = ("A value can't be right; the message names column and row.", _MEND_DATA)
NOT_FINITE = bad("NotFinite", *_VALUE)
NOT_POSITIVE = bad("NotPositive", *_VALUE)
NEGATIVE_VOLUME = bad("NegativeVolume", *_VALUE)
INVERTED_BAR = bad("InvertedBar", *_VALUE)
CLOSE_OUTSIDE = bad(
    "CloseOutside",
    "A close lies above its bar's high or below its low, by more than a millionth of the price.",
    "Look for columns that are mixed up, or prices of two sources; mend the data, then [retry](#try-again-what-failed).",
)
OVERFLOW = bad("Overflow", "A value is too large for float32.", "Scale the column.")
ALL_CONSTANT = bad("AllConstant", "Every feature is constant over the train rows.", "Give features that vary.")
ONE_CLASS = bad(
    "OneClass",
    "The labels of the train rows are all the same, so there is nothing to tell apart.",
    "Give a longer file, or another `label.horizonBars`.",
)
_SHORT = (
    "The file is too short for split, lookback and horizon, or has too many gaps.",
    "Give a longer file, or a smaller `model.lookbackBars`.",
)
TOO_FEW_ROWS = bad("TooFewRows", *_SHORT)
NO_WINDOWS = bad("NoWindows", *_SHORT)
WINDOW_NOT_COVERED = bad(
    "WindowNotCovered",
    "The file fills less than 95 % of `data.window`.",
    "Give a longer file, or the shorter window that the message names.",
)
NO_LABELLED_BARS = bad("NoLabelledBars", "No test bar has a label.", "Use a longer test part.")
TOO_FEW_BARS = bad("TooFewBars", "A prediction needs more bars without a gap.", "Give as many as the message names.")
BAR_FORMING = bad(
    "BarForming",
    "The last bar given to a prediction has not closed yet; training never saw such a bar.",
    "Leave it out, or ask again once it has closed.",
)
BARS_TOO_OLD = bad(
    "BarsTooOld", "The last bar given to a prediction closed longer ago than `max_age`.", "Give the bars since then."
)
