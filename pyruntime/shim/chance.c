/*
 * chance.c: randomness in a guest that will be copied. What is drawn before the copy is
 * made is the same in each copy. So the generators of the module random that were seeded by
 * chance are known, and seeded anew in a copy when it first draws, and what is drawn while the
 * app is imported is noticed. For that, methods of random and os.urandom are replaced where
 * CPython has their address: from prepare on, and in a copy until it first draws. A guest
 * that is never copied has them as they were.
 */
#include "shim.h"

static enum {
	UNTOUCHED, /* nothing is replaced */
	KNOWING,   /* generators are kept in generators */
	FROZEN,    /* nothing is drawn any more, until generators are seeded anew */
} mode;

static bool loading; /* the app is being imported */
static bool inside;  /* noticing, which may draw too */

/* The generators that chance has seeded: their address → a weak reference to them. */
static PyObject *generators;

static PyObject *hook_urandom(PyObject *self, PyObject *size);
static PyObject *hook_random(PyObject *self, PyObject *unused);
static PyObject *hook_getrandbits(PyObject *self, PyObject *bits);
static PyObject *hook_getstate(PyObject *self, PyObject *unused);
static PyObject *hook_setstate(PyObject *self, PyObject *state);
static PyObject *hook_seed(PyObject *self, PyObject *const *args, Py_ssize_t count);

enum { URANDOM, RANDOM, GETRANDBITS, GETSTATE, SETSTATE, SEED, METHODS };

static struct {
	const char *module, *class, *name;
	int flags;
	PyCFunction hook;
	PyMethodDef *def;
	PyCFunction original;
} methods[METHODS] = {
	[URANDOM] = {"posix", NULL, "urandom", METH_O, hook_urandom, NULL, NULL},
	[RANDOM] = {"_random", "Random", "random", METH_NOARGS, hook_random, NULL, NULL},
	[GETRANDBITS] = {"_random", "Random", "getrandbits", METH_O, hook_getrandbits, NULL, NULL},
	[GETSTATE] = {"_random", "Random", "getstate", METH_NOARGS, hook_getstate, NULL, NULL},
	[SETSTATE] = {"_random", "Random", "setstate", METH_O, hook_setstate, NULL, NULL},
	[SEED] = {"_random", "Random", "seed", METH_FASTCALL, (PyCFunction)(void (*)(void))hook_seed, NULL, NULL},
};

/* Calls wasgi._snapshot's function; false and an exception. */
static bool call_python(const char *function, const char *format, ...)
{
	PyObject *module = PyImport_ImportModule("wasgi._snapshot");
	PyObject *callable = module ? PyObject_GetAttrString(module, function) : NULL;
	PyObject *args = NULL, *result;
	va_list list;

	va_start(list, format);
	if (callable != NULL)
		args = Py_VaBuildValue(format, list);
	va_end(list);
	result = args ? PyObject_CallObject(callable, args) : NULL;
	Py_XDECREF(module);
	Py_XDECREF(callable);
	Py_XDECREF(args);
	Py_XDECREF(result);
	return result != NULL;
}

/* Tells of randomness that is drawn now, if it would stay. */
static bool notice(const char *what, PyObject *argument)
{
	bool ok;

	if (!loading || inside)
		return true;
	inside = true;
	ok = call_python("drawn", "(sO)", what, argument);
	inside = false;
	return ok;
}

/* Whether self was seeded by chance: 1 or 0, -1 with an exception. */
static int is_known(PyObject *self)
{
	PyObject *key = PyLong_FromVoidPtr(self);
	int known = key ? PyDict_Contains(generators, key) : -1;

	Py_XDECREF(key);
	return known;
}

/* A weak reference to self, or self where it has none. */
static PyObject *reference_to(PyObject *self)
{
	PyObject *reference = PyWeakref_NewRef(self, NULL);

	if (reference != NULL || !PyErr_ExceptionMatches(PyExc_TypeError))
		return reference;
	PyErr_Clear();
	return Py_NewRef(self);
}

/* A new reference to what reference is to, NULL where that is gone. */
static PyObject *referent_of(PyObject *reference)
{
	PyObject *self;

	if (!PyWeakref_Check(reference))
		return Py_NewRef(reference);
	return PyWeakref_GetRef(reference, &self) > 0 ? self : NULL;
}

static int set_known(PyObject *self, bool known)
{
	PyObject *key = PyLong_FromVoidPtr(self), *reference;
	int error = -1;

	if (key != NULL && !known) {
		error = PyDict_Pop(generators, key, NULL) < 0 ? -1 : 0;
	} else if (key != NULL && (reference = reference_to(self)) != NULL) {
		error = PyDict_SetItem(generators, key, reference);
		Py_DECREF(reference);
	}
	Py_XDECREF(key);
	return error;
}

