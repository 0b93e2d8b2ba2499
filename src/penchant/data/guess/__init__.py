"""A first recipe from the files of a folder, and what it was guessed from."""

from penchant.data.guess.guess import Guess, GuessLine, guess

__all__ = ["Guess", "GuessLine", "guess"]
