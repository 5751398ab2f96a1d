/* report.c: an exception that ended a call becomes text for the tenant's log. */
#include "shim.h"

/* The text of wasgi._report.describe, NULL where even that failed. */
static PyObject *describe(PyObject *exception)
{
	PyObject *module = PyImport_ImportModule("wasgi._report");
	PyObject *text = module ? PyObject_CallMethod(module, "describe", "O", exception) : NULL;

	Py_XDECREF(module);
	return text;
}

static void report_text(PyObject *text)
{
	Py_ssize_t len;
	const char *utf8 = PyUnicode_AsUTF8AndSize(text, &len);

	if (utf8 != NULL)
		host_report(utf8, (uint32_t)len);
}

static void report_plain(PyObject *exception)
{
	const char *name = Py_TYPE(exception)->tp_name;

	PyErr_Clear();
	host_report(name, (uint32_t)strlen(name));
}

/* An interpreter without memory is no use to the next request either. */
static int outcome_of(PyObject *exception)
{
	if (PyErr_GivenExceptionMatches(exception, PyExc_MemoryError))
		return WASGI_OUTCOME_MEMORY;
	if (PyErr_GivenExceptionMatches(exception, PyExc_Exception))
		return WASGI_OUTCOME_RAISED;
	if (interrupt_raised())
		return WASGI_OUTCOME_INTERRUPTED;
	return WASGI_OUTCOME_EXIT;
}

int report_exception(void)
{
	PyObject *exception = PyErr_GetRaisedException();
	PyObject *text;
	int outcome;

	if (exception == NULL)
		return WASGI_OUTCOME_BROKEN;
	outcome = outcome_of(exception);
	text = describe(exception);
	if (text != NULL)
		report_text(text);
	if (PyErr_Occurred())
		report_plain(exception);
	Py_XDECREF(text);
	Py_DECREF(exception);
	return outcome;
}
