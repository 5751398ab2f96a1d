package wasi

import "strconv"

// Errno is the result of a preview 1 function: 0 for success, else one of the
// numbers the specification gives. It is the only kind of error that file
// systems of this package return, so nothing of the host (a path least of
// all) can reach a guest through one.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno
type Errno uint16

// The specification's numbers, in its order.
const (
	ESUCCESS Errno = iota
	E2BIG
	EACCES
	EADDRINUSE
	EADDRNOTAVAIL
	EAFNOSUPPORT
	EAGAIN
	EALREADY
	EBADF
	EBADMSG
	EBUSY
	ECANCELED
	ECHILD
	ECONNABORTED
	ECONNREFUSED
	ECONNRESET
	EDEADLK
	EDESTADDRREQ
	EDOM
	EDQUOT
	EEXIST
	EFAULT
	EFBIG
	EHOSTUNREACH
	EIDRM
	EILSEQ
	EINPROGRESS
	EINTR
	EINVAL
	EIO
	EISCONN
	EISDIR
	ELOOP
	EMFILE
	EMLINK
	EMSGSIZE
	EMULTIHOP
	ENAMETOOLONG
	ENETDOWN
	ENETRESET
	ENETUNREACH
	ENFILE
	ENOBUFS
	ENODEV
	ENOENT
	ENOEXEC
	ENOLCK
	ENOLINK
	ENOMEM
	ENOMSG
	ENOPROTOOPT
	ENOSPC
	ENOSYS
	ENOTCONN
	ENOTDIR
	ENOTEMPTY
	ENOTRECOVERABLE
	ENOTSOCK
	ENOTSUP
	ENOTTY
	ENXIO
	EOVERFLOW
	EOWNERDEAD
	EPERM
	EPIPE
	EPROTO
	EPROTONOSUPPORT
	EPROTOTYPE
	ERANGE
	EROFS
	ESPIPE
	ESRCH
	ESTALE
	ETIMEDOUT
	ETXTBSY
	EXDEV
	ENOTCAPABLE
)

// Error returns the specification's name for e, such as "noent"; a number
// outside the specification as "errno 99".
func (e Errno) Error() string {
	names := errnoNames()
	if int(e) < len(names) {
		return names[e]
	}
	return "errno " + strconv.Itoa(int(e))
}

// errnoNames returns the names of the specification, indexed by number.
func errnoNames() [ENOTCAPABLE + 1]string {
	return [...]string{
		"success", "2big", "acces", "addrinuse", "addrnotavail", "afnosupport",
		"again", "already", "badf", "badmsg", "busy", "canceled", "child",
		"connaborted", "connrefused", "connreset", "deadlk", "destaddrreq",
		"dom", "dquot", "exist", "fault", "fbig", "hostunreach", "idrm", "ilseq",
		"inprogress", "intr", "inval", "io", "isconn", "isdir", "loop", "mfile",
		"mlink", "msgsize", "multihop", "nametoolong", "netdown", "netreset",
		"netunreach", "nfile", "nobufs", "nodev", "noent", "noexec", "nolck",
		"nolink", "nomem", "nomsg", "noprotoopt", "nospc", "nosys", "notconn",
		"notdir", "notempty", "notrecoverable", "notsock", "notsup", "notty",
		"nxio", "overflow", "ownerdead", "perm", "pipe", "proto",
		"protonosupport", "prototype", "range", "rofs", "spipe", "srch", "stale",
		"timedout", "txtbsy", "xdev", "notcapable",
	}
}
