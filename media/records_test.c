#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/records.h"
#include "util/mem.h"

// --- what a writer wrote ----------------------------------------------------------

// All bytes that records make, through a file.
struct wire {
        uint8_t *bytes;
        size_t n;
};

static struct wire wire_write(const struct media_record *records, size_t n,
                              unsigned n_channels) {
        FILE *file = tmpfile();
        struct wire wire;

        assert_non_null(file);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(media_records_write(fileno(file), &records[i], n_channels), 0);
        wire.n = (size_t)lseek(fileno(file), 0, SEEK_END);
        wire.bytes = xcalloc(wire.n + 1, 1);
        assert_int_equal(pread(fileno(file), wire.bytes, wire.n, 0), wire.n);
        fclose(file);
        return wire;
}

static const struct media_opened opened = {
        .container = "matroska,webm",
        .is_finite = true,
        .duration = 12.5,
        .tracks = {{.codec = "aac",
                    .rate = 48000,
                    .channels = 2,
                    .language = "de",
                    .level = -20.5},
                   {.codec = "opus",
                    .rate = 16000,
                    .channels = 1,
                    .title = "a \"b\"",
                    .level = NAN}},
        .n_tracks = 2,
        .chosen = 1,
        .why = "the first with speech",
};

static const int16_t sound[] = {1, -1, 32767, -32768, 5, 6};

// Every type once, in an order that may be.
static const struct media_record all[] = {
        {.type = MEDIA_PROGRESS},
        {.type = MEDIA_OPENED, .opened = &opened},
        {.type = MEDIA_SAMPLES, .time = 1600, .samples = sound, .n_samples = 6},
        {.type = MEDIA_GAP, .seconds = 4.25},
        {.type = MEDIA_JUMP, .seconds = -30.5},
        {.type = MEDIA_TITLE, .words = "Käse – live"},
        {.type = MEDIA_WARNING, .words = "several tracks, all silent"},
        {.type = MEDIA_END, .fault = MEDIA_FAULT_DAMAGED, .words = "bad bits", .seconds = 3.5},
};

#define N_ALL (sizeof(all) / sizeof(all[0]))

static void record_check(const struct media_record *got, const struct media_record *expected) {
        assert_int_equal(got->type, expected->type);
        assert_int_equal(got->time, expected->time);
        assert_int_equal(got->n_samples, expected->n_samples);
        if (expected->samples)
                assert_memory_equal(got->samples, expected->samples, 2 * expected->n_samples);
        assert_true(got->seconds == expected->seconds);
        assert_int_equal(got->fault, expected->fault);
        if (expected->words)
                assert_string_equal(got->words, expected->words);
}

static void opened_check(const struct media_opened *got) {
        assert_string_equal(got->container, opened.container);
        assert_true(got->is_finite);
        assert_true(got->duration == 12.5);
        assert_int_equal(got->n_tracks, 2);
        assert_int_equal(got->chosen, 1);
        assert_string_equal(got->why, opened.why);
        assert_string_equal(got->tracks[0].codec, "aac");
        assert_int_equal(got->tracks[0].rate, 48000);
        assert_int_equal(got->tracks[0].channels, 2);
        assert_string_equal(got->tracks[0].language, "de");
        assert_true(got->tracks[0].level == -20.5);
        assert_string_equal(got->tracks[1].title, "a \"b\"");
        assert_true(isnan(got->tracks[1].level));
}

// Feed a wire in pieces of so many bytes and compare what comes out with `all`.
static void all_check(const struct wire *wire, size_t piece) {
        CLEANUP(media_records_freep) struct media_records *reader = media_records_new(2);
        struct media_record record;
        struct error error;
        size_t n_read = 0;

        for (size_t at = 0; at < wire->n; at += piece) {
                const uint8_t *bytes = wire->bytes + at;
                size_t n = wire->n - at < piece ? wire->n - at : piece;
                int code;

                while ((code = media_records_feed(reader, &bytes, &n, &record, &error)) == 1) {
                        assert_true(n_read < N_ALL);
                        record_check(&record, &all[n_read++]);
                        if (record.type == MEDIA_OPENED)
                                opened_check(record.opened);
                }
                assert_int_equal(code, 0);
                assert_int_equal(n, 0);
        }
        assert_int_equal(n_read, N_ALL);
}

