/*
 * response.c: start_response, write, and the blocks of the iterable. What PEP 3333
 * forbids is refused here, inside the call that did it, so that the app sees it.
 */
#include "shim.h"

struct response {
	PyObject_HEAD
	vectorcallfunc vectorcall;
	uint64_t serial;
	PyObject *status;
	pairs_writer headers;
	int64_t length; /* the Content-Length, -1 where there is none */
	int64_t count;  /* bytes of body so far */
	bool called; /* start_response was called, or tried */
	bool ready;  /* status and headers stand */
	bool sent;   /* the host has them */
	bool enough; /* the host needs no further block */
	bool cut;    /* what is beyond the Content-Length is left out */
};

static PyTypeObject *response_type;

/* Whether the host has said more of an error by an interrupt, which is then raised. */
static bool raise_interrupt(int error)
{
	return (error == WASGI_ERROR_GONE || error == WASGI_ERROR_DEADLINE) && PyErr_CheckSignals() < 0;
}

void raise_host_error(int error)
{
	if (raise_interrupt(error))
		return;
	switch (error) {
	case WASGI_ERROR_ORDER:
		PyErr_SetString(PyExc_RuntimeError, "the request this belongs to has ended");
		return;
	case WASGI_ERROR_INVALID:
		PyErr_SetString(PyExc_ValueError, "the server refused the status or a header");
		return;
	case WASGI_ERROR_GONE:
		PyErr_SetString(PyExc_ConnectionResetError, "the client has closed the connection");
		return;
	case WASGI_ERROR_DEADLINE:
		PyErr_SetString(PyExc_TimeoutError, "the request's time is over");
		return;
	case WASGI_ERROR_LIMIT:
		PyErr_SetString(PyExc_OSError, "the body is larger than the server allows");
		return;
	case WASGI_ERROR_LENGTH:
		PyErr_SetString(PyExc_ValueError, "more body than the Content-Length header says");
		return;
	case WASGI_ERROR_FILE:
		PyErr_SetString(PyExc_OSError, "the file cannot be read");
		return;
	case WASGI_ERROR_BODY:
		PyErr_SetString(PyExc_OSError, "the request's body is malformed or was cut short");
		return;
	default:
		PyErr_Format(PyExc_SystemError, "the server answered with error %d", error);
	}
}

static bool host_agrees(int32_t error)
{
	if (error == 0)
		return true;
	raise_host_error(error);
	return false;
}

/* Exact str of code points below 256, none of them a control character. */
static bool check_text(PyObject *text, const char *what)
{
	const Py_UCS1 *c;

	if (!PyUnicode_CheckExact(text)) {
		PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s: %.200R", what, Py_TYPE(text)->tp_name, text);
		return false;
	}
	if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND) {
		PyErr_Format(PyExc_ValueError, "%s has a character outside latin-1: %.200R", what, text);
		return false;
	}
	c = PyUnicode_1BYTE_DATA(text);
	for (Py_ssize_t i = PyUnicode_GET_LENGTH(text); i > 0; i--, c++)
		if (*c < 0x20 || *c == 0x7f) {
			PyErr_Format(PyExc_ValueError, "%s has a control character: %.200R", what, text);
			return false;
		}
	return true;
}

static bool is_digit(Py_UCS1 c)
{
	return c >= '0' && c <= '9';
}

static bool check_status(PyObject *status)
{
	const Py_UCS1 *s;

	if (!check_text(status, "status"))
		return false;
	s = PyUnicode_1BYTE_DATA(status);
	if (PyUnicode_GET_LENGTH(status) >= 4 && s[0] >= '2' && s[0] <= '9' && is_digit(s[1]) && is_digit(s[2]) && s[3] == ' ')
		return true;
	PyErr_Format(PyExc_ValueError, "status must be like '200 OK', from 200 to 999: %.200R", status);
	return false;
}

/* token of RFC 9110, section 5.6.2. */
static bool is_token(const Py_UCS1 *s, Py_ssize_t len)
{
	for (Py_ssize_t i = 0; i < len; i++)
		if (!Py_ISALNUM(s[i]) && (s[i] == 0 || s[i] > 0x7e || strchr("!#$%&'*+-.^_`|~", s[i]) == NULL))
			return false;
	return len > 0;
}

static bool same_name(const Py_UCS1 *s, Py_ssize_t len, const char *name)
{
	return (Py_ssize_t)strlen(name) == len && PyOS_mystrnicmp((const char *)s, name, len) == 0;
}

/* The headers of a connection belong to the server: RFC 9110, section 7.6.1. */
static bool is_hop_by_hop(const Py_UCS1 *s, Py_ssize_t len)
{
	static const char *const all[] = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
	                                  "proxy-connection", "te", "trailer", "trailers", "transfer-encoding", "upgrade"};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (same_name(s, len, all[i]))
			return true;
	return false;
}

