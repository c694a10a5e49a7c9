/* This is an agent that answers at once and does nothing. What a change of the director takes with it is the cluster's own
 * time: its decisions, its messages, and a process for each action.
 *
 * A file for each instance says what it is: "s" started, "p" promoted. META_DATA is the folder with the meta-data of the agents
 * in whose place it stands; the name that it is called by says which one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, GENERIC = 1, UNIMPLEMENTED = 3, NOT_RUNNING = 7, PROMOTED = 8 };

static int print(const char *path)
{
	char piece[4096];
	ssize_t length;
	int file = open(path, O_RDONLY);

	if (file < 0)
		return GENERIC;
	while ((length = read(file, piece, sizeof piece)) > 0)
		if (write(STDOUT_FILENO, piece, length) != length)
			return GENERIC;
	return SUCCESS;
}

static int become(const char *path, char state)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	return file >= 0 && write(file, &state, 1) == 1 ? SUCCESS : GENERIC;
}

static int monitor(const char *path)
{
	char state = 0;
	int file = open(path, O_RDONLY);

	if (file < 0 || read(file, &state, 1) != 1)
		return NOT_RUNNING;
	return state == 'p' ? PROMOTED : SUCCESS;
}

int main(int count, char **words)
{
	const char *action = count > 1 ? words[1] : "", *instance = getenv("OCF_RESOURCE_INSTANCE");
	const char *name = strrchr(words[0], '/');
	char path[4096];

	if (!strcmp(action, "meta-data")) {
		snprintf(path, sizeof path, "%s/%s.xml", META_DATA, name ? name + 1 : words[0]);
		return print(path);
	}
	if (!strcmp(action, "validate-all"))
		return SUCCESS;
	if (!instance)
		return GENERIC;
	snprintf(path, sizeof path, "/run/stub-%s", instance);
	if (!strcmp(action, "start") || !strcmp(action, "demote"))
		return become(path, 's');
	if (!strcmp(action, "promote"))
		return become(path, 'p');
	if (!strcmp(action, "stop")) {
		unlink(path);
		return SUCCESS;
	}
	if (!strcmp(action, "monitor"))
		return monitor(path);
	return UNIMPLEMENTED;
}
