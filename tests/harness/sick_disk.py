"""An nbdkit plugin: an image whose flushes can be made to take long, or to fail.

IMG is the image, SIZE its bytes, SICK a file that says what is wrong: `slow SECONDS` or `failing`.
Reads and writes always work: what a failed flush was to keep is there to be read, and not safe.
"""

import errno
import os
import time

import nbdkit

API_VERSION = 2
IMAGE, SIZE, SICK = os.environ["IMG"], int(os.environ["SIZE"]), os.environ["SICK"]


def thread_model():
    return nbdkit.THREAD_MODEL_PARALLEL


def open(readonly):
    return os.open(IMAGE, os.O_RDONLY if readonly else os.O_RDWR)


def close(handle):
    os.close(handle)


def get_size(handle):
    return SIZE


def can_flush(handle):
    return True


def can_fua(handle):
    return nbdkit.FUA_EMULATE


def pread(handle, buffer, offset, flags):
    buffer[:] = os.pread(handle, len(buffer), offset)


def pwrite(handle, buffer, offset, flags):
    os.pwrite(handle, bytes(buffer), offset)


def flush(handle, flags):
    try:
        with os.fdopen(os.open(SICK, os.O_RDONLY)) as file:
            sick = file.read().split()
    except FileNotFoundError:
        return
    if sick[:1] == ["slow"]:
        time.sleep(float(sick[1]))
    elif sick[:1] == ["failing"]:
        nbdkit.set_error(errno.EIO)
        raise RuntimeError("the flush fails")
