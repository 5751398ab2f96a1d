/* snapshot.c: what a guest does before its memory is copied, and first of all in a copy. */
#include "shim.h"

/* What a function of wasgi._snapshot without arguments comes to. */
static int32_t call_snapshot(const char *function)
{
	PyObject *module, *result;

	interrupt_forget();
	module = PyImport_ImportModule("wasgi._snapshot");
	result = module ? PyObject_CallMethod(module, function, NULL) : NULL;
	Py_XDECREF(module);
	if (result == NULL)
		return report_exception();
	Py_DECREF(result);
	return WASGI_OUTCOME_OK;
}

WASGI_EXPORT(WASGI_EXPORT_PREPARE)
int32_t wasgi_prepare(void)
{
	return call_snapshot("prepare");
}

WASGI_EXPORT(WASGI_EXPORT_FREEZE)
int32_t wasgi_freeze(void)
{
	return call_snapshot("freeze");
}

WASGI_EXPORT(WASGI_EXPORT_RESTORED)
int32_t wasgi_restored(uint32_t hash_seed)
{
	(void)hash_seed;
	return call_snapshot("restored");
}
