"""The documentation's example of a property is one, and says of it what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from scaleproof.check.documentation import properties_text
from torchcheck.properties import REGISTRY
from torchcheck.properties.finding import Property, Threshold

PAGE = Path(__file__).parents[3] / "docs/adding-a-property.md"


def test_the_example_is_the_property() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (name, example), *rest = eval(f"{{{code}}}", {"Property": Property, "Threshold": Threshold}).items()
    assert not rest
    assert REGISTRY["loss"].properties[name] == example


def test_the_table_is_current() -> None:
    assert PAGE.with_name("properties.md").read_text(encoding="utf-8") == properties_text(), "run make properties"
