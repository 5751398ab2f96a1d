/* host.h: the host's functions as C sees them; abi.h says what they mean. */
#ifndef WASGI_HOST_H
#define WASGI_HOST_H

#include <stdint.h>

#include "abi.h"

#define WASGI_IMPORT(name) __attribute__((import_module(WASGI_IMPORT_MODULE), import_name(name)))

WASGI_IMPORT(WASGI_IMPORT_INPUT_READ)
int32_t host_input_read(void *to, uint32_t len);

WASGI_IMPORT(WASGI_IMPORT_RESPONSE_START)
int32_t host_response_start(const void *status, uint32_t status_len, const void *headers, uint32_t headers_len);

WASGI_IMPORT(WASGI_IMPORT_RESPONSE_WRITE)
int32_t host_response_write(const void *block, uint32_t len, uint32_t last);

WASGI_IMPORT(WASGI_IMPORT_RESPONSE_FILE)
int32_t host_response_file(int32_t fd, int64_t offset, int64_t len);

WASGI_IMPORT(WASGI_IMPORT_REPORT)
void host_report(const void *text, uint32_t len);

WASGI_IMPORT(WASGI_IMPORT_WARN)
void host_warn(const void *text, uint32_t len);

WASGI_IMPORT(WASGI_IMPORT_PBKDF2)
int32_t host_pbkdf2(uint32_t digest, const void *password, uint32_t password_len, const void *salt,
                    uint32_t salt_len, uint32_t rounds, void *out, uint32_t out_len);

WASGI_IMPORT(WASGI_IMPORT_SCRYPT)
int32_t host_scrypt(const void *password, uint32_t password_len, const void *salt, uint32_t salt_len,
                    uint32_t n, uint32_t r, uint32_t p, void *out, uint32_t out_len);

WASGI_IMPORT(WASGI_IMPORT_LIMIT_LEFT)
int64_t host_limit_left(int32_t index);

#define WASGI_FILES(name) __attribute__((import_module(WASGI_FILES_MODULE), import_name(name)))

WASGI_FILES(WASGI_FILES_FD_LOCK)
int32_t host_fd_lock(int32_t fd, uint32_t type, int64_t start, int64_t len);

WASGI_FILES(WASGI_FILES_FD_LOCK_TEST)
int32_t host_fd_lock_test(int32_t fd, uint32_t type, int64_t start, int64_t len, void *found);

WASGI_FILES(WASGI_FILES_LOCK_WAIT)
int32_t host_lock_wait(int64_t nanoseconds);

#endif
