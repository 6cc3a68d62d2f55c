/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/aws_profile.h"
#include "common/file.h"

#define FILE_SIZE_MAX (1U << 20)
#define BLANKS " \t\r"

/* A piece of a line, without the blanks around it. */
struct piece {
	const char *text;
	size_t length;
};

static struct piece trimmed(const char *text, size_t length)
{
	while (length > 0 && strchr(BLANKS, text[0])) {
		text++;
		length--;
	}
	while (length > 0 && strchr(BLANKS, text[length - 1]))
		length--;
	return (struct piece){text, length};
}

static bool piece_is(const struct piece *piece, const char *text)
{
	return piece->length == strlen(text) && strncmp(piece->text, text, piece->length) == 0;
}

/* "[name]", a comment behind it or not. */
static bool is_section(const char *line, size_t length, struct piece *ret)
{
	if (length == 0 || line[0] != '[')
		return false;
	const char *end = memchr(line, ']', length);
	*ret = trimmed(line + 1, end ? (size_t)(end - line) - 1 : 0);
	return true;
}

/* "key = value". Lines that begin with a blank belong to a setting above, which we don't read. */
static bool is_setting(const char *line, size_t length, struct piece *key, struct piece *value)
{
	const char *equals = memchr(line, '=', length);
	if (!equals || strchr(BLANKS "#;", line[0]))
		return false;
	*key = trimmed(line, (size_t)(equals - line));
	*value = trimmed(equals + 1, length - (size_t)(equals - line) - 1);
	return true;
}

/* The setting of that key, or with key NULL the section itself. */
static bool find(const char *text, const char *section, const char *key, struct piece *value)
{
	bool inside = false;
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		struct piece name;
		if (is_section(line, length, &name)) {
			inside = piece_is(&name, section);
			if (inside && !key)
				return true;
		} else if (inside && is_setting(line, length, &name, value) && key &&
		           piece_is(&name, key)) {
			return true;
		}
		line += length + (line[length] == '\n');
	}
	return false;
}

const char *aws_environment(const char *name)
{
	const char *value = getenv(name);
	return value && value[0] ? value : NULL;
}

static const char *profile_name(bool *ret_chosen)
{
	const char *name = aws_environment("AWS_PROFILE");
	if (!name)
		name = aws_environment("AWS_DEFAULT_PROFILE");
	*ret_chosen = name != NULL;
	return name ? name : "default";
}

static const char *home(void)
{
	const char *directory = aws_environment("HOME");
	if (directory)
		return directory;
	/* A unit of systemd that runs as root has no HOME. */
	const struct passwd *user = getpwuid(getuid());
	return user ? user->pw_dir : NULL;
}

static int file_path(enum aws_file file, char ret[static PATH_MAX])
{
	static const struct {
		const char *variable;
		const char *name;
	} files[] = {
		[AWS_FILE_CREDENTIALS] = {"AWS_SHARED_CREDENTIALS_FILE", "credentials"},
		[AWS_FILE_CONFIG] = {"AWS_CONFIG_FILE", "config"},
	};
	const char *path = aws_environment(files[file].variable);
	const char *directory = home();
	if (!path && !directory)
		return -ENOENT;
	int length = path ? snprintf(ret, PATH_MAX, "%s", path)
	                  : snprintf(ret, PATH_MAX, "%s/.aws/%s", directory, files[file].name);
	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int find_value(const char *text, const char *section, const char *key,
                      char ret[static AWS_PROFILE_VALUE_MAX])
{
	struct piece value = {"", 0};
	if (!find(text, section, key, &value))
		return -ENOENT;
	if (value.length >= AWS_PROFILE_VALUE_MAX)
		return -EFBIG;
	memcpy(ret, value.text, value.length);
	ret[value.length] = '\0';
	return 0;
}

static bool has_section(const char *text, const char *section)
{
	return find(text, section, NULL, &(struct piece){0});
}

static int read_text(const char *path, char **ret, struct error *err)
{
	struct error failure = {0};
	size_t length;
	int r = path[0] ? file_read(path, FILE_SIZE_MAX, ret, &length, &failure) : -ENOENT;
	if (r == 0)
		return 0;
	if (r != -ENOENT && r != -ENOTDIR)
		return error_set(err, r, "%s", failure.text);
	*ret = strdup("");
	return *ret ? 0 : error_set(err, -ENOMEM, "%s: out of memory", path);
}

/* In the file of credentials a profile's section is "x", in the other one "profile x". */
static int section_name(const struct aws_profile *profile, enum aws_file file, char *ret,
                        size_t size)
{
	bool prefixed = file == AWS_FILE_CONFIG && strcmp(profile->name, "default") != 0;
	int length = snprintf(ret, size, "%s%s", prefixed ? "profile " : "", profile->name);
	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

int aws_profile_open(struct aws_profile *ret, struct error *err)
{
	*ret = (struct aws_profile){0};
	ret->name = profile_name(&ret->chosen);
	for (enum aws_file file = AWS_FILE_CREDENTIALS; file <= AWS_FILE_CONFIG; file++) {
		char section[NAME_MAX];
		if (file_path(file, ret->paths[file]) < 0)
			ret->paths[file][0] = '\0';
		int r = read_text(ret->paths[file], &ret->texts[file], err);
		if (r < 0) {
			aws_profile_done(ret);
			return r;
		}
		if (section_name(ret, file, section, sizeof(section)) == 0 &&
		    has_section(ret->texts[file], section))
			ret->found = true;
	}
	return 0;
}

void aws_profile_done(struct aws_profile *profile)
{
	for (size_t i = 0; i < 2; i++) {
		/* Secrets are not left lying about. */
		if (profile->texts[i])
			explicit_bzero(profile->texts[i], strlen(profile->texts[i]));
		free(profile->texts[i]);
	}
	*profile = (struct aws_profile){0};
}

int aws_profile_value(const struct aws_profile *profile, const char *key,
                      char ret[static AWS_PROFILE_VALUE_MAX], enum aws_file *file)
{
	int r = -ENOENT;
	for (*file = AWS_FILE_CREDENTIALS; r == -ENOENT; *file = AWS_FILE_CONFIG) {
		char section[NAME_MAX];
		r = section_name(profile, *file, section, sizeof(section));
		if (r == 0)
			r = find_value(profile->texts[*file], section, key, ret);
		if (*file == AWS_FILE_CONFIG || r == 0)
			break;
	}
	return r;
}
