"""The recipe as validated records: what may stand in the TOML file, and what a mistake in it is called."""

from __future__ import annotations

from copy import deepcopy
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError

from zerokd.errors import KeyPath, Problem, RecipeError
from zerokd.plugin.clock import Duration
from zerokd.plugin.config import Config
from zerokd.recipe.schema.speed import SpeedConfig
from zerokd.recipe.schema.validation import fields_at_path, location_to_path, translate_validation_error
from zerokd.recipe.toml.document import Document

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]


class ComponentConfig(Config):
    """A component by name; all keys that are not the recipe's own are its config and are checked by the component.

    ``kind`` is the kind of component that such a table names.
    """

    model_config = ConfigDict(extra="allow")
    kind: ClassVar[str]

    use: str = Field(description="name of the component, or distribution:name")

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class DataSourceConfig(ComponentConfig):
    """Where the training images come from."""

    kind = "data"


class AdapterConfig(ComponentConfig):
    """What makes the tensors of a term comparable."""

    kind = "adapters"


AdapterOrName = Annotated[
    AdapterConfig, BeforeValidator(lambda value: {"use": value} if isinstance(value, str) else value)
]


class ScheduleConfig(ComponentConfig):
    """A number that changes while a stage runs."""

    kind = "schedules"


class DerivedParamConfig(Config):
    """A param made of others."""

    equals: str = Field(description="an expression over other params, such as 1 - alpha - beta")


def _number_tag(value: Any) -> str:
    if isinstance(value, DerivedParamConfig) or (isinstance(value, dict) and "equals" in value):
        return "<derived>"
    return "<schedule>" if isinstance(value, dict | ScheduleConfig) else "<number>"


TaggedSchedule = Annotated[ScheduleConfig, Tag("<schedule>")]
WeightConfig = Annotated[Annotated[float, Field(ge=0.0), Tag("<number>")] | TaggedSchedule, Discriminator(_number_tag)]
ParamConfig = Annotated[
    Annotated[float, Tag("<number>")] | TaggedSchedule | Annotated[DerivedParamConfig, Tag("<derived>")],
    Discriminator(_number_tag),
]


class WhenConfig(Config):
    """The steps at which a term is computed; at the others it costs nothing and adds nothing."""

    begin: Duration = Field("0 steps", alias="from", description='first moment: "500 steps" or "20 epochs"')
    until: Duration | None = Field(None, description="moment from which it is not computed any more")
    every: Duration = Field("1 step", description="distance between two steps at which it is computed")


class TermConfig(ComponentConfig):
    """One loss with its weight, bound to signals. Its name in logs and overrides is ``<group>.<term>``."""

    kind = "losses"

    weight: WeightConfig = Field(
        1.0, description="multiplies the term's mean value inside its group: a number, or a schedule"
    )
    on: dict[str, str] = Field({}, description="port = signal; a port left out reads its default signal")
    adapt: tuple[AdapterOrName, ...] = Field((), description="adapters, applied in order to all ports of the term")
    when: WhenConfig | None = Field(None, description="at which steps the term is computed; by default at all")
    monitor: bool = Field(False, description="compute and log the term, but keep it out of the objective")


class ModelConfig(ComponentConfig):
    """A model built by a plugin."""

    kind = "models"

    weights: str | None = Field(None, description='"bundled", or a path to .safetensors or a released .pth')


class AverageConfig(Config):
    """The exponential moving average of another model, restarted with each stage that reads it."""

    average_of: str = Field(description="name of the model that is averaged")
    decay: float = Field(0.999, ge=0.0, lt=1.0, description="share of the average kept at each step")


def _model_tag(value: Any) -> str:
    average = "average_of" in value if isinstance(value, dict) else isinstance(value, AverageConfig)
    return "<average>" if average else "<network>"


AnyModelConfig = Annotated[
    Annotated[ModelConfig, Tag("<network>")] | Annotated[AverageConfig, Tag("<average>")], Discriminator(_model_tag)
]


class OptimizerConfig(Config):
    """Adam with a cosine learning rate and a clipped gradient norm."""

    learning_rate: float = Field(5e-3, gt=0.0, le=100.0, description="at the stage's first step")
    final_learning_rate: float = Field(
        1e-7, ge=0.0, description="what a cosine brings it down to by the end of the stage"
    )
    weight_decay: float = Field(0.0, ge=0.0, description="Adam's coupled L2 decay")
    clip_norm: float = Field(0.1, gt=0.0, le=1e6, description="largest norm of the whole gradient")


class AugmentationConfig(ComponentConfig):
    """A random change of the input."""

    kind = "augmentations"


