"""Errors seeded into the shipped recipes: zerokd reports each at its file, line and column, in these words."""

import pytest

from tests.conftest import RECIPES
from zerokd.errors import ZerokdError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document

MARK = "¦"  # marks the character of a seeded text that the error has to name; removed before use
HEAD = "recipe-"
RUN = 'run  = ["pretrain", "distill"]'
EQUATION = "alpha*distillation + beta*feature_matching + (1 - alpha - beta)*task + contrastive"
ENHANCED = 'on  = { prediction = "student.enhanced", target = "teacher.enhanced" }'
MID = 'on     = { student = "student.features.e_conv2", teacher = "teacher.features.e_conv4" }'
EMA = 'on     = { anchor = "student.enhanced", positive = "teacher.enhanced", negative = "ema.enhanced" }'
RELEASED = "weight = 1200.0                             # released"
STUDENT = '[models.student]\nuse = "nano_dce"                            # 161 parameters\n\n'
SATURATION = 'use    = "saturation"\nweight = 0.3'
TEACHER = 'use     = "zero_dce_pp"\nweights = "bundled"'
PRETRAIN = 'use       = "self_supervised"\nobjective = "pretraining"\nepochs    = 40'
NUMBER, WHOLE, TEXT = (
    "input should be a valid number",
    "input should be a valid integer",
    "input should be a valid string",
)

