"""The recipe as validated records: what may stand in the TOML file, and what a mistake in it is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError

from zerokd.errors import Place, Problem, RecipeError, did_you_mean
from zerokd.plugin.config import Config
from zerokd.recipe.document import Document
from zerokd.recipe.positions import KeyPath

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]


class Use(Config):
    """A component by name; all keys that are not the recipe's own are its config and are checked by the component.

    ``kind`` is the kind of component that such a table names.
    """

    model_config = ConfigDict(extra="allow")
    kind: ClassVar[str]

    use: str = Field(description="name of the component, or distribution:name")

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Data(Use):
    """Where the training images come from."""

    kind = "data"


class Adapter(Use):
    """What makes the tensors of a term comparable."""

    kind = "adapters"


Adapt = Annotated[Adapter, BeforeValidator(lambda value: {"use": value} if isinstance(value, str) else value)]


class Term(Use):
    """One loss with its weight, bound to signals. Its name in logs and overrides is ``<group>.<term>``."""

    kind = "losses"

    weight: float = Field(1.0, ge=0.0, description="multiplies the term's mean value inside its group")
    on: dict[str, str] = Field({}, description="port = signal; a port left out reads its default signal")
    adapt: tuple[Adapt, ...] = Field((), description="adapters, applied in order to all ports of the term")
    monitor: bool = Field(False, description="compute and log the term, but keep it out of the objective")


class Network(Use):
    """A model built by a plugin."""

    kind = "models"

    weights: str | None = Field(None, description='"bundled", or a path to .safetensors or a released .pth')


class Average(Config):
    """The exponential moving average of another model, restarted with each stage that reads it."""

    average_of: str = Field(description="name of the model that is averaged")
    decay: float = Field(0.999, ge=0.0, lt=1.0, description="share of the average kept at each step")


def _kind_of_model(value: Any) -> str:
    average = "average_of" in value if isinstance(value, dict) else isinstance(value, Average)
    return "<average>" if average else "<network>"


AnyModel = Annotated[
    Annotated[Network, Tag("<network>")] | Annotated[Average, Tag("<average>")], Discriminator(_kind_of_model)
]


class Optimizer(Config):
    """Adam with a cosine learning rate and a clipped gradient norm."""

    learning_rate: float = Field(5e-3, gt=0.0, le=100.0, description="at the stage's first step")
    final_learning_rate: float = Field(
        1e-7, ge=0.0, description="what a cosine brings it down to by the end of the stage"
    )
    weight_decay: float = Field(0.0, ge=0.0, description="Adam's coupled L2 decay")
    clip_norm: float = Field(0.1, gt=0.0, le=1e6, description="largest norm of the whole gradient")


class Augmentation(Use):
    """A random change of the input."""

    kind = "augmentations"


class Phase(Use):
    """One training stage."""

    kind = "stages"

    objective: str = Field(description="the equation over term groups")
    epochs: int = Field(ge=1, le=100_000, description="passes over the training images")
    batch: int = Field(4, ge=1, le=4096, description="images a step")
    optimizer: Optimizer = Optimizer()
    augment: dict[Name, Augmentation] = Field({}, description="augmentations of the input, applied in order")


class Recipe(Config):
    """A whole recipe."""

    name: Name
    run: tuple[str, ...] = Field(min_length=1, description="stages, in order")
    seed: int = Field(0, ge=0, lt=2**63, description="decides every random number of the run")
    threads: int = Field(2, ge=1, le=1024, description="CPU threads; another number may change the last bits")
    diagnose_every: int = Field(100, ge=1, description="steps between two measurements of the terms' gradients")
    params: dict[Identifier, float] = Field({}, description="numbers the equations may use")
    data: Data
    models: dict[Name, AnyModel]
    stages: dict[Name, Phase]
    terms: dict[Identifier, dict[Name, Term]]


def validate(document: Document) -> Recipe:
    """The recipe that a document holds.

    Raises:
        RecipeError: with every mistake, each at its place.
    """
    try:
        return Recipe.model_validate(document.tables)
    except ValidationError as error:
        raise RecipeError(*problems(error, document, (), Recipe)) from None


def uses(part: Any, at: KeyPath = ()) -> Iterator[tuple[KeyPath, Use]]:
    """Every component that a recipe names, with its path."""
    if isinstance(part, Use):
        yield at, part
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(part, BaseModel):
        inner = ((field.alias or name, getattr(part, name)) for name, field in type(part).model_fields.items())
    elif isinstance(part, dict):
        inner = part.items()
    elif isinstance(part, tuple):
        inner = enumerate(part)
    for key, one in inner:
        yield from uses(one, (*at, key))


def problems(error: ValidationError, document: Document, at: tuple, model: type[BaseModel]) -> Iterator[Problem]:
    """What pydantic found wrong with the table at path ``at``, told in the words of the recipe."""
    for found in error.errors(include_url=False):
        path = at + tuple(part for part in found["loc"] if not str(part).startswith(("<", "[")))
        kind, dotted = found["type"], ".".join(map(str, path))
        known = _fields(model, path[len(at) : -1])
        if kind == "missing":
            owner = path[:-1]
            hints = _meaning(known.get(path[-1]))
            text = f"{'.'.join(map(str, owner)) or 'the recipe'} lacks the key {path[-1]!r}"
            yield Problem(text, document.key_place(owner), hints + _siblings(document, owner))
        elif kind == "extra_forbidden":
            hints = did_you_mean(str(path[-1]), known)
            yield Problem(f"unknown key {dotted!r}", document.key_place(path), hints)
        else:
            told = found["msg"].removeprefix("Value error, ")
            text = f"{dotted}: {told[:1].lower()}{told[1:]}" if dotted else told
            field = known.get(path[-1]) if path else None
            yield Problem(text + _got(found["input"]), _value_place(document, path), _meaning(field))


def _got(value: Any) -> str:
    shown = "a table" if isinstance(value, Mapping) else repr(value)
    return f", got {shown if len(shown) <= 60 else shown[:57] + '...'}"


def _meaning(field: Any) -> tuple[str, ...]:
    return (f"it is: {field.description}",) if field is not None and field.description else ()


def _value_place(document: Document, path: tuple) -> Place:
    return document.value_place(path) if path else document.key_place(())


def _siblings(document: Document, owner: tuple) -> tuple[str, ...]:
    """For a table that only an override has opened: the names that stand beside it."""
    if owner not in document.opened:
        return ()
    table: Any = document.tables
    for part in owner[:-1]:
        table = table[part]
    known = [name for name in table if (*owner[:-1], name) not in document.opened]
    return did_you_mean(str(owner[-1]), known)


def _fields(model: Any, path: tuple) -> Mapping[Any, Any]:
    """The fields of the record found by following ``path`` down from ``model``; none where it ends elsewhere."""
    records = [model]
    for part in path:
        inner = [
            record.model_fields[part].annotation
            for record in records
            if _is_record(record) and part in record.model_fields
        ]
        inner += [
            get_args(record)[-1 if get_args(record)[-1] is not ... else 0] for record in records if get_args(record)
        ]
        records = [one for record in inner for one in _unwrapped(record)]
    return {name: field for record in records if _is_record(record) for name, field in record.model_fields.items()}


def _unwrapped(annotation: Any) -> Iterator[Any]:
    """An annotation without ``Annotated``, and a union as its members."""
    if hasattr(annotation, "__metadata__"):
        yield from _unwrapped(annotation.__origin__)
    elif type(annotation).__name__ in ("UnionType", "_UnionGenericAlias", "Union"):
        for member in get_args(annotation):
            yield from _unwrapped(member)
    else:
        yield annotation


def _is_record(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
