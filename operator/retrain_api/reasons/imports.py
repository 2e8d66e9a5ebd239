"""What `retrain import` must be told, or finds wrong with the files that it is given."""

from .reason import bad

NOT_CSV = bad("NotCsv", "A file is no CSV file that can be read in whole.", "Download or save it again.")
TIME_ZONE = bad(
    "TimeZone",
    "The times name no time zone, or fall into an hour that comes twice there.",
    "Give `--timezone`, or export the times in UTC.",
)
TIME_FORMAT = bad("TimeFormat", "The times could be read in more than one way.", "Give `--time-format`.")
OTHER_MARKET = bad("OtherMarket", "The files hold candles of several markets.", "Give the files of one symbol.")
