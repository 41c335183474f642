"""The tables of a recipe as validated records, and the validation of a whole document."""

from __future__ import annotations

from copy import deepcopy
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError

from zerokd.errors import KeyPath, Problem, RecipeError
from zerokd.plugin.clock import Duration
from zerokd.plugin.config import Config
from zerokd.recipe.schema.component import ComponentConfig as ComponentConfig
from zerokd.recipe.schema.component import DerivedParamConfig as DerivedParamConfig
from zerokd.recipe.schema.component import ParamConfig, WeightConfig
from zerokd.recipe.schema.component import ScheduleConfig as ScheduleConfig
from zerokd.recipe.schema.optimizer import OptimizerConfig as OptimizerConfig
from zerokd.recipe.schema.selection import BestConfig
from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.recipe.schema.validation import location_to_path, translate_validation_error
from zerokd.recipe.schema.walk import fields_at_path
from zerokd.recipe.toml.document import Document

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]


class DataSourceConfig(ComponentConfig):
    """The source of the training images."""

    kind = "data"


class AdapterConfig(ComponentConfig):
    """An adapter, which makes the tensors of a term comparable."""

    kind = "adapters"


AdapterOrName = Annotated[
    AdapterConfig, BeforeValidator(lambda value: {"use": value} if isinstance(value, str) else value)
]


class WhenConfig(Config):
    """The steps that compute a term; at other steps it costs nothing and adds nothing."""

    begin: Duration = Field("0 steps", alias="from", description='first moment: "500 steps" or "20 epochs"')
    until: Duration | None = Field(None, description="first moment that does not compute it any more")
    every: Duration = Field("1 step", description="distance between two steps that compute it")


class TermConfig(ComponentConfig):
    """A loss with its weight, bound to signals. Its name in logs and overrides is ``<group>.<term>``."""

    kind = "losses"

    weight: WeightConfig = Field(
        1.0, description="multiplies the term's mean value inside its group: a number, or a schedule"
    )
    on: dict[str, str] = Field({}, description="port = signal; a port that is not listed reads its default signal")
    adapt: tuple[AdapterOrName, ...] = Field((), description="adapters, applied in order to all ports of the term")
    when: WhenConfig | None = Field(None, description="the steps that compute the term; by default all")
    monitor: bool = Field(False, description="compute and log the term, but do not train on it")


class ModelConfig(ComponentConfig):
    """A model from a plugin."""

    kind = "models"

    weights: str | None = Field(None, description='"bundled", or a path to .safetensors or a released .pth')


class AverageConfig(Config):
    """The exponential moving average of another model; each stage that reads it restarts it."""

    average_of: str = Field(description="name of the averaged model")
    decay: float = Field(0.999, ge=0.0, lt=1.0, description="share of the average that each step keeps")


def _model_tag(value: Any) -> str:
    average = "average_of" in value if isinstance(value, dict) else isinstance(value, AverageConfig)
    return "<average>" if average else "<network>"


AnyModelConfig = Annotated[
    Annotated[ModelConfig, Tag("<network>")] | Annotated[AverageConfig, Tag("<average>")], Discriminator(_model_tag)
]


class AugmentationConfig(ComponentConfig):
    """A random change of the input."""

    kind = "augmentations"


class SignalConfig(AugmentationConfig):
    """A signal that is computed from another one, such as a flipped input. ``NAME(other)`` is the same change, with the
    same random draws, of another signal."""

    on: str = Field("low", description="the signal that the augmentation changes")


class AggregatorConfig(ComponentConfig):
    """Combines the gradients of a stage's terms into the one that the student follows."""

    kind = "aggregators"


class CriticConfig(ComponentConfig):
    """The second player of a stage, which trains on an objective of its own; terms read ``critic(SIGNAL).score``."""

    kind = "critics"

    objective: str = Field(description="its equation over term groups")
    every: int = Field(1, ge=1, description="batches between two of its turns")
    steps: int = Field(1, ge=1, le=100, description="updates in a turn, before the student's")
    optimizer: OptimizerConfig = OptimizerConfig()


class StageConfig(ComponentConfig):
    """A training stage."""

    kind = "stages"

    objective: str = Field(description="the equation over term groups")
    epochs: int = Field(ge=1, le=100_000, description="passes over the training images")
    batch: int = Field(4, ge=1, le=4096, description="images in a step")
    optimizer: OptimizerConfig = OptimizerConfig()
    augment: dict[Name, AugmentationConfig] = Field({}, description="augmentations of the input, applied in order")
    aggregate: AggregatorConfig | None = Field(None, description="combines the terms' gradients in place of their sum")
    critic: CriticConfig | None = Field(None, description="the second player, for adversarial terms")


