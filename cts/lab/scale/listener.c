/* The real servers of the scale bench: one program that serves port 8000 on every address that is routed here.
 *
 * listener COUNTERS STAMPS
 *
 * COUNTERS: a file of two 64-bit numbers that it maps and counts in: connections accepted, requests answered.
 * STAMPS: one line `ADDRESS MICROSECONDS` for each connection to 10.200.0.1 to 10.200.0.100, which have sockets of their
 * own; asking every connection for its address would cost more than serving it.
 * SIGUSR1: all servers are down (connections are refused). SIGUSR2: they are back.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 8000, SAMPLE = 100, LISTENERS = SAMPLE + 1, BATCH = 256 };

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
static int listeners[LISTENERS]; /* the last one is for all addresses */
static uint64_t *counters;
static FILE *stamps;
static int poll_fd;

static void must(int result, const char *what) {
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void watch(int fd, uint64_t data) {
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
	must(epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void open_all(void) {
	for (int i = 0; i < LISTENERS; i++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
		int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		at.sin_addr.s_addr = i < SAMPLE ? htonl(0x0AC80001 + i) : INADDR_ANY;
		must(fd, "socket");
		/* Without it, the socket for all addresses is refused beside those for one. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		must(bind(fd, (struct sockaddr *)&at, sizeof at), "bind");
		must(listen(fd, 4096), "listen");
		listeners[i] = fd;
		watch(fd, i);
	}
}

static void close_all(void) {
	for (int i = 0; i < LISTENERS; i++) {
		if (listeners[i] >= 0) close(listeners[i]);
		listeners[i] = -1;
	}
}

static void accept_all(int i) {
	int fd;
	while (listeners[i] >= 0 && (fd = accept4(listeners[i], NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct timespec now;
		counters[0]++;
		if (i < SAMPLE) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			fprintf(stamps, "%d %lld\n", i, now.tv_sec * 1000000LL + now.tv_nsec / 1000);
		}
		watch(fd, LISTENERS + fd);
	}
}

static void serve(int fd) {
	char request[4096];
	ssize_t got = read(fd, request, sizeof request);
	if (got < 0 && errno == EAGAIN) return;
	if (got > 0) {
		counters[1]++;
		if (write(fd, ANSWER, sizeof ANSWER - 1) < 0) perror("write");
	}
	close(fd);
}

int main(int count, char **words) {
	struct rlimit files = {65536, 65536};
	struct epoll_event events[BATCH];
	struct signalfd_siginfo order;
	sigset_t orders;
	if (count != 3) return 2;
	setrlimit(RLIMIT_NOFILE, &files);
	int file = open(words[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
	must(file, words[1]);
	must(ftruncate(file, 16), words[1]);
	counters = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	stamps = fopen(words[2], "w");
	if (counters == MAP_FAILED || !stamps) return 1;
	/* The sample is read while this program is busy: without checks in bursts there is no idle moment to write it in. */
	setvbuf(stamps, NULL, _IOLBF, 4096);
	sigemptyset(&orders);
	sigaddset(&orders, SIGUSR1);
	sigaddset(&orders, SIGUSR2);
	sigprocmask(SIG_BLOCK, &orders, NULL);
	signal(SIGPIPE, SIG_IGN);
	poll_fd = epoll_create1(0);
	int orders_fd = signalfd(-1, &orders, SFD_NONBLOCK);
	watch(orders_fd, UINT64_MAX);
	open_all();
	puts("listening");
	fflush(stdout);
	for (;;) {
		int ready = epoll_wait(poll_fd, events, BATCH, 200);
		for (int i = 0; i < ready; i++) {
			uint64_t data = events[i].data.u64;
			if (data == UINT64_MAX) {
				while (read(orders_fd, &order, sizeof order) == sizeof order) {
					close_all();
					if (order.ssi_signo == SIGUSR2) open_all();
				}
			} else if (data < LISTENERS) {
				accept_all((int)data);
			} else {
				serve((int)(data - LISTENERS));
			}
		}
	}
}
