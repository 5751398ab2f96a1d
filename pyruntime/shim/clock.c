/*
 * clock.c: clock and times, for time.process_time and os.times. wasi-libc plays them on
 * the clock on the wall; the host has one that tells the processor time charged.
 */
#include <sys/times.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

#define NANOSECONDS 1000000000LL

static long long nanoseconds(__wasi_clockid_t id)
{
	__wasi_timestamp_t now;

	if (__wasi_clock_time_get(id, 1, &now) != 0)
		return -1;
	return (long long)now;
}

clock_t clock(void)
{
	_Static_assert(CLOCKS_PER_SEC == NANOSECONDS, "clock counts nanoseconds");
	return nanoseconds(__WASI_CLOCKID_PROCESS_CPUTIME_ID);
}

clock_t times(struct tms *spent)
{
	long long tick = NANOSECONDS / sysconf(_SC_CLK_TCK);

	*spent = (struct tms){.tms_utime = nanoseconds(__WASI_CLOCKID_PROCESS_CPUTIME_ID) / tick};
	return nanoseconds(__WASI_CLOCKID_MONOTONIC) / tick;
}