class MetricConfig(ComponentConfig):
    """A metric of the student on held-out images."""

    kind = "metrics"

    on: dict[str, str] = Field({}, description="port = signal; a port that is not listed reads its default signal")


class ObserverConfig(ComponentConfig):
    """An observer that zerokd notifies during the run."""

    kind = "observers"


class Recipe(Config):
    """A whole recipe."""

    name: Name = Field(description="name of the recipe, and of its runs")
    requires: dict[str, str] = Field({}, description='distribution = version specifier: zerokd-torchjd = ">=0.1"')
    run: tuple[str, ...] = Field(min_length=1, description="stages, in order")
    seed: int = Field(0, ge=0, lt=2**63, description="decides every random number of the run")
    threads: int = Field(2, ge=1, le=1024, description="CPU threads; another number may change the last bits")
    diagnose_every: int = Field(100, ge=1, description="steps between two measurements of the terms' gradients")
    checkpoint_seconds: float = Field(20.0, ge=0.0, description="seconds of training between two checkpoints")
    on_nonfinite: Literal["abort", "skip"] = Field(
        "abort", description="at a step that is not finite: end the run, or skip the step"
    )
    skip_at_most: int = Field(10, ge=1, description="steps that a run may skip before it ends all the same")
    export: Literal["student", "average", "best"] = Field(
        "student", description="which student leaves the run: of the last step, its average, or the best by a metric"
    )
    measure_every: int = Field(0, ge=0, description="epochs between two measurements of the metrics; 0: after stages")
    best: BestConfig | None = None
    speed: SpeedConfig = SpeedConfig()
    params: dict[Identifier, ParamConfig] = Field(
        {}, description="names for equations: a number, a schedule, or { equals = EXPRESSION }"
    )
    data: DataSourceConfig
    models: dict[Name, AnyModelConfig]
    signals: dict[Name, SignalConfig] = Field({}, description="signals that are computed from others")
    stages: dict[Name, StageConfig]
    terms: dict[Identifier, dict[Name, TermConfig]]
    metrics: dict[Name, MetricConfig] = Field({}, description="measured at the end of each stage")
    observers: dict[Name, ObserverConfig] = Field({}, description="notified of the run; they cannot change it")


PLACEHOLDERS: dict[str | int, Any] = {  # for required keys; "" is not a valid name
    "name": "unnamed",
    "run": [""],
    "data": {"use": ""},
    "models": {},
    "stages": {},
    "terms": {},
    "objective": "",
    "epochs": 1,
}


def validate_recipe(document: Document) -> Recipe:
    """The recipe in a document.

    Raises:
        RecipeError: with every problem, each at its place.
    """
    recipe, problems = validate_recipe_partially(document)
    if not problems:
        return recipe
    raise RecipeError(*problems)


def validate_recipe_partially(document: Document) -> tuple[Recipe, tuple[Problem, ...]]:
    """The valid part of a recipe, and the problems of the rest.

    Defaults and placeholders replace invalid values; where there are none, the smallest table around the value goes
    too. A recipe with problems serves only to find more: its ``data`` may be None, and its ``run`` all stages.
    """
    tables = deepcopy(document.tables)
    problems: tuple[Problem, ...] = ()
    while True:
        try:
            recipe = Recipe.model_validate(tables)
            break
        except ValidationError as error:
            problems += tuple(translate_validation_error(error, document, (), Recipe))
            details = error.errors(include_url=False)
            discarded = [_discard_invalid(tables, location_to_path(detail["loc"])) for detail in details]
            if not any(discarded):
                raise RecipeError(*problems) from None
    substitutes: dict[str, Any] = {"data": None, "run": tuple(recipe.stages)}
    return recipe.model_copy(update={k: v for k, v in substitutes.items() if tables[k] is PLACEHOLDERS[k]}), problems


def _discard_invalid(tables: dict[str, Any], path: KeyPath) -> bool:
    """Remove or replace an invalid value, or the table around it; False if ``tables`` has neither."""
    for length in range(len(path), 0, -1):
        *around, key = path[:length]
        table: Any = tables
        for part in around:
            table = table.get(part) if isinstance(table, dict) else None
        field = fields_at_path(Recipe, tuple(around)).get(key)
        if not isinstance(table, dict) or (length < len(path) and key not in table):
            continue  # an element of an array, or removed with an earlier error
        if field is None or not field.is_required():
            return table.pop(key, None) is not None
        if key in PLACEHOLDERS:
            table[key] = PLACEHOLDERS[key]
            return True
    return False
