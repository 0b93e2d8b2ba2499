"""Pages for people, served by the same process and needing nothing from elsewhere."""

from penchant.console.playground import Playground

__all__ = ["Playground"]
