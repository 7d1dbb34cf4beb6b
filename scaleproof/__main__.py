"""`python -m scaleproof`: the command line."""

from scaleproof.cli.main import main

main()
