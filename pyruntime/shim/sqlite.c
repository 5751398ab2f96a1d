/*
 * sqlite.c: what SQLite needs of the system and wasi-libc does not have. Its "unix"
 * VFS locks ranges of a database with fcntl; the host adds the locks that preview 1
 * lacks, and so SQLite works here as on any Unix.
 * https://sqlite.org/lockingv3.html
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

/* wasi-libc has struct flock without the numbers that go with it; these are sqlite3.c's. */
#ifndef F_RDLCK
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define F_GETLK 12
#define F_SETLK 13
#endif

/* What the host's functions take and give as a lock's type. */
_Static_assert(F_RDLCK == 0 && F_WRLCK == 1 && F_UNLCK == 2, "the types of locks are as in abi.h");

/* What fd_lock_test writes. */
typedef struct {
	uint64_t type;
	int64_t start, len;
} found_lock;

_Static_assert(sizeof(found_lock) == 24, "a found lock is as in abi.h");

static int failed(int32_t error)
{
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

static int lock_get(int fd, struct flock *lock)
{
	found_lock found;

	if (failed(host_fd_lock_test(fd, (uint32_t)lock->l_type, lock->l_start, lock->l_len, &found)) != 0)
		return -1;
	lock->l_type = (short)found.type;
	if (found.type == F_UNLCK)
		return 0; /* the rest stays as it was */
	lock->l_start = found.start;
	lock->l_len = found.len;
	lock->l_pid = -1; /* guests do not know one another */
	return 0;
}

static int lock_fcntl(int fd, int command, struct flock *lock)
{
	if (lock->l_whence != SEEK_SET)
		return failed(EINVAL);
	if (command == F_GETLK)
		return lock_get(fd, lock);
	return failed(host_fd_lock(fd, (uint32_t)lock->l_type, lock->l_start, lock->l_len));
}

/* fcntl for SQLite, which calls it for locks and for FD_CLOEXEC. */
static int sqlite_fcntl(int fd, int command, ...)
{
	va_list args;
	int result;

	va_start(args, command);
	if (command == F_SETLK || command == F_GETLK)
		result = lock_fcntl(fd, command, va_arg(args, struct flock *));
	else
		result = fcntl(fd, command, va_arg(args, int));
	va_end(args);
	return result;
}

/* Files have no modes here. SQLite thinks so too, and still calls fchmod for a temporary file. */
static int sqlite_fchmod(int fd, mode_t mode)
{
	(void)fd;
	(void)mode;
	return 0;
}

/* SQLite sleeps between two tries for a lock; the host wakes it when it can have the lock. */
static int sqlite_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	host_lock_wait((int64_t)microseconds * 1000);
	return microseconds;
}

/* All of SQLite's Unix VFSes share their system calls. */
bool sqlite_ready(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	if (vfs == NULL)
		return false;
	vfs->xSleep = sqlite_sleep;
	return vfs->xSetSystemCall(vfs, "fcntl", (sqlite3_syscall_ptr)sqlite_fcntl) == SQLITE_OK &&
	       vfs->xSetSystemCall(vfs, "fchmod", (sqlite3_syscall_ptr)sqlite_fchmod) == SQLITE_OK;
}
