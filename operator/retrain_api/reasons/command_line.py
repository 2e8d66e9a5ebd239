"""What only the command line says; its message stands on the terminal at once."""

from .reason import bad

BAD_YAML = bad("BadYaml", "The file is not YAML that kubectl would take.", "Correct the line that the message names.")
NOT_ONE_RUN = bad("NotOneRun", "The file has no run, or more than one.", "Give a file with exactly one.")
NO_LOGS = bad("NoLogs", "Nothing of the run has written a log yet, or its logs are gone.", "Look at its state.")
RUN_NOT_FOUND = bad("RunNotFound", "There is no such run, here or in the cluster.", "Check name and namespace.")
IS_A_SCHEDULE = bad(
    "IsASchedule", "The name is that of a schedule, and the command is about runs.", "Name one of its runs."
)
NOT_FOUND = bad("NotFound", "The cluster has no such object.", "Check name, namespace and context.")
NO_CLUSTER = bad("NoCluster", "The kubeconfig names no cluster.", "Correct it, or give `--context`.")
NOT_INSTALLED = bad(
    "NotInstalled", "The command needs an extra that is not installed.", "Install what the message names."
)
CLUSTER_UNREACHABLE = bad("ClusterUnreachable", "The API server gives no answer.", "Look at the network.")
BAD_STATUS = bad("BadStatus", "A status is not one of this release.", "Use the release that wrote it.")
RUN_IS_LOCKED = bad(
    "RunIsLocked", "Another `retrain run` works on this run.", "Wait for it, stop it, or give another --state-dir."
)
_STATE = ("A file of the local state can't be used.", "Do what the message says, then start the same command again.")
BAD_STATE = bad("BadState", *_STATE)
STATE_NOT_READ = bad("StateNotRead", *_STATE)
STATE_NOT_WRITTEN = bad("StateNotWritten", *_STATE)
BAD_NAME = bad("BadName", "A name can't sign an answer.", "Use a name without ': '.")
NO_NAME = bad("NoName", "This machine's user has no name.", "Set LOGNAME.")
NO_REASON = bad("NoReason", "`--reason` is empty.", "Say in a few words why.")
NOTHING_TO_ANSWER = bad("NothingToAnswer", "The run waits for no such answer.", "Look at its state.")
NOTHING_TO_RETRY = bad("NothingToRetry", "No work of the run failed.", "Look at its state.")
NOTHING_TO_OBSERVE = bad("NothingToObserve", "The run has no promoted model to look at.", "Look at its state.")
JUDGEMENT_CHANGED = bad("JudgementChanged", "The judgement changed meanwhile.", "Look at it again, then answer.")
NEVER_JUDGED = bad("NeverJudged", "The store has no judgement of the symbol.", "Check symbol and store.")
BAD_BAR = bad("BadBar", "`--set` does not name a bar of the gate.", "Write METRIC=VALUE, such as accuracy=0.7.")
BAD_RESULTS = bad("BadResults", "The file is no results.json of a run.", "Give the one beside the report.")
RESULTS_NOT_FOUND = bad("ResultsNotFound", "The results.json can't be read.", "Check the path.")
REPORT_NOT_FOUND = bad("ReportNotFound", "The report is not in the store any more.", "Rerun, to have a new one.")
NO_PAGE = bad("NoPage", "The report has no HTML page.", "Print it with `retrain report NAME`.")
NO_BROWSER = bad("NoBrowser", "No browser can be started here.", "Open the page that the message names.")
BAD_SYMBOL = bad("BadSymbol", "A symbol is written in another way here.", "Write the name that the message gives.")
BAD_OPTIONS = bad("BadOptions", "These options exclude each other.", "Leave one out.")
FILE_EXISTS = bad("FileExists", "The output file is there already.", "Give another name, or `--force`.")
CANNOT_WRITE = bad("CannotWrite", "The output file can't be written.", "Check folder and mode.")
