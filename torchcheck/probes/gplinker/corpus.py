"""Generated sentences in the formats of DuIE and DuEE, with nested and overlapping entities and shared triggers."""

from __future__ import annotations

import json
import random
from typing import Any

FIRST = """
Ada Boris Chen Dina Elif Farid Greta Hugo Irma Jonas Karin Leo Mira Nils Olga Pavel Rosa Sven Tara
Uwe
""".split()
LAST = """
Adler Brook Castro Dahl Evans Falk Grant Hoang Ito Jung Kovac Lund Marsh Novak Ortiz Price Quist
Rossi
""".split()
CITIES = """
Bergen Cairo Delhi Essen Fargo Genoa Hanoi Izmir Jaipur Kyoto Lagos Milan Nantes Oslo Porto Quito
""".split()
LANDS = """
Andorra Bhutan Chile Denmark Egypt France Ghana Haiti India Japan Kenya Latvia Malta Nepal Oman Peru
""".split()


def relation_lines(sentences: int, seed: int = 0) -> list[str]:
    """DuIE lines about births, employers, spouses and capitals; "University of Cairo" holds the entity "Cairo"."""
    rng = random.Random(seed)
    return [json.dumps(_relations(rng), ensure_ascii=False) for _ in range(sentences)]


def event_lines(sentences: int, seed: int = 0) -> list[str]:
    """DuEE lines about sentences in court (two events, one trigger), marriages and visits."""
    rng = random.Random(seed)
    return [json.dumps(_events(rng), ensure_ascii=False) for _ in range(sentences)]


def _people(rng: random.Random, count: int) -> list[str]:
    first, last = rng.sample(FIRST, count), rng.sample(LAST, count)
    return [f"{a} {b}" for a, b in zip(first, last, strict=True)]


def _relations(rng: random.Random) -> dict[str, Any]:
    p, q = _people(rng, 2)
    c, d = rng.sample(CITIES, 2)
    land = rng.choice(LANDS)
    school = f"University of {d}"
    kind = rng.randrange(4)
    if kind == 0:
        text = f"{p} was born in {c} and works for the {school} ."
        triples = [(p, "birthplace", c), (p, "employer", school), (school, "location", d)]
    elif kind == 1:
        text = f"{p} , married to {q} since {rng.randrange(1950, 2020)} , left the {school} for {c} ."
        triples = [(p, "spouse", q), (q, "spouse", p), (school, "location", d)]
    elif kind == 2:
        text = f"{c} , the capital of {land} , is where {p} and {q} were born ."
        triples = [(land, "capital", c), (p, "birthplace", c), (q, "birthplace", c)]
    else:
        text = f"the {school} , not the one in {c} , employs {p} and {q} ."
        triples = [(p, "employer", school), (q, "employer", school), (school, "location", d)]
    return {"text": text, "spo_list": [{"subject": s, "predicate": r, "object": {"@value": o}} for s, r, o in triples]}


def _events(rng: random.Random) -> dict[str, Any]:
    p, q = _people(rng, 2)
    a, b = rng.sample(range(2, 40), 2)
    c = rng.choice(CITIES)
    kind = rng.randrange(3)
    if kind == 0:
        text = f"{p} and {q} were sentenced to {a} and {b} years in {c} ."
        parts = [("sentencing", "sentenced", [("convict", p), ("term", f" {a} "), ("place", c)])]
        parts.append(("sentencing", "sentenced", [("convict", q), ("term", f" {b} "), ("place", c)]))
    elif kind == 1:
        text = f"in {c} , {p} married {q} after {a} years ."
        parts = [("marriage", "married", [("person", p), ("person", q), ("place", c)])]
    else:
        text = f"{p} visited {c} while {q} visited nobody at {a} or {b} ."
        parts = [("visit", "visited", [("visitor", p), ("place", c)])]
    listed = []
    for event_type, trigger, roles in parts:
        arguments = [
            {"role": r, "argument": s.strip(), "argument_start_index": text.index(s) + s.startswith(" ")}
            for r, s in roles
        ]
        start = text.index(trigger)
        listed.append(
            {"event_type": event_type, "trigger": trigger, "trigger_start_index": start, "arguments": arguments}
        )
    return {"text": text, "event_list": listed}
