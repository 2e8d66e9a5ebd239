"""Why a run was rejected: nothing broke, and the models are not promoted."""

from .reason import bad

GATE_REJECTED = bad(
    "GateRejected",
    "Fewer models than `minPassed` clear every criterion.",
    "Read the [report](report.md): it says by how much, and what to try.",
)
GATE_INCONCLUSIVE = bad(
    "GateInconclusive",
    "There is too little evidence: too few bars or trades, a lead that luck explains, or an interval that includes the bar.",
    "Give more test bars; the reasons of each model say what it lacks. After many tries, judge on bars that no model was tried on.",
)
GATE_SUSPECT = bad(
    "GateSuspect",
    "A model is too good to be believed.",
    "Look for a leak first. One that meets the criteria can be approved; one that also fails takes an override.",
)
DECLINED = bad("Declined", "A person declined the promotion.", "Train something else.")
