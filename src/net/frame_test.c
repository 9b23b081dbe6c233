// Frame: boundaries, however the stream is cut.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "net/frame.h"
#include "util/mem.h"

static void append(uint8_t **at, const void *bytes, size_t n) {
        memcpy(*at, bytes, n);
        *at += n;
}

// Short, middling, long and empty payloads, masked and not, in pieces of any size: no step goes
// beyond a frame's end.
static void steps_end_where_frames_do(void **state) {
        static const uint8_t heads[][14] = {{0x82, 5},
                                            {0x82, 0x80, 1, 2, 3, 4},
                                            {0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4},
                                            {0x82, 126, 0x20, 0x00},
                                            {0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70},
                                            {0x89, 0}};
        static const size_t n_heads[] = {2, 6, 8, 4, 10, 2},
                            n_payloads[] = {5, 0, 256, 8192, 70000, 0};
        uint8_t *stream = xcalloc(100000, 1), *end = stream;
        size_t ends[6];

        (void)state;
        for (size_t i = 0; i < 6; i++) {
                append(&end, heads[i], n_heads[i]);
                end += n_payloads[i];
                ends[i] = (size_t)(end - stream);
        }
        for (size_t cut = 1; cut < 9000; cut = cut < 20 ? cut + 1 : cut * 3) {
                struct frame frame = {0};
                size_t at = 0, next = 0;

                while (at < ends[5]) {
                        size_t n = ends[5] - at < cut ? ends[5] - at : cut;
                        size_t used = frame_next(&frame, stream + at, n);

                        assert_true(used > 0 && used <= n);
                        assert_true(used <= FRAME_HEAD_MAX + FRAME_PIECE);
                        at += used;
                        assert_true(at <= ends[next]);
                        if (at == ends[next])
                                next++;
                }
                assert_int_equal(next, 6);
        }
        free(stream);
}

static void lengths_are_not_believed_but_counted(void **state) {
        static const uint8_t huge[] = {0x82, 127,  0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 9};
        struct frame frame = {0};

        (void)state;
        assert_int_equal(frame_next(&frame, huge, sizeof(huge)), sizeof(huge));
        assert_true(frame.n_payload == UINT64_MAX - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(steps_end_where_frames_do),
                cmocka_unit_test(lengths_are_not_believed_but_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
