"""Reading by the encoder that was tuned for another feature."""

from typing import ClassVar

from penchant.schema.settings import Settings


class SharedSettings(Settings):
    """Whose encoder."""

    item: str
    """The items' text feature whose tuned encoder reads this feature too: a user's words then lie where the items' lie."""


class Shared:
    """Nothing is fitted for the feature itself."""

    kind: ClassVar[str] = "shared"
    settings_class: ClassVar[type[Settings]] = SharedSettings

    def __init__(self, settings: SharedSettings) -> None:
        self.settings = settings