static void test_what_is_written_is_read(void **state) {
        struct wire wire = wire_write(all, N_ALL, 2);

        (void)state;
        for (size_t piece = 1; piece < 40; piece++)
                all_check(&wire, piece);
        all_check(&wire, wire.n);
        free(wire.bytes);
}

static void test_long_sound_is_split_between_frames(void **state) {
        // Of 3 channels, so that a record is not as long as it could be.
        static int16_t samples[3 * 40000];
        struct media_record records[] = {
                {.type = MEDIA_OPENED, .opened = &opened},
                {.type = MEDIA_SAMPLES, .time = 7, .samples = samples, .n_samples = 120000}};
        CLEANUP(media_records_freep) struct media_records *reader = media_records_new(3);
        struct media_record record;
        struct wire wire;
        const uint8_t *bytes;
        int64_t expected = 7;
        size_t n, total = 0;

        (void)state;
        for (size_t i = 0; i < 120000; i++)
                samples[i] = (int16_t)(i * 7);
        wire = wire_write(records, 2, 3);
        bytes = wire.bytes;
        n = wire.n;
        assert_int_equal(media_records_feed(reader, &bytes, &n, &record, NULL), 1);
        while (media_records_feed(reader, &bytes, &n, &record, NULL) == 1) {
                assert_int_equal(record.n_samples % 3, 0);
                assert_true(record.n_samples <= MEDIA_SAMPLES_MAX);
                assert_int_equal(record.time, expected);
                assert_memory_equal(record.samples, samples + total, 2 * record.n_samples);
                total += record.n_samples;
                expected += (int64_t)record.n_samples / 3;
        }
        assert_int_equal(total, 120000);
        free(wire.bytes);
}

static void test_texts_are_made_fit_and_cut(void **state) {
        char words[1000];
        struct media_record record = {.type = MEDIA_WARNING, .words = words};
        CLEANUP(media_records_freep) struct media_records *reader = media_records_new(1);
        struct wire wire;
        const uint8_t *bytes;
        size_t n;

        (void)state;
        memset(words, 'x', sizeof(words));
        memcpy(words, "a\n\x1b[2J\xff", 7);
        words[sizeof(words) - 1] = '\0';
        wire = wire_write(&record, 1, 1);
        bytes = wire.bytes;
        n = wire.n;
        assert_int_equal(media_records_feed(reader, &bytes, &n, &record, NULL), 1);
        assert_int_equal(strncmp(record.words, "a  [2J\xef\xbf\xbdxxx", 12), 0);
        assert_int_equal(strlen(record.words), MEDIA_WORDS_MAX - 1);
        free(wire.bytes);
}

static void test_more_tracks_than_are_listed(void **state) {
        static struct media_opened many;  // 8 KiB
        struct media_record record = {.type = MEDIA_OPENED, .opened = &many};
        CLEANUP(media_records_freep) struct media_records *reader = media_records_new(1);
        struct wire wire;
        const uint8_t *bytes;
        size_t n;

        (void)state;
        many.n_tracks = MEDIA_TRACKS_MAX;
        many.chosen = 1000000;
        // The longest that texts can be on the wire: each byte is escaped.
        for (unsigned i = 0; i < MEDIA_TRACKS_MAX; i++) {
                memset(many.tracks[i].codec, '"', MEDIA_NAME_MAX - 1);
                memset(many.tracks[i].title, '"', MEDIA_NAME_MAX - 1);
                memset(many.tracks[i].language, '"', MEDIA_LANGUAGE_MAX - 1);
                many.tracks[i].rate = many.tracks[i].channels = UINT32_MAX;
        }
        wire = wire_write(&record, 1, 1);
        bytes = wire.bytes;
        n = wire.n;
        assert_int_equal(media_records_feed(reader, &bytes, &n, &record, NULL), 1);
        assert_int_equal(record.opened->n_tracks, MEDIA_TRACKS_MAX);
        assert_int_equal(record.opened->chosen, 1000000);
        assert_int_equal(record.opened->tracks[31].rate, UINT32_MAX);
        free(wire.bytes);
}

static void test_nobody_reads(void **state) {
        struct media_record record = {.type = MEDIA_PROGRESS};
        int ends[2];

        (void)state;
        (void)signal(SIGPIPE, SIG_IGN);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        close(ends[0]);
        assert_int_equal(media_records_write(ends[1], &record, 1), -EPIPE);
        close(ends[1]);
}

