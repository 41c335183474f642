"""The baseline of the benchmarks: a stage of recipes/paper.toml as scripts in this field usually write it.

One module per term, SSIM of a library, VGG once for each image of a pair, the teacher at every step, PyTorch's default
memory format, ``.item()`` of every term, an optimizer and a moving average that loop over a dozen small tensors. The
mathematics is that of the recipe, written independently, so that both sides must agree on all numbers.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from zerokd.objective.stage_plan import StagePlan
from zerokd.recipe.build.components import Components

CLIP_NORM, LEARNING_RATE, EMA_DECAY = 0.1, 5e-3, 0.999
LAYER_PAIRS = {"early": ("e_conv1", "e_conv2"), "mid": ("e_conv2", "e_conv4"), "deep": ("e_conv3", "e_conv7")}


class PerceptualLoss(nn.Module):
    """Mean squared error of VGG-19 at three ReLUs. The released script also computes a fourth but never reads it."""

    def __init__(self, layers: nn.Sequential, unused: bool):
        super().__init__()
        plain = [nn.ReLU() if isinstance(layer, nn.ReLU) else layer for layer in copy.deepcopy(layers)]
        self.slices = nn.ModuleList([nn.Sequential(*plain[:2]), nn.Sequential(*plain[2:4]), nn.Sequential(*plain[4:])])
        extra = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1), nn.ReLU()) if unused else nn.Identity()
        self.unused = extra.requires_grad_(False)
        self.slices.to(memory_format=torch.contiguous_format).requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        x, y, loss = (prediction - self.mean) / self.std, (target - self.mean) / self.std, 0.0
        for layers in self.slices:
            x, y = layers(x), layers(y)
            loss = loss + F.mse_loss(x, y)
        self.unused(x), self.unused(y)
        return loss / len(self.slices)


class SpatialLoss(nn.Module):
    """Preserves the differences between neighbouring cells."""

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.zeros(4, 1, 3, 3)
        kernels[:, 0, 1, 1] = 1
        for index, (row, column) in enumerate(((1, 0), (1, 2), (0, 1), (2, 1))):
            kernels[index, 0, row, column] = -1
        self.register_buffer("kernels", kernels)

    def forward(self, low: Tensor, enhanced: Tensor) -> Tensor:
        cells = [F.avg_pool2d(image.mean(1, keepdim=True), 4) for image in (low, enhanced)]
        before, after = (F.conv2d(cell, self.kernels, padding=1) for cell in cells)
        return ((before - after) ** 2).sum(1).mean()


class ExposureLoss(nn.Module):
    """Target brightness by region."""

    def __init__(self, bright_weight: float):
        super().__init__()
        self.bright_weight = bright_weight

    def forward(self, enhanced: Tensor, low: Tensor) -> Tensor:
        e, o = (F.avg_pool2d(image.mean(1, keepdim=True), 8) for image in (enhanced, low))
        dark = torch.sigmoid((0.12 - o) / 0.05)
        mid = torch.sigmoid((o - 0.12) / 0.05) * torch.sigmoid((0.4 - o) / 0.05)
        bright = torch.sigmoid((o - 0.8) / 0.08)
        target = (0.95 * dark + 0.4 * mid + self.bright_weight * o * bright) / (dark + mid + bright)
        return F.mse_loss(e, target)


class ColorLoss(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        r, g, b = x.mean((2, 3)).unbind(1)
        return ((r - g) ** 4 + (r - b) ** 4 + (g - b) ** 4).sqrt().mean()


class SaturationLoss(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return ((x - x.mean((2, 3), keepdim=True)) ** 2).sum(1).sqrt().mean()


class SmoothnessLoss(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return ((x[:, :, 1:] - x[:, :, :-1]) ** 2).mean() + ((x[:, :, :, 1:] - x[:, :, :, :-1]) ** 2).mean()


class BaselineTrainer:
    """Trains one of the stages; ``weights`` holds the effective weight of each of its terms by label."""

    def __init__(
        self,
        components: Components,
        stage: StagePlan,
        weights: dict[str, float],
        vgg: nn.Sequential | None,
        unused: bool,
        device: torch.device,
    ):
        self.weights, self.is_augmented = weights, bool(stage.augmentations)
        self.student, self.teacher, self.ema = (
            copy.deepcopy(components.get_model(name)).to(device, memory_format=torch.contiguous_format)
            for name in ("student", "teacher", "ema")
        )
        self.teacher.eval().requires_grad_(False)
        self.ema.requires_grad_(False)
        self.features: dict[str, Tensor] = {}
        if stage.name == "distill":
            for pair in LAYER_PAIRS.values():
                for owner, net, layer in zip("st", (self.student, self.teacher), pair, strict=True):
                    net.get_submodule(layer).register_forward_hook(self._make_hook(f"{owner}.{layer}"))
        self.perceptual = PerceptualLoss(vgg, unused).to(device) if vgg is not None else None
        self.spatial, self.color = SpatialLoss().to(device), ColorLoss()
        self.saturation, self.smoothness = SaturationLoss(), SmoothnessLoss()
        self.exposure = ExposureLoss(0.65 if stage.name == "distill" else 0.6)
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=LEARNING_RATE)
        self.log: list[dict[str, float]] = []

    def _make_hook(self, name: str):
        def hook(module: nn.Module, args: object, output: Tensor) -> None:
            self.features[name] = output

        return hook

    def step(self, low: Tensor, optimize: bool = True) -> None:
        outputs = self.student(low)
        terms = self._pretraining_terms(low, outputs) if self.is_augmented else self._distillation_terms(low, outputs)
        total = sum(self.weights[label] * value for label, value in terms.items())
        self.optimizer.zero_grad()
        total.backward()
        if optimize:
            nn.utils.clip_grad_norm_(self.student.parameters(), CLIP_NORM)
            self.optimizer.step()
            with torch.no_grad():
                for mean, new in zip(self.ema.parameters(), self.student.parameters(), strict=True):
                    mean.mul_(EMA_DECAY).add_(new, alpha=1 - EMA_DECAY)
        self.log.append({label: value.item() for label, value in terms.items()} | {"total": total.item()})

    def _pretraining_terms(self, low: Tensor, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            "pretraining.exposure": self.exposure(outputs["enhanced"], low),
            "pretraining.smoothness": self.smoothness(outputs["curve_map"]),
            "pretraining.color": self.color(outputs["enhanced"]),
        }

    def _distillation_terms(self, low: Tensor, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        with torch.no_grad():
            targets, negative = self.teacher(low), self.ema(low)["enhanced"]
        enhanced, target = outputs["enhanced"], targets["enhanced"]
        converted = (1 - (1 - targets["curve_map"]) ** 2).clamp(min=-1)
        terms = {
            "distillation.enhanced": F.mse_loss(enhanced, target),
            "distillation.curve_map": F.mse_loss(outputs["curve_map"], converted),
            "distillation.structure": 1 - structural_similarity_index_measure(enhanced, target, data_range=1.0),
        }
        if self.perceptual is not None:
            terms["distillation.perceptual"] = self.perceptual(enhanced, target)
        for name, (small, large) in LAYER_PAIRS.items():
            s, t = self.features[f"s.{small}"], self.features[f"t.{large}"]
            t = F.adaptive_avg_pool2d(t, s.shape[2:])
            terms[f"feature_matching.{name}"] = F.mse_loss(s.mean(1, keepdim=True), t.mean(1, keepdim=True))
        terms |= {
            "task.color": self.color(enhanced),
            "task.spatial": self.spatial(low, enhanced),
            "task.smoothness": self.smoothness(outputs["curve_map"]),
            "task.enhanced_smoothness": self.smoothness(enhanced),
            "task.saturation": self.saturation(enhanced),
            "task.exposure": self.exposure(enhanced, low),
        }
        near, far = ((enhanced - image).square().mean((1, 2, 3)) for image in (target, negative))
        terms["contrastive.ema"] = F.softplus((near - far) / 0.1).mean()
        return terms

    def gradient(self) -> Tensor:
        return torch.cat([parameter.grad.reshape(-1) for parameter in self.student.parameters()])
