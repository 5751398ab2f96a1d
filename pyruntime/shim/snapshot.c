/* snapshot.c: what a guest does before its memory is copied, and first of all in a copy. */
#include "shim.h"

#include <sqlite3.h>

static bool frozen;      /* wasgi_freeze was called */
static bool calls_hooks; /* there are any: asking Python writes to pages */

static int32_t outcome(bool ok)
{
	return ok ? WASGI_OUTCOME_OK : report_exception();
}

/* What a function of wasgi._snapshot without arguments returns; NULL and an exception. */
static PyObject *call_snapshot(const char *function)
{
	PyObject *module = PyImport_ImportModule("wasgi._snapshot");
	PyObject *result = module ? PyObject_CallMethod(module, function, NULL) : NULL;

	Py_XDECREF(module);
	return result;
}

static bool did_snapshot(const char *function)
{
	PyObject *result = call_snapshot(function);

	Py_XDECREF(result);
	return result != NULL;
}

WASGI_EXPORT(WASGI_EXPORT_PREPARE)
int32_t wasgi_prepare(void)
{
	interrupt_forget();
	if (!chance_know() || !did_snapshot("prepare"))
		return report_exception();
	still();
	return WASGI_OUTCOME_OK;
}

WASGI_EXPORT(WASGI_EXPORT_FREEZE)
int32_t wasgi_freeze(void)
{
	PyObject *hooks;

	interrupt_forget();
	hooks = call_snapshot("freeze");
	calls_hooks = hooks == Py_True;
	Py_XDECREF(hooks);
	if (hooks == NULL || !chance_freeze())
		return report_exception();
	sqlite3_randomness(0, NULL); /* seeds its generator anew, when it is used the next time */
	still();
	frozen = true;
	return WASGI_OUTCOME_OK;
}

/* In a copy of a base snapshot, or before any snapshot. Nothing is hashed before the secret is there. */
static bool restored_base(uint32_t hash_seed)
{
	if (!hash_own(hash_seed)) {
		PyErr_SetString(PyExc_SystemError, "the copy cannot have a hash secret of its own");
		return false;
	}
	return chance_anew();
}

WASGI_EXPORT(WASGI_EXPORT_RESTORED)
int32_t wasgi_restored(uint32_t hash_seed)
{
	if (application == NULL)
		return outcome(restored_base(hash_seed));
	interrupt_forget();
	if (!frozen)
		chance_forget();
	return outcome((frozen && !calls_hooks) || did_snapshot("restored"));
}
