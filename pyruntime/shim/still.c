/*
 * still.c: memory that is shared with copies is best left alone. What writes to it without
 * need is counting references, and handing out the free blocks between what is in use. So
 * objects are made immortal, and free blocks are set aside: what a copy makes stands together,
 * in pages of its own.
 *
 * Memory that is free is made zeros: pages of nothing else cost a snapshot nothing, in memory and
 * as a file.
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
#include <unistd.h>

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

/*
 * Sets aside all pools that are free, and makes their memory zeros, which costs copies nothing.
 * Arenas then have none: they come back with the next pool that is emptied.
 */
static void still_arenas(void)
{
	struct _obmalloc_state *state = PyInterpreterState_Get()->obmalloc;
	struct _obmalloc_mgmt *all = &state->mgmt;
	struct arena_object *arena, *next;
	poolp pool, after;

	for (arena = all->usable_arenas; arena != NULL; arena = next) {
		next = arena->nextarena;
		for (pool = arena->freepools; pool != NULL; pool = after) {
			after = pool->nextpool;
			memset(pool, 0, POOL_SIZE);
		}
		arena->freepools = NULL;
		arena->nfreepools = 0;
		arena->nextarena = arena->prevarena = NULL;
	}
	all->usable_arenas = NULL;
	memset(all->nfp2lasta, 0, sizeof all->nfp2lasta);
}

/* A block of wasi-libc's malloc, Doug Lea's, which are at multiples of 16 but for their heads. */
typedef struct {
	size_t size_before; /* of the block before, where that is free */
	size_t head;        /* its size, and whether it and the one before it are in use */
	char links[24];     /* with the others that are free, where it is large */
} chunk;

enum {
	before_in_use = 1,
	in_use = 2,
	head_flags = 7,
	chunk_head = 8,
	chunk_unit = 16,
	behind_last = 56, /* what malloc keeps there */
};

extern char __heap_base;

static uintptr_t first_chunk(void)
{
	uintptr_t content = (uintptr_t)&__heap_base + chunk_head;

	return (content + chunk_unit - 1) / chunk_unit * chunk_unit - chunk_head;
}

/*
 * Calls each, if it is not NULL, for all blocks that are free. The last is. False where memory is
 * not as malloc is known to leave it: then it is another malloc.
 */
static bool free_chunks(void (*each)(chunk *, size_t size))
{
	uintptr_t end = (uintptr_t)sbrk(0) - behind_last;
	bool used = true;

	for (uintptr_t at = first_chunk(); at != end;) {
		chunk *c = (chunk *)at;
		size_t size = c->head & ~(size_t)head_flags;

		if (at > end || size > end - at || size < chunk_unit || size % chunk_unit != 0)
			return false;
		if (!(c->head & before_in_use) == used)
			return false;
		used = c->head & in_use;
		if (!used && each != NULL)
			each(c, size);
		at += size;
	}
	return !used;
}

static void clear_chunk(chunk *c, size_t size)
{
	if (size > sizeof *c)
		memset(c + 1, 0, size - sizeof *c);
}

static void still_chunks(void)
{
	if (free_chunks(NULL))
		free_chunks(clear_chunk);
}

void still(void)
{
	PyInterpreterState *interpreter = PyInterpreterState_Get();

	PyGC_Collect();
	PyUnstable_GC_VisitObjects(still_tracked, NULL);
	_PyGC_Freeze(interpreter);
	_PyGC_ClearAllFreeLists(interpreter);
	still_pools();
	still_arenas();
	still_chunks();
}
