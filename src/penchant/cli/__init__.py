"""The command line: `penchant init · check · pack · train · evaluate · recommend · serve · demo · doctor`."""

from penchant.cli.app import main

__all__ = ["main"]
