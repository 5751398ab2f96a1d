"""socket: names, numbers and addresses work; opening a socket fails and says why.

The constants are Linux's: code that only mentions them runs.
"""

import errno
import ipaddress

from wasgi._sandbox import NO_SOCKETS

_NAME = "localhost"
_ADDRESS = "127.0.0.1"

_CONSTANTS = {
    "AF_UNIX": 1, "SOCK_RAW": 3, "SO_REUSEADDR": 2, "SO_ERROR": 4, "SO_BROADCAST": 6,
    "SO_SNDBUF": 7, "SO_RCVBUF": 8, "SO_KEEPALIVE": 9, "SO_LINGER": 13, "SO_REUSEPORT": 15,
    "SO_RCVTIMEO": 20, "SO_SNDTIMEO": 21, "MSG_OOB": 1, "MSG_DONTWAIT": 64, "MSG_NOSIGNAL": 16384,
}


def adapt(module):
    """Fill in what socket lacks and have it explain what it cannot do."""
    for name, value in _CONSTANTS.items():
        if name != "AF_UNIX":  # there, code would take for granted that it can be used
            module.__dict__.setdefault(name, value)
    names = _Names(module)
    for name in ("getaddrinfo", "getnameinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
        setattr(module, name, getattr(names, name))
    module.gethostname = gethostname
    module.sethostname = _refuse
    module.socketpair = _refuse
    module.socket.__init__ = _refuse_socket
    module.if_nameindex = _no_interfaces
    module.create_connection = _create_connection
    module.create_server = _refuse


def gethostname():
    """Return the sandbox's name: the server's own stays hidden."""
    return _NAME


def _refuse(*args, **kwargs):
    raise OSError(errno.ENOSYS, NO_SOCKETS)


def _refuse_socket(self, *args, **kwargs):
    self._io_refs, self._closed = 0, True
    raise OSError(errno.ENOSYS, NO_SOCKETS)


def _create_connection(address, *args, **kwargs):
    raise OSError(errno.ENOSYS, f"cannot connect to {address!r}: {NO_SOCKETS}")


def _no_interfaces():
    return []


class _Names:
    """What a resolver knows that can ask nobody: numbers, and this machine."""

    def __init__(self, module):
        self.module = module

    def _address(self, host):
        if host in (None, "", _NAME):
            return ipaddress.ip_address(_ADDRESS)
        if isinstance(host, bytes):
            host = host.decode()
        try:
            return ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            text = f"cannot look up {host!r}: {NO_SOCKETS}"
            raise self.module.gaierror(self.module.EAI_NONAME, text) from None

    def _port(self, port):
        """Return the number of a port; few have a name here."""
        known = {None: 0, "http": 80, "https": 443, "smtp": 25}
        try:
            return known[port] if port in known else int(port)
        except ValueError:
            text = f"the service {port!r} is not known in wasgi's sandbox; give the port's number"
            raise self.module.gaierror(self.module.EAI_SERVICE, text) from None

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        """Return what socket.getaddrinfo does for an address in numbers, or localhost."""
        module = self.module
        address = self._address(host)
        own = module.AF_INET if address.version == 4 else module.AF_INET6
        if family not in (0, own):
            raise module.gaierror(module.EAI_FAMILY, f"{host!r} is no address of family {family}")
        target = (str(address), self._port(port))
        if address.version == 6:
            target += (0, 0)
        kinds = [
            (module.SocketKind.SOCK_STREAM, module.IPPROTO_TCP),
            (module.SocketKind.SOCK_DGRAM, module.IPPROTO_UDP),
        ]
        return [
            (own, kind, protocol, "", target)
            for kind, protocol in kinds
            if type in (0, kind) and proto in (0, protocol)
        ]

    def gethostbyname(self, hostname):
        """Return the address of localhost, or the address given."""
        return str(self._address(hostname))

    def gethostbyname_ex(self, hostname):
        """Return (name, aliases, addresses) of localhost, or of the address given."""
        return hostname, [], [self.gethostbyname(hostname)]

    def gethostbyaddr(self, ip_address):
        """Return (name, aliases, addresses) of localhost."""
        if self.gethostbyname(ip_address) == _ADDRESS:
            return _NAME, [], [_ADDRESS]
        text = f"cannot look up {ip_address!r}: {NO_SOCKETS}"
        raise self.module.herror(1, text)

    def getnameinfo(self, sockaddr, flags):
        """Return the address and port in numbers."""
        return str(self._address(sockaddr[0])), str(sockaddr[1])
