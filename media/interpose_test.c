// Interpose, in a network of its own in which addresses of all ranks are this machine's.

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libavformat/avformat.h>
#include <libavutil/log.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/address_judge.h"
#include "media/control.h"
#include "media/read_ahead.h"
#include "media/records.h"
#include "util/mem.h"

#define PUBLIC  "203.0.113.7"
#define PRIVATE "192.168.7.7"

#define NO_SOUND "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// Give the loopback device of this namespace an address.
static int address_add(int socket, const char *label, const char *address) {
        struct ifreq request = {0};
        struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;

        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", label);
        in->sin_family = AF_INET;
        if (inet_pton(AF_INET, address, &in->sin_addr) != 1 ||
            ioctl(socket, SIOCSIFADDR, &request) < 0 ||
            ioctl(socket, SIOCGIFFLAGS, &request) < 0)
                return -errno;
        request.ifr_flags |= IFF_UP;
        return ioctl(socket, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

// A network namespace with these addresses. False where it may not be had.
static bool network_make(void) {
        int socket_of_it, code;

        if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                return false;
        socket_of_it = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        code = address_add(socket_of_it, "lo", "127.0.0.1");
        if (code == 0)
                code = address_add(socket_of_it, "lo:1", PUBLIC);
        if (code == 0)
                code = address_add(socket_of_it, "lo:2", PRIVATE);
        close(socket_of_it);
        return code == 0;
}

// --- a web server that redirects ------------------------------------------------------

struct server {
        pthread_t thread;
        int listener;
        unsigned port;
        pthread_mutex_t lock;  // of what follows
        char answer[256];
        unsigned n_clients;
};

static void *server_run(void *context) {
        struct server *server = context;
        char request[2048];
        int client;

        while ((client = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                (void)!read(client, request, sizeof(request));
                pthread_mutex_lock(&server->lock);
                server->n_clients++;
                (void)!write(client, server->answer, strlen(server->answer));
                pthread_mutex_unlock(&server->lock);
                close(client);
        }
        return NULL;
}

static void server_start(struct server *server, const char *address) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        socklen_t length = sizeof(in);

        *server = (struct server){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                                  .lock = PTHREAD_MUTEX_INITIALIZER};
        assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
        assert_int_equal(bind(server->listener, (struct sockaddr *)&in, sizeof(in)), 0);
        assert_int_equal(listen(server->listener, 5), 0);
        assert_int_equal(getsockname(server->listener, (struct sockaddr *)&in, &length), 0);
        server->port = ntohs(in.sin_port);
        snprintf(server->answer, sizeof(server->answer), "%s", NO_SOUND);
        assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_answer(struct server *server, const char *answer) {
        pthread_mutex_lock(&server->lock);
        snprintf(server->answer, sizeof(server->answer), "%s", answer);
        pthread_mutex_unlock(&server->lock);
}

static void server_redirect(struct server *server, const char *address, unsigned port) {
        CLEANUP(mem_freep)
        char *answer = xasprintf("HTTP/1.0 302 Found\r\nLocation: http://%s:%u/\r\n\r\n",
                                 address, port);

        server_answer(server, answer);
}

// A recording whose one part lies on this machine.
static void server_lead_in(struct server *server, unsigned port) {
        CLEANUP(mem_freep)
        char *answer = xasprintf("HTTP/1.0 200 OK\r\n"
                                 "Content-Type: application/vnd.apple.mpegurl\r\n\r\n"
                                 "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n"
                                 "http://127.0.0.1:%u/a.ts\n#EXT-X-ENDLIST\n",
                                 port);

        server_answer(server, answer);
}

static unsigned server_clients(struct server *server) {
        unsigned n;

        pthread_mutex_lock(&server->lock);
        n = server->n_clients;
        pthread_mutex_unlock(&server->lock);
        return n;
}

static void server_stop(struct server *server) {
        shutdown(server->listener, SHUT_RDWR);
        pthread_join(server->thread, NULL);
        close(server->listener);
}

// --- what FFmpeg may reach --------------------------------------------------------------

static int url_open(const char *scheme, const char *address, unsigned port) {
        CLEANUP(mem_freep) char *url = xasprintf("%s://%s:%u", scheme, address, port);
        AVIOContext *io = NULL;
        int code;

        code = avio_open2(&io, url, AVIO_FLAG_READ, NULL, NULL);
        avio_closep(&io);
        return code;
}

struct servers {
        struct server loopback, private, public;
};

static int setup(void **state) {
        struct servers *servers = xnew(struct servers);

        server_start(&servers->loopback, "127.0.0.1");
        server_start(&servers->private, PRIVATE);
        server_start(&servers->public, PUBLIC);
        media_address_judge_reset();
        *state = servers;
        return 0;
}

static int teardown(void **state) {
        struct servers *servers = *state;

        server_stop(&servers->loopback);
        server_stop(&servers->private);
        server_stop(&servers->public);
        mem_free(servers);
        return 0;
}

static void test_tcp_of_avformat_is_judged(void **state) {
        struct servers *servers = *state;

        assert_int_equal(url_open("tcp", PUBLIC, servers->public.port), 0);
        // Of the same process, so that the name resolved first was the public one.
        assert_int_equal(url_open("tcp", "127.0.0.1", servers->loopback.port), AVERROR(EACCES));
        assert_int_equal(url_open("tcp", PRIVATE, servers->private.port), AVERROR(EACCES));
        assert_int_equal(media_address_judge_refused(), 2);
        assert_int_equal(server_clients(&servers->loopback) + server_clients(&servers->private),
                         0);
}

static void test_a_redirect_inward_is_refused(void **state) {
        struct servers *servers = *state;

        server_redirect(&servers->public, "127.0.0.1", servers->loopback.port);
        assert_int_equal(url_open("http", PUBLIC, servers->public.port), AVERROR(EACCES));
        server_redirect(&servers->public, PRIVATE, servers->private.port);
        assert_int_equal(url_open("http", PUBLIC, servers->public.port), AVERROR(EACCES));
        assert_int_equal(server_clients(&servers->public), 2);
        assert_int_equal(server_clients(&servers->loopback) + server_clients(&servers->private),
                         0);
}

static void test_a_redirect_outward_is_followed(void **state) {
        struct servers *servers = *state;

        server_redirect(&servers->loopback, PRIVATE, servers->private.port);
        server_redirect(&servers->private, PUBLIC, servers->public.port);
        assert_int_equal(url_open("http", "127.0.0.1", servers->loopback.port), 0);
        assert_int_equal(server_clients(&servers->public), 1);
        assert_int_equal(media_address_judge_refused(), 0);
}

static void test_a_redirect_within_the_house_is_followed(void **state) {
        struct servers *servers = *state;

        server_redirect(&servers->private, PRIVATE, servers->private.port);
        // Round and round, until FFmpeg has enough.
        assert_int_not_equal(url_open("http", PRIVATE, servers->private.port), 0);
        assert_true(server_clients(&servers->private) > 1);
        assert_int_equal(media_address_judge_refused(), 0);
}

static void test_datagrams_are_judged(void **state) {
        struct servers *servers = *state;
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9)};
        struct iovec piece = {(void *)(uintptr_t) "x", 1};
        struct mmsghdr message = {.msg_hdr = {.msg_name = &in,
                                              .msg_namelen = sizeof(in),
                                              .msg_iov = &piece,
                                              .msg_iovlen = 1}};
        int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_int_equal(url_open("tcp", PUBLIC, servers->public.port), 0);
        assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &in.sin_addr), 1);
        assert_int_equal(sendto(descriptor, "x", 1, 0, (struct sockaddr *)&in, sizeof(in)), -1);
        assert_int_equal(errno, EACCES);
        assert_int_equal(sendmsg(descriptor, &message.msg_hdr, 0), -1);
        assert_int_equal(sendmmsg(descriptor, &message, 1, 0), -1);
        assert_int_equal(connect(descriptor, (struct sockaddr *)&in, sizeof(in)), -1);
        // What has no address of its own went through connect().
        assert_int_equal(inet_pton(AF_INET, PUBLIC, &in.sin_addr), 1);
        assert_int_equal(connect(descriptor, (struct sockaddr *)&in, sizeof(in)), 0);
        assert_int_equal(send(descriptor, "x", 1, 0), 1);
        close(descriptor);
}

