"""How a promoted model does on the bars since, and who was told."""

from .reason import bad, good, neutral

OBSERVING = neutral("Observing", "Fewer than `observation.minBars` bars were judged yet.")
HOLDING = good("Holding", "Nothing speaks for a fall: the promoted models keep to the gate's bar.")
HELD = good("Held", "They kept to it for `observation.for`, which is over.")
BELOW_PROMISE = bad(
    "BelowPromise",
    "A model is right less often than the 95 % interval of its test promised; below the gate's bar it is not, as far as is known.",
    "Nothing yet: a warning, which goes away by itself or becomes Decaying.",
)
DECAYING = bad(
    "Decaying",
    "A model is right less often than the gate asks for, and it is not bad luck: of promoted runs that keep to the bar one in twenty "
    "ever alarms.",
    "`retrain rollback SYMBOL --artifacts URI --reason TEXT`, or train anew. It stays until another model stands.",
)
NOT_MEASURABLE = neutral(
    "NotMeasurable",
    "The model can't be observed: an earlier release promoted it, and its card does not say into which blocks its bars are cut; or it has "
    "nothing to be held to, or predicts something else than the run.",
    "Promote a model that this release trained.",
)
UNOBSERVED = bad(
    "Unobserved",
    "The last look at the promoted models failed, or can't start, so nobody knows how they do. The next look tries again.",
    "Mend what the message names; `retrain retry` looks at once.",
)
NEWER_MODEL = neutral("NewerModel", "A newer run was promoted, and its model is observed from there.")
RECORD_DAMAGED = bad(
    "RecordDamaged",
    "A file of judged blocks is not what this product wrote.",
    "Restore it from a copy of the store, or delete the model's folder below observed/: its bars are then judged anew.",
)
SLOW_TO_SHOW = neutral(
    "SlowToShow",
    "A fall of ten points below the bar would show only after `observation.for` is over.",
    "Observe for longer, or without an end.",
)
TOLD = good("Told", "Every receiver of `spec.notify` was told.")
TELLING = neutral("Telling", "A receiver is being told.")
NOT_TOLD = bad(
    "NotTold",
    "A receiver could not be told; the message says why. What happens next is told again.",
    "Mend what the message names, such as the Secret's url, then `retrain retry`.",
)
BAD_RECEIVER = bad(
    "BadReceiver",
    "The Secret's url is no Apprise URL, or of a service that Apprise does not know.",
    "Correct the key url of the Secret; the service's page in Apprise's documentation shows how it is written.",
)
RECEIVER_FAILED = bad(
    "ReceiverFailed",
    "The receiver did not take the message: it is away, slow, or refuses it.",
    "See that the address in the Secret is right and answers from the cluster.",
)
