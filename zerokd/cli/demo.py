"""``zerokd demo``."""

from __future__ import annotations

from pathlib import Path

import click

from zerokd.cli.options import plugin_option, student_arguments


@click.command("demo")
@student_arguments("best")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 takes any free one."
)
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write the page to a file instead of serving it.")
@plugin_option
def command(student: str, port: int, open_page: bool, out: Path | None, plugins: tuple[Path, ...]) -> None:
    """Serve a page on 127.0.0.1 that enhances photos with STUDENT, inside the browser.

    Photos never leave the machine, and the page uses no network. Ctrl-C stops the server.
    """
    from zerokd.files.atomic import write_text
    from zerokd.pages.demo import DemoServer, build_demo_page
    from zerokd.phases import report_phases
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.student.load import load_trained_model

    with report_phases("loading the student"):
        content = build_demo_page(load_trained_model(student, discover_plugins(plugins, strict=True)))
    if out is not None:
        write_text(out, content)
        click.echo(out)
        return
    with DemoServer(content, port) as server:
        click.echo(f"{server.url}  (Ctrl-C stops it)")
        if open_page:
            click.launch(server.url)
        server.serve_forever()