// --- how FFmpeg reads -------------------------------------------------------------------

static void idle_count(void *context) {
        ++*(unsigned *)context;
}

static void test_avformat_reads_ahead(void **state) {
        static const char *const names[] = {"poll", "recv"};
        struct servers *servers = *state;
        CLEANUP(mem_freep)
        char *url = xasprintf("tcp://%s:%u", PUBLIC, servers->public.port);
        AVIOContext *io = NULL;
        unsigned n_idle = 0;
        uint8_t byte;

        assert_int_equal(
                avio_open2(&io, url, AVIO_FLAG_READ_WRITE | AVIO_FLAG_DIRECT, NULL, NULL), 0);
        media_read_ahead_begin(idle_count, &n_idle);
        avio_write(io, (const uint8_t *)"?", 1);
        avio_flush(io);
        assert_int_equal(avio_read(io, &byte, 1), 1);
        assert_int_equal(byte, NO_SOUND[0]);
        while (avio_read(io, &byte, 1) == 1)
                continue;
        media_read_ahead_end();
        avio_closep(&io);
        assert_true(n_idle > 0);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                assert_ptr_not_equal(dlsym(RTLD_DEFAULT, names[i]), dlsym(RTLD_NEXT, names[i]));
}

// --- the program ------------------------------------------------------------------------

// Start eavesdrop-media; ours is the socket's other end.
static pid_t program_start(int *ret_control) {
        int ends[2];
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        pid = fork();
        if (pid == 0) {
                char *const argv[] = {(char[]){TEST_MEDIA_PROGRAM}, NULL};

                dup2(ends[1], STDIN_FILENO);
                execv(argv[0], argv);
                _exit(127);
        }
        close(ends[1]);
        *ret_control = ends[0];
        return pid;
}

