/*
 * hash.c: the hash of str and bytes, in the place of CPython's _Py_HashBytes, which the
 * linker renames. It is SipHash-1-3, as CPython has it on other machines; for WebAssembly, which
 * its configure takes for one that cannot read 8 bytes anywhere, it would have FNV, whose
 * collisions are easily found. A guest that is copied from a base snapshot must have a secret of its
 * own, while every str, dict and set in the base has hashes of the base's secret. So what
 * was hashed until then, some ten thousand words that all apps share, keeps its hash, and all
 * else is hashed with the new secret. Which words these are is known, since every hash is
 * made here. What is a function of the bytes alone stays one, so nothing is to be rehashed,
 * and the base's pages stay shared.
 *
 * Nobody can choose words that collide: not those of the base, they are few and known, and
 * not others, which are hashed with a secret.
 */
#define Py_BUILD_CORE 1
#include "shim.h"

#include <pycore_pyhash.h>
#include <stdlib.h>
#include <unistd.h>

Py_hash_t __wrap__Py_HashBytes(const void *src, Py_ssize_t len);
PyHash_FuncDef *__wrap_PyHash_GetFuncDef(void);

/* What becomes of a hash. */
static enum {
	PLAIN,     /* it is returned */
	RECORDING, /* it is kept in words */
	OWN,       /* it is that of the base if words has it */
} mode;

/* The hashes in 64 bits of all that was hashed in the base: an open table, 0 is free. */
static uint64_t *words;
static uint32_t words_cap, words_count;

static _Py_HashSecret_t base_secret;

/* One bit for each of so many kinds of bytes, set where words has one of the kind. */
enum { KIND_BITS = 18 };
static uint32_t kinds[1 << (KIND_BITS - 5)];

static inline uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void half_round(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d, int s, int t)
{
	*a += *b;
	*c += *d;
	*b = rotate(*b, s) ^ *a;
	*d = rotate(*d, t) ^ *c;
	*a = rotate(*a, 32);
}

static inline void sip_round(uint64_t v[4])
{
	half_round(&v[0], &v[1], &v[2], &v[3], 13, 16);
	half_round(&v[2], &v[1], &v[0], &v[3], 17, 21);
}

/* The last len bytes, fewer than 8, as a number. */
static inline uint64_t few_bytes(const uint8_t *p, Py_ssize_t len)
{
	uint64_t n = 0;

	while (len-- > 0)
		n = n << 8 | p[len];
	return n;
}

static uint64_t siphash13(const _Py_HashSecret_t *secret, const uint8_t *p, Py_ssize_t len)
{
	uint64_t k0 = secret->siphash.k0, k1 = secret->siphash.k1, word, last = (uint64_t)len << 56;
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	last |= few_bytes(p, len);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* What kind of bytes these are: told at a glance, by their length and both ends. */
static inline uint32_t kind_of(const uint8_t *p, Py_ssize_t len)
{
	uint64_t head, tail;

	if (len >= 8) {
		memcpy(&head, p, 8);
		memcpy(&tail, p + len - 8, 8);
	} else {
		head = few_bytes(p, len);
		tail = 0;
	}
	return (uint32_t)(((head ^ rotate(tail, 29) ^ (uint64_t)len << 3) * 0x9e3779b97f4a7c15) >> (64 - KIND_BITS));
}

/* Where word is in words, or would be. */
static inline uint64_t *word_slot(uint64_t word)
{
	uint32_t i = (uint32_t)(word >> 32);

	while (words[i &= words_cap - 1] != 0 && words[i] != word)
		i++;
	return &words[i];
}

static bool words_grow(void)
{
	uint64_t *old = words;
	uint32_t old_cap = words_cap, cap = old_cap ? old_cap * 2 : 1 << 14;
	uint64_t *grown = calloc(cap, sizeof *grown);

	if (grown == NULL)
		return false;
	words = grown;
	words_cap = cap;
	for (uint32_t i = 0; i < old_cap; i++)
		if (old[i] != 0)
			*word_slot(old[i]) = old[i];
	free(old);
	return true;
}

static inline bool maybe_of_base(const uint8_t *p, Py_ssize_t len)
{
	uint32_t kind = kind_of(p, len);

	return kinds[kind / 32] >> kind % 32 & 1;
}

/* Without memory there is no recording, and so no secret of one's own. */
static void record(uint64_t word, const uint8_t *p, Py_ssize_t len)
{
	uint32_t kind = kind_of(p, len);
	uint64_t *slot;

	if (words_count * 4 >= words_cap * 3 && !words_grow()) {
		mode = PLAIN;
		return;
	}
	slot = word_slot(word);
	words_count += *slot == 0;
	*slot = word;
	kinds[kind / 32] |= 1u << kind % 32;
}

/* 0 is free in words, and -1 an error in Python. */
static inline uint64_t word_of(const _Py_HashSecret_t *secret, const uint8_t *p, Py_ssize_t len)
{
	uint64_t word = siphash13(secret, p, len);

	return word ? word : 1;
}

static inline Py_hash_t hash_of(uint64_t word)
{
	Py_hash_t hash = (Py_hash_t)word;

	return hash == -1 ? -2 : hash;
}

Py_hash_t __wrap__Py_HashBytes(const void *src, Py_ssize_t len)
{
	const uint8_t *p = src;
	uint64_t word;

	if (len == 0)
		return 0;
	if (mode == OWN && maybe_of_base(p, len)) {
		word = word_of(&base_secret, p, len);
		if (*word_slot(word) == word)
			return hash_of(word);
	}
	word = word_of(&_Py_HashSecret, p, len);
	if (mode == RECORDING)
		record(word, p, len);
	return hash_of(word);
}

static PyHash_FuncDef definition = {__wrap__Py_HashBytes, "siphash13", 64, 128};

PyHash_FuncDef *__wrap_PyHash_GetFuncDef(void)
{
	return &definition;
}

void hash_record(void)
{
	if (words_grow())
		mode = RECORDING;
}

void hash_forget(void)
{
	if (mode == RECORDING) {
		mode = PLAIN;
		free(words);
		words = NULL;
		words_cap = words_count = 0;
	}
}

/* As CPython makes a secret of a seed. */
static void secret_of_seed(_Py_HashSecret_t *secret, uint32_t seed)
{
	for (size_t i = 0; i < sizeof secret->uc; i++) {
		seed = seed * 214013 + 2531011;
		secret->uc[i] = seed >> 16 & 0xff;
	}
}

bool hash_own(uint32_t seed)
{
	if (mode != RECORDING)
		return false;
	base_secret = _Py_HashSecret;
	if (seed != 0)
		secret_of_seed(&_Py_HashSecret, seed);
	else if (getentropy(&_Py_HashSecret, sizeof _Py_HashSecret) != 0)
		return false;
	mode = OWN;
	return true;
}
