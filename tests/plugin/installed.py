"""Distributions that were never installed: a module and its metadata in a folder, to be put on the path."""

LOSS = """
import zerokd

class Flat(zerokd.Loss):
    ports = {{"image": zerokd.Port("any image", grad=True, default="student.enhanced")}}

    def forward(self, *, image):
        return image.mean(dim=(1, 2, 3))
"""
HOOK = """
from zerokd import LossSpec, hookimpl

@hookimpl
def zerokd_losses():
    return [LossSpec({name!r}, target="{module}.loss:Flat", summary="a test")]
"""


def install(folder, name, version="1.0", code=None, requires=(), component=None, entry=None):
    """Put a distribution into a folder; by default one with a good loss of its own name."""
    module = name.replace("-", "_").lower()
    component = component or module
    (folder / module).mkdir(parents=True)
    text = HOOK.format(name=component, module=module) if code is None else code
    (folder / module / "__init__.py").write_text(text)
    (folder / module / "loss.py").write_text(LOSS.format())
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    lines = [f"Requires-Dist: {require}" for require in requires]
    (info / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""])
    )
    (info / "entry_points.txt").write_text(f"[zerokd]\n{module} = {entry or module}\n")
    return info