# name, what is replaced in paper.toml, by what, words of the message, words of the hints
SEEDED = [
    # --- keys: unknown, misspelt, twice, missing
    (
        "top unknown",
        RUN,
        RUN + "\n¦colour = 3",
        "unknown key 'colour'",
        "known: best, checkpoint_seconds, data, diagnose_every, export, measure_every, metrics, models, name",
    ),
    ("top misspelt", RUN, RUN + "\n¦treads = 3", "unknown key 'treads'", "did you mean 'threads'?"),
    ("params misspelt", "[params]", "[¦parms]", "unknown key 'parms'", "did you mean 'params'?"),
    ("models misspelt", "[models.ema]", "[¦modles.ema]", "unknown key 'modles'", "did you mean 'models'?"),
    ("data key misspelt", "count = 48", "¦cuont = 48", "unknown key 'data.cuont'", "did you mean 'count'?"),
    ("model key misspelt", TEACHER, TEACHER + "\n¦widht = 32", "unknown key 'models.teacher.widht'", "'width'"),
    (
        "average key misspelt",
        "decay      =",
        "¦decai      =",
        "unknown key 'models.ema.decai'",
        "did you mean 'decay'?",
    ),
    ("stage key misspelt", PRETRAIN, PRETRAIN + "\n¦bach = 2", "unknown key 'stages.pretrain.bach'", ""),
    (
        "optimizer key misspelt",
        "learning_rate = 5e-3",
        "¦learning_rat = 5e-3",
        "unknown key 'stages.pretrain.optimizer.learning_rat'",
        "did you mean 'learning_rate'?",
    ),
    (
        "optimizer misspelt",
        "learning_rate = 5e-3",
        'use = ¦"adamv"\nlearning_rate = 5e-3',
        "unknown optimizer 'adamv'",
        "did you mean 'adam'?",
    ),
    (
        "optimizer without the key",
        "learning_rate = 5e-3",
        'use = "lion"\n¦momentum = 0.9',
        "unknown key 'stages.pretrain.optimizer.momentum'",
        "",
    ),
    (
        "argument that torch.optim lacks",
        "learning_rate = 5e-3",
        'use = "torch"\nname = "RMSprop"\nalpa = ¦0.9',
        "stages.pretrain.optimizer.alpa: torch.optim.RMSprop has no argument of this name: did you mean 'alpha'?",
        "",
    ),
    (
        "schedule below zero",
        "learning_rate = 5e-3",
        'learning_rate = ¦{ use = "linear", from = 0.1, to = -0.1 }',
        "stages.pretrain.optimizer.learning_rate is -",
        "at least 0",
    ),
    (
        "augmentation key misspelt",
        "range = [",
        "¦rnge = [",
        "unknown key 'stages.pretrain.augment.gamma.rnge'",
        "did you mean 'range'?",
    ),
    (
        "term key misspelt",
        "bright_target_factor",
        "¦bright_target_facter",
        "unknown key 'terms.task.exposure.bright_target_facter'",
        "did you mean 'bright_target_factor'?",
    ),
    ("weight misspelt", RELEASED, "¦wieght = 1200.0 #", "unknown key 'terms.pretraining.smoothness.wieght'", ""),
    (
        "key twice",
        "beta  = 0.1",
        "beta  = 0.1\nbeta = 0.2¦\n",
        "not valid TOML: Cannot overwrite a value",
        "define a key or table once",
    ),
    ("table twice", "[models.ema]", "[models.ema]\n[models.ema¦]\n", "not valid TOML", ""),
    ("no equals sign", "count = 48", "count ¦48", "not valid TOML: Expected '=' after a key", "write key = value"),
    ("no value", "count = 48", "count = ¦", "not valid TOML: Invalid value", "a value is"),
    ("string not closed", 'name = "paper"', 'name = "paper¦', "not valid TOML: Illegal character", ""),
    (
        "term without use",
        "[terms.task.saturation]\nuse ",
        "[terms.task.¦saturation]\nuze ",
        "terms.task.saturation lacks the key 'use'",
        "name of the component",
    ),
    ("data without use", "[data]\nuse ", "[¦data]\nuze ", "data lacks the key 'use'", "name of the component"),
    (
        "model without use",
        "[models.student]\nuse ",
        "[models.¦student]\nuze ",
        "models.student lacks the key 'use'",
        "",
    ),
    (
        "adapter without use",
        '"match_iterations"',
        '¦{ name = "match_iterations" }',
        "terms.distillation.curve_map.adapt.0 lacks the key 'use'",
        "",
    ),
    ("student missing", STUDENT + "[models.", "[¦models.", "models lacks 'student'", ""),
    # --- types
    ("true for a number", "alpha = 0.35", "alpha = ¦true", f"params.alpha: {NUMBER}, got True", ""),
    ("text for a number", "beta  = 0.1", 'beta  = ¦"0.1"', f"params.beta: {NUMBER}, got '0.1'", ""),
    (
        "true for a weight",
        "weight = 7.0",
        "weight = ¦true",
        f"terms.pretraining.exposure.weight: {NUMBER}, got True",
        "multiplies the term's mean",
    ),
    ("text for a weight", "weight = 7.0", 'weight = ¦"7"', f"terms.pretraining.exposure.weight: {NUMBER}, got '7'", ""),
    (
        "fraction of an epoch",
        "epochs    = 40",
        "epochs    = ¦40.5",
        f"stages.pretrain.epochs: {WHOLE}, got 40.5",
        "passes over",
    ),
    ("float for epochs", "epochs    = 40", "epochs    = ¦40.0", f"stages.pretrain.epochs: {WHOLE}, got 40.0", ""),
    ("true for epochs", "epochs    = 40", "epochs    = ¦true", f"stages.pretrain.epochs: {WHOLE}, got True", ""),
    ("number for a name", 'name = "paper"', "name = ¦7", f"name: {TEXT}, got 7", ""),
    ("path for a name", 'name = "paper"', 'name = ¦"../paper"', "name: string should match pattern", ""),
    ("number for use", 'use = "nano_dce"', "use = ¦7", f"models.student.use: {TEXT}, got 7", "name of the component"),
    (
        "text for run",
        RUN,
        'run  = ¦"pretrain"',
        "run: input should be a valid tuple, got 'pretrain'",
        "stages, in order",
    ),
    ("number in run", RUN, 'run  = ["pretrain", ¦7]', f"run.1: {TEXT}, got 7", ""),
    (
        "text for on",
        ENHANCED,
        'on = ¦"student.enhanced"',
        "terms.distillation.enhanced.on: input should be a valid dictionary",
        "port = signal",
    ),
    (
        "number in on",
        ENHANCED,
        ENHANCED.replace('"teacher.enhanced"', "¦7"),
        f"terms.distillation.enhanced.on.target: {TEXT}, got 7",
        "",
    ),
    (
        "text for adapt",
        'adapt = ["match_iterations"]',
        'adapt = ¦"match_iterations"',
        "terms.distillation.curve_map.adapt: input should be a valid tuple",
        "adapters, applied in order",
    ),
    ("number in adapt", '["match_iterations"]', "[¦7]", "terms.distillation.curve_map.adapt.0: input should be", ""),
    (
        "text for monitor",
        SATURATION,
        SATURATION + '\nmonitor = ¦"yes"',
        "terms.task.saturation.monitor: input should be a valid boolean, got 'yes'",
        "",
    ),
    (
        "number for a term",
        SATURATION,
        SATURATION + "\n[terms.task]\nextra = ¦3",
        "terms.task.extra: input should be a valid dictionary",
        "",
    ),
    (
        "number for weights",
        'weights = "bundled"',
        "weights = ¦7",
        f"models.teacher.weights: {TEXT}, got 7",
        "a path to .safetensors",
    ),
    # --- ranges, nan and inf
    (
        "no epoch",
        "epochs    = 40",
        "epochs    = ¦0",
        "stages.pretrain.epochs: input should be greater than or equal to 1, got 0",
        "",
    ),
    (
        "negative weight",
        "weight = 7.0",
        "weight = ¦-7.0",
        "terms.pretraining.exposure.weight: input should be greater than or equal to 0, got -7.0",
        "",
    ),
    ("nan for a param", "alpha = 0.35", "alpha = ¦nan", "params.alpha: input should be a finite number, got nan", ""),
    (
        "inf for a weight",
        "weight = 7.0",
        "weight = ¦inf",
        "terms.pretraining.exposure.weight: input should be a finite number, got inf",
        "",
    ),
    (
        "inf for a rate",
        "learning_rate = 5e-3",
        "learning_rate = ¦inf",
        "stages.pretrain.optimizer.learning_rate: input should be",
        "",
    ),
    (
        "rate of zero",
        "learning_rate = 5e-3",
        "learning_rate = ¦0.0",
        "stages.pretrain.optimizer.learning_rate: input should be greater than 0, got 0.0",
        "first step",
    ),
    (
        "norm of zero",
        "clip_norm     = 0.1",
        "clip_norm     = ¦0.0",
        "stages.pretrain.optimizer.clip_norm: input should be greater than 0",
        "",
    ),
    (
        "decay of one",
        "decay      = 0.999",
        "decay      = ¦1.0",
        "models.ema.decay: input should be less than 1, got 1.0",
        "each step keeps",
    ),
    (
        "negative seed",
        RUN,
        RUN + "\nseed = ¦-1",
        "seed: input should be greater than or equal to 0, got -1",
        "every random number",
    ),
    (
        "no thread",
        RUN,
        RUN + "\nthreads = ¦0",
        "threads: input should be greater than or equal to 1, got 0",
        "CPU threads",
    ),
    ("run of nothing", RUN, "run  = ¦[]", "run: tuple should have at least 1 item", "stages, in order"),
    ("param with a dash", "alpha = 0.35", "alpha = 0.35\na-b = ¦0.5", "params.a-b: string should match pattern", ""),
    # --- plugins
    (
        "loss unknown",
        'use    = "saturation"',
        'use    = ¦"saturaton"',
        "unknown loss 'saturaton'",
        "did you mean 'saturation'?",
    ),
    ("model unknown", 'use = "nano_dce"', 'use = ¦"nano_dse"', "unknown model 'nano_dse'", "did you mean 'nano_dce'?"),
    (
        "teacher unknown",
        'use     = "zero_dce_pp"',
        'use     = ¦"zero_dce_p"',
        "unknown model 'zero_dce_p'",
        "did you mean 'zero_dce_pp'?",
    ),
    (
        "data unknown",
        'use   = "dead_leaves"',
        'use   = ¦"dead_leafs"',
        "unknown data source 'dead_leafs'",
        "did you mean 'dead_leaves'?",
    ),
    (
        "stage unknown",
        'use       = "distillation"',
        'use       = ¦"distilation"',
        "unknown stage 'distilation'",
        "did you mean 'distillation'?",
    ),
    (
        "adapter unknown",
        '["match_iterations"]',
        '[¦"match_iteration"]',
        "unknown adapter 'match_iteration'",
        "did you mean 'match_iterations'?",
    ),
    (
        "augmentation unknown",
        'use   = "random_gamma"',
        'use   = ¦"gamma"',
        "unknown augmentation 'gamma'",
        "random_gamma",
    ),
    (
        "plugin of nobody",
        'use    = "saturation"',
        'use    = ¦"nobody:saturation"',
        "unknown loss 'nobody:saturation'",
        "did you mean 'zerokd:saturation'?",
    ),
    # --- configs of plugins
    (
        "loss out of range",
        "bright_target_factor = 0.65",
        "bright_target_factor = ¦1.65",
        "terms.task.exposure.bright_target_factor: input should be less than or equal to 1, got 1.65",
        "",
    ),
    (
        "loss of another type",
        "bright_target_factor = 0.65",
        "bright_target_factor = ¦true",
        f"terms.task.exposure.bright_target_factor: {NUMBER}, got True",
        "",
    ),
    (
        "loss of another choice",
        'weights  = "random"  ',
        'weights  = "random"\nfallback = ¦"nothing"\n#',
        "terms.distillation.perceptual.fallback: input should be 'random', got 'nothing'",
        "what to use",
    ),
    (
        "adapter with a key",
        '["match_iterations"]',
        '[{ use = "match_iterations", ¦steps = 3 }]',
        "unknown key 'terms.distillation.curve_map.adapt.0.steps'",
        "",
    ),
    (
        "model out of range",
        'use = "nano_dce"',
        'use = "nano_dce"\nwidth = ¦0',
        "models.student.width: input should be greater than or equal to 1, got 0",
        "channels of each hidden layer",
    ),
    (
        "model of another type",
        'use = "nano_dce"',
        'use = "nano_dce"\nwidth = ¦4.0',
        f"models.student.width: {WHOLE}, got 4.0",
        "",
    ),
    (
        "data too small",
        "size  = 96",
        "size  = ¦8",
        "data.size: input should be greater than or equal to 16, got 8",
        "pixels",
    ),
    ("data of another type", "count = 48", 'count = ¦"many"', f"data.count: {WHOLE}, got 'many'", "number of scenes"),
    (
        "augmentation out of range",
        "range = [0.5, 1.5]",
        "range = [¦0.0, 1.5]",
        "stages.pretrain.augment.gamma.range.0: input should be greater than 0, got 0.0",
        "",
    ),
    # --- models and weights
    (
        "frozen without weights",
        "[models.teacher]\n" + TEACHER,
        '[models.¦teacher]\nuse = "zero_dce_pp"',
        "models.teacher is frozen and has no weights",
        'add weights = "bundled"',
    ),
    (
        "nothing bundled",
        'use = "nano_dce"',
        'use = "nano_dce"\nweights = ¦"bundled"',
        "model 'nano_dce' ships no weights",
        "give a path instead",
    ),
    (
        "average of a frozen one",
        'average_of = "student"',
        'average_of = ¦"teacher"',
        "only 'student' changes during a run",
        "",
    ),
    # --- ports and signals
    (
        "port unknown",
        ENHANCED,
        ENHANCED.replace("target", "¦taget"),
        "mse has no port 'taget'",
        "did you mean 'target'?",
    ),
    (
        "port unbound",
        '[terms.feature_matching.mid]\nuse    = "feature_matching"\n' + MID,
        '[terms.feature_matching.¦mid]\nuse    = "feature_matching"\non = { student = "student.features.e_conv2" }',
        "port 'teacher' of feature_matching is not bound",
        "the teacher's feature map",
    ),
    (
        "output unknown",
        ENHANCED,
        ENHANCED.replace('"student.enhanced"', '¦"student.enhansed"'),
        "distillation.enhanced: port 'prediction' reads 'student.enhansed': no such output",
        "did you mean 'enhanced'?",
    ),
    (
        "model of a signal unknown",
        ENHANCED,
        ENHANCED.replace('"teacher.enhanced"', '¦"teachr.enhanced"'),
        "reads 'teachr.enhanced': this recipe has no model 'teachr'",
        "did you mean 'teacher'?",
    ),
    (
        "layer unknown",
        MID,
        MID.replace('"teacher.features.e_conv4"', '¦"teacher.features.e_conv44"'),
        "feature_matching.mid: port 'teacher' reads 'teacher.features.e_conv44': no such layer",
        "did you mean 'e_conv4'?",
    ),
    (
        "input unknown",
        SATURATION,
        SATURATION + '\non = { enhanced = ¦"lov" }',
        "task.saturation: port 'enhanced' reads 'lov': no such input",
        "did you mean 'low'?",
    ),
    (
        "signal without an output",
        ENHANCED,
        ENHANCED.replace('"teacher.enhanced"', '"teacher.¦"'),
        "distillation.enhanced.on.target: 'teacher.' names no signal: expected the name of an output",
        "a signal is an input, MODEL.OUTPUT, or MODEL(SIGNAL).OUTPUT",
    ),
    (
        "signal empty",
        ENHANCED,
        ENHANCED.replace('"teacher.enhanced"', '"¦"'),
        "distillation.enhanced.on.target: '' names no signal: expected a name, got the end",
        "a signal is an input, MODEL.OUTPUT, or MODEL(SIGNAL).OUTPUT",
    ),
    (
        "average unknown",
        EMA,
        EMA.replace('"ema.enhanced"', '¦"emma.enhanced"'),
        "this recipe has no model 'emma'",
        "did you mean 'ema'?",
    ),
    (
        "teacher before its stage",
        "weight = 7.0\n",
        'weight = 7.0\non = { low = ¦"teacher.enhanced" }\n',
        "pretraining.exposure: port 'low' reads 'teacher.enhanced': stage 'pretrain' may not read 'teacher'",
        "it may read: student",
    ),
    # --- equations
    (
        "group unknown",
        EQUATION,
        EQUATION.replace("distillation", "¦distilation"),
        "objective of distill: unknown name 'distilation'",
        "did you mean 'distillation'?",
    ),
    (
        "param unknown",
        EQUATION,
        EQUATION.replace("- beta", "- ¦bet"),
        "objective of distill: unknown name 'bet'",
        "did you mean 'beta'?",
    ),
    (
        "product of groups",
        EQUATION,
        EQUATION.replace("*task + c", "*task ¦* c"),
        "objective of distill: a product of groups is not linear in groups",
        "may be scaled by params",
    ),
    (
        "division by a group",
        EQUATION,
        EQUATION.replace("*task + c", "*task ¦/ c"),
        "objective of distill: division by a group is not linear in groups",
        "",
    ),
    (
        "least of groups",
        EQUATION,
        EQUATION.replace("contrastive", "¦min(contrastive, 1)"),
        "objective of distill: min of a group is not linear in groups",
        "",
    ),
    (
        "remainder",
        EQUATION,
        EQUATION + " + ¦2*beta",
        "objective of distill: 2*beta belongs to no group: it would train nothing",
        "",
    ),
    ("parenthesis open", EQUATION, EQUATION + " + 2*(task¦", "objective of distill: a parenthesis is never closed", ""),
    ("parenthesis closed", EQUATION, EQUATION + "¦)", "objective of distill: unexpected ')'", ""),
    ("operator at the end", EQUATION, EQUATION + " +¦", "objective of distill: the equation ends too early", ""),
    (
        "power",
        EQUATION,
        EQUATION.replace("alpha*", "alpha*¦*"),
        "objective of distill: expected a number, a param, a group or '(', got '*'",
        "",
    ),
    ("division by zero", EQUATION, EQUATION.replace("beta*", "¦beta/(alpha - alpha)*"), "divides by zero", ""),
    (
        "param unused",
        "beta  = 0.1",
        "beta  = 0.1\n¦gamma = 0.5",
        "no stage uses params.gamma",
        "use it in an objective, or remove it",
    ),
    ("group unused", "[terms.task.saturation]", "[terms.¦tusk.saturation]", "no stage uses terms.tusk", ""),
    (
        "param shadowed",
        "beta  = 0.1",
        "beta  = 0.1\n¦task = 0.5",
        "'task' names a param and a group of terms",
        "rename one of them",
    ),
    (
        "empty objective",
        'objective = "pretraining"',
        'objective = "¦"',
        "objective of pretrain: the equation ends too early",
        "",
    ),
    # --- order
    (
        "stage of run unknown",
        RUN,
        'run  = ["pretrain", ¦"distil"]',
        "unknown stage 'distil'",
        "did you mean 'distill'?",
    ),
    (
        "stage twice",
        RUN,
        'run  = ["pretrain", "distill", ¦"pretrain"]',
        "stage 'pretrain' runs twice",
        "a name of its own",
    ),
    # --- extends
    (
        "extends nothing",
        RUN,
        RUN + '\nextends = ¦"papper.toml"',
        "cannot extend 'papper.toml'",
        "there is no such file",
    ),
    (
        "extends a number",
        RUN,
        RUN + "\nextends = ¦3",
        "extends must be the name or path of a recipe, in quotes",
        'extends = "paper"',
    ),
    (
        "extends itself",
        RUN,
        RUN + '\nextends = ¦"recipe-extends itself.toml"',
        "recipes extend one another in a cycle",
        "",
    ),
]


