"""Features against an independent twin, byte for byte, on random definitions and streams.

ASSAY_PROP_CASES sets how many cases, ASSAY_PROP_SEED where to begin; a failing case is made small
and printed so that it can be pasted.
"""
import os
import random

import pytest
from engine import Failed, Run
from gen import (make_case, make_churn_case, make_deep_case, make_huge_case, make_large_case,
                 make_late_case, make_plain_case)
from oracle import Replay
from shrink import shrink

CASES = int(os.environ.get("ASSAY_PROP_CASES", "350"))
SEED = int(os.environ.get("ASSAY_PROP_SEED", "0"))
EVENTS = 300
LARGE_CASES, LARGE_EVENTS = max(CASES // 30, 2), 3000
HUGE_CASES, HUGE_EVENTS = max(CASES // 100, 2), 20_000
CHURN_CASES, CHURN_EVENTS = max(CASES // 50, 3), 5000
BATCHES = 7
SHRINK = os.environ.get("ASSAY_PROP_SHRINK", "1") != "0"


def judged(folder, case, shards=1, spill_after=None):
    """(what the program gives, what the oracle gives, its counters, the program's summary)"""
    run = Run(folder, case, shards, spill_after)
    try:
        truth = Replay(case.yaml(), case.inputs, case.on)
    except Exception:
        run.process.communicate()
        raise
    rows, summary = run.results()
    truth.aside["keys"] = truth.keys()
    return rows, truth.csv(), truth.aside, summary


def differs(folder, case):
    """Does this (shrunk) case still fail? One that is no longer a case does not."""
    try:
        rows, expected, _, _ = judged(folder, case)
    except (Failed, KeyError, ValueError, StopIteration):
        return False
    return rows != expected


def difference(rows, expected):
    got, want = rows.split(b"\n"), expected.split(b"\n")
    at = next((i for i, (g, w) in enumerate(zip(got, want)) if g != w), min(len(got), len(want)))
    return (f"columns  {want[0].decode()}\n"
            f"line {at}: program {got[at] if at < len(got) else None}\n"
            f"line {at}: oracle  {want[at] if at < len(want) else None}")


def report(tmp_path, case):
    small = shrink(case, lambda c: differs(tmp_path / "shrink", c)) if SHRINK else case
    rows, expected, _, _ = judged(tmp_path / "repro", small)
    inputs = "\n".join(
        f"# input {i}\n" + b"\n".join(lines).decode(errors="backslashreplace")
        for i, lines in enumerate(small.inputs))
    return (f"seed {case.seed}: rows differ from the oracle's\n# features.yaml\n{small.yaml()}"
            f"{inputs}\n# --on {small.on}\n{difference(rows, expected)}\n"
            f"files: {tmp_path / 'repro'}")


def check(tmp_path, case):
    rows, expected, aside, summary = judged(tmp_path, case)
    if rows != expected:
        pytest.fail(report(tmp_path, case), pytrace=False)
    counted = {name: count for name, count in summary["dead_letters"].items() if count}
    wanted = {name: n for name, n in aside.items()
              if name not in ("applied", "duplicate", "keys") and n}
    assert counted == wanted, f"seed {case.seed}: dead letters by reason"
    assert summary["events"] == aside["applied"], f"seed {case.seed}: accepted events"
    assert summary["duplicates"] == aside["duplicate"], f"seed {case.seed}: duplicates"
    assert summary["keys"] == aside["keys"], f"seed {case.seed}: keys that are not dead"
    return summary


@pytest.mark.parametrize("batch", range(BATCHES))
def test_rows_are_the_oracles_byte_for_byte(tmp_path, batch):
    events = 0
    for seed in range(SEED + batch, SEED + CASES, BATCHES):
        case = make_case(seed, EVENTS)
        check(tmp_path, case)
        events += sum(map(len, case.inputs))
    assert events >= CASES // BATCHES * EVENTS


@pytest.mark.parametrize("batch", range(2))
def test_long_histories_of_few_keys_have_the_oracles_rows(tmp_path, batch):
    for seed in range(SEED + batch, SEED + LARGE_CASES, 2):
        check(tmp_path, make_large_case(seed, LARGE_EVENTS))


def test_a_very_long_history_of_one_key_has_the_oracles_rows(tmp_path):
    for seed in range(SEED, SEED + HUGE_CASES):
        check(tmp_path, make_huge_case(seed, HUGE_EVENTS))


def test_late_events_deep_in_a_long_history_have_the_oracles_rows(tmp_path):
    for seed in range(SEED, SEED + HUGE_CASES):
        check(tmp_path, make_deep_case(seed, 2200))


def test_a_late_event_is_known_wherever_it_lands(tmp_path):
    check(tmp_path, make_late_case((3, 15, 16, 17, 63, 64, 65, 66, 128)))


def test_keys_that_come_and_go_have_the_oracles_rows(tmp_path):
    """They are forgotten while events still come; rows do not tell, and no key stays for good."""
    expired = 0
    for seed in range(SEED, SEED + CHURN_CASES):
        expired += check(tmp_path, make_churn_case(seed, CHURN_EVENTS))["keys_expired"]
    assert expired > CHURN_CASES * CHURN_EVENTS // 50


def test_keys_that_come_and_go_leave_the_same_state_for_any_shards_and_order(tmp_path):
    """What is forgotten when depends on shards, inputs and order; rows and state do not."""
    kept = set()
    for seed in range(SEED, SEED + CHURN_CASES):
        case, timed, lateness = make_plain_case(seed, CHURN_EVENTS, churn=True)
        pick = random.Random(seed)
        runs = []
        for turn, shards in enumerate((1, 2, 4, 8, 1)):
            arrivals = sorted((time + (pick.randint(0, lateness) if turn == 4 else 0), i)
                              for i, (time, _) in enumerate(timed))
            lines = [timed[i][1] for _, i in arrivals]
            inputs = [lines] if turn < 4 else [lines[0::3], lines[1::3], lines[2::3]]
            runs.append(Run(tmp_path / str(turn), case.but(inputs=inputs), shards).results())
        for rows, summary in runs[1:]:
            assert summary["state_hash"] == runs[0][1]["state_hash"], f"seed {seed}: state"
        for rows, summary in runs[1:4]:
            assert rows == runs[0][0], f"seed {seed}: rows depend on the number of shards"
            assert summary["keys"] == runs[0][1]["keys"], f"seed {seed}: keys"
        kept.add(runs[4][1]["keys_expired"] - runs[0][1]["keys_expired"])
    assert len(kept) > 1  # the safe times of the inputs differed


def test_what_has_gone_to_disk_has_the_oracles_rows_and_the_same_state(tmp_path):
    moved = returned = written = 0
    cases = [make_large_case(SEED + i, LARGE_EVENTS) for i in range(max(LARGE_CASES // 2, 2))]
    cases += [make_huge_case(SEED + i, HUGE_EVENTS) for i in range(HUGE_CASES)]
    cases += [make_deep_case(SEED + i, 2200) for i in range(HUGE_CASES)]
    for i, case in enumerate(cases):
        rows, expected, _, summary = judged(tmp_path / "disk", case, spill_after=(0, 3000)[i % 2],
                                          shards=1 + i % 3 // 2)
        assert rows == expected, f"seed {case.seed}: {difference(rows, expected)}"
        memory = Run(tmp_path / "memory", case).results()[1]
        assert summary["state_hash"] == memory["state_hash"], f"seed {case.seed}: state"
        assert (summary["spill"], memory["spill"]) == ("on", "off"), f"seed {case.seed}"
        moved += summary["spill_moved"]
        returned += summary["spill_returned"]
        written += summary["spill_disk_bytes"]
    assert moved > 1000 and returned > 20 and written > 1 << 20, (moved, returned, written)


def test_the_number_of_shards_changes_neither_rows_nor_state(tmp_path):
    for seed in range(SEED, SEED + max(CASES // 20, 5)):
        case = make_case(seed, EVENTS)
        runs = [Run(tmp_path / str(shards), case, shards) for shards in (1, 2, 4)]
        (rows, summary), *others = [run.results() for run in runs]
        for other_rows, other_summary in others:
            assert other_rows == rows, f"seed {seed}: rows depend on the number of shards"
            assert other_summary["state_hash"] == summary["state_hash"], f"seed {seed}: state"


def test_reading_does_not_change_the_state(tmp_path):
    for seed in range(SEED, SEED + max(CASES // 20, 5)):
        case = make_case(seed, EVENTS)
        hashes = set()
        for on in case.events:
            case.on = on
            hashes.add(Run(tmp_path, case).results()[1]["state_hash"])
        assert len(hashes) == 1, f"seed {seed}: the state depends on what is read"


def test_the_order_of_arrival_within_lateness_does_not_change_the_state(tmp_path):
    for seed in range(SEED, SEED + max(CASES // 20, 5)):
        case, timed, lateness = make_plain_case(seed, EVENTS)
        pick = random.Random(seed)
        hashes = set()
        for turn in range(4):
            # Later by at most the lateness: overtaken, but never late.
            arrivals = [(time + (pick.randint(0, lateness) if turn else 0), i)
                        for i, (time, _) in enumerate(timed)]
            pick.shuffle(arrivals)
            arrivals.sort(key=lambda a: a[0])
            lines = [timed[i][1] for _, i in arrivals]
            inputs = [lines] if turn < 3 else [lines[0::3], lines[1::3], lines[2::3]]
            _, summary = Run(tmp_path / str(turn), case.but(inputs=inputs)).results()
            assert summary["events"] == len(timed), f"seed {seed}: every event is accepted"
            hashes.add(summary["state_hash"])
        assert len(hashes) == 1, f"seed {seed}: the state depends on the order of arrival"


def test_one_event_more_or_less_changes_the_state(tmp_path):
    """The hash must see something: each event left out in turn gives a state of its own."""
    case, timed, _ = make_plain_case(SEED + 1, 40)
    lines = [line for _, line in timed]
    hashes = [Run(tmp_path, case.but(inputs=[lines[:i] + lines[i + 1:]])).results()[1]["state_hash"]
              for i in range(0, 41, 4)]
    assert len(set(hashes)) > len(hashes) // 2
