"""Small matrices beside the encoder's own, which stay as they are."""

from typing import Any, ClassVar

from pydantic import Field

from penchant.schema.errors import RecipeError
from penchant.training.tuning.settings import TuningSettings


class LoraSettings(TuningSettings):
    """How many weights move."""

    learning_rate: float = Field(1e-3, gt=0)
    rank: int = Field(8, ge=1)
    """Rank of what is added to a matrix."""
    alpha: float = Field(16.0, gt=0)
    """What is added counts alpha / rank times."""
    dropout: float = Field(0.05, ge=0, lt=1)
    matrices: tuple[str, ...] = ("query", "value")
    """Names of the encoder's layers beside which something is learnt; these are BERT's attention."""


class Lora:
    """`W + (alpha / rank)·B·A` with A and B learnt and W as it is (Hu et al. 2022, section 4.1), by the package peft."""

    kind: ClassVar[str] = "lora"
    settings_class: ClassVar[type[TuningSettings]] = LoraSettings

    def __init__(self, settings: LoraSettings) -> None:
        self.settings = settings

    def wrap(self, network: Any) -> Any:
        """The network with A and B beside the named matrices.

        Raises:
            RecipeError: when peft is not there, or the encoder has no matrix of such a name.
        """
        try:
            from peft import LoraConfig, get_peft_model
        except ImportError:
            do = "pip install 'penchant[tuning]'"
            raise RecipeError("tuning of kind 'lora'", must="installed with its extra", came="no peft package", do=do) from None
        told = self.settings
        how = LoraConfig(r=told.rank, lora_alpha=told.alpha, lora_dropout=told.dropout, target_modules=list(told.matrices))  # type: ignore[arg-type]  # peft's alpha may be any number
        try:
            return get_peft_model(network, how)
        except ValueError:
            names = {name.rpartition(".")[2] for name, part in network.named_modules() if hasattr(part, "in_features")}
            came = f"{', '.join(told.matrices)} in an encoder with {', '.join(sorted(names))}"
            do = "For example matrices = ['query', 'value']."
            raise RecipeError("tuning, key 'matrices'", must="names of the encoder's own layers", came=came, do=do) from None

    def merged(self, network: Any) -> Any:
        """The network with what was learnt added to its matrices."""
        return network.merge_and_unload()
