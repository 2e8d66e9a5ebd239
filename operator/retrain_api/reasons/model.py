"""Models, their measurements, the pointers to what is promoted, and going back."""

from .reason import bad, neutral

_GONE = (
    "A model, or its evaluation, is not there any more.",
    "Restore the file and [retry](#try-again-what-failed), or train again with a rerun token.",
)
MODEL_NOT_FOUND = bad("ModelNotFound", *_GONE)
EVALUATION_NOT_FOUND = bad("EvaluationNotFound", *_GONE)
_OTHER_BYTES = (
    "A file has other bytes than those that were trained, judged or promoted.",
    "Restore that file and [retry](#try-again-what-failed), or train again with a rerun token.",
)
MODEL_CHANGED = bad("ModelChanged", *_OTHER_BYTES)
EVALUATION_CHANGED = bad("EvaluationChanged", *_OTHER_BYTES)
PREDICTIONS_NOT_FOUND = bad(
    "PredictionsNotFound",
    "The predictions behind an evaluation are not there, or an older release measured the model and kept none.",
    "Restore the file, or train again with a rerun token.",
)
BAD_PREDICTIONS = bad(
    "BadPredictions", "The predictions behind an evaluation can't be read.", "Restore the file that the message names."
)
_MISNAMED = (
    "A file is there with other bytes than its name says.",
    "Move it away, then [retry](#try-again-what-failed).",
)
MODEL_FILE_EXISTS = bad("ModelFileExists", *_MISNAMED)
PROMOTED_FILE_DIFFERS = bad("PromotedFileDiffers", *_MISNAMED)
BAD_MODEL_FILE = bad(
    "BadModelFile", "It is no model file that this trainer reads, or a damaged one.", "Train again, or restore it."
)
BAD_BASELINE = bad(
    "BadBaseline",
    "The model in `promotion.baseline` is not one that can be measured here.",
    "Do what the message says, or leave the baseline out.",
)
FEATURES_DIFFER = bad("FeaturesDiffer", "The model was trained on other features than the file has.", "Train again.")
NOTHING_TO_PROMOTE = bad(
    "NothingToPromote", "A symbol is to be promoted and has no measured model.", "Report it: this is a bug."
)
OLDER_TEST = bad(
    "OlderTest", "The promoted model was tested on newer bars than this one.", "Train it again on newer data."
)
CHAMPION_CHANGED = bad(
    "ChampionChanged",
    "With `promotion.requireImprovement`: another model is in service than this one was compared with.",
    "Nothing: it is measured again, against the model in service now.",
)
ROLLED_BACK = bad(
    "RolledBack",
    "This very model was rolled back from.",
    "Train again, or go back to it with `retrain rollback --to`.",
)
EXPIRED = neutral(
    "Expired",
    "The model is older than `promotion.expiresAfter` allows, so it is not promoted, or not loaded. As the reason of a Job's deletion: "
    "it ended longer ago than `jobTTLSecondsAfterFinished`.",
    "Train it again on newer data, or set a longer `promotion.expiresAfter`; of a Job, nothing.",
)
BAD_POINTER = bad(
    "BadPointer",
    "The pointer in the store is none that can be read.",
    "Restore it or move it away, then [retry](#try-again-what-failed).",
)
BAD_CARD = bad("BadCard", "The card beside a promoted model can't be read.", "Restore it, or name another model.")
_POINTER = ("Others changed the pointer meanwhile.", "See who else changes it, then [retry](#try-again-what-failed).")
POINTER_CHANGED = bad("PointerChanged", *_POINTER)
POINTER_CONTESTED = bad("PointerContested", *_POINTER)
NOTHING_PROMOTED = bad("NothingPromoted", "No model of the symbol is promoted.", "Check symbol and store.")
NO_PREVIOUS = bad("NoPrevious", "No model was promoted before this one.", "Name the model to go back to with `--to`.")
ALREADY_PROMOTED = bad("AlreadyPromoted", "The pointer names that model already.", "Nothing, or name another model.")
