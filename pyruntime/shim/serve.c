/* serve.c: one request, from the host's Pairs to the last block of the body. */
#include "shim.h"

uint64_t request_serial;

static uint64_t last_serial;
PyObject *application;

/* The length of the iterable where it tells one; PEP 3333 trusts it. Else -1. */
static Py_ssize_t blocks_in(PyObject *body)
{
	PySequenceMethods *seq = Py_TYPE(body)->tp_as_sequence;

	if (seq == NULL || seq->sq_length == NULL)
		return -1;
	return PyObject_Size(body);
}

static bool send_blocks(response *r, PyObject *body)
{
	Py_ssize_t count = blocks_in(body);
	PyObject *blocks, *block;
	bool ok = true;

	if (count == -1 && PyErr_Occurred())
		return false;
	if (file_is(body)) {
		response_cut(r);
		switch (file_send(r, body)) {
		case -1:
			return false;
		case 1:
			return response_end(r);
		}
	}
	blocks = PyObject_GetIter(body);
	if (blocks == NULL)
		return false;
	while (ok && !response_enough(r) && (block = PyIter_Next(blocks)) != NULL) {
		ok = response_block(r, block, count == 1);
		Py_DECREF(block);
	}
	Py_DECREF(blocks);
	return ok && !PyErr_Occurred() && response_end(r);
}

/* Calls the iterable's close once, if it has one; an exception that is pending stays the one reported. */
static bool close_body(PyObject *body)
{
	PyObject *pending = PyErr_GetRaisedException();
	PyObject *close, *result = NULL;

	if (PyObject_GetOptionalAttrString(body, "close", &close) > 0)
		result = PyObject_CallNoArgs(close);
	Py_XDECREF(close);
	Py_XDECREF(result);
	if (pending == NULL)
		return !PyErr_Occurred();
	if (PyErr_Occurred())
		_PyErr_ChainExceptions1(pending);
	else
		PyErr_SetRaisedException(pending);
	return false;
}

static bool run_app(PyObject *environ, response *r)
{
	PyObject *args[] = {environ, (PyObject *)r};
	PyObject *body = PyObject_Vectorcall(application, args, 2, NULL);
	bool ok;

	if (body == NULL)
		return false;
	ok = send_blocks(r, body);
	ok = close_body(body) && ok;
	Py_DECREF(body);
	return ok;
}

WASGI_EXPORT(WASGI_EXPORT_SERVE)
int32_t wasgi_serve(uint32_t len)
{
	PyObject *environ;
	response *r = NULL;
	bool ok = false;

	interrupt_forget();
	request_serial = ++last_serial;
	environ = environ_new(shim_buffer, len);
	if (environ != NULL && (r = response_new()) != NULL)
		ok = run_app(environ, r);
	Py_XDECREF(environ);
	Py_XDECREF(r);
	len = ok ? WASGI_OUTCOME_OK : (uint32_t)report_exception();
	request_serial = 0;
	return (int32_t)len;
}

static bool is_once(const pairs_reader *r)
{
	return r->name_len == sizeof WASGI_SETTING_ONCE - 1 && memcmp(r->name, WASGI_SETTING_ONCE, (size_t)r->name_len) == 0;
}

/* The settings as a list of (name, value) of str. */
static PyObject *settings_list(uint32_t len)
{
	pairs_reader r;
	PyObject *list;
	int more = -1;

	if (!pairs_open(&r, shim_buffer, len))
		return NULL;
	list = PyList_New(0);
	while (list != NULL && (more = pairs_next(&r)) > 0) {
		PyObject *pair = Py_BuildValue("(s#s#)", r.name, r.name_len, r.value, r.value_len);
		if (pair == NULL || PyList_Append(list, pair) < 0 || (is_once(&r) && !environ_once()))
			Py_CLEAR(list);
		Py_XDECREF(pair);
	}
	if (more < 0)
		Py_CLEAR(list);
	return list;
}

WASGI_EXPORT(WASGI_EXPORT_LOAD)
int32_t wasgi_load(uint32_t len)
{
	PyObject *settings, *module, *app;

	interrupt_forget();
	hash_forget();
	settings = settings_list(len);
	module = settings ? PyImport_ImportModule("wasgi._load") : NULL;
	chance_loading(true);
	app = module ? PyObject_CallMethod(module, "load", "O", settings) : NULL;
	chance_loading(false);
	Py_XDECREF(settings);
	Py_XDECREF(module);
	if (app == NULL)
		return report_exception();
	Py_XSETREF(application, app);
	return WASGI_OUTCOME_OK;
}