// --- what a child may send that is taken over ---------------------------------------

#define OPENED                                                                       \
        "{\"container\":\"wav\",\"is_finite\":true,\"duration\":null,\"tracks\":[]," \
        "\"chosen\":1,\"why\":\"\"}"
#define TRACK                                                                          \
        "{\"codec\":\"a\",\"rate\":1,\"channels\":1,\"language\":\"\",\"title\":\"\"," \
        "\"level\":null}"

// Append a record as it is on the wire.
static size_t raw_append(uint8_t *to, size_t at, uint8_t type, const void *payload, size_t n) {
        uint32_t length = (uint32_t)n;

        memset(to + at, 0, 8);
        to[at] = type;
        memcpy(to + at + 4, &length, sizeof(length));
        if (n)
                memcpy(to + at + 8, payload, n);
        return at + 8 + n;
}

// Feed all, and return the first answer below 1.
static int feed_all(struct media_records *reader, const uint8_t *bytes, size_t n,
                    struct error *error) {
        struct media_record record;
        int code;

        while ((code = media_records_feed(reader, &bytes, &n, &record, error)) == 1)
                ;
        return code;
}

static void refuse_check(bool is_opened, uint8_t type, const void *payload, size_t length,
                         const char *words) {
        CLEANUP(media_records_freep) struct media_records *reader = media_records_new(2);
        uint8_t bytes[4096];
        size_t n = is_opened ? raw_append(bytes, 0, MEDIA_OPENED, OPENED, strlen(OPENED)) : 0;
        struct error error = {0};

        assert_int_equal(feed_all(reader, bytes, n, &error), 0);
        n = raw_append(bytes, 0, type, payload, length);
        assert_int_equal(feed_all(reader, bytes, n, &error), -EPROTO);
        if (!strstr(error.text, words))
                fail_msg("'%s' is not in '%s'", words, error.text);
        // What is broken stays so.
        n = raw_append(bytes, 0, MEDIA_PROGRESS, "{}", 2);
        assert_int_equal(feed_all(reader, bytes, n, &error), -EPROTO);
}

