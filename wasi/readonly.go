package wasi

// readOnlyFile is the half of File that no read-only file system allows.
type readOnlyFile struct{}

// WriteAt implements File.
func (readOnlyFile) WriteAt([]byte, int64) (int, Errno) { return 0, EROFS }

// Append implements File.
func (readOnlyFile) Append([]byte) (int, int64, Errno) { return 0, 0, EROFS }

// Truncate implements File.
func (readOnlyFile) Truncate(int64) Errno { return EROFS }

// Allocate implements File.
func (readOnlyFile) Allocate(int64) Errno { return EROFS }

// Utimes implements File.
func (readOnlyFile) Utimes(Times) Errno { return EROFS }

// Sync implements File: there is nothing to write.
func (readOnlyFile) Sync() Errno { return ESUCCESS }

// Close implements File.
func (readOnlyFile) Close() Errno { return ESUCCESS }

// unreadableDir stands for a preopened directory that could not be opened:
// asked for anything, it says why. Paths below it still lead where they do.
type unreadableDir struct {
	readOnlyFile
	errno Errno
}

// Type implements File.
func (unreadableDir) Type() Filetype { return FiletypeDirectory }

// ReadAt implements File.
func (unreadableDir) ReadAt([]byte, int64) (int, Errno) { return 0, EISDIR }

// Stat implements File.
func (d unreadableDir) Stat() (Filestat, Errno) { return Filestat{}, d.errno }

// ReadDir implements File.
func (d unreadableDir) ReadDir() ([]Dirent, Errno) { return nil, d.errno }
