"""Kill a process at its n-th system call that creates, writes, flushes, renames or removes a file below a folder.

``compile_shim`` builds a library for LD_PRELOAD. In a process that it is loaded into, ``arm`` starts to count, and
kills the process instead of the chosen call; a write is done by half first. ``calls`` is one letter for each call.
"""

import ctypes
import subprocess

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define LONGEST 100000
static char folder[PATH_MAX], letters[LONGEST + 1];
static volatile int count, chosen;

void shim_arm(const char *path, int number) {
    snprintf(folder, sizeof folder, "%s", path);
    count = 0;
    chosen = number;
    memset(letters, 0, sizeof letters);
}
const char *shim_calls(void) { return letters; }

static int meet(char letter) {  /* whether to die here */
    int number = __sync_add_and_fetch(&count, 1);
    if (number <= LONGEST) letters[number - 1] = letter;
    return number == chosen;
}
static void die(void) { syscall(SYS_kill, getpid(), SIGKILL); for (;;) pause(); }
static int below(const char *path) { return folder[0] && path && !strncmp(path, folder, strlen(folder)); }
static int below_descriptor(int descriptor) {
    char link[64], path[PATH_MAX];
    if (!folder[0] || descriptor < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return below(path);
}
static int below_at(int descriptor, const char *path) {
    return path && path[0] == '/' ? below(path) : below_descriptor(descriptor);
}
static void path_call(const char *path, char letter) { if (below(path) && meet(letter)) die(); }
#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)
#define CREATES(flags) ((flags) & (O_CREAT | O_TRUNC))

#define OPEN(name) int name(const char *path, int flags, ...) { \
    va_list list; va_start(list, flags); mode_t mode = va_arg(list, int); va_end(list); \
    REAL(int, #name, const char *, int, ...); \
    if (CREATES(flags)) path_call(path, 'o'); return real(path, flags, mode); }
OPEN(open) OPEN(open64)
#define OPENAT(name) int name(int at, const char *path, int flags, ...) { \
    va_list list; va_start(list, flags); mode_t mode = va_arg(list, int); va_end(list); \
    REAL(int, #name, int, const char *, int, ...); \
    if (CREATES(flags) && below_at(at, path) && meet('o')) die(); return real(at, path, flags, mode); }
OPENAT(openat) OPENAT(openat64)
ssize_t write(int descriptor, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (below_descriptor(descriptor) && meet('w')) { real(descriptor, data, size / 2); die(); }
    return real(descriptor, data, size);
}
int rename(const char *from, const char *to) { REAL(int, "rename", const char *, const char *); path_call(to, 'r');
    return real(from, to); }
int unlink(const char *path) { REAL(int, "unlink", const char *); path_call(path, 'u'); return real(path); }
int unlinkat(int at, const char *path, int flags) { REAL(int, "unlinkat", int, const char *, int);
    if (below_at(at, path) && meet('u')) die(); return real(at, path, flags); }
int rmdir(const char *path) { REAL(int, "rmdir", const char *); path_call(path, 'd'); return real(path); }
int mkdir(const char *path, mode_t mode) { REAL(int, "mkdir", const char *, mode_t); path_call(path, 'm');
    return real(path, mode); }
int fsync(int descriptor) { REAL(int, "fsync", int); if (below_descriptor(descriptor) && meet('f')) die();
    return real(descriptor); }
#define TRUNCATE(name, type) int name(int descriptor, type size) { REAL(int, #name, int, type); \
    if (below_descriptor(descriptor) && meet('t')) die(); return real(descriptor, size); }
TRUNCATE(ftruncate, off_t) TRUNCATE(ftruncate64, off_t)
"""


def compile_shim(compiler, library):
    """Compile the library with a compiler's command."""
    source = library.with_suffix(".c")
    source.write_text(SOURCE)
    subprocess.run([*compiler, "-O1", "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"], check=True)


def arm(folder, number=0):
    """Count the calls below ``folder`` from now on, and die at that one; 0 is none."""
    ctypes.CDLL(None).shim_arm(str(folder).encode(), number)


def calls():
    """A letter for each call since ``arm``: o(pen), w(rite), f(sync), r(ename), u(nlink), m(kdir), rm(d)ir."""
    read = ctypes.CDLL(None).shim_calls
    read.restype = ctypes.c_char_p
    return read().decode()
