"""Draws what a check prints, as SVG on stdout: python docs/picture.py docs/examples/variants.py:Unnormalised"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

from rich.console import Console
from rich.text import Text

COLUMNS = 112
#: rich's own template fetches a font; any fixed-width one does
FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def main() -> None:
    command = ["scaleproof", "check", *sys.argv[1:]]
    shell = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    run = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, env=shell, check=False)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(f"$ {' '.join(command)}", style="bold", highlight=False)
    console.print(Text.from_ansi(run.stdout.rstrip()))
    print(FONT.sub("", console.export_svg(title=" ".join(command))))


if __name__ == "__main__":
    main()
