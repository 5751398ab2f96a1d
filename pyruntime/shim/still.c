/*
 * still.c: memory that is shared with copies is best left alone. What writes to it without
 * need is counting references, and handing out the free blocks between what is in use. So
 * objects are made immortal, and free blocks are set aside: what a copy makes stands together,
 * in pages of its own.
 *
 * An immortal object is never freed. There are only so many as are there when the guest is
 * frozen, in memory that all copies share. One that has something to do at its end, a file, a
 * generator, an object with __del__, stays mortal.
 */
#define Py_BUILD_CORE 1
#include "shim.h"

#include <pycore_dict.h>
#include <pycore_gc.h>
#include <pycore_interp.h>
#include <pycore_obmalloc.h>
#include <pycore_object.h>

static bool has_end(PyObject *object)
{
	return Py_TYPE(object)->tp_finalize != NULL || Py_TYPE(object)->tp_del != NULL;
}

/* The names that a class keeps for its instances' attributes are counted apart. */
static void still_class(PyObject *object)
{
	PyTypeObject *type = (PyTypeObject *)object;

	if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) && ((PyHeapTypeObject *)type)->ht_cached_keys != NULL)
		((PyHeapTypeObject *)type)->ht_cached_keys->dk_refcnt = _Py_IMMORTAL_REFCNT;
}

static int still_object(PyObject *object, void *unused);

/* The collector does not look into code. */
static void still_code(PyCodeObject *code)
{
	PyObject *parts[] = {code->co_consts,   code->co_names,     code->co_localsplusnames, code->co_localspluskinds,
	                     code->co_filename, code->co_name,      code->co_qualname,        code->co_linetable,
	                     code->co_exceptiontable};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i] != NULL)
			still_object(parts[i], NULL);
}

/* Makes object immortal, and what only it leads to: what the collector does not track. */
static int still_object(PyObject *object, void *unused)
{
	if (_Py_IsImmortal(object) || has_end(object))
		return 0;
	object->ob_refcnt = _Py_IMMORTAL_REFCNT;
	if (PyType_Check(object))
		still_class(object);
	if (PyCode_Check(object))
		still_code((PyCodeObject *)object);
	if (PyObject_IS_GC(object) && !_PyObject_GC_IS_TRACKED(object))
		return Py_TYPE(object)->tp_traverse(object, still_object, unused);
	return 0;
}

static int still_tracked(PyObject *object, void *unused)
{
	still_object(object, unused);
	Py_TYPE(object)->tp_traverse(object, still_object, unused);
	return 1;
}

/* Takes every pool of small blocks that has room out of use. It comes back when it is empty. */
static void still_pools(void)
{
	struct _obmalloc_state *state = PyInterpreterState_Get()->obmalloc;
	poolp head, pool;

	for (int size = 0; size < NB_SMALL_SIZE_CLASSES; size++) {
		head = state->pools.used[2 * size];
		while ((pool = head->nextpool) != head) {
			head->nextpool = pool->nextpool;
			pool->nextpool->prevpool = head;
			pool->nextpool = pool->prevpool = pool;
		}
	}
}

void still(void)
{
	PyInterpreterState *interpreter = PyInterpreterState_Get();

	PyGC_Collect();
	PyUnstable_GC_VisitObjects(still_tracked, NULL);
	_PyGC_Freeze(interpreter);
	_PyGC_ClearAllFreeLists(interpreter);
	still_pools();
}
