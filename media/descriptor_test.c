// Parts of joined files, in a file and through a pipe.
#include <fcntl.h>
#include <libavutil/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/descriptor.h"
#include "media/joint.h"

// A file of `n` bytes with a RIFF head that says so (or that it does not know), filled with
// `fill`.
static size_t wave_write(uint8_t *ret, size_t n, bool is_known, int fill) {
        static const uint8_t riff[] = {'R', 'I', 'F', 'F'}, wave[] = {'W', 'A', 'V', 'E'};
        uint32_t size = is_known ? (uint32_t)n - 8 : 0xffffffff;

        memset(ret, fill, n);
        memcpy(ret, riff, sizeof(riff));
        memcpy(ret + 4, &size, 4);  // of a little-endian machine
        memcpy(ret + 8, wave, sizeof(wave));
        return n;
}

static int input_make(const uint8_t *bytes, size_t n, bool is_pipe) {
        int ends[2];

        if (!is_pipe) {
                int file = memfd_create("input", 0);

                assert_int_equal(write(file, bytes, n), n);
                assert_int_equal(lseek(file, 0, SEEK_SET), 0);
                return file;
        }
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], bytes, n), n);
        close(ends[1]);
        return ends[0];
}

// Read a part in odd pieces; returns its length.
static size_t part_read(struct media_descriptor *descriptor, uint8_t *ret, size_t most) {
        AVIOContext *io = media_descriptor_open(descriptor);
        size_t n = 0;
        int got;

        assert_non_null(io);
        while (n < most && (got = avio_read(io, ret + n, 37)) > 0)
                n += (size_t)got;
        return n;
}

static void joined_files_are_read_one_by_one(void **state) {
        uint8_t bytes[4096], part[4096];
        size_t n = wave_write(bytes, 1000, true, 'a');

        (void)state;
        n += wave_write(bytes + n, 500, true, 'b');
        n += wave_write(bytes + n, 700, true, 'c');
        for (int is_pipe = 0; is_pipe < 2; is_pipe++) {
                int input = input_make(bytes, n, is_pipe);
                struct media_descriptor *descriptor = media_descriptor_new(input);

                assert_int_equal(media_descriptor_is_seekable(descriptor), !is_pipe);
                assert_int_equal(part_read(descriptor, part, 4096), 1000);
                assert_memory_equal(part, bytes, 1000);
                assert_true(media_descriptor_next(descriptor));
                // A demuxer that stops before the part's end.
                assert_int_equal(part_read(descriptor, part, 100), 111);
                assert_true(media_descriptor_next(descriptor));
                assert_int_equal(part_read(descriptor, part, 4096), 700);
                assert_memory_equal(part, bytes + 1500, 700);
                assert_false(media_descriptor_next(descriptor));
                assert_int_equal(media_descriptor_rewind(descriptor), !is_pipe);
                media_descriptor_free(descriptor);
                close(input);
        }
}

// A wrong size in the head, or something else behind: what follows belongs to it.
static void only_files_are_parts(void **state) {
        uint8_t bytes[4096], part[4096];

        (void)state;
        for (int is_pipe = 0; is_pipe < 2; is_pipe++)
                for (int is_known = 0; is_known < 2; is_known++) {
                        size_t n = wave_write(bytes, 1000, is_known, 'a');
                        struct media_descriptor *descriptor;
                        int input;

                        memset(bytes + n, 'x', 500);
                        input = input_make(bytes, n + 500, is_pipe);
                        descriptor = media_descriptor_new(input);
                        assert_int_equal(part_read(descriptor, part, 4096), 1500);
                        assert_memory_equal(part, bytes, 1500);
                        assert_false(media_descriptor_next(descriptor));
                        media_descriptor_free(descriptor);
                        close(input);
                }
}

// A part is a file of its own to whoever seeks in it; so is one that begins somewhere.
static void seeking_stays_within_a_part(void **state) {
        uint8_t bytes[4096], part[16];
        size_t n = wave_write(bytes, 1000, true, 'a');
        struct media_descriptor *descriptor;
        AVIOContext *io;
        int input;

        (void)state;
        n += wave_write(bytes + n, 500, true, 'b');
        input = input_make(bytes, n, false);
        lseek(input, 1000, SEEK_SET);
        descriptor = media_descriptor_new(input);
        io = media_descriptor_open(descriptor);
        assert_int_equal(avio_size(io), 500);
        media_descriptor_free(descriptor);
        lseek(input, 0, SEEK_SET);
        descriptor = media_descriptor_new(input);
        io = media_descriptor_open(descriptor);
        assert_int_equal(avio_size(io), 1000);
        assert_int_equal(avio_seek(io, 990, SEEK_SET), 990);
        assert_int_equal(avio_read(io, part, 16), 10);
        assert_true(media_descriptor_next(descriptor));
        io = media_descriptor_open(descriptor);
        assert_int_equal(avio_size(io), 500);
        assert_int_equal(avio_read(io, part, 4), 4);
        assert_memory_equal(part, "RIFF", 4);
        assert_true(avio_seek(io, -1, SEEK_SET) < 0);
        media_descriptor_free(descriptor);
        close(input);
}

static void a_limit_ends_the_reading(void **state) {
        uint8_t bytes[4096] = {1}, part[4096];
        int input = input_make(bytes, 0, true);
        struct media_descriptor *descriptor = media_descriptor_new(input);

        (void)state;
        assert_int_equal(part_read(descriptor, part, 4096), 0);
        assert_true(media_descriptor_is_empty(descriptor));
        media_descriptor_free(descriptor);
        close(input);
        input = input_make(bytes, 4096, true);
        descriptor = media_descriptor_new(input);
        media_descriptor_limit(descriptor, 1);
        assert_int_equal(part_read(descriptor, part, 4096), MEDIA_JOINT_HEAD);
        assert_true(media_descriptor_is_beyond(descriptor));
        assert_false(media_descriptor_is_empty(descriptor));
        media_descriptor_limit(descriptor, 0);
        assert_int_equal(part_read(descriptor, part, 4096), 4096 - MEDIA_JOINT_HEAD);
        media_descriptor_free(descriptor);
        close(input);
}

// A pipe that somebody made non-blocking is waited for.
static void a_pipe_is_waited_for(void **state) {
        uint8_t part[64];
        struct media_descriptor *descriptor;
        int ends[2];

        (void)state;
        assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
        if (fork() == 0) {
                usleep(20000);
                _exit(write(ends[1], "0123456789abcdefghij", 20) != 20);
        }
        close(ends[1]);
        descriptor = media_descriptor_new(ends[0]);
        assert_int_equal(part_read(descriptor, part, 64), 20);
        assert_memory_equal(part, "0123456789abcdefghij", 20);
        media_descriptor_free(descriptor);
        close(ends[0]);
}

static void tags_are_told_from_sound(void **state) {
        static const uint8_t frame[] = {0xff, 0xfb, 0x90, 0x64};

        (void)state;
        assert_true(media_joint_is_tag((const uint8_t *)"ID3\4", 4));
        assert_true(media_joint_is_tag((const uint8_t *)"APETAGEX", 8));
        assert_false(media_joint_is_tag((const uint8_t *)"APETAGE", 7));
        assert_false(media_joint_is_tag(frame, 4));
        assert_false(media_joint_is_tag(frame, 0));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(joined_files_are_read_one_by_one),
                cmocka_unit_test(only_files_are_parts),
                cmocka_unit_test(seeking_stays_within_a_part),
                cmocka_unit_test(a_limit_ends_the_reading),
                cmocka_unit_test(a_pipe_is_waited_for),
                cmocka_unit_test(tags_are_told_from_sound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
