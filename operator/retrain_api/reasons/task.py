"""What stops a task in its process: its surroundings, its machine, and the training itself."""

from .reason import bad, neutral

NO_GPU = bad(
    "NoGPU",
    "The pod, or this machine, has no usable GPU.",
    "Look at `train.gpu` and the driver, or set `device: CPU`; it never trains on the CPU unasked.",
)
NO_TORCH = bad(
    "NoTorch", "torch can't be loaded, or hangs.", "Install `retrain-operator[trainer]`; look at the driver."
)
OUT_OF_MEMORY = bad(
    "OutOfMemory",
    "The memory of the machine or of the GPU is too small.",
    "Give the task more, or lower `training.batchSize` or the model's size.",
)
DISK_FULL = bad("DiskFull", "The disk, or the store, has no space left.", "Make room, or give the volume more.")
DISK_FAILED = bad("DiskFailed", "The disk failed to read or write.", "Look at the disk or the volume.")
GPU_FAILED = bad(
    "GPUFailed",
    "The GPU failed in the middle of its work.",
    "Look at it (`nvidia-smi`, the node's log); where all tries failed, [retry](#try-again-what-failed).",
)
LOSS_NOT_FINITE = bad(
    "LossNotFinite",
    "The loss became NaN or infinite.",
    "Lower `training.learningRate`, or look at the data for outliers.",
)
LOGITS_NOT_FINITE = bad("LogitsNotFinite", "The model's outputs are not finite numbers.", LOSS_NOT_FINITE.mend)
BAD_POSITIVE_WEIGHT = bad("BadPositiveWeight", "`positiveWeight` is not above 0.", "Give a number above 0, or Auto.")
UNKNOWN_CALIBRATION = bad("UnknownCalibration", "There is no calibration of that name.", "Use Platt or None.")
UNKNOWN_FEATURE = bad(
    "UnknownFeature", "There is no built-in feature of that name.", "Use one that `retrain features` lists."
)
BAD_PROBABILITY = bad("BadProbability", "A probability is not a number from 0 to 1.", "Report it: this is a bug.")
BAD_LABEL = bad("BadLabel", "A label is neither 0 nor 1.", "Report it: this is a bug.")
_OTHER_RELEASE = (
    "The task is not one that this trainer can do.",
    "Use operator and trainer images of the same release.",
)
BAD_TASK = bad("BadTask", *_OTHER_RELEASE)
BAD_COMMAND = bad("BadCommand", *_OTHER_RELEASE)
NO_TASK = bad("NoTask", *_OTHER_RELEASE)
NO_SUCH_ITEM = bad("NoSuchItem", *_OTHER_RELEASE)
NO_MESSAGE = bad(
    "NoMessage", "The result can't be written to the termination message.", "Check the path that the message names."
)
INTERRUPTED = neutral(
    "Interrupted", "It was stopped on request; what is done is saved.", "Nothing; the next start goes on from there."
)
UNEXPECTED = bad(
    "Unexpected",
    "It failed twice in a row in a way that has no name yet, so it is not tried again by itself.",
    "Report it with the place that the message names; `LOG_LEVEL: debug` in `spec.pods.env` writes the traceback to the pod's log. "
    "Then [retry](#try-again-what-failed).",
)