class AggregatorConfig(ComponentConfig):
    """How the gradients of a stage's terms become the one that the student follows."""

    kind = "aggregators"


class StageConfig(ComponentConfig):
    """One training stage."""

    kind = "stages"

    objective: str = Field(description="the equation over term groups")
    epochs: int = Field(ge=1, le=100_000, description="passes over the training images")
    batch: int = Field(4, ge=1, le=4096, description="images a step")
    optimizer: OptimizerConfig = OptimizerConfig()
    augment: dict[Name, AugmentationConfig] = Field({}, description="augmentations of the input, applied in order")
    aggregate: AggregatorConfig | None = Field(None, description="combines the terms' gradients in place of their sum")


class MetricConfig(ComponentConfig):
    """What the student is measured by on images that it is not trained on."""

    kind = "metrics"

    on: dict[str, str] = Field({}, description="port = signal; a port left out reads its default signal")


class ObserverConfig(ComponentConfig):
    """What is told of the run while it runs."""

    kind = "observers"


class Recipe(Config):
    """A whole recipe."""

    name: Name = Field(description="what the recipe's runs are called")
    requires: dict[str, str] = Field({}, description='distribution = version specifier: zerokd-torchjd = ">=0.1"')
    run: tuple[str, ...] = Field(min_length=1, description="stages, in order")
    seed: int = Field(0, ge=0, lt=2**63, description="decides every random number of the run")
    threads: int = Field(2, ge=1, le=1024, description="CPU threads; another number may change the last bits")
    diagnose_every: int = Field(100, ge=1, description="steps between two measurements of the terms' gradients")
    checkpoint_seconds: float = Field(20.0, ge=0.0, description="seconds of training between two checkpoints")
    on_nonfinite: Literal["abort", "skip"] = Field(
        "abort", description="what to do about a step that is not finite: end the run there, or leave the step out"
    )
    skip_at_most: int = Field(10, ge=1, description="steps that a run may leave out before it ends all the same")
    speed: SpeedConfig = SpeedConfig()
    params: dict[Identifier, ParamConfig] = Field(
        {}, description="what equations may use: a number, a schedule, or { equals = EXPRESSION }"
    )
    data: DataSourceConfig
    models: dict[Name, AnyModelConfig]
    stages: dict[Name, StageConfig]
    terms: dict[Identifier, dict[Name, TermConfig]]
    metrics: dict[Name, MetricConfig] = Field({}, description="measured at the end of each stage")
    observers: dict[Name, ObserverConfig] = Field({}, description="told of the run; they cannot change it")


PLACEHOLDERS: dict[str | int, Any] = {  # for required keys; "" is no name that a recipe may use
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
    """The recipe that a document holds.

    Raises:
        RecipeError: with every mistake, each at its place.
    """
    recipe, found = validate_recipe_partially(document)
    if found:
        raise RecipeError(*found)
    return recipe


def validate_recipe_partially(document: Document) -> tuple[Recipe, tuple[Problem, ...]]:
    """As much of the recipe as can be understood, and what is wrong with the rest.

    A wrong value gives way to its default or a stand-in, or else takes the smallest table around it with it. Such a
    recipe is there to find further mistakes in: its ``data`` may be None and its ``run`` made up.
    """
    tables = deepcopy(document.tables)
    found: tuple[Problem, ...] = ()
    while True:
        try:
            recipe = Recipe.model_validate(tables)
            break
        except ValidationError as error:
            found += tuple(translate_validation_error(error, document, (), Recipe))
            taken = [_discard_invalid(tables, location_to_path(one["loc"])) for one in error.errors(include_url=False)]
            if not any(taken):
                raise RecipeError(*found) from None
    made_up: dict[str, Any] = {"data": None, "run": tuple(recipe.stages)}
    broken = [key for key in made_up if tables[key] is PLACEHOLDERS[key]]
    return recipe.model_copy(update={key: made_up[key] for key in broken}), found


def _discard_invalid(tables: dict[str, Any], path: KeyPath) -> bool:
    """Take what is wrong at a path out of ``tables``; whether there was something to take."""
    for length in range(len(path), 0, -1):
        *around, key = path[:length]
        table: Any = tables
        for part in around:
            table = table.get(part) if isinstance(table, dict) else None
        field = fields_at_path(Recipe, tuple(around)).get(key)
        if not isinstance(table, dict) or (length < len(path) and key not in table):
            continue  # an array's element, or gone with an earlier mistake
        if field is None or not field.is_required():
            return table.pop(key, None) is not None
        if key in PLACEHOLDERS:
            table[key] = PLACEHOLDERS[key]
            return True
    return False
