"""Which vector takes which road, by the recipe."""

from dataclasses import replace

from penchant.features.feature import Form
from penchant.features.feature_set import OWNERS, FeatureSet, Owner
from penchant.schema.errors import RecipeError, did_you_mean
from penchant.schema.sections.network import NetworkSettings


class Roads:
    """The forms of fitted features, each vector's with the adaptor that `network.adaptor` and `network.adaptors` give it.

    Raises:
        RecipeError: for an adaptor of what is no feature, or no vector.
    """

    def __init__(self, settings: NetworkSettings, features: FeatureSet) -> None:
        self.settings, self.features = settings, features
        vectors = {f"{owner}.{name}": form for owner in OWNERS for name, form in features.forms(owner).items() if form.shape == "vector"}
        for name in settings.adaptors:
            if name not in vectors:
                do = did_you_mean(name, vectors)
                raise RecipeError(f"network.adaptors, '{name}'", must="a feature that is a vector, with its owner", came="none", do=do)

    def forms(self, owner: Owner) -> dict[str, Form]:
        """The forms of the owner's features."""
        return {name: self._with_adaptor(f"{owner}.{name}", form) for name, form in self.features.forms(owner).items()}

    def _with_adaptor(self, name: str, form: Form) -> Form:
        usual = self.settings.adaptor if form.states else form.adaptor
        return replace(form, adaptor=self.settings.adaptors.get(name, usual))
