/*
 * abi.h: the one list of what crosses between the host (Go) and a guest (CPython
 * with the shim of pyruntime/shim, compiled to WebAssembly).
 *
 * The shim includes this file; abi_test.go parses it and compares it with the Go
 * side, name by name and number by number. Change it here first.
 *
 * All integers are little-endian, as WebAssembly's are. A pointer and a length
 * name bytes of the guest's linear memory; the host copies or uses them within
 * the call and keeps no view of them.
 */
#ifndef WASGI_ABI_H
#define WASGI_ABI_H

#include <stdint.h>

/* Raised by one with every change that an older host or guest would misread. */
#define WASGI_ABI_VERSION 3

/*
 * Pairs is the layout of every list of names and values: an environ, settings,
 * arguments, response headers. After the header come count entries, each an entry
 * header and then its name's and its value's bytes, with no padding:
 *
 *     | count | size | name_len | value_len | name … | value … | name_len | …
 *     0       4      8          12          16
 *
 * size counts the whole message, the header included.
 */
struct wasgi_pairs {
	uint32_t count;
	uint32_t size;
};

struct wasgi_pair {
	uint32_t name_len;
	uint32_t value_len;
};

/*
 * Exports of the guest, besides memory, __stack_pointer and _initialize (which
 * runs first). The host fills the buffer and names the length of what it wrote.
 */
#define WASGI_EXPORT_ABI "wasgi_abi"       /* () -> version */
#define WASGI_EXPORT_BUFFER "wasgi_buffer" /* (size) -> pointer to the guest's buffer, 0 where memory is short */
#define WASGI_EXPORT_START "wasgi_start"   /* (hash seed, 0: random) -> outcome: the interpreter is up, the shim is ready */
#define WASGI_EXPORT_LOAD "wasgi_load"     /* (len: Pairs of settings) -> outcome: the app is imported */
#define WASGI_EXPORT_SERVE "wasgi_serve"   /* (len: Pairs of an environ) -> outcome: one request is answered */
#define WASGI_EXPORT_MAIN "wasgi_main"     /* (len: Pairs of settings) -> exit code: as python3 would run it */
#define WASGI_EXPORT_INTERRUPT "wasgi_interrupt" /* () -> pointer to the guest's struct wasgi_interrupt, which stays there */
#define WASGI_EXPORT_PREPARE "wasgi_prepare"   /* () -> outcome: the guest is ready for a base snapshot */
#define WASGI_EXPORT_FREEZE "wasgi_freeze"     /* () -> outcome: the guest is ready for a snapshot of its app */
#define WASGI_EXPORT_RESTORED "wasgi_restored" /* (hash seed, 0: random) -> outcome: a copy is a guest of its own */

/*
 * Snapshots. Between calls a guest is its linear memory, its global __stack_pointer and
 * what the host has of its files; who has a copy of these has a second guest. There are two
 * kinds of snapshot:
 *
 *     start, prepare                            base, the same for every app
 *     … restored, load, serve …, freeze         an app, loaded and warm
 *     … restored, serve …                       a copy, which serves
 *
 * restored comes first in every copy, and once. In one of a base snapshot it gives the
 * guest a hash secret of its own, which is seed's, or random. In one of an app it reseeds what
 * was left to chance and calls what the app has given to wasgi.after_restore, in order; an
 * exception of these is RAISED and reported, and the copy is of no use. An app that is
 * loaded without a snapshot, after start or after prepare, has it called too, after load, so
 * that what it gave to wasgi.after_restore is called in each guest that serves.
 *
 * While an app is loaded after prepare, randomness that stays in its snapshot is noticed, and
 * told by warn during freeze.
 */

/* What a guest's call came to. */
#define WASGI_OUTCOME_OK 0      /* done */
#define WASGI_OUTCOME_RAISED 1  /* an exception ended it; reported; the interpreter is sound */
#define WASGI_OUTCOME_EXIT 2    /* the app asked the process to end: the instance is not used again */
#define WASGI_OUTCOME_BROKEN 3  /* the shim cannot go on: the instance is not used again */
#define WASGI_OUTCOME_MEMORY 4  /* memory ran out and nobody caught it: the instance is not used again */
#define WASGI_OUTCOME_INTERRUPTED 5 /* the host's interrupt ended it; reported; the instance is not used again */

/*
 * How the host interrupts Python code, from within one of its functions: it writes limit
 * and detail, then pending, and sets bit in the word at breaker, which the evaluation loop
 * reads at each turn of a loop and each call of a function. The guest then raises what
 * pending says, once, sets pending back to 0 and counts raised up. It does so too when C
 * code asks for signals. An exception that Python cannot raise, in a __del__ say, is
 * raised again after it; code that catches it goes on. A call of load or serve begins with
 * nothing pending.
 */
struct wasgi_interrupt {
	uint32_t pending; /* 0, or a WASGI_INTERRUPT_* */
	uint32_t breaker; /* address of the main thread's eval_breaker, 0 before the interpreter is up */
	uint32_t bit;     /* what the host sets in the word there */
	uint32_t raised;  /* how often the guest has raised */
	char limit[32];   /* the limit's name as in wasgi.toml, ends with NUL */
	char detail[224]; /* UTF-8: "used 510ms of CPU, may use 500ms", ends with NUL */
};

/* Why it interrupts, and what is raised: a class of the module wasgi. */
#define WASGI_INTERRUPT_LIMIT 1    /* LimitExceeded, of limit and detail */
#define WASGI_INTERRUPT_GONE 2     /* ClientGone: nobody waits for the response */
#define WASGI_INTERRUPT_SHUTDOWN 3 /* ShuttingDown: the server waits no longer */

