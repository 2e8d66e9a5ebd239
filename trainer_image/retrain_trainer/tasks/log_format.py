"""The exact format of a training's log lines.

The operator and the terminal parse these lines to show progress, so a change here must be made there too.
"""

from __future__ import annotations

from retrain_trainer.train.loop import Epoch


def epoch_line(entry: Epoch, epochs: int) -> str:
    """For example "Epoch 1/50: Train Loss=0.6543, Val Loss=0.6789, Val Acc=0.523, LR=0.001000"."""
    return (
        f"Epoch {entry.epoch}/{epochs}: Train Loss={entry.train_loss:.4f}, Val Loss={entry.validation_loss:.4f}, "
        f"Val Acc={entry.validation_accuracy:.3f}, LR={entry.learning_rate:.6f}"
    )


def progress_line(epoch: int, epochs: int, done: int, total: int, rate: float) -> str:
    """For example "Progress: epoch=3 epochs=50 windows=12345/65000 rate=456.1", with the rate in windows a second."""
    return f"Progress: epoch={epoch} epochs={epochs} windows={done}/{total} rate={rate:.1f}"


def resuming_line(symbol: str, finished: int, step: int) -> str:
    """For example "Resuming BTC-USD from epoch 12 (11 epochs kept)"; within an epoch it says after how many batches."""
    within = f" after {step} batches" if step else ""
    return f"Resuming {symbol} from epoch {finished + 1}{within} ({finished} epoch{'s' * (finished != 1)} kept)"
