"""What sections of a recipe are made of: parts chosen by kind, and expressions."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from penchant.schema.errors import RecipeError, did_you_mean
from penchant.schema.expression import Expression
from penchant.schema.settings import ContradictionError, S, read_settings


def _expression(value: Any) -> Any:
    if isinstance(value, str):
        try:
            Expression(value)
        except RecipeError as error:
            raise ContradictionError(error.must, f"'{value[:200]}', with {error.came}", error.do) from None
    return value


ExpressionText = Annotated[str, BeforeValidator(_expression)]


class Part(BaseModel):
    """A part chosen by `kind`; its other keys belong to the part, which checks them."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    kind: str

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that belong to the part itself."""
        return dict(self.__pydantic_extra__ or {})

    def read(self, kind: type[S], where: str) -> S:
        """This part's own keys as `kind`, or a `RecipeError` that names `where` and the nearest known key."""
        for name in sorted(self.settings.keys() - kind.model_fields.keys()):
            known = {*type(self).model_fields, *kind.model_fields}  # a key of every such part may be what was misspelt
            raise RecipeError(f"{where}, key '{name}'", must="a known key", came="an unknown one", do=did_you_mean(name, known))
        return read_settings(kind, self.settings, where)
