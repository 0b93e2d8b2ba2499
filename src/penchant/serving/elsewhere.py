"""What the engine knows of words and pictures that another process has encoded: whose, and which are lacking."""

from collections.abc import Iterable, Mapping
from typing import Any

from penchant.features.feature import Array
from penchant.features.feature_set import FeatureSet, Owner
from penchant.serving.protocol import Given

Record = Mapping[str, Any]


class Elsewhere:
    """Arrays of users by id, and of the log's users by row.

    Args:
        features: Fitted.
        of_log: Arrays `{feature: [users, *]}` of the log's users.
    """

    def __init__(self, features: FeatureSet, of_log: Given) -> None:
        self._columns: dict[Owner, dict[str, frozenset[str]]] = {
            owner: {name: frozenset(features.parts[owner][name].reads(name)) for name in features.pretrained(owner)}
            for owner in ("user", "context")
        }
        self._of_log = {name: of_log[name] for name in self._columns["user"]}
        self._users: dict[str, dict[str, Array]] = {}

    def keep_users(self, names: Iterable[str], given: Given) -> None:
        """Take what was made of these users' records, a row each; what was made of their earlier ones is forgotten."""
        for row, name in enumerate(names):
            self._users[name] = {feature: array[row : row + 1] for feature, array in given.items()}

    def of_user(self, name: str, row: int, stored: Record, told: Record) -> dict[str, Array]:
        """A user's arrays, as far as there are any.

        Args:
            name: The id.
            row: The log's row; -1 when it does not hold the user.
            stored: The record that was put since the log was made.
            told: What a request says, which nobody can have encoded before.
        """
        own = self._users.get(name, {})
        found: dict[str, Array] = {}
        for feature, columns in self._columns["user"].items():
            if columns & told.keys():
                continue
            if columns & stored.keys():
                found |= {feature: own[feature]} if feature in own else {}
            elif row >= 0:
                found[feature] = self._of_log[feature][row : row + 1]
        return found

    def lacks(self, owner: Owner, record: Record, given: Given) -> bool:
        """Whether the record has words or pictures that are not given."""
        return any(_says(record.get(column)) for name, columns in self._columns[owner].items() if name not in given for column in columns)


def _says(value: Any) -> bool:
    return value is not None and value != [] and bool(str(value).strip())
