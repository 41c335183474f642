"""The layer of both curve networks."""

from __future__ import annotations

from torch import Tensor, nn


class SeparableConv(nn.Module):
    """A depthwise 3x3 convolution and a pointwise 1x1 one, nothing between them; height and width do not change.

    The names of both are those of the released Zero-DCE++ checkpoints.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.depth_conv = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels)
        self.point_conv = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.point_conv(self.depth_conv(x))

    def output_bounds(self, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        """The least and greatest value of each output channel when input channel c lies in [lower[c], upper[c]].

        The zeros of the padding count as inputs. Attained, since no input pixel reaches an output on two paths.
        """
        lower, upper = lower.clamp(max=0), upper.clamp(min=0)
        middle, spread = (lower + upper) / 2, (upper - lower) / 2
        centre = self(middle.view(1, -1, 1, 1).expand(1, -1, 3, 3))[0, :, 1, 1]
        reach = self.point_conv.weight.flatten(1).abs() @ (self.depth_conv.weight.flatten(1).abs().sum(1) * spread)
        return centre - reach, centre + reach
