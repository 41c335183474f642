"""zerokd composes, proves, trains and ships tiny zero-reference image enhancers.

These names are public. Those that need torch are imported on first use, so that listing plugins and printing help stay
instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zerokd._version import API_VERSION as API_VERSION
from zerokd._version import __version__ as __version__
from zerokd.errors import DataError as DataError
from zerokd.errors import ExportError as ExportError
from zerokd.errors import NumericError as NumericError
from zerokd.errors import OutOfMemoryError as OutOfMemoryError
from zerokd.errors import OutputError as OutputError
from zerokd.errors import PluginError as PluginError
from zerokd.errors import RecipeError as RecipeError
from zerokd.errors import RunFolderError as RunFolderError
from zerokd.errors import StoppedError as StoppedError
from zerokd.errors import WeightsError as WeightsError
from zerokd.errors import ZerokdError as ZerokdError
from zerokd.plugin.hookspecs import hookimpl as hookimpl
from zerokd.plugin.kinds import KINDS, SPEC_CONSTRUCTORS
from zerokd.plugin.kinds import Spec as Spec
from zerokd.plugin.ports import Port as Port
from zerokd.plugin.ports import Signal as Signal

if TYPE_CHECKING:  # a type checker reads these lines, Python the tables below
    from zerokd.objective.declaration import Term as Term
    from zerokd.objective.models import Average as Average
    from zerokd.objective.objective import Objective as Objective
    from zerokd.objective.result import ObjectiveResult as ObjectiveResult
    from zerokd.objective.view import View as View
    from zerokd.pages.report import try_write_report as try_write_report
    from zerokd.plugin.batch import Batch as Batch
    from zerokd.plugin.clock import Clock as Clock
    from zerokd.plugin.clock import Duration as Duration
    from zerokd.plugin.config import Config as Config
    from zerokd.plugin.contracts import *  # noqa: F403
    from zerokd.plugin.kinds import *  # noqa: F403
    from zerokd.plugin.wrap_loss import wrap_loss as wrap_loss
    from zerokd.proof.evidence import Evidence as Evidence
    from zerokd.proof.prove import prove as prove
    from zerokd.recipe.build.compose import compose as compose
    from zerokd.recipe.toml.write_objective import objective_to_toml as objective_to_toml
    from zerokd.run.train import Run as Run
    from zerokd.run.train import train as train
    from zerokd.student.enhance.enhancer import load as load
    from zerokd.student.load import load_model as load_model
else:
    _LAZY_IMPORTS = {
        **dict.fromkeys((kind.contract for kind in KINDS.values()), "zerokd.plugin.contracts"),
        **dict.fromkeys(("DataConfig", "TermValues", "Weighting"), "zerokd.plugin.contracts"),
        **dict.fromkeys(("Clock", "Duration"), "zerokd.plugin.clock"),
        "Config": "zerokd.plugin.config",
        "wrap_loss": "zerokd.plugin.wrap_loss",
        "Term": "zerokd.objective.declaration",
        "Average": "zerokd.objective.models",
        "Objective": "zerokd.objective.objective",
        "ObjectiveResult": "zerokd.objective.result",
        "View": "zerokd.objective.view",
        "Batch": "zerokd.plugin.batch",
        "Evidence": "zerokd.proof.evidence",
        "compose": "zerokd.recipe.build.compose",
        "Run": "zerokd.run.train",
        "train": "zerokd.run.train",
        "load": "zerokd.student.enhance.enhancer",
        "load_model": "zerokd.student.load",
    }
    _HIGHER_ROOMS = {  # what a lower room calls, and nobody else
        "prove": "zerokd.proof.prove",
        "objective_to_toml": "zerokd.recipe.toml.write_objective",
        "try_write_report": "zerokd.pages.report",
    }
    globals().update(SPEC_CONSTRUCTORS)
    __all__ = sorted(
        [name for name in globals() if name.endswith("Error")]
        + ["API_VERSION", "Port", "Signal", "Spec", "__version__", "hookimpl", *SPEC_CONSTRUCTORS, *_LAZY_IMPORTS]
    )

    def __getattr__(name: str) -> Any:
        module = _LAZY_IMPORTS.get(name) or _HIGHER_ROOMS.get(name)
        if module is None:
            raise AttributeError(f"module 'zerokd' has no attribute {name!r}")
        return getattr(import_module(module), name)
