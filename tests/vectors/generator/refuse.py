"""Passports that every verifier has to refuse: one case for each attack of rows 1 to 6 and 27 of the threat table."""

from . import refuse_content, refuse_form, refuse_keys, refuse_labels
from .entries import Passport


class Collector:
    """Gathers cases; `row` is the row of the threat table."""

    def __init__(self):
        self.cases: list[dict] = []

    def take(self, row: int, name: str, why: str, passport: Passport | list[str], tip: str | None = None):
        jws = passport.passport if isinstance(passport, Passport) else passport
        tip = tip if tip is not None else passport.tip
        self.cases.append({"name": name, "row": row, "why": why, "chain_tip": tip, "passport": jws})


def cases() -> list[dict]:
    collector = Collector()
    for module in (refuse_keys, refuse_content, refuse_form, refuse_labels):
        module.collect(collector.take)
    return sorted(collector.cases, key=lambda case: case["row"])
