"""What ssl is made on: its names and numbers, and contexts that hold their settings.

There is no TLS in the sandbox. Packages make contexts when they are imported, so that this
much works; wrapping a connection is what fails.
"""

import errno
import os

OPENSSL_VERSION_NUMBER = 0x30000000
OPENSSL_VERSION_INFO = _OPENSSL_API_VERSION = (3, 0, 0, 0, 0)
OPENSSL_VERSION = "OpenSSL 3.0.0 (the interface alone, in wasgi's sandbox)"
_DEFAULT_CIPHERS = "DEFAULT"
ALERT_DESCRIPTION_ACCESS_DENIED = 49
ALERT_DESCRIPTION_BAD_CERTIFICATE = 42
ALERT_DESCRIPTION_BAD_CERTIFICATE_HASH_VALUE = 114
ALERT_DESCRIPTION_BAD_CERTIFICATE_STATUS_RESPONSE = 113
ALERT_DESCRIPTION_BAD_RECORD_MAC = 20
ALERT_DESCRIPTION_CERTIFICATE_EXPIRED = 45
ALERT_DESCRIPTION_CERTIFICATE_REVOKED = 44
ALERT_DESCRIPTION_CERTIFICATE_UNKNOWN = 46
ALERT_DESCRIPTION_CERTIFICATE_UNOBTAINABLE = 111
ALERT_DESCRIPTION_CLOSE_NOTIFY = 0
ALERT_DESCRIPTION_DECODE_ERROR = 50
ALERT_DESCRIPTION_DECOMPRESSION_FAILURE = 30
ALERT_DESCRIPTION_DECRYPT_ERROR = 51
ALERT_DESCRIPTION_HANDSHAKE_FAILURE = 40
ALERT_DESCRIPTION_ILLEGAL_PARAMETER = 47
ALERT_DESCRIPTION_INSUFFICIENT_SECURITY = 71
ALERT_DESCRIPTION_INTERNAL_ERROR = 80
ALERT_DESCRIPTION_NO_RENEGOTIATION = 100
ALERT_DESCRIPTION_PROTOCOL_VERSION = 70
ALERT_DESCRIPTION_RECORD_OVERFLOW = 22
ALERT_DESCRIPTION_UNEXPECTED_MESSAGE = 10
ALERT_DESCRIPTION_UNKNOWN_CA = 48
ALERT_DESCRIPTION_UNKNOWN_PSK_IDENTITY = 115
ALERT_DESCRIPTION_UNRECOGNIZED_NAME = 112
ALERT_DESCRIPTION_UNSUPPORTED_CERTIFICATE = 43
ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION = 110
ALERT_DESCRIPTION_USER_CANCELLED = 90
CERT_NONE = 0
CERT_OPTIONAL = 1
CERT_REQUIRED = 2
ENCODING_DER = 2
ENCODING_PEM = 1
HAS_ALPN = True
HAS_ECDH = True
HAS_NPN = False
HAS_PSK = False
HAS_SNI = True
HAS_SSLv2 = False
HAS_SSLv3 = False
HAS_TLS_UNIQUE = True
HAS_TLSv1 = True
HAS_TLSv1_1 = True
HAS_TLSv1_2 = True
HAS_TLSv1_3 = True
HOSTFLAG_ALWAYS_CHECK_SUBJECT = 1
HOSTFLAG_MULTI_LABEL_WILDCARDS = 8
HOSTFLAG_NEVER_CHECK_SUBJECT = 32
HOSTFLAG_NO_PARTIAL_WILDCARDS = 4
HOSTFLAG_NO_WILDCARDS = 2
HOSTFLAG_SINGLE_LABEL_SUBDOMAINS = 16
OP_ALL = 2147483728
OP_CIPHER_SERVER_PREFERENCE = 4194304
OP_ENABLE_KTLS = 8
OP_ENABLE_MIDDLEBOX_COMPAT = 1048576
OP_IGNORE_UNEXPECTED_EOF = 128
OP_LEGACY_SERVER_CONNECT = 4
OP_NO_COMPRESSION = 131072
OP_NO_RENEGOTIATION = 1073741824
OP_NO_SSLv2 = 0
OP_NO_SSLv3 = 33554432
OP_NO_TICKET = 16384
OP_NO_TLSv1 = 67108864
OP_NO_TLSv1_1 = 268435456
OP_NO_TLSv1_2 = 134217728
OP_NO_TLSv1_3 = 536870912
OP_SINGLE_DH_USE = 0
OP_SINGLE_ECDH_USE = 0
PROTOCOL_SSLv23 = 2
PROTOCOL_TLS = 2
PROTOCOL_TLS_CLIENT = 16
PROTOCOL_TLS_SERVER = 17
PROTOCOL_TLSv1 = 3
PROTOCOL_TLSv1_1 = 4
PROTOCOL_TLSv1_2 = 5
PROTO_MAXIMUM_SUPPORTED = -1
PROTO_MINIMUM_SUPPORTED = -2
PROTO_SSLv3 = 768
PROTO_TLSv1 = 769
PROTO_TLSv1_1 = 770
PROTO_TLSv1_2 = 771
PROTO_TLSv1_3 = 772
SSL_ERROR_EOF = 8
SSL_ERROR_INVALID_ERROR_CODE = 10
SSL_ERROR_SSL = 1
SSL_ERROR_SYSCALL = 5
SSL_ERROR_WANT_CONNECT = 7
SSL_ERROR_WANT_READ = 2
SSL_ERROR_WANT_WRITE = 3
SSL_ERROR_WANT_X509_LOOKUP = 4
SSL_ERROR_ZERO_RETURN = 6
VERIFY_ALLOW_PROXY_CERTS = 64
VERIFY_CRL_CHECK_CHAIN = 12
VERIFY_CRL_CHECK_LEAF = 4
VERIFY_DEFAULT = 0
VERIFY_X509_PARTIAL_CHAIN = 524288
VERIFY_X509_STRICT = 32
VERIFY_X509_TRUSTED_FIRST = 32768