static bool check_header(PyObject *name, PyObject *value)
{
	const Py_UCS1 *s;
	Py_ssize_t len;

	if (!check_text(name, "header name") || !check_text(value, "header value"))
		return false;
	s = PyUnicode_1BYTE_DATA(name);
	len = PyUnicode_GET_LENGTH(name);
	if (!is_token(s, len)) {
		PyErr_Format(PyExc_ValueError, "not a header name: %.200R", name);
		return false;
	}
	if (is_hop_by_hop(s, len)) {
		PyErr_Format(PyExc_ValueError, "header %.200R is the server's to set", name);
		return false;
	}
	return true;
}

/* Notes what a Content-Length says. RFC 9110, section 8.6. */
static bool set_length(response *r, PyObject *value)
{
	const Py_UCS1 *s = PyUnicode_1BYTE_DATA(value);
	Py_ssize_t len = PyUnicode_GET_LENGTH(value);
	int64_t n = 0;
	bool ok = len > 0;

	for (Py_ssize_t i = 0; ok && i < len; i++)
		ok = is_digit(s[i]) && !__builtin_mul_overflow(n, 10, &n) && !__builtin_add_overflow(n, s[i] - '0', &n);
	if (!ok || (r->length >= 0 && r->length != n)) {
		PyErr_Format(PyExc_ValueError, ok ? "a second Content-Length says otherwise: %.200R" : "not a Content-Length: %.200R", value);
		return false;
	}
	r->length = n;
	return true;
}

static bool add_header(response *r, PyObject *header)
{
	PyObject *name, *value;

	if (!PyTuple_CheckExact(header) || PyTuple_GET_SIZE(header) != 2) {
		PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value): %.200R", header);
		return false;
	}
	name = PyTuple_GET_ITEM(header, 0);
	value = PyTuple_GET_ITEM(header, 1);
	if (!check_header(name, value))
		return false;
	if (same_name(PyUnicode_1BYTE_DATA(name), PyUnicode_GET_LENGTH(name), "content-length") && !set_length(r, value))
		return false;
	return pairs_add(&r->headers, (const char *)PyUnicode_1BYTE_DATA(name), (size_t)PyUnicode_GET_LENGTH(name),
	                 (const char *)PyUnicode_1BYTE_DATA(value), (size_t)PyUnicode_GET_LENGTH(value));
}

/* The host would refuse a larger head, but too late for the app to see where it comes from. */
static bool check_size(const response *r, PyObject *status)
{
	if (r->headers.len + (size_t)PyUnicode_GET_LENGTH(status) <= WASGI_MOST_HEAD && r->headers.count <= WASGI_MOST_HEADERS)
		return true;
	PyErr_Format(PyExc_ValueError, "status and headers are larger than the server sends: %u headers, %zu bytes",
	             (unsigned)r->headers.count, r->headers.len);
	return false;
}

static bool set_head(response *r, PyObject *status, PyObject *headers)
{
	r->ready = false;
	if (!check_status(status))
		return false;
	if (!PyList_CheckExact(headers)) {
		PyErr_Format(PyExc_TypeError, "headers must be a list, not %.100s", Py_TYPE(headers)->tp_name);
		return false;
	}
	pairs_reset(&r->headers);
	r->length = -1;
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++)
		if (!add_header(r, PyList_GET_ITEM(headers, i)))
			return false;
	if (!check_size(r, status))
		return false;
	Py_XSETREF(r->status, Py_NewRef(status));
	r->ready = true;
	return true;
}

/* Raises what exc_info holds: the app's own error, too late for another head. */
static void raise_exc_info(PyObject *exc_info)
{
	PyObject *value = PyTuple_GET_ITEM(exc_info, 1), *trace = PyTuple_GET_ITEM(exc_info, 2);

	if (!PyExceptionInstance_Check(value)) {
		PyErr_Format(PyExc_TypeError, "exc_info holds no exception: %.200R", value);
		return;
	}
	if (PyTraceBack_Check(trace))
		PyException_SetTraceback(value, trace);
	PyErr_SetRaisedException(Py_NewRef(value));
}

/* Whether start_response may set a head now. PEP 3333, "The start_response() Callable". */
static bool may_start(response *r, PyObject *exc_info)
{
	bool again = r->called;

	r->called = true;
	if (r->serial != request_serial) {
		PyErr_SetString(PyExc_RuntimeError, "start_response called after its request has ended");
		return false;
	}
	if (exc_info == NULL || exc_info == Py_None) {
		if (again)
			PyErr_SetString(PyExc_AssertionError, "start_response called a second time without exc_info");
		return !again;
	}
	if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3) {
		PyErr_Format(PyExc_TypeError, "exc_info must be a tuple of three: %.200R", exc_info);
		return false;
	}
	if (r->sent)
		raise_exc_info(exc_info);
	return !r->sent;
}

