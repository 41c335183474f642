"""The command line in tests: each command in a process of its own, forked from one that has imported what commands
import, since that takes longer than most of them.

``zerokd(...)`` runs one. ``python command.py SOCKET arguments...`` does so for a shell. Tests of signals, of start-up
and of what is imported start a new interpreter instead.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path

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
_served: list[str] = []


def zerokd(*arguments, cwd=None, env=None, timeout=240, fresh=False):
    """What ``subprocess.run`` gives for the command ``zerokd``, as text, in a ``fresh`` interpreter where it matters
    what is imported. No mistake ends in a traceback."""
    done = (_fresh if fresh else _forked)([os.fsdecode(argument) for argument in arguments], cwd, env, timeout)
    assert "Traceback" not in done.stderr or "--traceback" in arguments, done.stderr
    return done


def _fresh(words, cwd, env, timeout):
    command = [sys.executable, "-m", "zerokd", *words]
    return subprocess.run(command, cwd=cwd, env=env, timeout=timeout, capture_output=True, text=True)


def _forked(words, cwd, env, timeout):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull, "rb") as nothing:
        files = [one.fileno() for one in (nothing, out, err)]
        code = ask(server(), words, str(cwd or os.getcwd()), dict(os.environ if env is None else env), files, timeout)
        texts = [(one.seek(0), one.read().decode("utf-8", "backslashreplace"))[1] for one in (out, err)]
    return subprocess.CompletedProcess(["zerokd", *words], code, *texts)


def server():
    """The socket of this process's server, which is started the first time."""
    if not _served:
        path = os.path.join(tempfile.mkdtemp(prefix="zerokd-"), "socket")
        process = subprocess.Popen([sys.executable, __file__, "--serve", path], cwd=Path(__file__).parents[1])
        atexit.register(process.kill)
        while not os.path.exists(path):
            assert process.poll() is None, "the server of commands has ended"
            time.sleep(0.02)
        _served.append(path)
    return _served[0]


def ask(path, arguments, cwd, environment, files, timeout=None):
    """Have the server run a command on these three files; returns its exit code."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(timeout)
        link.connect(path)
        request = json.dumps([arguments, cwd, environment]).encode()
        assert len(request) < LARGEST
        socket.send_fds(link, [len(request).to_bytes(4, "big")], files)
        link.sendall(request)
        answer = link.recv(16)
    assert answer, "the server of commands has ended"
    return int(answer)


def serve(path):
    """Fork for each request until the one that asks is gone; returns only in a fork, what it has to run."""
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
        if not os.fork():  # one that waits for the command, so that several may run at once
            listener.close()
            return wait(link)
        link.close()
        while_ended()
    os._exit(0)


def while_ended():
    """Forget the forks that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def wait(link):
    """In a fork: run what is asked for in another one and answer with its exit code."""
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
    sys.path[1:1] = [one for one in environment.get("PYTHONPATH", "").split(os.pathsep) if one]
    sys.argv = [os.path.join(os.path.dirname(__file__), "../zerokd/__main__.py"), *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    code = 0
    try:
        import_module("zerokd.cli").main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # taking down all that is imported takes a second


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        run(*serve(sys.argv[2]))
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:], os.getcwd(), dict(os.environ), [0, 1, 2]))
