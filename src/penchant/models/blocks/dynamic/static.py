"""Facets that nobody turns: what movement is measured against."""

from typing import ClassVar

from penchant.models.blocks.dynamic.facets import Facets


class StaticFacets(Facets):
    """As `Facets`, with gates that are learnt numbers, the same for all users and contexts.

    Parameters and the width of the index are those of `Facets`; the context still moves the user. Whatever facets find and this does not is
    due to the movement alone.
    """

    kind: ClassVar[str] = "static"
    moves: ClassVar[bool] = False
    constant: ClassVar[bool] = True
