/* Writes down what the kernel's table holds before each ipvsadm that changes it. It is loaded into what the original starts
 * (LD_PRELOAD), so that the ipvsadm that it finds is Debian's own, and no process comes to those that it starts anyway.
 *
 * The original executes several commands for one event, and what stands in the table between two of them lasts for a few
 * milliseconds. Looking every now and then would see it or not; this sees it each time.
 *
 * RECORD is appended to: the text of /proc/net/ip_vs and a line with a full stop.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void write_down(void) {
	static char text[1 << 20];
	size_t length = 0;
	ssize_t got;
	int table = open("/proc/net/ip_vs", O_RDONLY), record = open(RECORD, O_WRONLY | O_CREAT | O_APPEND, 0644);
	while ((got = read(table, text + length, sizeof text - length - 2)) > 0) length += got;
	memcpy(text + length, ".\n", 2);
	if (table < 0 || record < 0 || write(record, text, length + 2) < 0) perror(RECORD);
	close(table);
	close(record);
}

/* glibc gives a constructor the arguments of main. -L only reads. */
__attribute__((constructor)) static void begin(int count, char **words) {
	const char *name = count > 1 ? strrchr(words[0], '/') : NULL;
	if (name && strcmp(name, "/ipvsadm") == 0 && strcmp(words[1], "-L") != 0) write_down();
}
