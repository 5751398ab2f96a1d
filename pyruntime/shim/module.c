/*
 * module.c: _wasgi, the builtin module. pbkdf2_hmac and scrypt are computed by the
 * host, whose crypto has the processor's instructions; hashlib takes them from here.
 */
#include "shim.h"

static const struct {
	const char *name;
	uint32_t digest;
} digests[] = {
	{"md5", WASGI_DIGEST_MD5},       {"sha1", WASGI_DIGEST_SHA1},     {"sha224", WASGI_DIGEST_SHA224},
	{"sha256", WASGI_DIGEST_SHA256}, {"sha384", WASGI_DIGEST_SHA384}, {"sha512", WASGI_DIGEST_SHA512},
};

static const uint32_t digest_sizes[] = {0, 16, 20, 28, 32, 48, 64};

/* The digest's number; 0 and ValueError for one there is not. */
static uint32_t digest_of(const char *name)
{
	for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
		if (PyOS_stricmp(name, digests[i].name) == 0)
			return digests[i].digest;
	PyErr_Format(PyExc_ValueError, "unsupported hash type %.50s", name);
	return 0;
}

/* A key of len bytes to be filled by the host; NULL and ValueError for a length that makes no sense. */
static PyObject *key_new(long long len)
{
	if (len >= 1 && len <= INT32_MAX)
		return PyBytes_FromStringAndSize(NULL, (Py_ssize_t)len);
	PyErr_SetString(PyExc_ValueError, "key length must be between 1 and 2147483647");
	return NULL;
}

static PyObject *key_or_error(PyObject *key, int32_t error)
{
	if (error == 0)
		return key;
	Py_XDECREF(key);
	if (error == WASGI_ERROR_INVALID)
		PyErr_SetString(PyExc_ValueError, "a parameter is out of range, or asks for more than the server computes");
	else
		raise_host_error(error);
	return NULL;
}

static PyObject *pbkdf2_hmac(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"hash_name", "password", "salt", "iterations", "dklen", NULL};
	const char *hash_name;
	Py_buffer password, salt;
	long long rounds, len = 0;
	PyObject *dklen = Py_None, *key = NULL;
	uint32_t digest;
	int32_t error = WASGI_ERROR_INVALID;

	(void)self;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sy*y*L|O:pbkdf2_hmac", names, &hash_name, &password, &salt,
	                                 &rounds, &dklen))
		return NULL;
	digest = digest_of(hash_name);
	if (digest != 0)
		len = dklen == Py_None ? digest_sizes[digest] : PyLong_AsLongLong(dklen);
	if (digest != 0 && !PyErr_Occurred())
		key = key_new(len);
	if (key != NULL && rounds >= 1 && rounds <= INT32_MAX)
		error = host_pbkdf2(digest, password.buf, (uint32_t)password.len, salt.buf, (uint32_t)salt.len,
		                    (uint32_t)rounds, PyBytes_AS_STRING(key), (uint32_t)len);
	PyBuffer_Release(&password);
	PyBuffer_Release(&salt);
	return key ? key_or_error(key, error) : NULL;
}

static PyObject *scrypt(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"password", "salt", "n", "r", "p", "maxmem", "dklen", NULL};
	Py_buffer password, salt = {0};
	unsigned int n = 0, r = 0, p = 0;
	long long maxmem = 0, len = 64;
	PyObject *key = NULL;
	int32_t error = 0;

	(void)self;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*|$y*IIILL:scrypt", names, &password, &salt, &n, &r, &p,
	                                 &maxmem, &len))
		return NULL;
	if (salt.obj == NULL)
		PyErr_SetString(PyExc_TypeError, "scrypt needs salt, n, r and p");
	else if (maxmem < 0 || maxmem > INT32_MAX)
		PyErr_SetString(PyExc_ValueError, "maxmem must be between 0 and 2147483647");
	else if ((key = key_new(len)) != NULL)
		error = host_scrypt(password.buf, (uint32_t)password.len, salt.buf, (uint32_t)salt.len, n, r, p,
		                    PyBytes_AS_STRING(key), (uint32_t)len);
	PyBuffer_Release(&password);
	PyBuffer_Release(&salt);
	return key ? key_or_error(key, error) : NULL;
}

static PyObject *warn(PyObject *self, PyObject *text)
{
	Py_ssize_t len;
	const char *utf8 = PyUnicode_AsUTF8AndSize(text, &len);

	(void)self;
	if (utf8 == NULL)
		return NULL;
	host_warn(utf8, (uint32_t)len);
	Py_RETURN_NONE;
}

static PyMethodDef wasgi_methods[] = {
	{"pbkdf2_hmac", (PyCFunction)(void (*)(void))pbkdf2_hmac, METH_VARARGS | METH_KEYWORDS,
	 PyDoc_STR("pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None) -> key")},
	{"scrypt", (PyCFunction)(void (*)(void))scrypt, METH_VARARGS | METH_KEYWORDS,
	 PyDoc_STR("scrypt(password, *, salt, n, r, p, maxmem=0, dklen=64) -> key")},
	{"limit_left", limit_left, METH_O, PyDoc_STR("limit_left(name) -> seconds or bytes, None: there is no such limit")},
	{"warn", warn, METH_O, PyDoc_STR("warn(text): a line for the app's author")},
	{NULL, NULL, 0, NULL},
};

static PyModuleDef wasgi_module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "_wasgi",
	.m_doc = "What the server computes for Python code.",
	.m_size = -1,
	.m_methods = wasgi_methods,
};

PyObject *wasgi_module_init(void)
{
	PyObject *module = PyModule_Create(&wasgi_module);

	if (module != NULL && PyModule_Add(module, "limit_names", limit_names()) < 0)
		Py_CLEAR(module);
	return module;
}
