"""Free ports on the loopback interface."""

import socket


def free_ports(count):
    """Returns `count` different ports that were free a moment ago.

    All sockets stay open until the last port is known, otherwise the kernel
    may hand out the same one twice.
    """
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()
