/*
 * input.c: wsgi.input for a request with a body. The raw stream pulls from the
 * host; io.BufferedReader, Python's own, makes read, readline and iteration of it.
 */
#include "shim.h"

/* What a raw stream adds to io.RawIOBase: the request it belongs to. */
typedef struct {
	uint64_t serial;
} raw_input;

static PyTypeObject *raw_input_type;
static PyObject *buffered_reader;

static raw_input *raw_input_of(PyObject *self)
{
	return PyObject_GetTypeData(self, raw_input_type);
}

static PyObject *raw_input_readable(PyObject *self, PyObject *unused)
{
	(void)self, (void)unused;
	Py_RETURN_TRUE;
}

static PyObject *raw_input_readinto(PyObject *self, PyObject *arg)
{
	Py_buffer view;
	int32_t n;

	if (raw_input_of(self)->serial != request_serial) {
		PyErr_SetString(PyExc_ValueError, "wsgi.input read after its request has ended");
		return NULL;
	}
	if (PyObject_GetBuffer(arg, &view, PyBUF_CONTIG) < 0)
		return NULL;
	n = host_input_read(view.buf, view.len > INT32_MAX ? INT32_MAX : (uint32_t)view.len);
	PyBuffer_Release(&view);
	if (n < 0) {
		raise_host_error(n);
		return NULL;
	}
	return PyLong_FromLong(n);
}

static PyMethodDef raw_input_methods[] = {
	{"readable", raw_input_readable, METH_NOARGS, PyDoc_STR("Always true.")},
	{"readinto", raw_input_readinto, METH_O, PyDoc_STR("Fill a buffer from the request's body; 0 at its end.")},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot raw_input_slots[] = {
	{Py_tp_methods, raw_input_methods},
	{0, NULL},
};

static PyType_Spec raw_input_spec = {
	.name = "_wasgi.RawInput",
	.basicsize = -(int)sizeof(raw_input),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = raw_input_slots,
};

bool input_ready(void)
{
	PyObject *io = PyImport_ImportModule("io");
	PyObject *base = io ? PyObject_GetAttrString(io, "RawIOBase") : NULL;

	if (base != NULL) {
		raw_input_type = (PyTypeObject *)PyType_FromSpecWithBases(&raw_input_spec, base);
		buffered_reader = PyObject_GetAttrString(io, "BufferedReader");
	}
	Py_XDECREF(base);
	Py_XDECREF(io);
	return raw_input_type != NULL && buffered_reader != NULL;
}

PyObject *input_new(void)
{
	PyObject *raw = PyObject_CallNoArgs((PyObject *)raw_input_type);
	PyObject *reader;

	if (raw == NULL)
		return NULL;
	raw_input_of(raw)->serial = request_serial;
	reader = PyObject_CallOneArg(buffered_reader, raw);
	Py_DECREF(raw);
	return reader;
}
