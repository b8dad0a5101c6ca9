"""What every table of harness.toml is made of: the base class, and the kinds of values."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError


def _http_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise PydanticCustomError("url", "should start with http:// or https://")
    return text


def _option_value(value: Any) -> Any:
    plain = (bool, int, float, str)
    if isinstance(value, plain) or (
        isinstance(value, list) and all(isinstance(each, plain) for each in value)
    ):
        return value
    raise PydanticCustomError("option", "should be text, a number, true, false or a list of those")


_NAME = r"^[a-z0-9][a-z0-9_-]*$"
Name = Annotated[str, StringConstraints(pattern=_NAME)]
Text = Annotated[str, StringConstraints(min_length=1)]
Url = Annotated[str, AfterValidator(_http_url)]
Count = Annotated[int, Field(strict=True, ge=0)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
OptionValue = Annotated[Any, AfterValidator(_option_value)]
Seconds = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class Table(BaseModel):
    """A table with known keys alone, which nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
