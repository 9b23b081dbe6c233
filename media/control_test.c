#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/control.h"
#include "media/records.h"

#define URL "rtsp://user:p%40ss@camera/1?a=\"b\"\\"

static struct media_control start_new(void) {
        return (struct media_control){
                .type = MEDIA_DO_START,
                .id = (uint64_t)1 << 53,
                .request = {.kind = MEDIA_NETWORK,
                            .url = URL,
                            .transport = MEDIA_UDP,
                            .track = "de",
                            .is_untrusted = true,
                            .allow = "127.0.0.0/8 go2rtc",
                            .n_channels = 64},
        };
}

static struct media_control upload_new(void) {
        return (struct media_control){
                .type = MEDIA_DO_START,
                .id = 1,
                .request = {.kind = MEDIA_UPLOAD,
                            .has_input = true,
                            .extension = "G722",
                            .is_paced = true,
                            .is_looped = true,
                            .n_channels = 1},
        };
}

// What the other end reads of it.
static struct media_control pass(const struct media_control *control) {
        char bytes[MEDIA_CONTROL_MAX];
        struct media_control ret;
        struct error error = {0};
        int n = media_control_encode(control, bytes);

        assert_true(n > 0);
        assert_int_equal(media_control_decode(bytes, (size_t)n, &ret, &error), 0);
        assert_int_equal(ret.type, control->type);
        assert_int_equal(ret.id, control->id);
        return ret;
}

static void test_requests_pass(void **state) {
        struct media_control control = start_new();
        struct media_control got = pass(&control);

        (void)state;
        assert_int_equal(got.request.kind, MEDIA_NETWORK);
        assert_string_equal(got.request.url, URL);
        assert_false(got.request.has_input);
        assert_int_equal(got.request.transport, MEDIA_UDP);
        assert_string_equal(got.request.track, "de");
        assert_int_equal(got.request.n_channels, 64);
        assert_true(got.request.is_untrusted);
        assert_string_equal(got.request.allow, "127.0.0.0/8 go2rtc");
        control = upload_new();
        got = pass(&control);
        assert_int_equal(got.request.kind, MEDIA_UPLOAD);
        assert_string_equal(got.request.url, "");
        assert_true(got.request.has_input && got.request.is_paced && got.request.is_looped);
        assert_string_equal(got.request.extension, "G722");
        assert_int_equal(got.request.transport, MEDIA_TCP);
}

static void test_the_rest_passes(void **state) {
        struct media_control control = {.type = MEDIA_DO_SIGNAL, .id = 7, .signal = SIGKILL};

        (void)state;
        assert_int_equal(pass(&control).signal, SIGKILL);
        control = (struct media_control){.type = MEDIA_DO_CPU, .id = 7, .seconds = 12};
        assert_int_equal(pass(&control).seconds, 12);
        control = (struct media_control){.type = MEDIA_STARTED, .id = 7, .pid = 4194304};
        assert_int_equal(pass(&control).pid, 4194304);
        control = (struct media_control){.type = MEDIA_ENDED, .id = 7, .status = 3};
        assert_int_equal(pass(&control).status, 3);
        control = (struct media_control){.type = MEDIA_ENDED, .id = 7, .signal = SIGXCPU};
        assert_int_equal(pass(&control).signal, SIGXCPU);
        control = (struct media_control){.type = MEDIA_FAILED, .id = 7, .error_number = EAGAIN};
        assert_int_equal(pass(&control).error_number, EAGAIN);
}

static void encode_check_refused(const struct media_control *control) {
        char bytes[MEDIA_CONTROL_MAX];

        assert_int_equal(media_control_encode(control, bytes), -EINVAL);
}

static void test_wrong_requests_are_not_sent(void **state) {
        struct media_control control = start_new();

        (void)state;
        control.id = 0;
        encode_check_refused(&control);
        control = start_new();
        control.request.has_input = true;
        encode_check_refused(&control);
        control = start_new();
        control.request.url[0] = '\0';
        encode_check_refused(&control);
        control = start_new();
        control.request.url[3] = '\n';
        encode_check_refused(&control);
        control = start_new();
        control.request.allow[0] = '/';
        encode_check_refused(&control);
        control = upload_new();
        control.request.is_untrusted = true;
        encode_check_refused(&control);
        control = start_new();
        control.request.url[3] = '\xff';
        encode_check_refused(&control);
        control = start_new();
        control.request.n_channels = 65;
        encode_check_refused(&control);
        control = upload_new();
        control.request.url[0] = 'x';
        encode_check_refused(&control);
        control = upload_new();
        control.request.has_input = false;
        encode_check_refused(&control);
        control = upload_new();
        control.request.extension[1] = '/';
        encode_check_refused(&control);
        control = (struct media_control){.type = MEDIA_DO_SIGNAL, .id = 7, .signal = SIGHUP};
        encode_check_refused(&control);
}

