package front

import "golang.org/x/sys/unix"

// usualDescriptors is how many a process may have where the system does not tell.
const usualDescriptors = 1024

// mostDescriptors is how many descriptors the process may have.
func mostDescriptors() int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return usualDescriptors
	}
	return int64(min(limit.Cur, 1<<30))
}

// connectionShare and fileShare are what connections, and files of bodies, may have of all
// descriptors where nobody says else; the rest is for the apps' files.
func connectionShare() int { return int(mostDescriptors() * 5 / 8) }

func fileShare() int64 { return mostDescriptors() / 4 }
