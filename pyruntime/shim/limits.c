/* limits.c: what is left of the app's limits, asked of the host each time. */
#include "shim.h"

static const struct {
	const char *name; /* as in wasgi.toml */
	int32_t index;
	bool time; /* nanoseconds, told as seconds */
} limits[] = {
	{"cpu", WASGI_LEFT_CPU, true},
	{"cpu_share", WASGI_LEFT_CPU_SHARE, true},
	{"timeout", WASGI_LEFT_TIMEOUT, true},
	{"memory", WASGI_LEFT_MEMORY, false},
	{"stack", WASGI_LEFT_STACK, false},
	{"request_body", WASGI_LEFT_REQUEST_BODY, false},
	{"response_body", WASGI_LEFT_RESPONSE_BODY, false},
	{"tmp", WASGI_LEFT_TMP, false},
	{"data", WASGI_LEFT_DATA, false},
	{"log_rate", WASGI_LEFT_LOG_RATE, false},
};

enum { LIMITS = sizeof limits / sizeof *limits };

PyObject *limit_names(void)
{
	PyObject *names = PyTuple_New(LIMITS);

	for (Py_ssize_t i = 0; names != NULL && i < LIMITS; i++) {
		PyObject *name = PyUnicode_InternFromString(limits[i].name);
		if (name == NULL)
			Py_CLEAR(names);
		else
			PyTuple_SET_ITEM(names, i, name);
	}
	return names;
}

PyObject *limit_left(PyObject *self, PyObject *name)
{
	int64_t left = -1;
	int i = 0;

	(void)self;
	while (i < LIMITS && !(PyUnicode_Check(name) && PyUnicode_EqualToUTF8(name, limits[i].name)))
		i++;
	if (i < LIMITS)
		left = host_limit_left(limits[i].index);
	if (left < 0)
		Py_RETURN_NONE;
	return limits[i].time ? PyFloat_FromDouble((double)left / 1e9) : PyLong_FromLongLong(left);
}
