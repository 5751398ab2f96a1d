/*
 * environ.c: the request's environ. The host's Pairs become a dict of exact str,
 * each byte a code point of latin-1, as PEP 3333 asks; the wsgi.* keys are added.
 */
#include "shim.h"

/* Names that recur are kept as str with their hash: a direct-mapped cache. */
enum { NAME_SLOTS = 256, NAME_LONGEST = 48 };

static PyObject *names[NAME_SLOTS];
static PyObject *constants; /* the keys that are the same in every request */
static PyObject *key_input;
static PyObject *bytes_io;

static bool constants_set(const char *name, PyObject *value)
{
	bool ok = value != NULL && PyDict_SetItemString(constants, name, value) == 0;

	Py_XDECREF(value);
	return ok;
}

static PyObject *attribute_of(const char *module, const char *name)
{
	PyObject *m = PyImport_ImportModule(module);
	PyObject *value = m ? PyObject_GetAttrString(m, name) : NULL;

	Py_XDECREF(m);
	return value;
}

bool environ_ready(void)
{
	constants = PyDict_New();
	key_input = PyUnicode_InternFromString("wsgi.input");
	bytes_io = attribute_of("io", "BytesIO");
	return constants && key_input && bytes_io
		&& constants_set("wsgi.version", Py_BuildValue("(ii)", 1, 0))
		&& constants_set("wsgi.errors", attribute_of("sys", "stderr"))
		&& constants_set("wsgi.multithread", Py_NewRef(Py_False))
		&& constants_set("wsgi.multiprocess", Py_NewRef(Py_True))
		&& constants_set("wsgi.run_once", Py_NewRef(Py_False))
		&& constants_set("wsgi.input_terminated", Py_NewRef(Py_True))
		&& constants_set("wsgi.file_wrapper", file_wrapper())
		&& constants_set("wasgi.limits", attribute_of("wasgi", "limits"));
}

bool environ_once(void)
{
	return constants_set("wsgi.run_once", Py_NewRef(Py_True));
}

static uint32_t name_slot(const char *name, Py_ssize_t len)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (Py_ssize_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h % NAME_SLOTS;
}

/* A new reference to the str of a name. */
static PyObject *name_str(const char *name, Py_ssize_t len)
{
	PyObject **slot, *str;

	if (len > NAME_LONGEST)
		return PyUnicode_DecodeLatin1(name, len, NULL);
	slot = &names[name_slot(name, len)];
	if (*slot != NULL && PyUnicode_GET_LENGTH(*slot) == len
	    && memcmp(PyUnicode_1BYTE_DATA(*slot), name, (size_t)len) == 0)
		return Py_NewRef(*slot);
	str = PyUnicode_DecodeLatin1(name, len, NULL);
	if (str != NULL)
		Py_XSETREF(*slot, Py_NewRef(str));
	return str;
}

/* The host sends wsgi.input where the body is short and at hand, and else leaves it to be pulled. */
static PyObject *value_of(const pairs_reader *r, PyObject *name)
{
	PyObject *body, *stream;

	if (PyUnicode_Compare(name, key_input) != 0)
		return PyUnicode_DecodeLatin1(r->value, r->value_len, NULL);
	body = PyBytes_FromStringAndSize(r->value, r->value_len);
	stream = body ? PyObject_CallOneArg(bytes_io, body) : NULL;
	Py_XDECREF(body);
	return stream;
}

static bool environ_add(PyObject *environ, const pairs_reader *r)
{
	PyObject *name = name_str(r->name, r->name_len);
	PyObject *value = name ? value_of(r, name) : NULL;
	bool ok = value != NULL && PyDict_SetItem(environ, name, value) == 0;

	Py_XDECREF(name);
	Py_XDECREF(value);
	return ok;
}

static bool environ_add_input(PyObject *environ)
{
	PyObject *input;
	int have = PyDict_Contains(environ, key_input);

	if (have != 0)
		return have > 0;
	input = input_new();
	have = input ? PyDict_SetItem(environ, key_input, input) : -1;
	Py_XDECREF(input);
	return have == 0;
}

PyObject *environ_new(const uint8_t *data, uint32_t len)
{
	pairs_reader r;
	PyObject *environ;
	int more = -1;

	if (!pairs_open(&r, data, len))
		return NULL;
	environ = PyDict_Copy(constants);
	while (environ != NULL && (more = pairs_next(&r)) > 0)
		if (!environ_add(environ, &r))
			Py_CLEAR(environ);
	if (environ != NULL && (more < 0 || !environ_add_input(environ)))
		Py_CLEAR(environ);
	return environ;
}