_REFUSAL = (
    "wasgi's sandbox has no TLS: the server speaks it to clients, and connections out of the "
    "sandbox do not exist yet"
)
_OBJECTS = (
    (129, "serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1"),
    (130, "clientAuth", "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2"),
)


class SSLError(OSError):
    """An error of TLS."""

    library = reason = None

    def __str__(self):
        return self.strerror if isinstance(self.strerror, str) else super().__str__()


class SSLZeroReturnError(SSLError):
    """The connection was closed in order."""


class SSLWantReadError(SSLError):
    """More has to be read first."""


class SSLWantWriteError(SSLError):
    """More has to be written first."""


class SSLSyscallError(SSLError):
    """The system failed."""


class SSLEOFError(SSLError):
    """The connection ended without a word."""


class SSLCertVerificationError(SSLError, ValueError):
    """A certificate was not accepted."""

    verify_code = verify_message = None


def _refuse(*args, **kwargs):
    raise SSLError(errno.ENOSYS, _REFUSAL)


def _setting(name, default):
    """Return a property that keeps what it is set to."""
    key = "_setting_" + name

    def keep(self, value):
        self.__dict__[key] = value

    return property(lambda self: self.__dict__.get(key, default), keep)


class _SSLContext:
    """The settings of connections to be."""

    options = _setting("options", OP_ALL | OP_NO_SSLv3 | OP_NO_COMPRESSION)
    verify_flags = _setting("verify_flags", VERIFY_X509_TRUSTED_FIRST)
    minimum_version = _setting("minimum_version", PROTO_TLSv1_2)
    maximum_version = _setting("maximum_version", PROTO_MAXIMUM_SUPPORTED)
    keylog_filename = _setting("keylog_filename", None)
    sni_callback = _setting("sni_callback", None)
    num_tickets = _setting("num_tickets", 2)
    post_handshake_auth = _setting("post_handshake_auth", False)
    security_level = _setting("security_level", 2)
    _host_flags = _setting("_host_flags", HOSTFLAG_NO_PARTIAL_WILDCARDS)
    _msg_callback = _setting("_msg_callback", None)

    def __new__(cls, protocol=PROTOCOL_TLS, *args, **kwargs):
        self = super().__new__(cls)
        self._protocol = int(protocol)
        client = self._protocol == PROTOCOL_TLS_CLIENT
        self._verify_mode = CERT_REQUIRED if client else CERT_NONE
        self._check_hostname = client
        return self

    def __init__(self, *args, **kwargs):
        pass

    @property
    def protocol(self):
        """The protocol given to the constructor."""
        return self._protocol

    @property
    def verify_mode(self):
        """Whether the other side's certificate is looked at."""
        return self._verify_mode

    @verify_mode.setter
    def verify_mode(self, value):
        if value not in (CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED):
            raise ValueError("invalid value for verify_mode")
        if value == CERT_NONE and self._check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self._verify_mode = int(value)

    @property
    def check_hostname(self):
        """Whether the certificate must be the host's."""
        return self._check_hostname

    @check_hostname.setter
    def check_hostname(self, value):
        self._check_hostname = bool(value)
        if value and self._verify_mode == CERT_NONE:
            self._verify_mode = CERT_REQUIRED

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        """Check that the files are there."""
        for file in (certfile, keyfile):
            if file is not None:
                os.stat(file)

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        """Check that the files are there."""
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        for file in (cafile, capath):
            if file is not None:
                os.stat(file)

    def set_ciphers(self, cipherlist):
        """Check the type."""
        if not isinstance(cipherlist, str):
            raise TypeError(f"set_ciphers() argument must be str, not {type(cipherlist).__name__}")

    def set_default_verify_paths(self):
        """There are none."""

    def set_ecdh_curve(self, name):
        """Nothing uses it."""

    def load_dh_params(self, path):
        """Check that the file is there."""
        os.stat(path)

    def cert_store_stats(self):
        """Return how many certificates were loaded: none."""
        return {"x509": 0, "crl": 0, "x509_ca": 0}

    def get_ca_certs(self, binary_form=False):
        """Return the certificates loaded: none."""
        return []

    def get_ciphers(self):
        """Return the ciphers there are: none."""
        return []

    def session_stats(self):
        """Return counts, all 0."""
        names = "number connect connect_good connect_renegotiate accept accept_good"
        names += " accept_renegotiate hits misses timeouts cache_full"
        return dict.fromkeys(names.split(), 0)

    def _set_alpn_protocols(self, protocols):
        """Nothing uses them."""

    _wrap_socket = _wrap_bio = _refuse


