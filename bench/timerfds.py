# Timer descriptors in one select.epoll, as timerfds.c has them: timerfds.py COUNT
# os.timerfd_create where this Python has it, 3.13; else the calls of libc. What
# is measured, poll and read, is CPython's own either way.
import ctypes
import os
import resource
import select
import sys
import time

SECONDS = 4
HALF_SECOND = 500_000_000


def with_libc():
    libc = ctypes.CDLL(None, use_errno=True)
    itimerspec = ctypes.c_long * 4

    def create():
        return libc.timerfd_create(time.CLOCK_MONOTONIC,
                                   os.O_NONBLOCK | os.O_CLOEXEC)

    def settime(fd, ns):
        parts = divmod(ns, 1_000_000_000)
        libc.timerfd_settime(fd, 0, itimerspec(*parts, *parts), None)

    return create, settime


def with_os():
    def create():
        return os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK)

    def settime(fd, ns):
        os.timerfd_settime_ns(fd, initial=ns, interval=ns)

    return create, settime


def cpu_seconds():
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


def put(key, value):
    print(f"{key} {value:.6g}")


def run(epoll, until):
    fired = reads = 0
    byteorder = sys.byteorder
    while time.monotonic() < until:
        for fd, _ in epoll.poll(0.1, 1023):
            try:
                fired += int.from_bytes(os.read(fd, 8), byteorder)
            except BlockingIOError:
                continue
            reads += 1
    return fired, reads


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(int(sys.argv[1]), hard - 16)
    create, settime = with_os() if hasattr(os, "timerfd_create") else with_libc()
    epoll = select.epoll()
    start, cpu = time.monotonic(), cpu_seconds()
    for i in range(count):
        fd = create()
        settime(fd, HALF_SECOND + i * HALF_SECOND // count)
        epoll.register(fd, select.EPOLLIN)
    put("create_us", (cpu_seconds() - cpu) * 1e6 / count)
    cpu = cpu_seconds()
    fired, reads = run(epoll, start + SECONDS)
    put("firing_us", (cpu_seconds() - cpu) * 1e6 / reads)
    put("fired", fired)
    put("timers", count)


main()
