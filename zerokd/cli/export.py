"""``zerokd export``."""

from __future__ import annotations

from pathlib import Path

import click

from zerokd.cli.options import plugin_option

EXACT_PSNR = 100.0  # dB from which on a difference is rounding


@click.command("export")
@click.argument("weights", default="bundled")
@click.option("--format", "use", required=True, metavar="NAME", help="c, glsl, onnx, pt2, torchscript, or a plugin's.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The file; by default student.<ending>, here.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Config of the format: precision=int8")
@plugin_option
def command(weights: str, use: str, out: Path | None, settings: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Write the student in WEIGHTS (by default the bundled one) in a FORMAT, for programs without zerokd.

    What is written is run and held against PyTorch on 20 image sizes first; a file that differs is not kept.
    `zerokd show NAME` explains a format and its config.
    """
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.student.export import CHECK_SHAPES, build_exporter, export_model
    from zerokd.student.load import load_trained_model

    catalogue = discover_plugins(plugins, strict=True)
    exporter = build_exporter(use, settings, catalogue)
    trained = load_trained_model(weights, catalogue)
    made = export_model(trained, exporter, out or Path(f"student{exporter.suffix}"))
    click.echo(f"{made.path}: {made.size} bytes, from {trained.source}")
    click.echo(
        f"on {len(CHECK_SHAPES)} sizes at most {made.max_difference:.1e} from PyTorch ({exporter.tolerance:.1e} allowed)"
        + (f", PSNR {made.psnr:.1f} dB" if made.psnr < EXACT_PSNR else "")
    )
