"""What each kind of problem means, by the code in brackets after its message: ``zerokd explain CODE``."""

from __future__ import annotations

import textwrap

from attrs import frozen


@frozen
class ErrorCode:
    """``means`` says what was found, ``why`` what would come of going on, ``fix`` what to do."""

    meaning: str
    consequence: str
    fix: str


ERROR_CODES: dict[str, ErrorCode] = {
    # the text of a recipe
    "unreadable-recipe": ErrorCode(
        "The recipe's file is not there, is no file, is too large, or is not UTF-8.",
        "Nothing of it can be understood.",
        "Look at the path; a recipe is a text file of at most 256 KiB.",
    ),
    "invalid-toml": ErrorCode(
        "The text is not TOML.",
        "TOML that is read half would be another recipe.",
        "Mend the place that is shown: an unclosed quote or bracket, a key that is there twice, a line without =.",
    ),
    "extends": ErrorCode(
        "The recipe that `extends` names cannot be read, or recipes extend one another in a circle.",
        "Without it, what is left is not a whole recipe.",
        "The path counts from the folder of the file that it stands in.",
    ),
    "unknown-key": ErrorCode(
        "A table has a key that nobody reads.",
        "A misspelt key would be left at its default in silence, and the run be another one than it looks like.",
        "Take the nearest name that is shown; `zerokd show NAME` lists the keys of a component.",
    ),
    "missing-key": ErrorCode(
        "A table lacks a key that has no default.",
        "A guess would decide what is trained.",
        "Add it; the message says what it is.",
    ),
    "wrong-value": ErrorCode(
        "A value has the wrong type, or lies outside its bounds.",
        "Values are never clamped or converted in silence.",
        "Take a value of the type and bounds that are shown; a number in quotes is text.",
    ),
    "setting": ErrorCode(
        "A `--set KEY=VALUE` cannot be applied to the recipe.",
        "It would change nothing, or something else.",
        "Name the key as it stands in the recipe, with dots: `params.alpha=0.4`; text is quoted: `name='\"mine\"'`.",
    ),
    "requires": ErrorCode(
        "The recipe's `[requires]` names a package that is missing, broken, left out or of another version.",
        "Its components would be missing, or be others.",
        "Install what the message names, or load it: ZEROKD_PLUGINS, --no-plugins.",
    ),
    # names
    "unknown-component": ErrorCode(
        "No component of that kind has that name.",
        "There is nothing to build.",
        "`zerokd list` shows all; one of a package that is not installed, or is broken, is missing there: "
        "`zerokd plugins`.",
    ),
    "ambiguous-component": ErrorCode(
        "Two packages provide a component of that name.",
        "Which one is taken would depend on what else is installed.",
        'Write whose it is: `use = "distribution:name"`.',
    ),
    "unknown-port": ErrorCode(
        "A term binds a port that its loss does not have, or leaves one unbound that has no default.",
        "The loss would be called with other tensors than its author meant.",
        '`zerokd show NAME` has the ports; `on = { port = "owner.signal" }` binds them.',
    ),
    "unknown-signal": ErrorCode(
        "A term reads a signal that there is not, or that its stage may not read.",
        "In the released script of the documented system this is a contrastive term that is 0 forever.",
        "Signals are `low`, `MODEL.OUTPUT` and `MODEL.features.LAYER`; the message shows what this recipe has.",
    ),
    "stage-needs": ErrorCode(
        "A stage needs to read a model that none of its terms reads.",
        "A distillation that reads no teacher is not one.",
        "Add a term on that model, or use a stage of another kind.",
    ),
    # the equation and its numbers
    "equation": ErrorCode(
        "The objective is no equation over the recipe's groups, or a coefficient is negative or not finite at a step.",
        "Nothing is clamped or normalised: the equation in the recipe is the one that runs.",
        "It has to be linear in groups, with numbers, params, + - * /, parentheses, min and max; every group and param "
        "used, every coefficient at least 0 at every step.",
    ),
    "schedule": ErrorCode(
        "A schedule, weight or `when` does not fit the stage that uses it.",
        "It would be negative, not finite, or never happen.",
        'Durations have a unit, "500 steps" or "20 epochs", and count from the start of the stage.',
    ),
    # what a term is given
    "out-of-range": ErrorCode(
        "A signal may have values outside the range that a port takes.",
        "A curve map in [-1, 1] where an image in [0, 1] is expected gives a number, and a wrong one.",
        "Bind the signal that the port means, or an adapter that brings it into range.",
    ),
    "shapes-differ": ErrorCode(
        "Two tensors that are compared differ in shape, have the wrong number of channels, or are too small.",
        "Broadcasting would compare everything with everything.",
        'Put adapters between: `adapt = ["adaptive_pool", "gap"]`; or train on larger images: `data.size`.',
    ),
    "iterations-differ": ErrorCode(
        "Two curve maps are applied a different number of times.",
        "Four steps of a map are not as bright as eight of the same: their difference fights the image's.",
        'Convert first: `adapt = ["match_iterations"]`.',
    ),
    # what a term does
    "no-gradient": ErrorCode(
        "No gradient goes from the term to the student, or it is exactly 0.",
        "The term would be computed and logged, and train nothing.",
        "Bind the port that asks for gradient to a signal of the student; `monitor = true` logs a term only.",
    ),
    "constant": ErrorCode(
        "The term has one value, whatever the images and the student are.",
        "It trains nothing, and its curve looks converged.",
        "Look for signals that never meet, a comparison of a thing with itself, or a value that is always clipped.",
    ),
    "not-finite": ErrorCode(
        "The term's value or gradient is NaN or infinite: on the first images, or on a black, white or grey one.",
        "One such photo turns every weight into NaN, in a step whose loss may be finite.",
        "Give roots, logarithms and divisions a gradient where their argument is 0; the message says where.",
    ),
    "steep-on-equal": ErrorCode(
        "The term's value or gradient is NaN, infinite or huge where two of its inputs are equal.",
        "A moving average is the student at the start of a stage: the first step would be the last.",
        "Give roots a gradient at 0; bound the loss, as a softplus of a difference is, in place of a quotient.",
    ),
    "depends-on-batch": ErrorCode(
        "An image's value changes with the other images of its batch.",
        "A data range or normalisation over the batch makes a photo's loss depend on its company, and on batch size.",
        "Take ranges and means over each image alone.",
    ),
    "out-of-bounds": ErrorCode(
        "The loss gives a value that its declared bounds exclude.",
        "Checks and charts rely on the declaration, and one of the two is wrong.",
        "Mend the loss, or its `bounds`.",
    ),
    "not-per-image": ErrorCode(
        "The loss does not return one value for each image, shape (N,), in float32 or wider.",
        "Only the objective reduces over the batch; only so do weights mean the same at any batch size.",
        "Average over channels, height and width: `.mean(dim=(1, 2, 3))`.",
    ),
    "changed-in-place": ErrorCode(
        "A component writes to a tensor that it was given.",
        "Other terms read the same tensor, and what they see would depend on the order.",
        "Compute into a new tensor.",
    ),
    "same-term-twice": ErrorCode(
        "Two terms are the same loss with the same config on the same signals.",
        "Its weight is not what it seems.",
        "Remove one and add up the weights, or set `monitor = true`.",
    ),
    "rewards-nothing": ErrorCode(
        "Every term of the stage is least where the student leaves the picture as it is.",
        "It would learn to do nothing, with a falling curve.",
        "Add a term that asks for brightness, or for the teacher's picture.",
    ),
    # plugins
    "plugin-broken": ErrorCode(
        "A plugin that is needed could not be imported, or registers something that it may not.",
        "Its components do not exist.",
        "`zerokd plugins` says why; `zerokd --traceback ...` shows where.",
    ),
    "plugin-failed": ErrorCode(
        "A component raised an error of its own, or returned what its kind does not promise.",
        "What it should have done is unknown.",
        "Its author can see the place with `zerokd --traceback ...`; `zerokd plugins --check NAME` tries all of it.",
    ),
    # files and the machine
    "data-unusable": ErrorCode(
        "The folder of photos cannot be used: it is not there, holds no photo, or some that `strict = true` forbids.",
        "Nothing is replaced or left out in silence.",
        "`zerokd check-data DIR` names every file that cannot be used, and why.",
    ),
    "weights-unusable": ErrorCode(
        "A weights file is missing, damaged, of another architecture, not finite, cannot be fetched, or is no file of "
        "tensors.",
        "A student or teacher that is loaded in part is another network. A pickle that would run code is never run.",
        "Compare the keys that are shown with the model's; give the path of the file that was meant.",
    ),
    "export-failed": ErrorCode(
        "The student cannot be written in that format, or what was written gives other pixels.",
        "A file that differs from the student would be found out in the field.",
        "`onnx` and `pt2` hold any model; the message says what this format cannot.",
    ),
    "not-finite-step": ErrorCode(
        "A step's objective or gradient was not finite while training. No parameter was changed by it.",
        "Weights that are NaN stay NaN.",
        '`failure/report.json` has term, image and step; `on_nonfinite = "skip"` leaves such steps out, and says so.',
    ),
    "stopped": ErrorCode(
        "The run was asked to stop (Ctrl-C, SIGTERM). What was trained is kept.",
        "",
        "`zerokd resume RUN` goes on to the same bytes.",
    ),
    "out-of-memory": ErrorCode(
        "The memory of the machine, or of its GPU, ran out while a component was at work.",
        "",
        "Fewer images at once, fewer pixels, less kept of images: `[speed] images_at_once`, `[data] size`, "
        "`[speed] cache_gib`. A run that was under way goes on from its last checkpoint.",
    ),
    "run-folder": ErrorCode(
        "The run folder cannot be made, holds something already, or belongs to a run that is at work.",
        "Nothing that is there is ever written over.",
        "Choose another --out, or `zerokd resume` the run in it.",
    ),
    "cannot-write": ErrorCode(
        "A file or folder cannot be written, or something is there that is not ours.",
        "Nothing that the user had is ever lost.",
        "Free the disk, change the permission, or choose another place.",
    ),
}


def explain_code(name: str) -> str:
    """A code in full, no line wider than 80 columns."""
    code = ERROR_CODES[name]
    parts = [code.meaning, *([f"Otherwise: {code.consequence}"] if code.consequence else []), f"To do: {code.fix}"]
    return "\n\n".join([name, *(textwrap.fill(part, 80, break_on_hyphens=False) for part in parts)])
