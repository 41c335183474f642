"""VGG perceptual: by hand on the same weights, the released layers, where weights come from, and what falls back."""

import builtins
import hashlib
from itertools import product

import pytest
import safetensors.torch
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from zerokd.errors import WeightsError
from zerokd.files import download
from zerokd.losses import vgg_perceptual as module
from zerokd.losses.vgg_perceptual import VggPerceptual

DEFAULT = ("relu1_1", "relu1_2", "relu2_1")


def random_pair(height=10, width=12):
    return torch.rand(2, 2, 3, height, width, generator=torch.Generator().manual_seed(0)).unbind(0)


def by_hand(state, prediction, target, layers):
    """The plan of VGG-19 written out: convolutions 0, 2, pooling, 5, 7, pooling, 10."""

    def maps(image):
        mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        x, result = (image - mean[:, None, None]) / spread[:, None, None], {}
        for index, name in [(0, "relu1_1"), (2, "relu1_2"), (5, "relu2_1"), (7, "relu2_2"), (10, "relu3_1")]:
            if f"features.{index}.weight" not in state:
                break
            if index in (5, 10):
                x = F.max_pool2d(x, 2)
            kernel, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
            x = F.conv2d(x, kernel, bias, padding=1).clamp(min=0)
            result[name] = x
        return result

    layer, other = maps(prediction), maps(target)
    return sum(((layer[name] - other[name]) ** 2).flatten(1).mean(1) for name in layers) / len(layers)


@pytest.mark.parametrize("layers", [DEFAULT, ("relu1_2",), ("relu3_1", "relu1_1")])
def test_against_convolutions_by_hand(layers):
    loss = VggPerceptual(weights="random", layers=layers)
    prediction, target = random_pair()
    expected = by_hand(loss.state_dict(), prediction, target, layers)
    torch.testing.assert_close(loss(prediction=prediction, target=target), expected)


@pytest.mark.real
@pytest.mark.parametrize("layers", [DEFAULT, ("relu2_2", "relu3_1")])
def test_the_released_layers(real, layers):
    path = real("weights/vgg19_relu3_1.safetensors")
    loss = VggPerceptual(weights=str(path), layers=layers)
    prediction, target = random_pair()
    expected = by_hand(safetensors.torch.load_file(path), prediction, target, layers)
    torch.testing.assert_close(loss(prediction=prediction, target=target), expected)
    assert loss.fallbacks == ()


@pytest.mark.parametrize(("layer", "side"), [("relu1_2", 1), ("relu2_2", 2), ("relu3_1", 4), ("relu5_1", 16)])
def test_min_size_leaves_one_pixel_in_the_deepest_map(layer, side):
    loss = VggPerceptual(weights="random", layers=[layer])
    assert loss.min_size() == side
    assert next(loss.feature_maps(torch.rand(1, 3, side, side))).shape[2:] == (1, 1)


def test_only_the_layers_in_use_are_built():
    state = VggPerceptual(weights="random").state_dict()
    assert [name for name in state if name.endswith("weight")] == [f"features.{index}.weight" for index in (0, 2, 5)]
    assert sum(value.numel() for value in state.values()) == 3 * 64 * 9 + 64 * 64 * 9 + 64 * 128 * 9 + 64 + 64 + 128


def test_it_is_frozen():
    loss = VggPerceptual(weights="random").train()
    assert not loss.training
    assert not any(layer.training for layer in loss.features)
    assert not any(weight.requires_grad for weight in loss.parameters())


def test_no_gradient_reaches_the_target():
    prediction, target = (image.requires_grad_() for image in random_pair())
    VggPerceptual(weights="random")(prediction=prediction, target=target).sum().backward()
    assert prediction.grad.abs().sum() > 0
    assert target.grad is None


def test_it_moves_as_a_whole():
    loss = VggPerceptual(weights="random").to(torch.float64)
    prediction, target = (image.double() for image in random_pair())
    assert loss(prediction=prediction, target=target).dtype == torch.float64
    assert {value.dtype for value in [*loss.parameters(), *loss.buffers()]} == {torch.float64}


