"""The command line in tests: each command runs in a process that is forked from one with all imports done, since these
take longer than most commands.

``zerokd(...)`` runs a command, and ``python command.py SOCKET arguments...`` does so for a shell. Tests of signals,
start-up and imports start a new interpreter instead.
"""

import atexit
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path

PHASE_LINE = re.compile(r"^.* \(\d+ s\)\n", re.MULTILINE)  # whether a command is slow enough to print one is chance
LARGEST = 2**20  # bytes of a request: the arguments and the environment
IMPORTED = (
    "torch",
    "torchvision",
    "optuna",
    "pyvips",
    "zerokd.run.launch",
    "zerokd.describe.equation_text",
    "zerokd.describe.evidence_text",
)
IMPORTED += (
    "zerokd.student.evaluate.evaluate",
    "zerokd.student.enhance.jobs",
    "zerokd.student.export",
    "zerokd.sweep.sweep",
)
_sockets: list[str] = []


def zerokd(*arguments, cwd=None, env=None, timeout=240, fresh=False):
    """The ``CompletedProcess`` of a command, with text; ``fresh`` starts a new interpreter. No error ends in
    a traceback."""
    process = (_fresh if fresh else _forked)([os.fsdecode(argument) for argument in arguments], cwd, env, timeout)
    process.stderr = re.sub(PHASE_LINE, "", process.stderr)
    assert "Traceback" not in process.stderr or "--traceback" in arguments, process.stderr
    return process


def _fresh(words, cwd, env, timeout):
    command = [sys.executable, "-m", "zerokd", *words]
    return subprocess.run(command, cwd=cwd, env=env, timeout=timeout, capture_output=True, text=True)


def _forked(words, cwd, env, timeout):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull, "rb") as devnull:
        files = [file.fileno() for file in (devnull, out, err)]
        code = ask(server(), words, str(cwd or os.getcwd()), dict(os.environ if env is None else env), files, timeout)
        texts = [(file.seek(0), file.read().decode("utf-8", "backslashreplace"))[1] for file in (out, err)]
    return subprocess.CompletedProcess(["zerokd", *words], code, *texts)


def server():
    """The socket of this process's server, which the first call starts."""
    if not _sockets:
        path = os.path.join(tempfile.mkdtemp(prefix="zerokd-"), "socket")
        process = subprocess.Popen([sys.executable, __file__, "--serve", path], cwd=Path(__file__).parents[1])
        atexit.register(process.kill)
        while not os.path.exists(path):
            assert process.poll() is None, "the command server has ended"
            time.sleep(0.02)
        _sockets.append(path)
    return _sockets[0]


def ask(path, arguments, cwd, environment, files, timeout=None):
    """Have the server run a command with these three files; return its exit code."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(timeout)
        link.connect(path)
        request = json.dumps([arguments, cwd, environment]).encode()
        assert len(request) < LARGEST
        socket.send_fds(link, [len(request).to_bytes(4, "big")], files)
        link.sendall(request)
        answer = link.recv(16)
    assert answer, "the command server has ended"
    return int(answer)


def serve(path):
    """Fork for each request until the parent is gone; return only in a fork, with the request."""
    for name in IMPORTED:
        import_module(name)
    parent, listener = os.getppid(), socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen()
    listener.settimeout(5)
    os.rename(path + ".new", path)
    while os.getppid() == parent:
        try:
            link, _ = listener.accept()
        except TimeoutError:
            continue
        if not os.fork():  # waits for the command, so that several can run at once
            listener.close()
            return wait(link)
        link.close()
        reap_forks()
    os._exit(0)


def reap_forks():
    """Collect the forks that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def wait(link):
    """In a fork: run the request in another fork and answer with its exit code."""
    head, files, _, _ = socket.recv_fds(link, 4, 3)
    size, request = int.from_bytes(head, "big"), b""
    while len(request) < size:
        request += link.recv(size - len(request))
    child = os.fork()
    if not child:
        link.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
        return json.loads(request)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    link.sendall(str(code).encode())
    os._exit(0)


def run(arguments, cwd, environment):
    """The command, as ``python -m zerokd`` would run it."""
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = cwd
    sys.path[1:1] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.argv = [os.path.join(os.path.dirname(__file__), "../zerokd/__main__.py"), *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    code = 0
    try:
        import_module("zerokd.cli").main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # unloading all imports takes a second


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        run(*serve(sys.argv[2]))
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:], os.getcwd(), dict(os.environ), [0, 1, 2]))
