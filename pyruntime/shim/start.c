/* start.c: the interpreter comes up, for an app (wasgi_start) or as python3 would (wasgi_main). */
#include "shim.h"

#include <stdlib.h>
#include <unistd.h>

#define STDLIB L"/usr/lib/python3.13"

uint8_t *shim_buffer;

static uint32_t buffer_cap;

WASGI_EXPORT(WASGI_EXPORT_ABI)
uint32_t wasgi_abi(void)
{
	return WASGI_ABI_VERSION;
}

WASGI_EXPORT(WASGI_EXPORT_BUFFER)
void *wasgi_buffer(uint32_t size)
{
	uint8_t *grown;

	if (size > buffer_cap) {
		grown = realloc(shim_buffer, size);
		if (grown == NULL)
			return NULL;
		shim_buffer = grown;
		buffer_cap = size;
	}
	return shim_buffer;
}

static int report_status(PyStatus status)
{
	const char *text = status.err_msg ? status.err_msg : "the interpreter does not start";

	host_report(text, (uint32_t)strlen(text));
	return WASGI_OUTCOME_BROKEN;
}

/* The fields both ways of starting share: everything getpath would search for. */
static PyStatus config_paths(PyConfig *config)
{
	PyStatus status = PyConfig_SetString(config, &config->home, L"/usr");

	if (!PyStatus_Exception(status))
		status = PyConfig_SetString(config, &config->executable, L"/usr/bin/python3");
	if (!PyStatus_Exception(status))
		status = PyConfig_SetString(config, &config->program_name, L"python3");
	return status;
}

static PyStatus config_stdlib(PyConfig *config)
{
	PyStatus status = config_paths(config);

	if (!PyStatus_Exception(status))
		status = PyWideStringList_Append(&config->module_search_paths, STDLIB);
	config->module_search_paths_set = 1;
	config->site_import = 1;
	config->buffered_stdio = 0;
	config->write_bytecode = 1;
	config->install_signal_handlers = 0;
	return status;
}

static PyStatus preinitialize(void)
{
	PyPreConfig pre;

	PyPreConfig_InitIsolatedConfig(&pre);
	pre.utf8_mode = 1;
	return Py_PreInitialize(&pre);
}

/* What must be done before the interpreter starts. */
static bool before_interpreter(void)
{
	return PyImport_AppendInittab("_wasgi", wasgi_module_init) == 0 && sqlite_ready();
}

static PyStatus start_interpreter(uint32_t hash_seed)
{
	PyConfig config;
	PyStatus status = preinitialize();

	if (PyStatus_Exception(status))
		return status;
	PyConfig_InitIsolatedConfig(&config);
	config.use_hash_seed = hash_seed != 0;
	config.hash_seed = hash_seed;
	status = config_stdlib(&config);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	return status;
}

static bool prepare(void)
{
	PyObject *module = PyImport_ImportModule("wasgi._report");

	Py_XDECREF(module);
	return module != NULL && interrupt_ready() && input_ready() && response_ready() && file_ready() && environ_ready();
}

WASGI_EXPORT(WASGI_EXPORT_START)
int32_t wasgi_start(uint32_t hash_seed)
{
	PyStatus status;

	if (!before_interpreter())
		return report_status(PyStatus_NoMemory());
	hash_record();
	status = start_interpreter(hash_seed);
	if (PyStatus_Exception(status))
		return report_status(status);
	if (!prepare()) {
		report_exception();
		return WASGI_OUTCOME_BROKEN;
	}
	return WASGI_OUTCOME_OK;
}

/* What wasgi_main takes from the settings before the interpreter is up. */
typedef struct {
	char **args;
	Py_ssize_t count;
} command_line;

static char *copy_text(const char *text, Py_ssize_t len)
{
	char *copy = malloc((size_t)len + 1);

	if (copy != NULL) {
		memcpy(copy, text, (size_t)len);
		copy[len] = 0;
	}
	return copy;
}

static bool is_setting(const pairs_reader *r, const char *name)
{
	return (size_t)r->name_len == strlen(name) && memcmp(r->name, name, strlen(name)) == 0;
}

static bool take_setting(command_line *line, const pairs_reader *r)
{
	char *value = copy_text(r->value, r->value_len);

	if (value == NULL)
		return false;
	if (is_setting(r, WASGI_SETTING_ARG)) {
		line->args[line->count++] = value;
		return true; /* kept: Python reads it */
	}
	if (is_setting(r, WASGI_SETTING_ENV))
		return putenv(value) == 0; /* kept: the environment points to it */
	if (is_setting(r, WASGI_SETTING_CWD) && chdir(value) != 0)
		host_report("the folder of the app is not there", 34);
	free(value);
	return true;
}

static bool take_settings(command_line *line, uint32_t len)
{
	struct wasgi_pairs head;
	pairs_reader r = {0};

	memcpy(&head, shim_buffer, sizeof head);
	line->args = calloc((size_t)head.count + 1, sizeof *line->args);
	r.next = shim_buffer + sizeof head;
	r.end = shim_buffer + len;
	r.left = head.count;
	while (line->args != NULL && pairs_next(&r) > 0)
		if (!take_setting(line, &r))
			return false;
	return line->args != NULL;
}

static PyStatus start_main(command_line *line)
{
	PyConfig config;
	PyPreConfig pre;
	PyStatus status;

	PyPreConfig_InitPythonConfig(&pre);
	pre.utf8_mode = 1;
	status = Py_PreInitializeFromBytesArgs(&pre, line->count, line->args);
	if (PyStatus_Exception(status))
		return status;
	PyConfig_InitPythonConfig(&config);
	status = PyConfig_SetBytesArgv(&config, line->count, line->args);
	if (!PyStatus_Exception(status))
		status = config_paths(&config);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	return status;
}

WASGI_EXPORT(WASGI_EXPORT_MAIN)
int32_t wasgi_main(uint32_t len)
{
	command_line line = {0};
	PyStatus status;
	PyObject *module;

	if (len < sizeof(struct wasgi_pairs) || !take_settings(&line, len) || !before_interpreter()) {
		report_status(PyStatus_NoMemory());
		return 1;
	}
	status = start_main(&line);
	if (PyStatus_IsExit(status))
		return status.exitcode;
	if (PyStatus_Exception(status)) {
		report_status(status);
		return 1;
	}
	module = PyImport_ImportModule("wasgi._load");
	if (module == NULL || !interrupt_ready())
		PyErr_Print();
	Py_XDECREF(module);
	return Py_RunMain();
}
