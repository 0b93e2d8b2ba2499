"""`python -m penchant` is the `penchant` command."""

from penchant.cli import main

main()
