/*
 * interrupt.c: the host says that Python code must stop, and an exception of the module
 * wasgi is raised in it, as if by a signal. pyruntime/build/patches/interrupt.patch has
 * the places where CPython asks.
 */
#define Py_BUILD_CORE 1
#include "shim.h"

#include <pycore_ceval.h>
#include <pycore_pyerrors.h>

_Static_assert(sizeof(struct wasgi_interrupt) == 272, "the host writes 272 bytes");
_Static_assert(offsetof(struct wasgi_interrupt, pending) == 0, "pending comes first");
_Static_assert(offsetof(struct wasgi_interrupt, breaker) == 4, "breaker follows pending");
_Static_assert(offsetof(struct wasgi_interrupt, bit) == 8, "bit follows breaker");
_Static_assert(offsetof(struct wasgi_interrupt, raised) == 12, "raised follows bit");
_Static_assert(offsetof(struct wasgi_interrupt, limit) == 16, "limit follows raised");
_Static_assert(offsetof(struct wasgi_interrupt, detail) == 48, "detail follows limit");
_Static_assert(sizeof(((PyThreadState *)0)->eval_breaker) == 4, "the host sets a bit of a word");

/* What is raised for each kind, and what it says where the host gives no detail. */
static const struct {
	const char *class, *text;
} kinds[] = {
	[WASGI_INTERRUPT_LIMIT] = {"LimitExceeded", "over a limit"},
	[WASGI_INTERRUPT_GONE] = {"ClientGone", "the client has gone"},
	[WASGI_INTERRUPT_SHUTDOWN] = {"ShuttingDown", "the server waits no longer"},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* Kept for the time when memory is full: the exception, its traceback and its report need some. */
enum { RESERVE = 64 << 10 };

static struct wasgi_interrupt interrupt;
static PyTypeObject *classes[KINDS];
static uint32_t raised_kind; /* what was last raised in this call, 0 for nothing */
static void *reserve;

WASGI_EXPORT(WASGI_EXPORT_INTERRUPT)
struct wasgi_interrupt *wasgi_interrupt(void)
{
	return &interrupt;
}

static PyObject *text_of(const char *text, size_t most)
{
	return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strnlen(text, most), "replace");
}

/* What the exception is made of: the limit and the detail, or one text. */
static PyObject *arguments(uint32_t kind)
{
	const char *detail = interrupt.detail[0] ? interrupt.detail : kinds[kind].text;
	PyObject *text = text_of(detail, sizeof interrupt.detail);

	if (kind != WASGI_INTERRUPT_LIMIT)
		return Py_BuildValue("(N)", text);
	return Py_BuildValue("(NN)", text_of(interrupt.limit, sizeof interrupt.limit), text);
}

/* The exception, made without running Python code, which may be at its limit of recursion. */
static PyObject *exception_new(uint32_t kind)
{
	PyObject *args = arguments(kind);
	PyObject *exception = args ? ((PyTypeObject *)PyExc_BaseException)->tp_new(classes[kind], args, NULL) : NULL;

	Py_XDECREF(args);
	return exception;
}

static int interrupt_raise(void)
{
	uint32_t kind = interrupt.pending;
	PyObject *exception;

	interrupt.pending = 0;
	if (kind == 0 || kind >= KINDS)
		return 0;
	interrupt.raised++;
	raised_kind = kind;
	PyMem_RawFree(reserve);
	reserve = NULL;
	exception = exception_new(kind);
	if (exception != NULL) {
		PyErr_SetObject((PyObject *)classes[kind], exception);
		Py_DECREF(exception);
	}
	return -1;
}

/* What was lost where nothing can be raised, in a __del__ say, is raised after it. */
static void interrupt_lost(PyObject *exception)
{
	if (raised_kind == 0 || interrupt.pending != 0 || !Py_IS_TYPE(exception, classes[raised_kind]))
		return;
	interrupt.pending = raised_kind;
	*(uint32_t *)interrupt.breaker |= interrupt.bit;
}

static bool find_classes(void)
{
	PyObject *module = PyImport_ImportModule("wasgi");
	bool found = module != NULL;

	for (int kind = 1; found && kind < KINDS; kind++) {
		classes[kind] = (PyTypeObject *)PyObject_GetAttrString(module, kinds[kind].class);
		found = classes[kind] != NULL;
	}
	Py_XDECREF(module);
	return found;
}

bool interrupt_ready(void)
{
	if (!find_classes())
		return false;
	interrupt_forget();
	_PyErr_Host.raise = interrupt_raise;
	_PyErr_Host.lost = interrupt_lost;
	_PyErr_Host.pending = &interrupt.pending;
	interrupt.bit = _PY_SIGNALS_PENDING_BIT;
	interrupt.breaker = (uint32_t)&PyThreadState_Get()->eval_breaker;
	return true;
}

void interrupt_forget(void)
{
	interrupt.pending = 0;
	raised_kind = 0;
	if (reserve == NULL)
		reserve = PyMem_RawMalloc(RESERVE);
}

bool interrupt_raised(void)
{
	return raised_kind != 0;
}