/* Calls do_it for each generator that is still there; false and an exception. */
static bool each_generator(bool (*do_it)(PyObject *self))
{
	PyObject *references = PyDict_Values(generators), *self;
	bool ok = references != NULL;

	for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(references); i++)
		if ((self = referent_of(PyList_GET_ITEM(references, i))) != NULL) {
			ok = do_it(self);
			Py_DECREF(self);
		}
	Py_XDECREF(references);
	return ok;
}

static bool seed_anew(PyObject *self)
{
	PyObject *done = ((PyCFunctionFast)(void (*)(void))methods[SEED].original)(self, NULL, 0);

	Py_XDECREF(done);
	return done != NULL;
}

/* random.gauss keeps every other number for later. */
static bool forget_gauss(PyObject *self)
{
	int has = PyObject_HasAttrStringWithError(self, "gauss_next");

	return has == 0 || (has > 0 && PyObject_SetAttrString(self, "gauss_next", Py_None) == 0);
}

static void untouch(void)
{
	for (int i = 0; mode != UNTOUCHED && i < METHODS; i++)
		methods[i].def->ml_meth = methods[i].original;
	mode = UNTOUCHED;
}

/* A method of a generator is called: a frozen one is to be seeded first, which ends all this. */
static bool awake(void)
{
	PyObject *all = generators;
	bool ok;

	if (mode != FROZEN)
		return true;
	untouch();
	ok = each_generator(seed_anew);
	generators = NULL;
	Py_XDECREF(all);
	return ok;
}

static bool draws(PyObject *self, const char *what, PyObject *argument)
{
	int known;

	if (!awake())
		return false;
	if (!loading || inside)
		return true;
	known = is_known(self);
	return known == 0 || (known > 0 && notice(what, argument));
}

static PyObject *hook_urandom(PyObject *self, PyObject *size)
{
	return notice("os.urandom", size) ? methods[URANDOM].original(self, size) : NULL;
}

static PyObject *hook_random(PyObject *self, PyObject *unused)
{
	return draws(self, "random.random", Py_None) ? methods[RANDOM].original(self, unused) : NULL;
}

static PyObject *hook_getrandbits(PyObject *self, PyObject *bits)
{
	return draws(self, "random.getrandbits", bits) ? methods[GETRANDBITS].original(self, bits) : NULL;
}

static PyObject *hook_getstate(PyObject *self, PyObject *unused)
{
	return awake() ? methods[GETSTATE].original(self, unused) : NULL;
}

static PyObject *hook_setstate(PyObject *self, PyObject *state)
{
	if (!awake() || (mode == KNOWING && set_known(self, false) < 0))
		return NULL;
	return methods[SETSTATE].original(self, state);
}

static PyObject *hook_seed(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
	bool by_chance = count == 0 || args[0] == Py_None;

	if (!awake() || (mode == KNOWING && set_known(self, by_chance) < 0))
		return NULL;
	return ((PyCFunctionFast)(void (*)(void))methods[SEED].original)(self, args, count);
}

/* Where CPython has the address of a function or method; NULL where it is not as expected. */
static PyMethodDef *find(int i)
{
	PyObject *owner = PyImport_ImportModule(methods[i].module), *found = NULL;
	PyMethodDef *def = NULL;

	if (owner != NULL && methods[i].class != NULL)
		Py_SETREF(owner, PyObject_GetAttrString(owner, methods[i].class));
	if (owner != NULL)
		found = PyObject_GetAttrString(owner, methods[i].name);
	if (found != NULL && PyCFunction_Check(found))
		def = ((PyCFunctionObject *)found)->m_ml;
	else if (found != NULL && Py_IS_TYPE(found, &PyMethodDescr_Type))
		def = ((PyMethodDescrObject *)found)->d_method;
	Py_XDECREF(owner);
	Py_XDECREF(found);
	if (found != NULL && (def == NULL || def->ml_flags != methods[i].flags))
		PyErr_Format(PyExc_SystemError, "%s is not the function it was", methods[i].name);
	return PyErr_Occurred() ? NULL : def;
}

bool chance_know(void)
{
	if (mode != UNTOUCHED)
		return true;
	for (int i = 0; i < METHODS; i++)
		if ((methods[i].def = find(i)) == NULL)
			return false;
	generators = PyDict_New();
	if (generators == NULL)
		return false;
	for (int i = 0; i < METHODS; i++) {
		methods[i].original = methods[i].def->ml_meth;
		methods[i].def->ml_meth = methods[i].hook;
	}
	mode = KNOWING;
	return true;
}

void chance_loading(bool now)
{
	loading = now && mode == KNOWING;
}

bool chance_freeze(void)
{
	if (mode == KNOWING && !each_generator(forget_gauss))
		return false;
	if (mode == KNOWING) {
		mode = FROZEN;
		methods[URANDOM].def->ml_meth = methods[URANDOM].original;
	}
	return true;
}

bool chance_anew(void)
{
	return mode != KNOWING || (each_generator(forget_gauss) && each_generator(seed_anew));
}

void chance_forget(void)
{
	if (mode == KNOWING) {
		untouch();
		Py_CLEAR(generators);
	}
}