def test_random_weights_follow_the_seed_and_leave_the_global_generator_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, again, other = (VggPerceptual(weights="random", seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["features.0.weight"], other["features.0.weight"])


def test_random_features_keep_the_scale_of_their_input():
    loss = VggPerceptual(weights="random", layers=["relu1_1", "relu2_2", "relu3_4"])
    noise = 0.485 + 0.225 * torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for features in loss.feature_maps(noise):
        assert 0.2 < features.square().mean() < 5


def test_other_weights_in_the_file_are_ignored_and_pth_is_read(tmp_path):
    whole = VggPerceptual(weights="random", layers=["relu2_2"], seed=5).state_dict()
    torch.save(whole | {"classifier.0.weight": torch.ones(2, 2)}, tmp_path / "vgg.pth")
    loss = VggPerceptual(weights=str(tmp_path / "vgg.pth"))
    assert torch.equal(loss.state_dict()["features.5.weight"], whole["features.5.weight"])
    assert "features.7.weight" not in loss.state_dict()


@pytest.mark.parametrize("ill", ["absent", "empty", "text", "shallow", "not finite"])
@pytest.mark.parametrize("fallback", [None, "random"])
def test_an_unusable_file_is_refused_and_never_replaced(tmp_path, ill, fallback):
    path = tmp_path / "vgg.safetensors"
    good = VggPerceptual(weights="random", seed=1).state_dict()
    if ill == "shallow":
        safetensors.torch.save_file({name: good[name] for name in list(good)[:2]}, path)
    elif ill == "not finite":
        safetensors.torch.save_file(good | {"features.0.bias": torch.full((64,), torch.nan)}, path)
    elif ill != "absent":
        path.write_text("" if ill == "empty" else "no weights")
    with pytest.raises(WeightsError, match=r"vgg\.safetensors") as caught:
        VggPerceptual(weights=str(path), fallback=fallback)
    assert caught.value.exit_code == 3
    assert "fallback" not in str(caught.value)


def test_the_source_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    random = VggPerceptual(weights="random", seed=4)
    assert random.sources == {"weights": "random, seed 4"}
    path = tmp_path / "vgg.safetensors"
    safetensors.torch.save_file(random.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert VggPerceptual(weights="~/vgg.safetensors").sources == {"weights": str(path), "sha256": digest}


def test_imagenet_is_fetched_once_for_the_layers_in_use(monkeypatch, tmp_path):
    source, target = VggPerceptual(weights="random", layers=["relu2_2"], seed=2).state_dict(), []

    def fetch(url, hash_prefix, keep, cache_path, size_bytes):
        assert size_bytes == 574_673_361
        target.append((url, hash_prefix, cache_path))
        saved = {name: value for name, value in source.items() if keep(name)}
        safetensors.torch.save_file(saved, cache_path)
        return saved

    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "fetch_tensors", fetch)
    monkeypatch.setattr(module, "imagenet_weights_url", lambda: ADDRESS)
    loss = VggPerceptual()
    VggPerceptual(layers=["relu2_2"])
    assert torch.equal(loss.state_dict()["features.5.weight"], source["features.5.weight"])
    (url, prefix, shallow), (_, _, deep) = target
    assert url == ADDRESS
    assert prefix == "dcbb9e9d"
    assert loss.sources == {"weights": url, "sha256": hashlib.sha256(shallow.read_bytes()).hexdigest()}
    assert shallow.parent == deep.parent == tmp_path
    assert shallow != deep


def test_offline_is_told_with_every_remedy(monkeypatch, tmp_path):
    def unreachable(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path))
    monkeypatch.setattr(download, "urlopen", unreachable)
    monkeypatch.setenv("ZEROKD_DOWNLOADS", "yes")
    monkeypatch.setattr(module, "imagenet_weights_url", lambda: ADDRESS)
    with pytest.raises(WeightsError) as caught:
        VggPerceptual()
    text = str(caught.value)
    for part in ("vgg19-dcbb9e9d.pth", "no route to host", "network", 'weights = "FILE"', 'fallback = "random"'):
        assert part in text
    loss, expected = VggPerceptual(fallback="random", seed=9), VggPerceptual(weights="random", seed=9)
    (message,) = loss.fallbacks
    assert "random weights (seed 9)" in message
    assert "no route to host" in message
    assert loss.sources == {"weights": "random, seed 9"}
    assert torch.equal(loss.state_dict()["features.5.weight"], expected.state_dict()["features.5.weight"])
    assert list(tmp_path.iterdir()) == []


def test_without_consent_random_weights_are_a_fallback_only_if_allowed(monkeypatch, tmp_path):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path))
    monkeypatch.setenv("ZEROKD_DOWNLOADS", "no")
    monkeypatch.setattr(module, "imagenet_weights_url", lambda: ADDRESS)
    monkeypatch.setattr(download, "urlopen", lambda *arguments, **options: pytest.fail("no consent, no connection"))
    with pytest.raises(WeightsError, match=r"no consent to download vgg19-dcbb9e9d\.pth, 548 MB from "):
        VggPerceptual()
    (message,) = VggPerceptual(fallback="random").fallbacks
    assert "random weights (seed 0), since no consent" in message


