#!/usr/bin/env python3
"""Gives what the crates signed and packed to the plain verifier and the plain reader: the other direction of the vectors.

`ours.json` is written by the suite; this program only reads it. It ends with an error at the first case that does not hold.
"""

import json
from pathlib import Path

from generator import keys
from generator.restore import Rejected, admitted
from generator.verify import Refused, verify

TIERS = {"inline", "compressed", "claim_check"}


def main():
    cases = json.loads(Path(__file__).with_name("ours.json").read_text(encoding="utf-8"))
    assert len(cases) > 4, "ours.json holds too little"
    for case in cases:
        holds(case)
        travels(case)
        is_refused_when_changed(case)
    print(f"{len(cases)} passports hold, in each of {len(TIERS)} tiers")


def holds(case: dict):
    verdict = verify(case["passport"], case["chain_tip"], keys.bundle())
    for member, found in verdict.items():
        assert case[member] == found, (case["name"], member, found)
    assert case["entries"] == len(case["passport"]), case["name"]


def travels(case: dict):
    assert set(case["lines"]) == TIERS, case["name"]
    for tier, line in case["lines"].items():
        found = admitted([line], case["claims"], keys.bundle())
        assert found == case["passport"], (case["name"], tier)


def is_refused_when_changed(case: dict):
    """So that a verifier which accepts everything would be noticed."""
    *others, last = case["passport"]
    signing_input, signature = last.rsplit(".", 1)
    changed = f"{signing_input}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    for passport in ([*others, changed], others, [*others, last, last]):
        try:
            verify(passport, case["chain_tip"], keys.bundle())
        except Refused:
            continue
        raise AssertionError(f"{case['name']} is accepted though it was changed")
    try:
        admitted([case["lines"]["claim_check"]], {}, keys.bundle())
    except Rejected:
        return
    raise AssertionError(f"{case['name']} is accepted from an empty passport store")


if __name__ == "__main__":
    main()
