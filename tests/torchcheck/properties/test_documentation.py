"""The documentation's example of a property runs: a sound variant passes, another fails; and the table is current."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from scaleproof.check.documentation import properties_text
from torchcheck.properties.activation.activation import ACTIVATION
from torchcheck.properties.checks import Here
from torchcheck.properties.engine import check
from torchcheck.properties.plan import Group, Kind, Request
from torchcheck.properties.subject.variant import CheckSettings, Variant

PAGE = Path(__file__).parents[3] / "docs/adding-a-property.md"


def test_the_example_is_a_group_of_properties() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Group] = {}
    exec(code, names)
    kinds = {"activation": Kind((*ACTIVATION.groups, names["CENTRED"]))}

    def status(subject: object) -> str:
        return check(Variant(subject), CheckSettings(), Here(), kinds, Request(select=["centred"]))["at-zero"].status

    assert status(torch.nn.ReLU) == "ok"
    assert status(torch.nn.Sigmoid) == "failed"


def test_the_table_is_current() -> None:
    assert PAGE.with_name("properties.md").read_text(encoding="utf-8") == properties_text(), "run make properties"
