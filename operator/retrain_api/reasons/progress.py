"""How far a run is: the reasons of its conditions, of the events that announce its states, and of deleted Jobs."""

from .reason import bad, good, neutral

PENDING = neutral("Pending", "No operator has seen the run yet.", "Check that an operator watches this namespace.")
CHECKING = neutral("Checking", "The preflight looks at data and store before anything is trained.")
ALL_CHECKED = good("AllChecked", "The preflight found nothing that stops a symbol.")
NOT_ALL_CHECKED = neutral("NotAllChecked", "The preflight stops some symbols.", "Read each symbol's reason.")
PREFLIGHT_LOST = neutral(
    "PreflightLost",
    "The preflight ended without a result, which stops nobody: the training finds out by itself what is wrong.",
    "Nothing; the message says why.",
)
QUEUED = neutral("Queued", "Nothing trains yet.")
TRAINING = neutral("Training", "Symbols are being trained.")
EVALUATING = neutral("Evaluating", "The models are being measured on bars they never saw.")
PUBLISHING = neutral("Publishing", "The report is being written, and models that may be promoted are promoted.")
DELIVERING = neutral("Delivering", "Report and models are being copied to the other places.")

ALL_TRAINED = good("AllTrained", "Every symbol has a model.")
NOT_ALL_TRAINED = neutral("NotAllTrained", "Some symbols have no model.", "Read each symbol's reason.")
ALL_EVALUATED = good("AllEvaluated", "Every model is measured.")
NOT_ALL_EVALUATED = neutral("NotAllEvaluated", "Some models are not measured.", "Read each symbol's reason.")
NOT_JUDGED = neutral("NotJudged", "There is no verdict yet.")
GATE_PASS = good("GatePass", "The verdict is Pass.")
GATE_FAIL = bad("GateFail", "The verdict is Fail: too few models clear every criterion.", "Read the report.")
GATE_ERROR = bad("GateError", "The verdict is Error: too few models could be measured.", "Read each symbol's reason.")

APPROVED = good("Approved", "A person approved the promotion; it is being carried out.")
PROMOTED = good("Promoted", "The pointers name models of this run.")
PROMOTED_BY_OVERRIDE = good("PromotedByOverride", "A person promoted against the gate; the message says who and why.")
NOT_PROMOTED = neutral(
    "NotPromoted", "Nothing was promoted; the message says why.", "Promote a model first, where one is expected."
)
REPORT_WRITTEN = good("ReportWritten", "The report is written.")
NO_REPORT = neutral("NoReport", "There is no report.", "Wait for the run, or rerun it where its report is gone.")
COPIED = good("Copied", "Every copy in another place was made.")
NOT_COPIED = bad("NotCopied", "A copy in another place was not made.", "Read the message: it has each place's reason.")

UNKNOWN_FIELDS = neutral(
    "UnknownFields",
    "The CRD is of a newer release than the operator, and lets in fields that it does not know: it goes on as if they were not set.",
    "Upgrade the operator, as [Upgrade](operator.md#upgrade) says.",
)

SUPERSEDED = neutral("Superseded", "The Job's work is not asked for any more, so the Job is deleted.")
