/* pairs.c: reading and writing the one layout of abi.h. */
#include "shim.h"

_Static_assert(sizeof(struct wasgi_pairs) == 8, "abi.h draws the header as 8 bytes");
_Static_assert(sizeof(struct wasgi_pair) == 8, "abi.h draws an entry's header as 8 bytes");
_Static_assert(offsetof(struct wasgi_pairs, size) == 4, "size follows count");
_Static_assert(offsetof(struct wasgi_pair, value_len) == 4, "value_len follows name_len");

bool pairs_open(pairs_reader *r, const uint8_t *data, uint32_t len)
{
	struct wasgi_pairs head;

	memset(r, 0, sizeof *r);
	if (len < sizeof head)
		goto malformed;
	memcpy(&head, data, sizeof head);
	if (head.size != len)
		goto malformed;
	r->next = data + sizeof head;
	r->end = data + len;
	r->left = head.count;
	return true;
malformed:
	PyErr_Format(PyExc_SystemError, "message of the host malformed: %u bytes", len);
	return false;
}

int pairs_next(pairs_reader *r)
{
	struct wasgi_pair head;
	size_t room = (size_t)(r->end - r->next);

	if (r->left == 0)
		return 0;
	if (room < sizeof head)
		goto malformed;
	memcpy(&head, r->next, sizeof head);
	room -= sizeof head;
	if (head.name_len > room || head.value_len > room - head.name_len)
		goto malformed;
	r->name = (const char *)r->next + sizeof head;
	r->name_len = (Py_ssize_t)head.name_len;
	r->value = r->name + head.name_len;
	r->value_len = (Py_ssize_t)head.value_len;
	r->next = (const uint8_t *)r->value + head.value_len;
	r->left--;
	return 1;
malformed:
	PyErr_Format(PyExc_SystemError, "message of the host malformed: %u entries missing", r->left);
	return -1;
}

static bool pairs_room(pairs_writer *w, size_t more)
{
	size_t cap = w->cap ? w->cap : 512;
	uint8_t *data;

	while (cap - w->len < more) {
		if (cap > UINT32_MAX / 4) {
			PyErr_NoMemory();
			return false;
		}
		cap *= 2;
	}
	if (cap == w->cap)
		return true;
	data = PyMem_Realloc(w->data, cap);
	if (data == NULL) {
		PyErr_NoMemory();
		return false;
	}
	w->data = data;
	w->cap = cap;
	return true;
}

static void pairs_put(pairs_writer *w, const void *bytes, size_t len)
{
	memcpy(w->data + w->len, bytes, len);
	w->len += len;
}

bool pairs_add(pairs_writer *w, const char *name, size_t name_len, const char *value, size_t value_len)
{
	struct wasgi_pair head = {(uint32_t)name_len, (uint32_t)value_len};

	if (name_len > UINT32_MAX / 4 || value_len > UINT32_MAX / 4) {
		PyErr_NoMemory();
		return false;
	}
	if (!pairs_room(w, sizeof(struct wasgi_pairs) + sizeof head + name_len + value_len))
		return false;
	if (w->len == 0)
		w->len = sizeof(struct wasgi_pairs);
	pairs_put(w, &head, sizeof head);
	pairs_put(w, name, name_len);
	pairs_put(w, value, value_len);
	w->count++;
	return true;
}

const uint8_t *pairs_message(pairs_writer *w, uint32_t *len)
{
	struct wasgi_pairs head;

	if (!pairs_room(w, sizeof head))
		return NULL;
	if (w->len == 0)
		w->len = sizeof head;
	head.count = w->count;
	head.size = (uint32_t)w->len;
	memcpy(w->data, &head, sizeof head);
	*len = head.size;
	return w->data;
}

void pairs_reset(pairs_writer *w)
{
	w->len = 0;
	w->count = 0;
}

void pairs_free(pairs_writer *w)
{
	PyMem_Free(w->data);
	memset(w, 0, sizeof *w);
}