static void test_the_longest_address_passes(void **state) {
        struct media_control control = start_new();

        (void)state;
        // Each byte takes two on the wire.
        memset(control.request.url, '"', MEDIA_URL_MAX - 1);
        assert_string_equal(pass(&control).request.url, control.request.url);
}

#define REQUEST(kind, url, input, extension, transport, track, n)                             \
        "{\"do\":\"start\",\"id\":7,\"kind\":\"" kind "\",\"url\":\"" url                     \
        "\",\"input\":\"" input "\",\"extension\":\"" extension                               \
        "\",\"transport\":\"" transport                                                       \
        "\",\"is_paced\":false,\"is_looped\":false,\"track\":\"" track "\",\"n_channels\":" n \
        "}"

static void test_wrong_packets_are_refused(void **state) {
        static const char *const wrong[] = {
                "",
                "[]",
                "{}",
                "{\"do\":\"start\"}",
                "{\"do\":5,\"id\":7}",
                "{\"do\":\"dance\",\"id\":7}",
                "{\"do\":\"signal\",\"id\":7}",
                "{\"do\":\"signal\",\"id\":7,\"signal\":1}",
                "{\"do\":\"signal\",\"id\":7,\"signal\":4294967305}",
                "{\"do\":\"signal\",\"id\":0,\"signal\":9}",
                "{\"do\":\"signal\",\"id\":-1,\"signal\":9}",
                "{\"do\":\"signal\",\"id\":9007199254740993,\"signal\":9}",
                "{\"do\":\"signal\",\"id\":7.0,\"signal\":9}",
                "{\"do\":\"signal\",\"signal\":9}",
                "{\"do\":\"cpu\",\"id\":7,\"seconds\":0}",
                "{\"do\":\"cpu\",\"id\":7,\"seconds\":-1}",
                "{\"event\":\"started\",\"id\":7,\"pid\":0}",
                "{\"event\":\"ended\",\"id\":7,\"status\":256,\"signal\":0}",
                "{\"event\":\"ended\",\"id\":7,\"status\":0,\"signal\":65}",
                "{\"event\":\"failed\",\"id\":7,\"errno\":0}",
                REQUEST("", "a", "none", "", "tcp", "", "1"),
                REQUEST("network", "", "none", "", "tcp", "", "1"),
                REQUEST("network", "a\\n", "none", "", "tcp", "", "1"),
                REQUEST("network", "a", "descriptor", "", "tcp", "", "1"),
                REQUEST("file", "a", "descriptor", "", "tcp", "", "1"),
                REQUEST("file", "", "none", "", "tcp", "", "1"),
                REQUEST("file", "", "descriptor", "../x", "tcp", "", "1"),
                REQUEST("file", "", "descriptor", "sixteenlettersss", "tcp", "", "1"),
                REQUEST("file", "", "descriptor", "", "sctp", "", "1"),
                REQUEST("file", "", "descriptor", "", "tcp", "\\u001b", "1"),
                REQUEST("file", "", "descriptor", "", "tcp", "", "0"),
                REQUEST("file", "", "descriptor", "", "tcp", "", "65"),
                REQUEST("file", "", "descriptor", "", "tcp", "", "\"1\""),
        };
        struct media_control control;
        struct error error;

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                if (media_control_decode(wrong[i], strlen(wrong[i]), &control, &error) !=
                    -EPROTO)
                        fail_msg("taken: %s", wrong[i]);
}

static void test_a_refused_start_has_its_id_and_no_secret_in_the_words(void **state) {
        static const char packet[] =
                REQUEST("file", "rtsp://user:s3cr3t@host/", "none", "", "tcp", "", "1");
        struct media_control control;
        struct error error;

        (void)state;
        assert_int_equal(media_control_decode(packet, strlen(packet), &control, &error),
                         -EPROTO);
        assert_int_equal(control.type, MEDIA_DO_START);
        assert_int_equal(control.id, 7);
        assert_null(strstr(error.text, "s3cr3t"));
}

// --- over a socket ------------------------------------------------------------------

struct ends {
        int ours, theirs;
};

static struct ends ends_new(void) {
        int both[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both), 0);
        return (struct ends){both[0], both[1]};
}

