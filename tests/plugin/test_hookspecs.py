"""One hook for every kind, each explained."""

from zerokd.plugin.hookspecs import HOOKSPECS
from zerokd.plugin.kinds import KINDS


def test_one_hook_a_kind():
    hooks = {name: hook for name, hook in vars(HOOKSPECS).items() if not name.startswith("__")}
    assert set(hooks) == {f"zerokd_{kind}" for kind in KINDS}
    assert all(hook.__doc__ and hook.__name__ == name for name, hook in hooks.items())