@pytest.fixture(scope="module")
def catalogue():
    return discover_plugins()


@pytest.fixture
def introduce(tmp_path, monkeypatch, catalogue):
    """``introduce(name, old, new, ...)``: the problems of the changed paper recipe, and the places they must name."""
    monkeypatch.chdir(tmp_path)

    def introduce(name, *replacements, recipe="paper.toml", settings=()):
        _, start, rest = (RECIPES / recipe).read_text().partition("\nname = ")  # what stands before it quotes the rest
        text = (start + rest).lstrip().replace('"imagenet"', '"random"')
        for old, new in zip(replacements[::2], replacements[1::2], strict=True):
            assert old in text, old
            text = text.replace(old, new, 1)
        places = []
        while MARK in text:
            before, _, after = text.partition(MARK)
            text = before + after
            line = before.count("\n") + 1
            places.append((line, len(before) - before.rfind("\n"), text.splitlines()[line - 1]))
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        return check(f"{name}.toml", settings), places

    def check(file, settings=()):
        with pytest.raises(ZerokdError) as caught:
            check_recipe(apply_options(read_recipe_document(file), settings), catalogue)
        assert caught.value.exit_code == 2
        return caught.value.problems

    introduce.check = check
    return introduce


def expect(problem, file, place, message, hint):
    """The place, the quoted line, the caret under its character, and the words."""
    line, column, text = place
    head, quoted, caret, *hints = str(problem).splitlines()
    assert head.startswith(f"{file}:{line}:{column}: ")
    assert message in head
    start = quoted.index("| ") + 2
    assert text[caret.index("^") - start + max(0, column - 72) :] == text[column - 1 :]
    assert quoted.removeprefix(f"  {line} | ") in text
    assert caret.index("^") == start + column - 1 - max(0, column - 72)
    assert hint in " ".join(hints)


