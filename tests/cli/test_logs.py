"""What the processes of a run wrote, by its name."""

from __future__ import annotations

from support.local_run import LocalRun, until

EPOCHS = [f"Epoch {n}/2: Train Loss=0.6543, Val Loss=0.6789, Val Acc=0.523, LR=0.001000\n" for n in (1, 2)]


def test_a_symbol_and_a_phase(local: LocalRun) -> None:
    local.run()
    said = local.command("logs", "nightly", "BTC-USD", "--phase", "train")
    assert (said.returncode, said.stderr, said.stdout) == (0, "", "".join(EPOCHS))
    assert local.command("logs", "nightly", "--phase", "train", "--tail", "1").stdout == EPOCHS[1]


def test_of_several_symbols_each_line_has_its_name(local: LocalRun) -> None:
    local.spec = {"symbols": ["BTC-USD", "ETH-USD"]}
    local.run()
    said = local.command("logs", "nightly", "--phase", "train").stdout
    assert said == "".join(f"[{symbol}] {line}" for symbol in ("BTC-USD", "ETH-USD") for line in EPOCHS)


def test_without_a_phase_it_is_the_newest(local: LocalRun) -> None:
    local.script = {"evaluate 0": {"says": ["WARNING few bars"]}, "publish": {"says": ["Report 1 written"]}}
    local.run()
    assert local.command("logs", "nightly").stdout == "Report 1 written\n"
    assert local.command("logs", "nightly", "BTC-USD").stdout == "WARNING few bars\n"


def test_a_phase_that_wrote_nothing_says_so(local: LocalRun) -> None:
    local.run()
    said = local.command("logs", "nightly", "--phase", "publish")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "nightly wrote nothing in the phase publish.\n")


def test_follow_goes_on_until_the_run_rests(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "epoch 2"}}
    running = local.start()
    until(lambda: local.journal("BTC-USD", "holds"), "the second epoch")
    assert local.command("logs", "nightly").stdout == EPOCHS[0], "so far"
    following = local.start_command("logs", "nightly", "--follow")
    assert following.stdout is not None and following.stdout.readline() == EPOCHS[0]
    local.let_go()
    assert running.wait(60) == 0
    rest, problems = following.communicate(timeout=60)
    assert (following.returncode, problems) == (0, "")
    assert rest in ("", EPOCHS[1]), "nothing twice; the next phase may come between two readings"


def test_what_there_is_not_is_a_sentence(local: LocalRun) -> None:
    local.spec = {"symbols": ["BTC-USD", "ETH-USD"]}
    local.run()
    for arguments, code, sentence in [
        (("logs", "weekly"), 1, "No run weekly in namespace default was found in .retrain; it holds nightly."),
        (("logs", "nightly", "BTC-USDT"), 2, "nightly has no symbol BTC-USDT; did you mean BTC-USD?"),
        (("logs", "nightly", "XRP"), 2, "nightly has no symbol XRP; it has BTC-USD and ETH-USD."),
        (
            ("logs", "nightly", "--phase", "deliver"),
            1,
            "There is no log of deliver of nightly: it never ran, or its log is gone. "
            "`retrain status nightly` says what became of it.",
        ),
        (
            ("logs", "nightly", "BTC-USD", "--phase", "publish"),
            1,
            "nightly: publish works for all symbols at once; leave BTC-USD out.",
        ),
    ]:
        said = local.command(*arguments)
        assert (said.returncode, said.stdout, said.stderr) == (code, "", f"retrain: {sentence}\n")


def test_a_log_that_is_gone_is_a_sentence(local: LocalRun) -> None:
    local.run()
    for path in (local.state / "logs").iterdir():
        path.unlink()
    said = local.command("logs", "nightly", "BTC-USD", "--phase", "train")
    gone = "There is no log of train of BTC-USD of nightly: it is gone."
    assert (said.returncode, said.stderr) == (
        1,
        f"retrain: {gone} `retrain status nightly` says what became of it.\n",
    )


def test_a_task_that_has_not_begun_says_why(local: LocalRun) -> None:
    local.spec = {"suspend": True}
    local.run()
    said = local.command("logs", "nightly")
    assert said.returncode == 1
    assert said.stderr.startswith("retrain: There is no log of nightly")
