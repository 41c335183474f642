"""``zerokd export``."""

from __future__ import annotations

import warnings
from pathlib import Path

import click

from zerokd.cli.options import add_control_options, is_quiet, plugin_option, reports_phases, student_arguments

EXACT_PSNR = 100.0  # dB from which on a difference is rounding


@click.command("export")
@student_arguments("best")
@click.option(
    "--format", "use", required=True, metavar="NAME", help="c, frei0r, glsl, onnx, pt2, torchscript, or a plugin's."
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Output file; by default ./student.SUFFIX.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Config of the format: precision=int8")
@add_control_options
@plugin_option
@reports_phases
def command(
    student: str,
    use: str,
    out: Path | None,
    settings: tuple[str, ...],
    plugins: tuple[Path, ...],
    exposure: float | None,
    denoise: float | None,
) -> None:
    """Export STUDENT (by default the best one in the package) to a format that runs without zerokd.

    zerokd runs the exported file and compares it with PyTorch on 20 image sizes; it keeps no file that differs.
    `zerokd show NAME` describes a format and its config.
    """
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.student.controls import apply_controls
    from zerokd.student.export import CHECK_SHAPES, build_exporter, export_model
    from zerokd.student.load import load_trained_model
    from zerokd.student.location import resolve_student_file

    catalogue = discover_plugins(plugins, strict=True)
    exporter = build_exporter(use, settings, catalogue)
    file = apply_controls(resolve_student_file(student, plugins, catalogue), {"exposure": exposure, "denoise": denoise})
    trained_model = load_trained_model(file, catalogue)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result = export_model(trained_model, exporter, out or Path(f"student{exporter.suffix}"))
    for text in dict.fromkeys(str(warning.message) for warning in caught if warning.category is UserWarning):
        click.echo(f"warning: {text}", err=True)
    if is_quiet():
        return
    numbers = f"max difference {result.max_difference:.1e}, tolerance {exporter.tolerance:.1e}"
    psnr = f", PSNR {result.psnr:.1f} dB" if result.psnr < EXACT_PSNR else ""
    click.echo(f"Exported {trained_model.source} to {result.path} ({result.size:,} bytes)")
    click.echo(f"Matches PyTorch on {len(CHECK_SHAPES)} sizes ({numbers}{psnr})")
