#!/usr/bin/env python3
"""Writes the test vectors beside this file. The same bytes every time: no clock, no randomness.

Before a vector is written, a plain verifier that shares no code with the crates gives it the verdict it is filed under.
"""

import json
from pathlib import Path

from generator import accept, canonical, header, header_bad, keys, refuse
from generator.restore import Rejected, admitted
from generator.verify import Refused, verify


def main():
    write("keys", keys.bundle())
    write("seeds", keys.seeds())
    write("accept", [accepted(case) for case in accept.cases()])
    write("refuse", [refused(case) for case in refuse.cases()])
    write("header", [restored(case) for case in header.cases()])
    write("header_bad", [rejected(case) for case in header_bad.cases()])
    write("jcs", canonical.cases())


def accepted(case: dict) -> dict:
    verdict = verify(case["passport"], case["chain_tip"], keys.bundle())
    assert all(case[member] == verdict[member] for member in verdict), case["name"]
    return case


def refused(case: dict) -> dict:
    try:
        verify(case["passport"], case["chain_tip"], keys.bundle())
    except Refused:
        return case
    raise AssertionError(f"{case['name']} is accepted")


def restored(case: dict) -> dict:
    assert admitted(case["lines"], case["claims"], keys.bundle()) == case["passport"], case["name"]
    return case


def rejected(case: dict) -> dict:
    right = case["status"] if isinstance(case["status"], list) else [case["status"]]
    try:
        admitted(case["lines"], case["claims"], keys.bundle())
    except Rejected as rejection:
        assert rejection.status in right, (case["name"], rejection.status)
        return case
    raise AssertionError(f"{case['name']} is accepted")


def write(name: str, cases):
    if isinstance(cases, list):
        names = [case["name"] for case in cases]
        assert len(names) == len(set(names)), f"a name twice in {name}"
    text = json.dumps(cases, indent=2, ensure_ascii=True) + "\n"
    Path(__file__).with_name(f"{name}.json").write_text(text, encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()