/* Names of settings. An "env", "path" or "arg" may stand more than once. */
#define WASGI_SETTING_ENTRY "entry" /* "module:callable" or "module:factory()" */
#define WASGI_SETTING_PATH "path"   /* a folder for sys.path, in order */
#define WASGI_SETTING_ENV "env"     /* "NAME=value" for os.environ */
#define WASGI_SETTING_ARG "arg"     /* one word of python3's command line, its name first */
#define WASGI_SETTING_CWD "cwd"     /* the current folder */
#define WASGI_SETTING_ONCE "once"   /* the guest serves one request: wsgi.run_once */

/* Functions of the host, imported from this module. */
#define WASGI_IMPORT_MODULE "wasgi"
#define WASGI_IMPORT_INPUT_READ "input_read"         /* (ptr, len) -> bytes read, 0 at the end, or an error */
#define WASGI_IMPORT_RESPONSE_START "response_start" /* (status, len, headers: Pairs, len) -> error */
#define WASGI_IMPORT_RESPONSE_WRITE "response_write" /* (ptr, len, last) -> error; last: no block follows */
#define WASGI_IMPORT_RESPONSE_FILE "response_file"   /* (fd, offset: i64, len: i64) -> error; the file's bytes as blocks, all to its end where len is below 0 */
#define WASGI_IMPORT_REPORT "report"                 /* (ptr, len): UTF-8 text of the exception that ended the call */
#define WASGI_IMPORT_WARN "warn"                     /* (ptr, len): UTF-8 text for the app's author, one line; nothing has failed */
#define WASGI_IMPORT_PBKDF2 "pbkdf2"                 /* (digest, password, len, salt, len, rounds, out, len) -> error */
#define WASGI_IMPORT_SCRYPT "scrypt"                 /* (password, len, salt, len, n, r, p, out, len) -> error */
#define WASGI_IMPORT_LIMIT_LEFT "limit_left"         /* (WASGI_LEFT_*) -> i64, what is left of it; -1: there is no such limit */

/*
 * What is not the shim's, but added to a guest's code by the host before it compiles it:
 * one more function that is imported, and an export.
 */
#define WASGI_METER_TICK "tick"             /* (): now and then, at the head of a loop */
#define WASGI_METER_DATA "wasgi_data"       /* (): applies the data segments; the first call of all */

/* What limit_left tells, by the limit's name in wasgi.toml. */
#define WASGI_LEFT_CPU 0           /* "cpu", nanoseconds */
#define WASGI_LEFT_CPU_SHARE 1     /* "cpu_share", nanoseconds of CPU saved up */
#define WASGI_LEFT_TIMEOUT 2       /* "timeout", nanoseconds */
#define WASGI_LEFT_MEMORY 3        /* "memory", bytes */
#define WASGI_LEFT_REQUEST_BODY 4  /* "request_body", bytes */
#define WASGI_LEFT_RESPONSE_BODY 5 /* "response_body", bytes */
#define WASGI_LEFT_TMP 6           /* "tmp", bytes */
#define WASGI_LEFT_DATA 7          /* "data", bytes */
#define WASGI_LEFT_LOG_RATE 8      /* "log_rate", bytes */
#define WASGI_LEFT_STACK 9         /* "stack", bytes */

/*
 * What preview 1 lacks of files, imported from this module: locks on ranges of bytes,
 * with the types, the rules and the errors of POSIX's fcntl. type: 0 to read, 1 to
 * write, 2 none; len 0: to the end, wherever that is; errno: a number of preview 1.
 * fd_lock never waits. found: three integers of 64 bits, the type, start and len of a lock
 * in the way, or only the type 2.
 */
#define WASGI_FILES_MODULE "wasgi_files"
#define WASGI_FILES_FD_LOCK "fd_lock"           /* (fd, type, start: i64, len: i64) -> errno */
#define WASGI_FILES_FD_LOCK_TEST "fd_lock_test" /* (fd, type, start: i64, len: i64, found) -> errno */
#define WASGI_FILES_LOCK_WAIT "lock_wait"       /* (nanoseconds: i64) -> errno: sleeps, until what fd_lock last refused can be had */

/* What response_write answers where it took the block and needs no further one: HEAD. */
#define WASGI_ENOUGH 1

/* Errors of the host's functions, the guest's to turn into exceptions. */
#define WASGI_ERROR_ORDER -1    /* not in this state: outside a request, a second start, a write before it */
#define WASGI_ERROR_INVALID -2  /* a status, header or argument outside its grammar or range */
#define WASGI_ERROR_GONE -3     /* the client has gone */
#define WASGI_ERROR_DEADLINE -4 /* the request's time is over */
#define WASGI_ERROR_LIMIT -5    /* over a limit on the request's or the response's size */
#define WASGI_ERROR_LENGTH -6   /* more body than the Content-Length the app has set */
#define WASGI_ERROR_BODY -7     /* the request's body is malformed or was cut short */
#define WASGI_ERROR_FILE -8     /* the file cannot be read */

/* What a head may have: bytes of status, names and values in their Pairs, and headers. */
#define WASGI_MOST_HEAD 65536
#define WASGI_MOST_HEADERS 512

/* Digests of pbkdf2. */
#define WASGI_DIGEST_MD5 1
#define WASGI_DIGEST_SHA1 2
#define WASGI_DIGEST_SHA224 3
#define WASGI_DIGEST_SHA256 4
#define WASGI_DIGEST_SHA384 5
#define WASGI_DIGEST_SHA512 6

#endif