def test_random_weights_say_what_imagenet_would_add_and_how_to_allow_it(tmp_path):
    loss = VggPerceptual(weights="random")
    (caution,) = loss.cautions
    for part in ("random", 'weights = "imagenet"', "548 MB", "--yes"):
        assert part in caution
    safetensors.torch.save_file(loss.state_dict(), tmp_path / "vgg.safetensors")
    assert VggPerceptual(weights=str(tmp_path / "vgg.safetensors")).cautions == ()


ADDRESS = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
MISSING = ModuleNotFoundError("No module named 'torchvision'")
BROKEN = RuntimeError("operator torchvision::nms does not exist")


@pytest.mark.parametrize("fault", [MISSING, BROKEN])
def test_only_the_weights_of_imagenet_need_torchvision(monkeypatch, fault):
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("torchvision"):
            raise fault
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert VggPerceptual(weights="random").fallbacks == ()
    with pytest.raises(WeightsError, match="need torchvision") as caught:
        VggPerceptual()
    assert "pip install --upgrade torchvision" in str(caught.value)
    (message,) = VggPerceptual(fallback="random").fallbacks
    assert str(fault) in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["relu1_1", "relu12"]}, "no layer 'relu12'; did you mean 'relu1_2'"),
        ({"layers": []}, "at least 1"),
        ({"layers": ["relu1_1", "relu1_1"]}, "twice"),
        ({"fallback": "zeros"}, "random"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"seed": 2**63}, "less than"),
    ],
)
def test_config_refuses(options, message):
    with pytest.raises(ValidationError, match=message):
        VggPerceptual(weights="random", **options)


def test_a_crop_is_the_same_square_of_both_images_and_elsewhere_each_time():
    whole, cropped = VggPerceptual(weights="random"), VggPerceptual(weights="random", crop=16)
    prediction, target = torch.rand(2, 2, 3, 40, 24, generator=torch.Generator().manual_seed(3))
    squares = []
    for y, x in product(range(25), range(9)):
        part = (slice(0, 1), slice(None), slice(y, y + 16), slice(x, x + 16))
        squares.append(whole(prediction=prediction[part], target=target[part]).item())
    torch.manual_seed(0)
    result = [round(cropped(prediction=prediction[:1], target=target[:1]).item(), 5) for _ in range(30)]
    assert len(set(result)) > 20
    for value in result:
        assert min(abs(value - square) for square in squares) < 2e-5
    torch.manual_seed(0)
    assert round(cropped(prediction=prediction[:1], target=target[:1]).item(), 5) == result[0]
    assert cropped(prediction=prediction, target=prediction).tolist() == [0.0, 0.0]


def test_a_crop_larger_than_the_image_is_the_image():
    whole, cropped = VggPerceptual(weights="random"), VggPerceptual(weights="random", crop=64)
    prediction, target = torch.rand(2, 1, 3, 20, 24, generator=torch.Generator().manual_seed(3))
    assert torch.equal(cropped(prediction=prediction, target=target), whole(prediction=prediction, target=target))


def test_a_cropped_target_is_not_prepared_for_all_places():
    assert VggPerceptual(weights="random", crop=16).prepare is None
    assert VggPerceptual(weights="random").prepare is not None


def test_half_precision_on_request_is_near_and_gives_float32():
    prediction, target = torch.rand(2, 2, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    prediction.requires_grad_(True)
    output = {}
    for precision in ("float32", "bfloat16"):
        value = VggPerceptual(weights="random", precision=precision)(prediction=prediction, target=target)
        assert value.dtype is torch.float32
        output[precision] = value, *torch.autograd.grad(value.sum(), prediction)
    (value, slope), (near, close) = output.values()
    torch.testing.assert_close(near, value, rtol=2e-2, atol=0)
    assert not torch.equal(near, value)
    assert (close - slope).norm() < 6e-2 * slope.norm()


def test_a_map_is_compared_before_the_next_is_made():
    """So that a backward pass does not hold the gradients of all of them at once."""
    events, loss = [], VggPerceptual(weights="random")
    prediction, target = random_pair()
    expected = list(loss.feature_maps(target))

    def watched_maps():
        for name, feature_map in zip(DEFAULT, loss.feature_maps(prediction), strict=True):
            events.append(name)
            yield feature_map

    class Watched(torch.Tensor):
        """Says when it is read."""

        @classmethod
        def __torch_function__(cls, function, types, arguments=(), options=None):
            if events[-1:] != ["read"]:
                events.append("read")
            return super().__torch_function__(function, types, arguments, options or {})

    module.vgg_perceptual(watched_maps(), [feature_map.as_subclass(Watched) for feature_map in expected])
    assert events == ["relu1_1", "read", "relu1_2", "read", "relu2_1", "read"]
