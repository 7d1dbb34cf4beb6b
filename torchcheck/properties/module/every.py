"""What every module is asked, alone or in a stack."""

from __future__ import annotations

from torchcheck.properties.module.compiled import COMPILED
from torchcheck.properties.module.context import CONTEXT
from torchcheck.properties.module.leak import LEAK
from torchcheck.properties.module.lifecycle import LIFECYCLE
from torchcheck.properties.module.long import LONG
from torchcheck.properties.module.modes import MODES
from torchcheck.properties.module.numerics import NUMERICS
from torchcheck.properties.module.padding import PADDING
from torchcheck.properties.module.paths import PATHS
from torchcheck.properties.module.running_statistics import STATISTICS
from torchcheck.properties.module.scores import SCORES
from torchcheck.properties.module.uses import USES
from torchcheck.properties.module.weights import WEIGHTS
from torchcheck.properties.module.width import WIDTHS
from torchcheck.properties.plan import Group

EVERY: tuple[Group, ...] = (
    LEAK,
    LONG,
    PADDING,
    CONTEXT,
    SCORES,
    MODES,
    STATISTICS,
    PATHS,
    USES,
    WEIGHTS,
    LIFECYCLE,
    NUMERICS,
    WIDTHS,
    COMPILED,
)
