/* interrupt.c: where the host says that Python code must stop, and what is then raised. */
#define Py_BUILD_CORE 1
#include "shim.h"

#include <pycore_ceval.h>

_Static_assert(sizeof(struct wasgi_interrupt) == 272, "the host writes 272 bytes");
_Static_assert(offsetof(struct wasgi_interrupt, breaker) == 4, "breaker follows pending");
_Static_assert(offsetof(struct wasgi_interrupt, bit) == 8, "bit follows breaker");
_Static_assert(offsetof(struct wasgi_interrupt, raised) == 12, "raised follows bit");
_Static_assert(offsetof(struct wasgi_interrupt, limit) == 16, "limit follows raised");
_Static_assert(offsetof(struct wasgi_interrupt, detail) == 48, "detail follows limit");
_Static_assert(sizeof(((PyThreadState *)0)->eval_breaker) == 4, "the host sets a bit of a word");

static struct wasgi_interrupt interrupt;

WASGI_EXPORT(WASGI_EXPORT_INTERRUPT)
struct wasgi_interrupt *wasgi_interrupt(void)
{
	return &interrupt;
}

void interrupt_ready(void)
{
	interrupt.bit = _PY_SIGNALS_PENDING_BIT;
	interrupt.breaker = (uint32_t)&PyThreadState_Get()->eval_breaker;
}

void interrupt_forget(void)
{
	interrupt.pending = 0;
}
