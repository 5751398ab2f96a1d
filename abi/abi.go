// Package abi is what crosses between the host and a guest: names, numbers and
// layouts, as abi.h lists them. It defines and checks; it decides nothing.
//
// A guest is a WebAssembly module that exports what [Guest] calls and imports what
// [Host] answers. Everything a guest passes is hostile: each pointer and length
// goes through one bounds check, and no view of its memory outlives the call that
// asked for it.
package abi

// Version is the number both sides must agree on.
const Version = 3

// Exports of the guest.
const (
	exportABI    = "wasgi_abi"
	exportBuffer = "wasgi_buffer"
	exportStart  = "wasgi_start"
	exportLoad   = "wasgi_load"
	exportServe  = "wasgi_serve"
	exportMain   = "wasgi_main"

	exportInterrupt = "wasgi_interrupt"
	exportPrepare   = "wasgi_prepare"
	exportFreeze    = "wasgi_freeze"
	exportRestored  = "wasgi_restored"
)

// Imports of the guest.
const (
	importModule        = "wasgi"
	importInputRead     = "input_read"
	importResponseStart = "response_start"
	importResponseWrite = "response_write"
	importResponseFile  = "response_file"
	importReport        = "report"
	importWarn          = "warn"
	importPBKDF2        = "pbkdf2"
	importScrypt        = "scrypt"
	importLimitLeft     = "limit_left"
)

// What the host adds to a guest's code before it compiles it: two functions that are
// imported beside those above, and an export.
const (
	MeterTick = "tick"       // at the heads of loops, when it is time
	MeterData = "wasgi_data" // applies the data segments, first of all calls
)

// What guests import of files beside preview 1; package wasi has it.
const (
	FilesModule     = "wasgi_files"
	FilesFdLock     = "fd_lock"
	FilesFdLockTest = "fd_lock_test"
	FilesLockWait   = "lock_wait"
)

// Names of settings, in the Pairs that Load and Main take.
const (
	SettingEntry = "entry" // "module:callable" or "module:factory()"
	SettingPath  = "path"  // a folder for sys.path, in order
	SettingEnv   = "env"   // "NAME=value" for os.environ
	SettingArg   = "arg"   // one word of python3's command line, its name first
	SettingCwd   = "cwd"   // the current folder
	SettingOnce  = "once"  // the guest serves one request: wsgi.run_once
)

// Outcome is what a guest's call came to.
type Outcome int32

const (
	OutcomeOK     Outcome = 0 // done
	OutcomeRaised Outcome = 1 // an exception ended it and was reported; the interpreter is sound
	OutcomeExit   Outcome = 2 // the app asked the process to end
	OutcomeBroken Outcome = 3 // the shim cannot go on
	OutcomeMemory Outcome = 4 // memory ran out and nobody caught it

	OutcomeInterrupted Outcome = 5 // the host's interrupt ended it and was reported
)

// InterruptKind is why a guest is interrupted: what its code sees raised.
type InterruptKind uint32

const (
	InterruptLimit    InterruptKind = 1 // wasgi.LimitExceeded
	InterruptGone     InterruptKind = 2 // wasgi.ClientGone: nobody waits for the response
	InterruptShutdown InterruptKind = 3 // wasgi.ShuttingDown: the server waits no longer
)

// What a guest may ask to be told: what is left of the limit of that name.
const (
	LeftCPU          = 0 // nanoseconds
	LeftCPUShare     = 1 // nanoseconds of CPU saved up
	LeftTimeout      = 2 // nanoseconds
	LeftMemory       = 3 // bytes, as all that follow
	LeftRequestBody  = 4
	LeftResponseBody = 5
	LeftTmp          = 6
	LeftData         = 7
	LeftLogRate      = 8
	LeftStack        = 9
)

// Reusable tells whether a guest that came to o may be called again.
func (o Outcome) Reusable() bool {
	return o == OutcomeOK || o == OutcomeRaised
}

// Enough is what a Response answers to a block after which it needs no further one.
const Enough Error = 1

// Error is what a function of the host answers a guest that must not go on as it
// did. The zero value is success.
type Error int32

const (
	ErrorOrder    Error = -1 // not in this state: outside a request, a second start, a write before it
	ErrorInvalid  Error = -2 // a status, header or argument outside its grammar or range
	ErrorGone     Error = -3 // the client has gone
	ErrorDeadline Error = -4 // the request's time is over
	ErrorLimit    Error = -5 // over a limit on the request's or the response's size
	ErrorLength   Error = -6 // more body than the Content-Length the app has set
	ErrorBody     Error = -7 // the request's body is malformed or was cut short
	ErrorFile     Error = -8 // the file cannot be read
)

// What the head of a response may have: bytes of status, names and values in their
// Pairs, and headers.
const (
	MostHead    = 65536
	MostHeaders = 512
)

// Digest names a hash function of PBKDF2.
type Digest uint32

const (
	DigestMD5    Digest = 1
	DigestSHA1   Digest = 2
	DigestSHA224 Digest = 3
	DigestSHA256 Digest = 4
	DigestSHA384 Digest = 5
	DigestSHA512 Digest = 6
)

// Error implements error, for a Response that refuses what an app sends.
func (e Error) Error() string {
	switch e {
	case ErrorOrder:
		return "the app called the server out of order"
	case ErrorInvalid:
		return "the app sent a status or header outside the grammar of HTTP"
	case ErrorGone:
		return "the client has gone"
	case ErrorDeadline:
		return "the request's time is over"
	case ErrorLimit:
		return "a body is over its limit"
	case ErrorLength:
		return "the app sent more body than its Content-Length says"
	case ErrorBody:
		return "the request's body is malformed or was cut short"
	case ErrorFile:
		return "the file cannot be read"
	}
	if e == Enough {
		return "no more of the body is needed"
	}
	return "no error"
}