static void test_descriptors_travel(void **state) {
        struct ends ends = ends_new();
        struct media_control control = upload_new(), got;
        int pipe_ends[2], descriptors[MEDIA_DESCRIPTORS_MAX];
        char byte = 0;

        (void)state;
        assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
        assert_int_equal(media_control_send(ends.ours, &control, pipe_ends, 2), 0);
        assert_int_equal(media_control_receive(ends.theirs, &got, descriptors, NULL), 1);
        assert_int_equal(got.id, 1);
        assert_int_equal(fcntl(descriptors[1], F_GETFD), FD_CLOEXEC);
        assert_int_equal(write(descriptors[1], "x", 1), 1);
        assert_int_equal(read(descriptors[0], &byte, 1), 1);
        assert_int_equal(byte, 'x');
        close(descriptors[0]);
        close(descriptors[1]);
        control = (struct media_control){.type = MEDIA_STARTED, .id = 2, .pid = 1};
        assert_int_equal(media_control_send(ends.ours, &control, NULL, 0), 0);
        assert_int_equal(media_control_receive(ends.theirs, &got, descriptors, NULL), 1);
        assert_int_equal(descriptors[0], -1);
        assert_int_equal(descriptors[1], -1);
        assert_int_equal(media_control_receive(ends.theirs, &got, descriptors, NULL), -EAGAIN);
        close(ends.ours);
        assert_int_equal(media_control_receive(ends.theirs, &got, descriptors, NULL), 0);
        assert_int_equal(media_control_send(ends.theirs, &control, NULL, 0), -EPIPE);
        close(ends.theirs);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
}

static int descriptor_next(void) {
        int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(next >= 0);
        close(next);
        return next;
}

// Send bytes with three copies of a descriptor.
static void raw_send(int socket, const char *bytes, size_t n, int descriptor) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(3 * sizeof(int))];
        } ancillary = {.bytes = {0}};
        struct iovec piece = {(void *)(uintptr_t)bytes, n};
        struct msghdr message = {.msg_iov = &piece,
                                 .msg_iovlen = 1,
                                 .msg_control = &ancillary,
                                 .msg_controllen = sizeof(ancillary.bytes)};
        int copies[3] = {descriptor, descriptor, descriptor};

        ancillary.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(copies)),
                                            .cmsg_level = SOL_SOCKET,
                                            .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&ancillary.header), copies, sizeof(copies));
        assert_int_equal(sendmsg(socket, &message, 0), n);
}

static void test_garbage_leaves_no_descriptor(void **state) {
        static const char packet[] = "{\"do\":\"cpu\",\"id\":7,\"seconds\":9}";
        static char much[2 * MEDIA_CONTROL_MAX];
        struct ends ends = ends_new();
        struct media_control got;
        int descriptors[MEDIA_DESCRIPTORS_MAX];
        int before = descriptor_next();

        (void)state;
        memset(much, ' ', sizeof(much));
        memcpy(much, packet, sizeof(packet) - 1);
        raw_send(ends.ours, "garbage", 7, ends.ours);
        raw_send(ends.ours, much, sizeof(much), ends.ours);
        raw_send(ends.ours, packet, strlen(packet), ends.ours);
        assert_int_equal(media_control_receive(ends.theirs, &got, descriptors, NULL), -EPROTO);
        assert_int_equal(media_control_receive(ends.theirs, &got, descriptors, NULL), -EPROTO);
        assert_int_equal(descriptors[0], -1);
        assert_int_equal(descriptor_next(), before);
        // The third descriptor is one too many, and is the kernel's to close.
        assert_int_equal(media_control_receive(ends.theirs, &got, descriptors, NULL), 1);
        close(descriptors[0]);
        close(descriptors[1]);
        assert_int_equal(descriptor_next(), before);
        close(ends.ours);
        close(ends.theirs);
}

static void test_no_room_for_descriptors(void **state) {
        struct ends ends = ends_new();
        struct media_control control = upload_new(), got;
        int descriptors[MEDIA_DESCRIPTORS_MAX];
        int both[2] = {ends.ours, ends.ours};
        struct rlimit before, limit;

        (void)state;
        assert_int_equal(media_control_send(ends.ours, &control, both, 2), 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        limit = before;
        limit.rlim_cur = (rlim_t)descriptor_next() + 1;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(media_control_receive(ends.theirs, &got, descriptors, NULL), 1);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(got.id, 1);
        assert_true(descriptors[0] >= 0);
        assert_int_equal(descriptors[1], -1);
        close(descriptors[0]);
        close(ends.ours);
        close(ends.theirs);
}

static void test_a_full_socket_is_said(void **state) {
        struct ends ends = ends_new();
        struct media_control control = {.type = MEDIA_STARTED, .id = 2, .pid = 1};
        int code;

        (void)state;
        while ((code = media_control_send(ends.ours, &control, NULL, 0)) == 0)
                ;
        assert_int_equal(code, -EAGAIN);
        close(ends.ours);
        close(ends.theirs);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_requests_pass),
                cmocka_unit_test(test_the_rest_passes),
                cmocka_unit_test(test_wrong_requests_are_not_sent),
                cmocka_unit_test(test_the_longest_address_passes),
                cmocka_unit_test(test_wrong_packets_are_refused),
                cmocka_unit_test(test_a_refused_start_has_its_id_and_no_secret_in_the_words),
                cmocka_unit_test(test_descriptors_travel),
                cmocka_unit_test(test_garbage_leaves_no_descriptor),
                cmocka_unit_test(test_no_room_for_descriptors),
                cmocka_unit_test(test_a_full_socket_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
