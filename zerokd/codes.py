"""The meaning of the code in brackets after a message, as ``zerokd explain CODE`` prints it."""

from __future__ import annotations

import textwrap

from attrs import frozen


@frozen
class ErrorCode:
    """The meaning of a code, the ``reason`` why zerokd refuses to continue ("" if that is plain), and the ``fix``."""

    meaning: str
    reason: str
    fix: str


ERROR_CODES: dict[str, ErrorCode] = {
    # the text of a recipe
    "unreadable-recipe": ErrorCode(
        "The recipe's file is missing, is no file, is too large or not UTF-8, or no shipped recipe has this name.",
        "zerokd would have nothing to validate.",
        "Check the path, of a text file of at most 256 KiB, or the name: `zerokd list recipes` shows all.",
    ),
    "invalid-toml": ErrorCode(
        "The text is not valid TOML.",
        "A partly parsed file would define a different recipe.",
        "Fix the line shown: an unclosed quote or bracket, a duplicate key, a line without =.",
    ),
    "extends": ErrorCode(
        "The recipe that `extends` names is unreadable, or recipes extend one another in a cycle.",
        "Without its base, the recipe is incomplete.",
        "Correct the path, which starts at the folder of the file that contains it, or the name of the shipped recipe.",
    ),
    "unknown-key": ErrorCode(
        "A table has a key that zerokd does not know.",
        "A misspelt key would silently keep its default, and the run would differ from the recipe.",
        "Use the suggested name; `zerokd show NAME` lists the keys of a component.",
    ),
    "missing-key": ErrorCode(
        "A table lacks a key that has no default.",
        "A guess would decide what to train.",
        "Add the key; the hint describes it.",
    ),
    "wrong-value": ErrorCode(
        "A value has the wrong type or is out of bounds.",
        "zerokd never clamps or converts a value silently.",
        "Use the type and bounds shown; a number in quotes is text.",
    ),
    "setting": ErrorCode(
        "An option such as `--set KEY=VALUE` does not fit the recipe.",
        "It would change nothing, or something else.",
        "Write the full key with dots: `params.alpha=0.4`; quote text: `name='\"mine\"'`.",
    ),
    "requires": ErrorCode(
        "A package in the recipe's `[requires]` is missing, broken, disabled or of another version.",
        "Its components would be missing or different.",
        "Install the package in the message, or enable it: ZEROKD_PLUGINS, --no-plugins.",
    ),
    # names
    "unknown-component": ErrorCode(
        "No component of this kind has this name.",
        "zerokd has nothing to build.",
        "Look it up in `zerokd list`; `zerokd plugins` shows broken packages. Install the package of the component.",
    ),
    "ambiguous-component": ErrorCode(
        "Two packages provide a component of this name.",
        "The choice would depend on the installed packages.",
        'Name the package: `use = "distribution:name"`.',
    ),
    "unknown-port": ErrorCode(
        "A term binds a port that its loss lacks, or leaves a port without a default unbound.",
        "The loss would receive other tensors than its author intended.",
        '`zerokd show NAME` lists the ports; `on = { port = "owner.signal" }` binds them.',
    ),
    "unknown-signal": ErrorCode(
        "A term reads a signal that does not exist, or that its stage may not read.",
        "In the released script of the documented system, such a contrastive term is always 0.",
        "Signals are `low`, `MODEL.OUTPUT` and `MODEL.features.LAYER`; the message lists those of this recipe.",
    ),
    "stage-needs": ErrorCode(
        "A stage needs a model that none of its terms reads.",
        "Distillation without a teacher distils nothing.",
        "Add a term that reads the model, or use another kind of stage.",
    ),
    # the equation and its numbers
    "equation": ErrorCode(
        "The objective is not an equation over the recipe's groups, or a coefficient is negative or not finite.",
        "zerokd clamps and normalises nothing: it runs the equation in the recipe.",
        "Write it linear in groups, with numbers, params, + - * /, parentheses, min and max. Use every group and "
        "param; keep every coefficient at least 0 at every step.",
    ),
    "schedule": ErrorCode(
        "A schedule, weight or `when` does not fit its stage.",
        "It would be negative, not finite, or without effect.",
        'Write durations with a unit, "500 steps" or "20 epochs"; they count from the start of the stage.',
    ),
    # inputs of a term
    "out-of-range": ErrorCode(
        "A signal may have values outside the range of the port.",
        "A curve map in [-1, 1] in place of an image in [0, 1] gives a number, but a wrong one.",
        "Bind the right signal, or add an adapter that maps it into the range.",
    ),
    "shapes-differ": ErrorCode(
        "Tensors that a term compares differ in shape, have the wrong number of channels, or are too small.",
        "Broadcasting would compare everything with everything.",
        'Add adapters: `adapt = ["adaptive_pool", "gap"]`; or train on larger images: `data.size`.',
    ),
    "iterations-differ": ErrorCode(
        "Two models apply their curve maps a different number of times.",
        "Four iterations of a map are darker than eight of the same: matching the maps would darken the image.",
        'Convert first: `adapt = ["match_iterations"]`.',
    ),
    # effects of a term
    "no-gradient": ErrorCode(
        "The term has no gradient at the student, or it is exactly 0.",
        "zerokd would compute and log the term, but train nothing on it.",
        "Bind the port that needs a gradient to a signal of the student; to log a term only, set `monitor = true`.",
    ),
    "constant": ErrorCode(
        "The term has the same value for all images and all students.",
        "It trains nothing, and its curve looks converged.",
        "Look for signals without common support, a comparison of a signal with itself, or a value that always clips.",
    ),
    "not-finite": ErrorCode(
        "The term's value or gradient is NaN or infinite on the first images, or on a black, white or grey one.",
        "One such photo turns every weight into NaN, in a step whose loss may be finite.",
        "Give roots, logarithms and divisions a finite gradient at 0; the message says where.",
    ),
    "steep-on-equal": ErrorCode(
        "The term's value or gradient is NaN, infinite or huge where two of its inputs are equal.",
        "A moving average equals the student at the start of a stage: the first step would be the last.",
        "Give roots a finite gradient at 0; replace a quotient by a bounded form, such as softplus of a difference.",
    ),
    "depends-on-batch": ErrorCode(
        "The value of an image changes with the other images of its batch.",
        "A data range or normalisation over the batch makes a photo's loss depend on its neighbours and on batch size.",
        "Compute ranges and means over each image alone.",
    ),
    "out-of-bounds": ErrorCode(
        "The loss returns a value outside its declared bounds.",
        "Checks and charts rely on the declaration.",
        "Fix the loss, or its `bounds`.",
    ),
    "not-per-image": ErrorCode(
        "The loss does not return one value per image, shape (N,), in float32 or wider.",
        "Only the objective reduces over the batch, so that weights mean the same at any batch size.",
        "Average over channels, height and width: `.mean(dim=(1, 2, 3))`.",
    ),
    "hidden-state": ErrorCode(
        "A loss, adapter or aggregator holds an optimizer, or tensors or modules outside its parameters and buffers.",
        "Checkpoints would not store them, so that a resumed run would be another one; an optimizer in a loss would "
        "also step once for each part of a batch.",
        "Register tensors as buffers and modules as submodules; parameters are trained by zerokd's optimizer.",
    ),
    "changed-in-place": ErrorCode(
        "A component writes to one of its input tensors.",
        "Other terms read the same tensor, and their values would depend on the order.",
        "Write the result to a new tensor.",
    ),
    "same-term-twice": ErrorCode(
        "Two terms are the same loss with the same config on the same signals.",
        "The effective weight is the sum of both, which the recipe does not show.",
        "Remove one and add its weight to the other, or set `monitor = true`.",
    ),
    "rewards-nothing": ErrorCode(
        "Every term of the stage is smallest where the student leaves the image unchanged.",
        "The student would learn to do nothing, while the loss falls.",
        "Add a term that rewards brightness, or the teacher's image.",
    ),
    "aggregator-terms": ErrorCode(
        "An aggregator cannot work on the terms of its stage: on values below 0, or for the reason in the message.",
        "It divides by values or learns from them, and would give such a term a factor without meaning.",
        "Set `monitor = true` for the term, move it to another stage, or use another aggregator.",
    ),
    # plugins
    "plugin-broken": ErrorCode(
        "zerokd cannot import a plugin that it needs, or the plugin registers an invalid component.",
        "Its components would be missing.",
        "`zerokd plugins` says why; `zerokd --traceback ...` shows where.",
    ),
    "plugin-failed": ErrorCode(
        "A component raised an error of its own, or returned a value that breaks the contract of its kind.",
        "zerokd cannot know the right value.",
        "Tell its author: `zerokd --traceback ...` shows the place, `zerokd plugins --check NAME` tests the plugin.",
    ),
    # files and the machine
    "data-unusable": ErrorCode(
        "The folder of photos is missing, has no photo, or has files that `strict = true` forbids.",
        "zerokd never replaces or skips a photo silently.",
        "`zerokd check-data DIR` lists every unusable file, and why.",
    ),
    "weights-unusable": ErrorCode(
        "A file of weights or of a model is missing, damaged, of another architecture, not finite, not what its model "
        "reads, cannot be downloaded, or holds a program that you have not allowed.",
        "A partly loaded student or teacher is another network. zerokd never runs the code in a pickle.",
        "Compare the keys shown with those of the model; check the path. Allow a program only if you trust its author.",
    ),
    "export-failed": ErrorCode(
        "The format cannot hold this student, or the exported file computes other pixels.",
        "Users would find the difference only on their own photos.",
        "Use `onnx` or `pt2`, which hold any model; the message says what this format lacks.",
    ),
    "not-finite-step": ErrorCode(
        "The objective or gradient of a training step is NaN or infinite. The step changed no parameter.",
        "Weights that are NaN stay NaN.",
        'Look up term, image and step in `failure/report.json`; `on_nonfinite = "skip"` skips and reports such steps.',
    ),
    "stopped": ErrorCode(
        "A signal stopped the run (Ctrl-C, SIGTERM). Its checkpoint is saved.",
        "",
        "Continue with `zerokd resume RUN`; the result has the same bytes.",
    ),
    "out-of-memory": ErrorCode(
        "The machine or its GPU ran out of memory.",
        "",
        "Use smaller micro batches, images or caches: `[speed] images_at_once`, `[data] size`, `[speed] cache_gib`. "
        "`zerokd resume RUN` continues a run from its last checkpoint.",
    ),
    "run-folder": ErrorCode(
        "The run folder cannot be created, is not empty, or belongs to a run in progress.",
        "zerokd never overwrites a run.",
        "Choose another --out, or continue its run with `zerokd resume`.",
    ),
    "cannot-write": ErrorCode(
        "A file or folder cannot be written, or its path holds a file that zerokd did not create.",
        "zerokd never deletes files of the user.",
        "Free disk space, change permissions, or choose another path.",
    ),
}


def explain_code(name: str) -> str:
    """The text of a code, in lines of at most 80 columns."""
    code = ERROR_CODES[name]
    parts = [code.meaning, *([f"Why: {code.reason}"] if code.reason else []), f"To do: {code.fix}"]
    return "\n\n".join([name, *(textwrap.fill(part, 80, break_on_hyphens=False) for part in parts)])
