"""How tool arguments are read: leniently where models are sloppy, never by guessing. No tool's own arguments here."""

from typing import Annotated, Any, Final, TypedDict, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import from_json

_INT32_MAX: Final = 2**31 - 1

Int32 = Annotated[int, Field(ge=-_INT32_MAX, le=_INT32_MAX)]
"""Whatever fits the field of a request; the service judges it."""
Count = Annotated[int, Field(ge=0, le=_INT32_MAX)]
PositiveCount = Annotated[int, Field(ge=1, le=_INT32_MAX)]


class Arguments(BaseModel):
    """Arguments of a tool, or an object inside them.

    Beyond pydantic's lax mode ("2" and 2.0 are integers, 2.5 is not; "true" is a boolean; a number is no string):
    unknown names are ignored, null stands for the default of an optional argument, and a list or object may come as
    JSON in a string.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _accept_loose_forms(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        read: dict[str, Any] = {}
        for name, value in given.items():
            field = cls.model_fields.get(name)
            if field is not None and value is None and not field.is_required():
                continue
            is_json = field is not None and isinstance(value, str) and _is_structured(field.annotation)
            read[name] = _decode(value) if is_json else value
        return read


class Place(TypedDict):
    """The request fields that say where AWS is asked; empty means the user's or the account's default."""

    account: str
    region: str


class AccountArguments(Arguments):
    """The arguments of every tool that asks AWS."""

    region: str | None = None
    profile_name: str | None = Field(None, description="Alias from list_accounts")

    @property
    def place(self) -> Place:
        """As keyword arguments of a request."""
        return Place(account=self.profile_name or "", region=self.region or "")


def _is_structured(annotation: Any) -> bool:
    """Whether a field holds a list or an object, or one of them or null."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return get_origin(annotation) is tuple or any(_is_structured(inner) for inner in get_args(annotation))


def _decode(text: str) -> Any:
    """The list or object that `text` holds as JSON; otherwise `text`, for pydantic to judge."""
    try:
        decoded = from_json(text)
    except ValueError:
        return text
    return decoded if isinstance(decoded, list | dict) else text