static PyObject *response_write(PyObject *self, PyObject *block);

static PyMethodDef write_method = {
	"write", response_write, METH_O, PyDoc_STR("Send a block of the body at once."),
};

static PyObject *response_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
	response *r = (response *)self;
	Py_ssize_t n = PyVectorcall_NARGS(nargsf), named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;

	if (n < 2 || n + named > 3
	    || (named == 1 && !PyUnicode_EqualToUTF8(PyTuple_GET_ITEM(kwnames, 0), "exc_info"))) {
		PyErr_SetString(PyExc_TypeError, "start_response takes (status, headers, exc_info=None)");
		return NULL;
	}
	if (!may_start(r, n + named == 3 ? args[2] : NULL) || !set_head(r, args[0], args[1]))
		return NULL;
	return PyCFunction_New(&write_method, self);
}

static bool send_head(response *r)
{
	const uint8_t *headers;
	uint32_t len;

	if (r->sent)
		return true;
	if (!r->ready) {
		PyErr_SetString(PyExc_AssertionError, "the app has not called start_response before its body");
		return false;
	}
	headers = pairs_message(&r->headers, &len);
	if (headers == NULL)
		return false;
	r->sent = true;
	return host_agrees(host_response_start(PyUnicode_1BYTE_DATA(r->status), (uint32_t)PyUnicode_GET_LENGTH(r->status),
	                                       headers, len));
}

bool response_enough(const response *r)
{
	return r->enough;
}

void response_cut(response *r)
{
	r->cut = true;
}

/* What the host has answered to a part of the body. */
static bool took(response *r, int32_t answer)
{
	r->enough = answer == WASGI_ENOUGH;
	return r->enough || host_agrees(answer);
}

static bool send_block(response *r, const char *bytes, Py_ssize_t len, bool last)
{
	if (r->enough)
		return true;
	if (r->cut && r->length >= 0 && len > r->length - r->count)
		len = (Py_ssize_t)(r->length - r->count);
	r->count += len;
	if (!took(r, host_response_write(bytes, (uint32_t)len, last)))
		return false;
	if (r->cut && r->count == r->length)
		r->enough = true;
	return true;
}

bool response_file(response *r, int fd, int64_t offset)
{
	int64_t len = r->length < 0 ? -1 : r->length > r->count ? r->length - r->count : 0;

	return r->enough || (send_head(r) && took(r, host_response_file(fd, offset, len)));
}

bool response_block(response *r, PyObject *block, bool last)
{
	if (!PyBytes_Check(block)) {
		PyErr_Format(PyExc_TypeError, "the body must be blocks of bytes, not %.100s: %.200R",
		             Py_TYPE(block)->tp_name, block);
		return false;
	}
	if (PyBytes_GET_SIZE(block) == 0)
		return true;
	return send_head(r) && send_block(r, PyBytes_AS_STRING(block), PyBytes_GET_SIZE(block), last);
}

bool response_end(response *r)
{
	return send_head(r) && send_block(r, NULL, 0, true);
}

static PyObject *response_write(PyObject *self, PyObject *block)
{
	response *r = (response *)self;

	if (r->serial != request_serial) {
		PyErr_SetString(PyExc_RuntimeError, "write called after its request has ended");
		return NULL;
	}
	if (!response_block(r, block, false))
		return NULL;
	Py_RETURN_NONE;
}

static void response_dealloc(PyObject *self)
{
	response *r = (response *)self;
	PyTypeObject *type = Py_TYPE(self);

	Py_XDECREF(r->status);
	pairs_free(&r->headers);
	type->tp_free(self);
	Py_DECREF(type);
}

static PyMemberDef response_members[] = {
	{"__vectorcalloffset__", Py_T_PYSSIZET, offsetof(response, vectorcall), Py_READONLY, NULL},
	{NULL, 0, 0, 0, NULL},
};

static PyType_Slot response_slots[] = {
	{Py_tp_dealloc, response_dealloc},
	{Py_tp_members, response_members},
	{Py_tp_call, PyVectorcall_Call},
	{Py_tp_doc, "start_response(status, headers, exc_info=None) -> write"},
	{0, NULL},
};

static PyType_Spec response_spec = {
	.name = "_wasgi.start_response",
	.basicsize = sizeof(response),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = response_slots,
};

bool response_ready(void)
{
	response_type = (PyTypeObject *)PyType_FromSpec(&response_spec);
	return response_type != NULL;
}

response *response_new(void)
{
	response *r = PyObject_New(response, response_type);

	if (r == NULL)
		return NULL;
	r->vectorcall = response_call;
	r->serial = request_serial;
	r->status = NULL;
	memset(&r->headers, 0, sizeof r->headers);
	r->length = -1;
	r->count = 0;
	r->called = r->ready = r->sent = r->enough = r->cut = false;
	return r;
}
