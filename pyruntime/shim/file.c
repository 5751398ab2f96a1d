/*
 * file.c: wsgi.file_wrapper. A body that is one is sent by the host, where it can read the
 * file as well as Python would; no byte of it comes through the guest.
 */
#include "shim.h"

static PyObject *wrapper; /* the class */
static PyObject *plain;

bool file_ready(void)
{
	PyObject *module = PyImport_ImportModule("wasgi._file");

	if (module != NULL) {
		wrapper = PyObject_GetAttrString(module, "FileWrapper");
		plain = PyObject_GetAttrString(module, "plain");
	}
	Py_XDECREF(module);
	return wrapper != NULL && plain != NULL;
}

PyObject *file_wrapper(void)
{
	return Py_NewRef(wrapper);
}

bool file_is(PyObject *body)
{
	return Py_IS_TYPE(body, (PyTypeObject *)wrapper);
}

int file_send(response *r, PyObject *body)
{
	PyObject *place = PyObject_CallOneArg(plain, body);
	int fd, sent = 0;
	long long offset;

	if (place == NULL)
		return -1;
	if (place != Py_None) {
		sent = -1;
		if (PyArg_ParseTuple(place, "iL", &fd, &offset) && response_file(r, fd, offset))
			sent = 1;
	}
	Py_DECREF(place);
	return sent;
}
