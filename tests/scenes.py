"""Generated scenes, rendered once for all tests of a process: most of what a tiny run takes is the same six scenes."""

from zerokd.data import dead_leaves

MOST_SCENES = 200
_render = dead_leaves.render_leaf_scene
_scenes = {}


def remember_scenes():
    """Have data sources take a scene that was rendered before from memory, with the generator behind it."""
    dead_leaves.render_leaf_scene = _render_once


def _render_once(rng, size):
    key = size, repr(rng.bit_generator.state)
    if key not in _scenes:
        while len(_scenes) >= MOST_SCENES:
            _scenes.pop(next(iter(_scenes)))
        scene = _render(rng, size)
        _scenes[key] = scene, rng.bit_generator.state
    scene, rng.bit_generator.state = _scenes[key]
    return scene.copy()
