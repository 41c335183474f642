"""The command line in tests: each command runs in a process that is forked from one with all imports done, since these
take longer than most commands.

``zerokd(...)`` runs a command, ``start(...)`` returns while it runs, and ``python command.py SOCKET arguments...`` runs
one for a shell. Tests of start-up and imports start a new interpreter instead.
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
from pkgutil import walk_packages

PHASE_LINE = re.compile(r"^.* \(\d+ s\)\n", re.MULTILINE)  # whether a command is slow enough to print one is chance
LARGEST = 2**20  # bytes of a request: the arguments and the environment
IMPORTED = ("torch", "torchvision", "torch._dynamo", "optuna", "pyvips")  # and all of zerokd
STARTED = []  # servers that this process started
SOCKET = "ZEROKD_TEST_SOCKET"  # the variable with the path of the server's socket


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


def _forked(words, cwd, env, timeout, prelude=""):
    process = start(*words, cwd=cwd, env=env, prelude=prelude)
    texts = process.communicate(timeout)
    return subprocess.CompletedProcess(["zerokd", *words], process.returncode, *texts)


def start(*arguments, cwd=None, env=None, prelude="", merged=False):
    """A running command, with the methods of ``Popen``.

    ``prelude`` is Python that runs in the process before the command; ``merged`` sends stderr to stdout.
    """
    words = [os.fsdecode(argument) for argument in arguments]
    return ForkedCommand(words, str(cwd or os.getcwd()), dict(os.environ if env is None else env), prelude, merged)


def run_pytest(*arguments, cwd, env=None, timeout=240):
    """The ``CompletedProcess`` of ``python -m pytest``, forked as commands are."""
    return _forked([], cwd, env, timeout, f"import sys, pytest; sys.exit(int(pytest.main({list(arguments)!r})))")


class ForkedCommand:
    """A command in a fork, with the methods of ``Popen`` that tests need, and ``pid`` and ``returncode``."""

    def __init__(self, words, cwd, environment, prelude, merged):
        self.returncode, self._answer = None, b""
        self._out = tempfile.TemporaryFile()  # noqa: SIM115
        self._err = self._out if merged else tempfile.TemporaryFile()  # noqa: SIM115
        with open(os.devnull, "rb") as devnull:
            files = [file.fileno() for file in (devnull, self._out, self._err)]
            self._link = send_request(server(), words, cwd, environment, files, prelude)
        self._receive(lambda: b"\n" in self._answer, 60)
        self.pid = int(self._answer.split(b"\n")[0])

    def _receive(self, is_done, timeout):
        self._link.settimeout(timeout)
        while not is_done():
            part = self._link.recv(64)
            assert part, "the command server has ended"
            self._answer += part

    def poll(self):
        """The exit code, or None while it runs."""
        with contextlib.suppress(BlockingIOError, TimeoutError):
            self.wait(0)
        return self.returncode

    def wait(self, timeout=None):
        """The exit code, as of ``Popen``: negative for a signal."""
        if self.returncode is None:
            self._receive(lambda: self._answer.count(b"\n") > 1, timeout)
            self.returncode = int(self._answer.split(b"\n")[1])
            self._link.close()
        return self.returncode

    def communicate(self, timeout=None):
        """Wait, and return what it printed."""
        self.wait(timeout)
        texts = []
        for file in dict.fromkeys((self._out, self._err)):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "backslashreplace"))
        return texts[0], texts[1] if len(texts) > 1 else None

    def send_signal(self, number):
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start_server():
    """Start the server of this process and of those that it starts; return before it is ready."""
    os.environ[SOCKET] = os.path.join(tempfile.mkdtemp(prefix="zerokd-"), "socket")
    command = [sys.executable, __file__, "--serve", os.environ[SOCKET]]
    STARTED.append(subprocess.Popen(command, cwd=Path(__file__).parents[1]))
    atexit.register(STARTED[-1].kill)


def server():
    """The socket of the server, which the first call starts; it needs some seconds to import."""
    if SOCKET not in os.environ:
        start_server()
    for _ in range(6000):
        if os.path.exists(os.environ[SOCKET]):
            return os.environ[SOCKET]
        if any(process.poll() is not None for process in STARTED):
            break
        time.sleep(0.02)
    raise AssertionError("the command server has ended")


def send_request(path, arguments, cwd, environment, files, prelude=""):
    """Have the server run a command with these three files. The connection answers with the lines PID and EXIT CODE."""
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    request = json.dumps([arguments, cwd, environment, prelude]).encode()
    assert len(request) < LARGEST
    socket.send_fds(link, [len(request).to_bytes(4, "big")], files)
    link.sendall(request)
    return link


def serve(path):
    """Fork for each request until the parent is gone; return only in a fork, with the request."""
    modules = [module.name for module in walk_packages(import_module("zerokd").__path__, "zerokd.")]
    for name in (*IMPORTED, *modules):
        if name != "zerokd.__main__":
            import_module(name)
    remember_tiny_scenes()
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


def remember_tiny_scenes():
    """Render the scenes of the smallest recipes before the forks, which then have them."""
    import_module("scenes").remember_scenes()  # beside this file, which runs as a script
    source = import_module("zerokd.data.dead_leaves").DeadLeaves(size=32, count=6)
    for index in range(6):
        source[index]


def reap_forks():
    """Collect the forks that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def wait(link):
    """In a fork: run the request in another fork and answer with its number and its exit code."""
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
    with contextlib.suppress(BrokenPipeError):  # the caller may have ended
        link.sendall(f"{child}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        link.sendall(f"{code}\n".encode())
    os._exit(0)


def run(arguments, cwd, environment, prelude):
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
        exec(prelude, {})
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
        answer = send_request(sys.argv[1], sys.argv[2:], os.getcwd(), dict(os.environ), [0, 1, 2]).makefile().read()
        sys.exit(int(answer.split()[1]))
