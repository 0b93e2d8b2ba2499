"""Why each item of an answer has the score that it has, in words."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from penchant.models.explanation.telling import Telling
from penchant.models.recommender import Recommender
from penchant.schema.language import Language
from penchant.serving.protocol import Reason
from penchant.serving.served import Person, Rows, Served

logger = logging.getLogger(__name__)


class Reasoning:
    """Causes of scores.

    Args:
        recommender: Whose recipe and log.
        model: The same, served.
        ids, titles, records: The catalogue by row; shared with the engine, who adds items.
    """

    def __init__(
        self,
        recommender: Recommender,
        model: Served,
        ids: Sequence[str],
        titles: Sequence[str | None],
        records: Sequence[Mapping[str, Any]],
    ) -> None:
        self._recommender, self._model = recommender, model
        self._ids, self._titles, self._records = ids, titles, records

    def causes(self, person: Person, record: Mapping[str, Any], rows: Rows, language: Language | None) -> list[list[Reason]]:
        """Those of each item `[rows]`; none of items after the recipe's most. Where they cannot be found the list is answered without.

        Args:
            person: Who asks.
            record: All columns that are known of them.
            rows: The items of the answer.
            language: Of the words; the recipe's when None.
        """
        settings = self._recommender.recipe_.serving.explanations
        own = rows[: settings.items]
        found: list[list[Reason]] = []
        if len(own):
            items = [self._records[row] for row in own.tolist()]
            telling = Telling(self._recommender.recipe_, self._recommender.log_, self._name, language)
            try:
                found = [[*telling.reasons(effects)] for effects in self._model.explain(person, record, own, items, settings.history)]
            except Exception as error:
                logger.error("no causes were found (%s); the items are answered without", type(error).__name__)
        return [*found, *([] for _ in range(len(rows) - len(found)))]

    def _name(self, row: int) -> tuple[str, str | None]:
        return self._ids[row], self._titles[row]