// Read records until the last, whose fault it returns.
static enum media_fault fault_read(int records) {
        CLEANUP(media_records_freep) struct media_records *reader = media_records_new(1);
        struct media_record record = {.type = MEDIA_PROGRESS};
        uint8_t buffer[4096];

        while (record.type != MEDIA_END) {
                const uint8_t *bytes = buffer;
                ssize_t n_read = read(records, buffer, sizeof(buffer));
                size_t n = (size_t)n_read;

                assert_true(n_read > 0);
                while (media_records_feed(reader, &bytes, &n, &record, NULL) == 1 &&
                       record.type != MEDIA_END)
                        ;
        }
        return record.fault;
}

// `allow` NULL: whoever gave the address is trusted.
static enum media_fault program_read_as(const char *address, unsigned port, const char *allow) {
        struct media_control control = {
                .type = MEDIA_DO_START,
                .id = 1,
                .request = {.kind = MEDIA_NETWORK, .n_channels = 1, .is_untrusted = allow},
        };
        int socket_of_it, ends[2], wait_status;
        pid_t pid = program_start(&socket_of_it);
        enum media_fault fault;

        snprintf(control.request.url, sizeof(control.request.url), "http://%s:%u/", address,
                 port);
        snprintf(control.request.allow, sizeof(control.request.allow), "%s",
                 allow ? allow : "");
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(media_control_send(socket_of_it, &control, &ends[1], 1), 0);
        close(ends[1]);
        fault = fault_read(ends[0]);
        close(ends[0]);
        close(socket_of_it);
        assert_int_equal(waitpid(pid, &wait_status, 0), pid);
        assert_int_equal(wait_status, 0);
        return fault;
}

static enum media_fault program_read(const char *address, unsigned port) {
        return program_read_as(address, port, NULL);
}

static void test_the_program_judges_strangers(void **state) {
        struct servers *servers = *state;

        assert_int_equal(program_read_as("127.0.0.1", servers->loopback.port, ""),
                         MEDIA_FAULT_ADDRESS);
        assert_int_equal(program_read_as("[::ffff:127.0.0.1]", servers->loopback.port, ""),
                         MEDIA_FAULT_ADDRESS);
        assert_int_equal(program_read_as("localhost", servers->loopback.port, "10.0.0.0/8"),
                         MEDIA_FAULT_ADDRESS);
        assert_int_equal(server_clients(&servers->loopback), 0);
        // Where it may go there is no sound.
        assert_int_equal(program_read_as("127.0.0.1", servers->loopback.port, "127.0.0.0/8"),
                         MEDIA_FAULT_NOT_MEDIA);
        assert_int_equal(program_read_as("localhost", servers->loopback.port, "localhost"),
                         MEDIA_FAULT_NOT_MEDIA);
        assert_int_equal(server_clients(&servers->loopback), 2);
        server_redirect(&servers->private, PUBLIC, servers->public.port);
        assert_int_equal(program_read_as(PRIVATE, servers->private.port, ""),
                         MEDIA_FAULT_NOT_MEDIA);
        // An address that is allowed leads no further.
        server_redirect(&servers->loopback, "127.0.0.2", servers->loopback.port);
        assert_int_equal(program_read_as("127.0.0.1", servers->loopback.port, "127.0.0.1"),
                         MEDIA_FAULT_ADDRESS);
        assert_int_equal(server_clients(&servers->loopback), 3);
}

static void test_the_program_judges(void **state) {
        struct servers *servers = *state;

        server_redirect(&servers->public, "127.0.0.1", servers->loopback.port);
        assert_int_equal(program_read(PUBLIC, servers->public.port), MEDIA_FAULT_PROTOCOL);
        assert_int_equal(server_clients(&servers->public), 1);
        assert_int_equal(server_clients(&servers->loopback), 0);
        // Nor is a part of a playlist fetched from there.
        server_lead_in(&servers->public, servers->loopback.port);
        assert_int_equal(program_read(PUBLIC, servers->public.port), MEDIA_FAULT_PROTOCOL);
        assert_int_equal(server_clients(&servers->public), 2);
        assert_int_equal(server_clients(&servers->loopback), 0);
        // The other way round it is let through, to what is no sound.
        server_redirect(&servers->private, PUBLIC, servers->public.port);
        server_answer(&servers->public, NO_SOUND);
        assert_int_equal(program_read(PRIVATE, servers->private.port), MEDIA_FAULT_NOT_MEDIA);
        assert_int_equal(server_clients(&servers->public), 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_tcp_of_avformat_is_judged, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_a_redirect_inward_is_refused, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_a_redirect_outward_is_followed, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_a_redirect_within_the_house_is_followed,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(test_datagrams_are_judged, setup, teardown),
                cmocka_unit_test_setup_teardown(test_avformat_reads_ahead, setup, teardown),
                cmocka_unit_test_setup_teardown(test_the_program_judges, setup, teardown),
                cmocka_unit_test_setup_teardown(test_the_program_judges_strangers, setup,
                                                teardown),
        };

        if (!network_make()) {
                printf("[  SKIPPED ] 8 test(s): no network namespace may be made here\n");
                return 0;
        }
        av_log_set_level(AV_LOG_QUIET);
        avformat_network_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