@pytest.mark.parametrize(("name", "old", "new", "message", "hint"), SEEDED, ids=[row[0] for row in SEEDED])
def test_a_seeded_mistake_is_told_at_its_character(introduce, name, old, new, message, hint):
    (problem, *more), places = introduce(HEAD + name, old, new)
    expect(problem, f"{HEAD}{name}.toml", places[0], message, hint)
    assert not more, [str(problem) for problem in more]


@pytest.mark.parametrize("key", ["epochs", "objective", "weight"])
def test_a_misspelt_key_of_the_recipe_is_told_with_the_right_one(introduce, key):
    line = {"epochs": "epochs    = 40", "objective": 'objective = "pretraining"', "weight": "weight = 7.0"}[key]
    problems, places = introduce(HEAD + key, line, MARK + line.replace(key, key[:-1]))
    assert [problem.message.split(" ")[0] for problem in problems] == ["unknown", "stages.pretrain"][
        : 1 + (key != "weight")
    ][::-1]
    expect(problems[-1], f"{HEAD}{key}.toml", places[0], f".{key[:-1]}'", f"did you mean {key!r}?")


def test_coefficients_that_turn_negative_are_told_in_the_equation(introduce):
    changes = ("alpha = 0.35", "alpha = 0.95", EQUATION, EQUATION.replace("(1 -", f"({MARK}1 -"))
    (problem,), (place,) = introduce("sum", *changes)
    message = "the coefficient of task is (1 - alpha - beta) = -0.05 with alpha = 0.95, beta = 0.1"
    expect(problem, "sum.toml", place, message, "coefficients must be finite and at least 0")


