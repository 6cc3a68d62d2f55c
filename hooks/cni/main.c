/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "hooks/cni/cni_commands.h"

#define OUTPUT_MAX (CNI_INPUT_MAX + 4096)

static const char usage[] =
	"podsg-cni " PODSG_VERSION ", a CNI plugin: the last one of a chain.\n"
	"It is run by a container runtime; see podsg-cni(8). --help, --version\n";

static const struct command {
	const char *name;
	cni_command *run;
	bool patient; /* what is wrong with the call is said, and does not fail it */
} commands[] = {
	{"ADD", cni_add, false},       {"DEL", cni_delete, true},  {"CHECK", cni_check, false},
	{"STATUS", cni_status, false}, {"GC", cni_collect, false},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static enum cni_code read_input(struct buffer *input, struct cni_failure *failure)
{
	char part[16384];
	for (;;) {
		ssize_t got = read(STDIN_FILENO, part, sizeof(part));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return cni_fail(failure, CNI_IO_FAILURE, strerror(errno),
			                "standard input cannot be read");
		if (got == 0)
			return CNI_OK;
		buffer_add(input, part, (size_t)got);
		if (input->failed)
			return cni_fail(failure, CNI_IO_FAILURE, "",
			                "the network configuration is longer than %u bytes",
			                CNI_INPUT_MAX);
	}
}

static void print_versions(const struct cni_call *call, struct buffer *output)
{
	buffer_add_text(output, "{\"cniVersion\":");
	buffer_add_json(output, call->version[0] ? call->version : CNI_VERSION_LATEST);
	buffer_add_text(output, ",\"supportedVersions\":[");
	for (size_t i = 0; cni_versions[i]; i++) {
		buffer_add_text(output, i > 0 ? "," : "");
		buffer_add_json(output, cni_versions[i]);
	}
	buffer_add_text(output, "]}\n");
}

/* Of another version or broken: DEL goes on with what else is known. */
static enum cni_code accept(const struct command *command, enum cni_code code,
                            const struct cni_failure *failure)
{
	char text[1100];
	if (code == CNI_OK || !command->patient)
		return code;
	(void)snprintf(text, sizeof(text), "%s: %s", failure->message, failure->details);
	log_text(LOG_LEVEL_WARNING, "call-not-understood", text);
	return CNI_OK;
}

static enum cni_code configure(const struct command *command, const struct cni_call *call,
                               struct config **ret, struct cni_failure *failure)
{
	struct error err = {0};
	if (config_find(call->config[0] ? call->config : NULL, ret, &err) == 0)
		return CNI_OK;
	(void)cni_fail(failure, CNI_INVALID_CONFIG, err.text,
	               "podsg's configuration cannot be used");
	if (accept(command, CNI_INVALID_CONFIG, failure) != CNI_OK ||
	    config_load(NULL, ret, NULL) < 0)
		return CNI_INVALID_CONFIG;
	return CNI_OK;
}

static enum cni_code run(const struct command *command, const struct cni_call *call,
                         struct buffer *output, struct cni_failure *failure)
{
	struct config *config = NULL;
	enum cni_code code = configure(command, call, &config, failure);
	if (code == CNI_OK)
		code = command->run(call, config, failure);
	if (code == CNI_OK && command->run == cni_add) {
		buffer_add(output, call->previous.text, call->previous.length);
		buffer_add_text(output, "\n");
	}
	config_free(config);
	return code;
}

/* All of the input is read whatever else is wrong: who writes it may not expect a closed pipe, and
 * an error is told in the caller's version. */
static enum cni_code read_call(struct cni_call *call, struct buffer *input,
                               struct cni_failure *failure)
{
	cni_call_environment(call);
	enum cni_code code = read_input(input, failure);
	if (code == CNI_OK)
		code = cni_call_parse(call, input->text ? input->text : "", input->length, failure);
	return code;
}

static enum cni_code serve(struct cni_call *call, struct buffer *input, struct buffer *output,
                           struct cni_failure *failure)
{
	enum cni_code code = read_call(call, input, failure);
	const struct command *command = find_command(call->command);
	if (strcmp(call->command, "VERSION") == 0) {
		print_versions(call, output);
		return CNI_OK;
	}
	if (!command)
		return cni_fail(failure, CNI_INVALID_ENVIRONMENT,
		                "expected ADD, DEL, CHECK, STATUS, GC or VERSION",
		                "CNI_COMMAND \"%.32s\" is unknown", call->command);
	if (cni_call_check(call, failure) != CNI_OK)
		return CNI_INVALID_ENVIRONMENT;
	code = accept(command, code, failure);
	return code == CNI_OK ? run(command, call, output, failure) : code;
}

static int write_output(const struct buffer *output)
{
	size_t done = 0;
	while (done < output->length) {
		ssize_t written = write(STDOUT_FILENO, output->text + done, output->length - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		done += (size_t)written;
	}
	return output->failed ? -ENOMEM : 0;
}

/* No runtime calls so. */
static int tell_person(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)puts("podsg-cni " PODSG_VERSION);
		return EXIT_SUCCESS;
	}
	bool asked = argc == 2 && strcmp(argv[1], "--help") == 0;
	(void)fputs(usage, asked ? stdout : stderr);
	return asked ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct buffer input = {.max = CNI_INPUT_MAX};
	struct buffer output = {.max = OUTPUT_MAX};
	struct cni_failure failure = {0};
	struct cni_call call;
	if (argc > 1 || !getenv("CNI_COMMAND"))
		return tell_person(argc, argv);
	enum cni_code code = serve(&call, &input, &output, &failure);
	if (code != CNI_OK)
		cni_failure_print(&failure, call.version[0] ? call.version : CNI_VERSION_LATEST,
		                  &output);
	if (write_output(&output) < 0)
		code = CNI_IO_FAILURE;
	buffer_done(&input);
	buffer_done(&output);
	return code == CNI_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
