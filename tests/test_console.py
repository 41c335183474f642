"""A reader that goes away ends nothing."""

import subprocess
import sys


def test_the_work_goes_on_when_nobody_reads(tmp_path):
    code = (
        "import sys, time\n"
        "from zerokd.console import PipeSafeConsole\n"
        "console = PipeSafeConsole()\n"
        "for number in range(2000):\n"
        "    console.print('x' * 200)\n"
        f"open({str(tmp_path / 'done')!r}, 'w').write('yes')\n"
    )
    command = f"{sys.executable} -c {chr(34)}$CODE{chr(34)} | head -1"
    done = subprocess.run(
        command, shell=True, env={"CODE": code, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert (tmp_path / "done").read_text() == "yes"
