"""The proof on the past: past slots are replayed, and their measurements judged by today's gate.

The replays are the newest past slot, the newest that is at least a test part and a purge before it, and so on, so that no bar is
in the test part of two. They are chosen once for a recipe and stand in the status from then on: the clock goes on while they
work. All of them are made, so that the table is whole, unless too few are left to reach minPassed; so every proof ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from retrain_api.keys import changed, digest, proof_key
from retrain_api.names import replay_run
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.spec.schedule import WalkForward
from retrain_api.status.schedule import Pooled, ProofState, Replay, WalkForwardStatus
from retrain_api.time import Duration
from retrain_api.wire import timestamp
from retrain_operator.decide.run.judging import judgement_by
from retrain_operator.manifests.runs import replay_manifest, replay_spec
from retrain_operator.state.schedule_view import ChildRun

from .children import busy, is_busy, is_replay
from .context import Context, read_time
from .hindrances import may_ask


@dataclass(frozen=True)
class Proof:
    """How far the proof is; `status` is None where none is asked for. `wanted` are the replays that would be made next."""

    status: WalkForwardStatus | None = None
    wanted: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    """Name of each replay's run, by its slot."""

    @property
    def state(self) -> ProofState | None:
        """Proving, Proven or Unproven; None where none is asked for."""
        return self.status.state if self.status is not None else None


def proof(context: Context) -> Proof:
    """The proof of the present recipe, as its replays are now."""
    asked = context.spec.walk_forward
    if asked is None:
        return Proof()
    spec = context.spec.run_template.spec
    key = proof_key(spec)
    before = context.status.walk_forward
    before = before if before is not None and before.key == key else None
    past = _past_slots(context, asked, () if before is None else before.slots)
    names = {entry.slot: replay_run(context.name, key, read_time(entry.slot)) for entry in past}
    gate = _gate(spec)
    same = before is not None and before.gate == gate
    entries = tuple(_followed(context, entry, names[entry.slot], same) for entry in past)
    wanted = tuple(entry.slot for entry in entries if entry.uid is None and entry.verdict is None)
    passed = sum(entry.verdict == "Pass" for entry in entries)
    state = _state(entries, passed, asked.min_passed)
    pooled = _pooled(entries)
    status = WalkForwardStatus(key=key, gate=gate, state=state, passed=passed, slots=entries, pooled=pooled)
    return Proof(status, wanted if state == "Proving" else (), names)


def replays(context: Context, found: Proof, again: bool) -> tuple[dict[str, Any], ...]:
    """The replays to make now: no more at work at once than walkForward.parallelism, and none beside a run of a slot.

    `again` says that a person has just changed something, so that what was refused for good is asked for once more.
    """
    asked = context.spec.walk_forward
    if asked is None or found.status is None:
        return ()
    at_work = busy(context.owned)
    if not all(is_replay(context.name, run.name) for run in at_work):
        return ()
    free = [slot for slot in found.wanted if may_ask(context, found.names[slot], again)]
    room = max(asked.parallelism - len(at_work), 0)
    return tuple(replay_manifest(context.schedule, found.status.key, read_time(slot)) for slot in free[:room])


def _past_slots(context: Context, asked: WalkForward, chosen: Sequence[Replay]) -> tuple[Replay, ...]:
    """Those that were chosen, and as many older ones as are lacking; fewer where the schedule does not reach back so far."""
    slots = list(chosen[: asked.slots])
    apart = _apart(context.spec.run_template.spec)
    while len(slots) < asked.slots:
        before = read_time(slots[-1].slot) - apart if slots else context.now
        slot = context.cron.at_or_before(before)
        if slot is None:
            break
        slots.append(Replay(slot=timestamp(slot)))
    return tuple(slots)


def _apart(spec: RetrainRunSpec) -> timedelta:
    """How far two replays are apart at least: the test part and a purge."""
    purge = (spec.model.lookback_bars + spec.label.horizon_bars) * spec.question.interval.nanoseconds
    test = Duration.parse(spec.split.test).nanoseconds if spec.split.test else 0
    return timedelta(microseconds=(test + purge) // 1000)


def _gate(spec: RetrainRunSpec) -> str:
    """What verdicts are by: a replay that is gone keeps its own until this changes."""
    return digest({"gate": changed(spec.gate), "required": spec.required})


def _followed(context: Context, entry: Replay, name: str, same_gate: bool) -> Replay:
    """The entry as its run is now."""
    run = context.view.with_uid(entry.uid) if entry.uid else context.view.named(name)
    if run is not None and run.owned:
        return _judged(context, entry, run)
    if entry.uid is None or (entry.verdict is not None and same_gate):
        return entry
    return entry.model_copy(update={"verdict": "Deleted"})


def _judged(context: Context, entry: Replay, run: ChildRun) -> Replay:
    """With its verdict by the gate of now, once it is over; one that goes to work again has none."""
    if is_busy(run):
        return Replay(slot=entry.slot, uid=run.uid)
    bars, accuracy = _measured(run)
    verdict = _verdict(context.spec.run_template.spec, run, entry.slot)
    return Replay(slot=entry.slot, uid=run.uid, verdict=verdict, bars=bars or None, accuracy=accuracy)


def _verdict(template: RetrainRunSpec, run: ChildRun, slot: str) -> str:
    if run.status.state in ("Failed", "Skipped"):
        return run.status.state
    symbols = [run.status.symbol(symbol) for symbol in template.symbols]
    return judgement_by(replay_spec(template, slot), symbols).verdict


def _measured(run: ChildRun) -> tuple[int, float | None]:
    """Judged bars of all symbols, and the accuracy over them."""
    found = [entry.result.metrics for entry in run.status.symbols if entry.result and entry.result.metrics]
    return _weighted([(one.bars, one.metrics.accuracy) for one in found])


def _weighted(parts: Sequence[tuple[int | None, float | None]]) -> tuple[int, float | None]:
    known = [(bars, accuracy) for bars, accuracy in parts if bars and accuracy is not None]
    total = sum(bars for bars, _ in known)
    return total, sum(bars * accuracy for bars, accuracy in known) / total if total else None


def _pooled(entries: Sequence[Replay]) -> Pooled | None:
    bars, accuracy = _weighted([(entry.bars, entry.accuracy) for entry in entries])
    return Pooled(bars=bars, accuracy=accuracy) if bars else None


def _state(entries: Sequence[Replay], passed: int, needed: int) -> ProofState:
    still = sum(entry.verdict is None for entry in entries)
    if passed + still < needed:
        return "Unproven"
    return "Proving" if still else "Proven"
