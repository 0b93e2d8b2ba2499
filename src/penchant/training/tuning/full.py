"""All of the encoder's weights."""

from typing import Any, ClassVar

from pydantic import Field

from penchant.training.tuning.settings import TuningSettings


class FullSettings(TuningSettings):
    """A pretrained network forgets fast, so its steps are small."""

    learning_rate: float = Field(3e-5, gt=0)


class Full:
    """Every weight moves."""

    kind: ClassVar[str] = "full"
    settings_class: ClassVar[type[TuningSettings]] = FullSettings

    def __init__(self, settings: FullSettings) -> None:
        self.settings = settings

    def wrap(self, network: Any) -> Any:
        """The network itself."""
        return network.requires_grad_(True)

    def merged(self, network: Any) -> Any:
        """The network itself."""
        return network