@pytest.mark.parametrize(
    ("setting", "message", "hint"),
    [
        ("params.alpha=true", f"params.alpha: {NUMBER}, got True", ""),
        ("params.alpa=0.4", "no stage uses params.alpa", ""),
        ("stages.distill.epochs=0", "stages.distill.epochs: input should be greater than or equal to 1", "passes over"),
        ("terms.task.colour.weight=2", "terms.task.colour lacks the key 'use'", "did you mean 'color'?"),
        ("terms.task.color.use=colour_constancy", "unknown loss", "did you mean 'color_constancy'?"),
        ("terms.task.color.on.image=student.enhanced", "color_constancy has no port 'image'", "known: enhanced"),
        ("terms.task.color.on.enhanced=student.enhansed", "no such output", "did you mean 'enhanced'?"),
        ("data.size=big", f"data.size: {WHOLE}, got 'big'", "pixels"),
        ("data.size", "a setting needs a key and a value", "write --set dotted.key=VALUE"),
        ("data.size.x=3", "data.size is not a table", ""),
        ("run=[]", "run: tuple should have at least 1 item", "stages, in order"),
    ],
)
def test_a_seeded_setting_is_told_as_written(introduce, setting, message, hint):
    (problem,), _ = introduce("set", settings=[setting])
    assert str(problem).startswith(f"--set {setting}: ")
    assert message in problem.message
    assert hint in " ".join(problem.hints)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "level  = 0.5",
            "level  = ¦1.5",
            "terms.zero_reference.exposure.level: input should be less than or equal to 1",
        ),
        ('padding = "replicate"', 'padding = ¦"mirror"', "terms.zero_reference.spatial.padding: input should be"),
        ("held_out = 0.05", "held_out = ¦0.6", "data.held_out: input should be less than or equal to 0.5, got 0.6"),
        ("batch     = 8", "batch     = ¦0", "stages.train.batch: input should be greater than or equal to 1, got 0"),
        ('objective = "zero_reference"', 'objective = "¦zero_referance"', "unknown name 'zero_referance'"),
        ("[models.student] ", "[models.¦teacher]\nuse = 'nano_dce'\n[models.student] ", "is frozen and has no weights"),
    ],
)
def test_the_teacher_recipe_is_told_the_same_way(introduce, old, new, message):
    (problem,), (place,) = introduce("teacher", old, new, recipe="teacher.toml")
    expect(problem, "teacher.toml", place, message, "")


