/*
 * shim.h: what the files of the shim share. The shim is the C half of the guest:
 * it starts the interpreter, turns the host's bytes into Python's objects and
 * back, and keeps to PEP 3333 on the way. https://peps.python.org/pep-3333/
 */
#ifndef WASGI_SHIM_H
#define WASGI_SHIM_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#include "abi.h"
#include "host.h"

#define WASGI_EXPORT(name) __attribute__((export_name(name)))

/* The buffer the host fills: pointer and capacity. buffer.c */
extern uint8_t *shim_buffer;

/* A walk over the Pairs at data. pairs.c */
typedef struct {
	const uint8_t *next;
	const uint8_t *end;
	uint32_t left;
	const char *name, *value;
	Py_ssize_t name_len, value_len;
} pairs_reader;

/* pairs_open sets r on the message of len bytes at data; false and an exception where it is malformed. */
bool pairs_open(pairs_reader *r, const uint8_t *data, uint32_t len);

/* pairs_next moves to the next entry: 1 there is one, 0 the end, -1 an exception. */
int pairs_next(pairs_reader *r);

/* A Pairs message that grows. The zero value is empty; pairs_free gives its memory back. */
typedef struct {
	uint8_t *data;
	size_t len, cap;
	uint32_t count;
} pairs_writer;

/* pairs_add appends one entry; false and MemoryError where memory is short. */
bool pairs_add(pairs_writer *w, const char *name, size_t name_len, const char *value, size_t value_len);

/* pairs_message completes the header and returns the message, NULL and an exception where memory is short. */
const uint8_t *pairs_message(pairs_writer *w, uint32_t *len);

/* pairs_reset empties w and keeps its memory. */
void pairs_reset(pairs_writer *w);
void pairs_free(pairs_writer *w);

/* environ.c: the request's dict of exact str, completed with the wsgi.* keys. */
bool environ_ready(void);
/* environ_once makes wsgi.run_once true. */
bool environ_once(void);
PyObject *environ_new(const uint8_t *data, uint32_t len);

/* The request in flight, 0 between requests; objects made for another one refuse to work. serve.c */
extern uint64_t request_serial;

/* input.c: a stream over the host's input_read, good for one request. */
bool input_ready(void);
PyObject *input_new(void);

/* response.c: start_response and its write. */
typedef struct response response;
bool response_ready(void);
response *response_new(void);
/* response_block sends one block of the iterable, the head before the first that is not empty. */
bool response_block(response *r, PyObject *block, bool last);
/* response_enough tells whether further blocks would be of no use. */
bool response_enough(const response *r);
/* response_file sends a file's bytes from offset on, as far as the Content-Length goes. */
bool response_file(response *r, int fd, int64_t offset);
/* response_cut has what is beyond the Content-Length left out from now on, rather than raise. */
void response_cut(response *r);
/* response_end sends what is left at the iterable's end: at least the head. */
bool response_end(response *r);

/* file.c: wsgi.file_wrapper. */
bool file_ready(void);
PyObject *file_wrapper(void);
/* file_is tells whether body is one. */
bool file_is(PyObject *body);
/* file_send sends the file of one: 1 done, 0 it is to be iterated over, -1 an exception. */
int file_send(response *r, PyObject *body);

/* report.c: tells the host of the pending exception and clears it; the outcome to return. */
int report_exception(void);

/* interrupt.c: from interrupt_ready on the host can interrupt Python code. It imports wasgi. */
bool interrupt_ready(void);
/* interrupt_forget drops an interrupt that was not raised: a call begins. */
void interrupt_forget(void);
/* interrupt_raised tells whether one was raised in this call. */
bool interrupt_raised(void);

/* hash.c: hash_record notes what is hashed, from before the interpreter is up; hash_forget ends that. */
void hash_record(void);
void hash_forget(void);
/* hash_own makes a secret, of seed, or of chance where it is 0: what was hashed so far keeps its hash.
   False where that was not recorded. */
bool hash_own(uint32_t seed);

/* chance.c: from chance_know on, generators of random numbers are known. */
bool chance_know(void);
/* chance_loading: the app is imported from here on, or has been. */
void chance_loading(bool now);
/* chance_freeze has the generators seeded anew when they are used the next time. */
bool chance_freeze(void);
/* chance_anew seeds them now, and knows them still. */
bool chance_anew(void);
/* chance_forget ends knowing them: there will be no copy. */
void chance_forget(void);

/* still.c: still leaves as little as possible to write to in memory that copies share. */
void still(void);

/* The app, NULL before it is loaded. serve.c */
extern PyObject *application;

/* limits.c: the names of limits, and what is left of one, None where there is no such limit. */
PyObject *limit_names(void);
PyObject *limit_left(PyObject *self, PyObject *name);

/* Sets the exception that stands for an error of the host's. response.c */
void raise_host_error(int error);

/* sqlite.c: gives SQLite its locks; false where memory is short. Before its first use. */
bool sqlite_ready(void);

/* module.c: _wasgi, what Python code may ask of the shim. */
PyObject *wasgi_module_init(void);

#endif