static void test_wrong_payloads_are_refused(void **state) {
        static const struct {
                uint8_t type;
                const char *json;
        } wrong[] = {
                {MEDIA_PROGRESS, ""},
                {MEDIA_PROGRESS, "[]"},
                {MEDIA_PROGRESS, "{"},
                {MEDIA_PROGRESS, "{}x"},
                {MEDIA_PROGRESS, "{\"a\":1,\"a\":2}"},
                {MEDIA_GAP, "{}"},
                {MEDIA_GAP, "{\"seconds\":null}"},
                {MEDIA_GAP, "{\"seconds\":\"4\"}"},
                {MEDIA_GAP, "{\"seconds\":1e10}"},
                {MEDIA_GAP, "{\"seconds\":1e999}"},
                {MEDIA_JUMP, "{\"seconds\":-1e10}"},
                {MEDIA_TITLE, "{\"title\":5}"},
                {MEDIA_TITLE, "{\"title\":\"\xff\"}"},
                {MEDIA_TITLE, "{\"title\":\"\\u0000\"}"},
                {MEDIA_WARNING, "{\"title\":\"a\"}"},
                {MEDIA_END, "{\"fault\":\"tired\",\"words\":\"\",\"seconds\":1}"},
                {MEDIA_END, "{\"fault\":\"none\",\"words\":\"\"}"},
                {MEDIA_END, "{\"fault\":\"none\",\"seconds\":1}"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                refuse_check(true, wrong[i].type, wrong[i].json, strlen(wrong[i].json), "");
}

static void test_wrong_opened_is_refused(void **state) {
        static const char *const wrong[] = {
                "{}",
                "{\"container\":\"wav\",\"is_finite\":1,\"duration\":null,\"tracks\":[],"
                "\"chosen\":1,\"why\":\"\"}",
                "{\"container\":\"wav\",\"is_finite\":true,\"duration\":null,\"tracks\":{},"
                "\"chosen\":1,\"why\":\"\"}",
                "{\"container\":\"wav\",\"is_finite\":true,\"duration\":null,\"tracks\":[1],"
                "\"chosen\":1,\"why\":\"\"}",
                "{\"container\":\"wav\",\"is_finite\":true,\"duration\":null,\"tracks\":[],"
                "\"chosen\":-1,\"why\":\"\"}",
                "{\"container\":\"wav\",\"is_finite\":true,\"duration\":null,\"tracks\":[],"
                "\"chosen\":4294967296,\"why\":\"\"}",
                "{\"container\":\"wav\",\"is_finite\":true,\"duration\":\"1\",\"tracks\":[],"
                "\"chosen\":1,\"why\":\"\"}",
        };
        char many[4096] =
                "{\"container\":\"wav\",\"is_finite\":true,\"duration\":1,\"tracks\":[";
        size_t n = strlen(many);

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                refuse_check(false, MEDIA_OPENED, wrong[i], strlen(wrong[i]), "member");
        for (int i = 0; i <= MEDIA_TRACKS_MAX; i++)
                n += (size_t)snprintf(many + n, sizeof(many) - n, "%s" TRACK, i ? "," : "");
        n += (size_t)snprintf(many + n, sizeof(many) - n, "],\"chosen\":1,\"why\":\"\"}");
        refuse_check(false, MEDIA_OPENED, many, n, "member");
}

static void test_wrong_samples_are_refused(void **state) {
        int64_t payload[3] = {-1};

        (void)state;
        refuse_check(true, MEDIA_SAMPLES, payload, 12, "time");
        payload[0] = INT64_MAX;
        refuse_check(true, MEDIA_SAMPLES, payload, 12, "time");
        payload[0] = 0;
        for (size_t n = 0; n < 12; n++)
                refuse_check(true, MEDIA_SAMPLES, payload, n, "multiple");
        refuse_check(true, MEDIA_SAMPLES, payload, 14, "multiple");
        refuse_check(false, MEDIA_SAMPLES, payload, 12, "not opened");
}

static void header_check(const uint8_t header[8], const char *words) {
        CLEANUP(media_records_freep) struct media_records *reader = media_records_new(1);
        struct error error = {0};

        assert_int_equal(feed_all(reader, header, 8, &error), -EPROTO);
        assert_non_null(strstr(error.text, words));
}

static void test_wrong_headers_are_refused(void **state) {
        uint8_t header[8] = {0};
        uint32_t length = MEDIA_JSON_MAX + 1;

        (void)state;
        header_check(header, "unknown type");
        header[0] = MEDIA_END + 1;
        header_check(header, "unknown type");
        header[0] = MEDIA_PROGRESS;
        for (int i = 1; i < 4; i++) {
                header[i] = 1;
                header_check(header, "beginning");
                header[i] = 0;
        }
        memcpy(header + 4, &length, 4);
        header_check(header, "too long");
        length = UINT32_MAX;
        memcpy(header + 4, &length, 4);
        header_check(header, "too long");
        refuse_check(true, MEDIA_OPENED, OPENED, strlen(OPENED), "twice");
}

static void test_nothing_comes_after_the_end(void **state) {
        static const char end[] = "{\"fault\":\"none\",\"words\":\"\",\"seconds\":null}";
        CLEANUP(media_records_freep) struct media_records *reader = media_records_new(1);
        uint8_t bytes[200];
        size_t n = raw_append(bytes, 0, MEDIA_END, end, strlen(end));
        struct error error = {0};

        (void)state;
        assert_int_equal(feed_all(reader, bytes, n, &error), 0);
        n = raw_append(bytes, 0, MEDIA_PROGRESS, "{}", 2);
        assert_int_equal(feed_all(reader, bytes, n, &error), -EPROTO);
        assert_non_null(strstr(error.text, "after the end"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_written_is_read),
                cmocka_unit_test(test_long_sound_is_split_between_frames),
                cmocka_unit_test(test_texts_are_made_fit_and_cut),
                cmocka_unit_test(test_more_tracks_than_are_listed),
                cmocka_unit_test(test_nobody_reads),
                cmocka_unit_test(test_wrong_payloads_are_refused),
                cmocka_unit_test(test_wrong_opened_is_refused),
                cmocka_unit_test(test_wrong_samples_are_refused),
                cmocka_unit_test(test_wrong_headers_are_refused),
                cmocka_unit_test(test_nothing_comes_after_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
