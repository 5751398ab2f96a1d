package wasi

// Filetype says what kind of thing a file is.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#filetype
type Filetype uint8

// The specification's numbers, in its order.
const (
	FiletypeUnknown Filetype = iota
	FiletypeBlockDevice
	FiletypeCharacterDevice
	FiletypeDirectory
	FiletypeRegularFile
	FiletypeSocketDgram
	FiletypeSocketStream
	FiletypeSymbolicLink
)

// Filestat is what filestat_get tells of a file.
//
// Dev is filled in by the sandbox (each mount is a device of its own); a file
// system leaves it 0. Times are nanoseconds since the start of 1970, sizes are
// bytes.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#filestat
type Filestat struct {
	Dev, Ino         uint64
	Type             Filetype
	Nlink, Size      uint64
	Atim, Mtim, Ctim int64
}

// Dirent is one entry of a directory: its name, and the identity and the kind
// of the file it names.
type Dirent struct {
	Name string
	Ino  uint64
	Type Filetype
}

// Times are the times to give to a file, in nanoseconds since the start of
// 1970. A time whose flag is false stays as it is.
type Times struct {
	Atim, Mtim       int64
	SetAtim, SetMtim bool
}

// Rights say what a descriptor may be used for. fd_fdstat_set_rights only
// takes them away.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#rights
type Rights uint64

// The specification's bits, in its order.
const (
	RightFdDatasync Rights = 1 << iota
	RightFdRead
	RightFdSeek
	RightFdFdstatSetFlags
	RightFdSync
	RightFdTell
	RightFdWrite
	RightFdAdvise
	RightFdAllocate
	RightPathCreateDirectory
	RightPathCreateFile
	RightPathLinkSource
	RightPathLinkTarget
	RightPathOpen
	RightFdReaddir
	RightPathReadlink
	RightPathRenameSource
	RightPathRenameTarget
	RightPathFilestatGet
	RightPathFilestatSetSize
	RightPathFilestatSetTimes
	RightFdFilestatGet
	RightFdFilestatSetSize
	RightFdFilestatSetTimes
	RightPathSymlink
	RightPathRemoveDirectory
	RightPathUnlinkFile
	RightPollFdReadwrite
	RightSockShutdown
	RightSockAccept
)

// What a descriptor of each kind can be used for at all. A right outside its
// kind's set is dropped when a file is opened, not refused.
const (
	// anyRights are those that mean something for every kind.
	anyRights = RightFdFdstatSetFlags | RightFdFilestatGet | RightPollFdReadwrite

	fileRights = anyRights | RightFdDatasync | RightFdRead | RightFdSeek |
		RightFdSync | RightFdTell | RightFdWrite | RightFdAdvise |
		RightFdAllocate | RightFdFilestatSetSize | RightFdFilestatSetTimes

	dirRights = anyRights | RightFdRead | RightFdSync | RightFdDatasync |
		RightFdReaddir | RightFdFilestatSetTimes | RightPathCreateDirectory |
		RightPathCreateFile | RightPathLinkSource | RightPathLinkTarget |
		RightPathOpen | RightPathReadlink | RightPathRenameSource |
		RightPathRenameTarget | RightPathFilestatGet | RightPathFilestatSetSize |
		RightPathFilestatSetTimes | RightPathSymlink | RightPathRemoveDirectory |
		RightPathUnlinkFile

	stdinRights  = anyRights | RightFdRead
	stdoutRights = anyRights | RightFdWrite | RightFdSync | RightFdDatasync

	writeRights = RightFdWrite | RightFdAllocate | RightFdFilestatSetSize

	// allRights is every right there is: what a preopened directory passes on.
	allRights = Rights(1)<<30 - 1
)

// Fdflags are the flags of an open descriptor.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fdflags
type Fdflags uint16

// The specification's bits, in its order.
const (
	FdflagAppend Fdflags = 1 << iota
	FdflagDsync
	FdflagNonblock
	FdflagRsync
	FdflagSync

	fdflagsAll = FdflagSync<<1 - 1
)

// Bits of path_open's oflags.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#oflags
const (
	oflagCreat = 1 << iota
	oflagDirectory
	oflagExcl
	oflagTrunc

	oflagsAll = oflagTrunc<<1 - 1
)

// Bits of fstflags: which times to set.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fstflags
const (
	fstflagAtim = 1 << iota
	fstflagAtimNow
	fstflagMtim
	fstflagMtimNow

	fstflagsAll = fstflagMtimNow<<1 - 1
)

// lookupSymlinkFollow is the one bit of lookupflags.
const lookupSymlinkFollow = 1

// Values of whence.
const (
	whenceSet = iota
	whenceCur
	whenceEnd
)

// Values of clockid.
const (
	clockRealtime = iota
	clockMonotonic
	clockProcessCPU
	clockThreadCPU
)

// Values of eventtype.
const (
	eventClock = iota
	eventFdRead
	eventFdWrite
)