def test_a_mistake_is_told_in_the_file_that_has_it(introduce, tmp_path):
    child = 'extends = "base.toml"\n[params]\nbeta = true\n[terms.task.saturation]\nuse = "saturaton"\n'
    (tmp_path / "child.toml").write_text(child)
    _, (weight,) = introduce("base", "weight = 1.5", "weight = ¦-1.5")
    beta, use, base = introduce.check("child.toml")
    expect(beta, "child.toml", (3, 8, "beta = true"), f"params.beta: {NUMBER}", "")
    expect(use, "child.toml", (5, 7, 'use = "saturaton"'), "unknown loss", "did you mean 'saturation'?")
    expect(base, "base.toml", weight, "terms.task.spatial.weight: input should be greater than or equal to 0", "")
    *_, last = introduce.check("child.toml", ["data.size=8"])
    assert str(last.place) == "--set data.size=8"


def test_many_mistakes_come_together_in_the_order_of_the_text(introduce):
    names = (
        "true for a number",
        "param unused",
        "data key misspelt",
        "stage of run unknown",
        "decay of one",
        "stage key misspelt",
        "augmentation out of range",
        "rate of zero",
        "product of groups",
        "negative weight",
        "output unknown",
        "adapter unknown",
        "loss of another choice",
        "layer unknown",
        "loss unknown",
        "loss out of range",
        "average unknown",
    )
    rows = [next(row for row in SEEDED if row[0] == name) for name in names]
    problems, places = introduce("many", *(text for row in rows for text in row[1:3]))
    assert len(problems) == len(places) == len(rows)
    assert [(problem.place.line, problem.place.column, problem.place.text) for problem in problems] == places
    for _, _, _, message, hint in rows:
        assert any(message in problem.message and hint in " ".join(problem.hints) for problem in problems), message
