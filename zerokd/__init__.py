"""zerokd composes, proves, trains and ships tiny zero-reference image enhancers.

These are the names a plugin author needs. Those that rest on torch are imported on first use, so that listing plugins
and printing help stay instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zerokd._version import API_VERSION, __version__
from zerokd.errors import (
    DataError,
    ExportError,
    NumericError,
    OutOfMemoryError,
    OutputError,
    PluginError,
    RecipeError,
    RunFolderError,
    StoppedError,
    WeightsError,
    ZerokdError,
)
from zerokd.plugin.hookspecs import hookimpl
from zerokd.plugin.specs import (
    AdapterSpec,
    AggregatorSpec,
    AugmentationSpec,
    DataSpec,
    ExporterSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    ObserverSpec,
    Port,
    ScheduleSpec,
    Signal,
    StageSpec,
)

if TYPE_CHECKING:
    from zerokd.plugin.clock import Clock, Duration
    from zerokd.plugin.config import Config
    from zerokd.plugin.contracts import (
        Adapter,
        Aggregator,
        Augmentation,
        Data,
        DataConfig,
        Exporter,
        Loss,
        Metric,
        Model,
        Observer,
        Schedule,
        Stage,
    )
    from zerokd.student.enhance.enhancer import load
    from zerokd.student.load import load_model

_CONTRACT_NAMES = (
    "Adapter",
    "Aggregator",
    "Augmentation",
    "Data",
    "DataConfig",
    "Exporter",
    "Loss",
    "Metric",
    "Model",
    "Observer",
    "Schedule",
    "Stage",
)
_LAZY_IMPORTS = {
    **dict.fromkeys(_CONTRACT_NAMES, "zerokd.plugin.contracts"),
    **dict.fromkeys(("Clock", "Duration"), "zerokd.plugin.clock"),
    "Config": "zerokd.plugin.config",
    "load": "zerokd.student.enhance.enhancer",
    "load_model": "zerokd.student.load",
}

__all__ = [
    "API_VERSION",
    "Adapter",
    "AdapterSpec",
    "Aggregator",
    "AggregatorSpec",
    "Augmentation",
    "AugmentationSpec",
    "Clock",
    "Config",
    "Data",
    "DataConfig",
    "DataError",
    "DataSpec",
    "Duration",
    "ExportError",
    "Exporter",
    "ExporterSpec",
    "Loss",
    "LossSpec",
    "Metric",
    "MetricSpec",
    "Model",
    "ModelSpec",
    "NumericError",
    "Observer",
    "ObserverSpec",
    "OutOfMemoryError",
    "OutputError",
    "PluginError",
    "Port",
    "RecipeError",
    "RunFolderError",
    "Schedule",
    "ScheduleSpec",
    "Signal",
    "Stage",
    "StageSpec",
    "StoppedError",
    "WeightsError",
    "ZerokdError",
    "__version__",
    "hookimpl",
    "load",
    "load_model",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY_IMPORTS:
        raise AttributeError(f"module 'zerokd' has no attribute {name!r}")
    return getattr(import_module(_LAZY_IMPORTS[name]), name)
