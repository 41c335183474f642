"""One hook for every kind, each explained."""

from zerokd.plugin import hookspecs
from zerokd.plugin.specs import KINDS


def test_one_hook_a_kind():
    hooks = {name for name in vars(hookspecs) if name.startswith("zerokd_")}
    assert hooks == {f"zerokd_{kind}" for kind in KINDS}
    assert all(getattr(hookspecs, hook).__doc__ for hook in hooks)