class MemoryBIO:
    """A buffer between a protocol and TLS."""

    def __init__(self):
        self._data = bytearray()
        self._ended = False

    @property
    def pending(self):
        """How many bytes there are to read."""
        return len(self._data)

    @property
    def eof(self):
        """Whether all was read and nothing comes any more."""
        return self._ended and not self._data

    def read(self, size=-1, /):
        """Take up to size bytes out."""
        size = len(self._data) if size < 0 else size
        taken = bytes(self._data[:size])
        del self._data[:size]
        return taken

    def write(self, data, /):
        """Put bytes in."""
        if self._ended:
            raise SSLError("cannot write() after write_eof()")
        data = bytes(data)
        self._data += data
        return len(data)

    def write_eof(self):
        """Say that nothing comes any more."""
        self._ended = True


class SSLSession:
    """What a connection could be resumed by; never made here."""


class Certificate:
    """A certificate; never made here."""


def txt2obj(txt, name=False):
    """Return what ssl knows of an object identifier."""
    for found in _OBJECTS:
        if txt == found[3] or name and txt in found:
            return found
    raise ValueError(f"unknown object '{txt[:100]}'")


def nid2obj(nid, /):
    """Return what ssl knows of an object's number."""
    for found in _OBJECTS:
        if nid == found[0]:
            return found
    raise ValueError(f"unknown NID {nid}")


def get_default_verify_paths():
    """Return where OpenSSL looks for certificates; nothing is there."""
    return ("SSL_CERT_FILE", "/etc/ssl/cert.pem", "SSL_CERT_DIR", "/etc/ssl/certs")


def RAND_status():
    """Return True: there is randomness."""
    return True


def RAND_add(string, entropy, /):
    """Leave randomness to the system."""


def RAND_bytes(n, /):
    """Return n random bytes."""
    return os.urandom(n)


_test_decode_cert = _refuse
