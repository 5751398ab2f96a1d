// Package wasi is the system that a guest sees: WASI preview 1 for wazero, with
// nothing in it but what a Config puts there. The guest is taken to be hostile.
//
// # How it is used
//
// Instantiate registers the functions in a wazero.Runtime, once. New makes a
// Sandbox, the world of one guest, out of a Config: arguments, environment,
// standard input and output, and mounts. Calls into the guest are made with a
// context from WithSandbox, which says on whose behalf the functions act:
// never an argument of the guest. SetContext bounds how long it may wait, Close
// takes back what it has open.
//
// # Files
//
// The mounts make one tree, which the guest gets as one preopened directory
// "/". An FS is one of:
//
//   - Archive: a zip file, read-only, shared by everyone
//   - ReadOnlyDir: a directory of the host, read-only
//   - Data: a directory of the host to read and write, within a quota
//   - Tmp: memory to read and write, within a quota
//
// Directories of the host are reached through os.Root only. What leads out of
// one, a symbolic link or "..", is refused. All of them return Errno, a number,
// so no text of the host reaches the guest.
//
// A directory descriptor stands for a path. It follows when its own sandbox
// renames the directory; when another one does, it finds ENOENT.
//
// # Copies
//
// A guest whose memory is copied goes on in a sandbox of its own: Sandbox.Save
// returns what the host has of it, a State, and Tmp.Save what is in its /tmp, a
// TmpImage; Config.State and NewTmpFrom make any number of copies from them, in
// this process or, encoded, in another. After a request, Tmp.Reset and then
// Sandbox.Reset make a copy as good as new; Differences proves it in tests.
//
// Not everything can be carried: a file that lost its name, or has something
// locked, is a DescriptorError. Files are opened anew by path, each with an
// offset of its own; a copy has none of the locks, input or random bytes of the
// first. A file in a directory of the host is refused once another has its place.
//
// # Functions
//
// Real ones do what the specification says. Emulated ones do what can be done
// and say so where they are. Refused ones always return an error.
//
//	args_*, environ_*        real
//	clock_res_get            real
//	clock_time_get           real; CPU clocks say what the host charges
//	fd_advise                emulated: checked, then nothing; all is cached anyway
//	fd_allocate              emulated on Data: room in the quota, not on the disk
//	fd_close                 real
//	fd_datasync, fd_sync     real on Data; elsewhere there is nothing to write
//	fd_fdstat_get            real
//	fd_fdstat_set_flags      append, sync, dsync real; rsync and nonblock are kept
//	                         without effect: files never block
//	fd_fdstat_set_rights     real
//	fd_filestat_get          real
//	fd_filestat_set_size     real
//	fd_filestat_set_times    real
//	fd_pread, fd_pwrite      real; pwrite with append writes at its offset (POSIX)
//	fd_prestat_*             real
//	fd_lock, fd_lock_test,   ours, of the module wasgi_files: fcntl's locks, and
//	lock_wait                a sleep that ends when one can be had
//	fd_read, fd_write        real; at most 16 MiB a call, so that no call is long
//	fd_readdir               real; a snapshot from cookie 0 on keeps cookies stable
//	fd_renumber              real; to must be open
//	fd_seek, fd_tell         real
//	path_create_directory    real
//	path_filestat_get        real
//	path_filestat_set_times  real
//	path_link                real on LinkedDir; else refused (EPERM): a quota by
//	                         name is what people understand
//	path_open                real
//	path_readlink            real
//	path_remove_directory    real
//	path_rename              real within a mount; EXDEV across
//	path_symlink             real on LinkedDir; else refused (EPERM): links are how
//	                         files lead elsewhere
//	path_unlink_file         real
//	poll_oneoff              real; a CPU clock is refused (ENOTSUP): it stands still
//	proc_exit                real
//	proc_raise               refused (ENOTSUP): no signals; dropped from WASI
//	random_get               real
//	sched_yield              real: lets other goroutines run
//	sock_*                   refused (ENOTSOCK): no sockets
//
// # Hostile guests
//
// Every pointer and length goes through memory.view, every path through
// resolver.resolve, every descriptor through descriptors.get. Everything a
// guest can make grow is bounded: descriptors (1024), buffers of a call (1024)
// and their bytes (16 MiB), subscriptions (4096), a path (4096 bytes, 40
// links), directory entries being read (262144), files of the host open on one
// FS (1024), locked ranges (1024), a file system by its Quota. No function
// panics but proc_exit, which is how wazero unwinds a guest; nothing recovers. A
// call that returns an error has written nothing to memory, but for random_get
// ended half-way.
//
// # Reading the source
//
// module.go binds functions to wazero; args.go, environ.go, clock.go, fd*.go,
// path*.go, poll.go, proc.go, random.go and sock.go are the specification's
// groups; memory.go, descriptors.go and resolve.go are what they stand on;
// sandbox.go holds it together; lock.go, lockqueue.go and hostlock_*.go are how
// sandboxes lock files against one another; state*.go, restore.go and
// tmpimage.go are how a guest is copied, encoding.go is the form that has, and
// pristine.go how copies are compared; host.go and hosttimes_*.go are what
// directories of the host share. fs.go says what a file system is; rootfs.go,
// archive*.go, rodir.go, data*.go and tmp*.go are the ones there are.
package wasi
