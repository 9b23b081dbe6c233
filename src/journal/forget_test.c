// What was said is forgotten through those who have it open, or by opening it.
#include "journal/forget.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "journal/archive.h"
#include "journal/journal.h"
#include "journal/journal_rig.h"
#include "util/mem.h"

#define START   INT64_C(1764504000000)  // 2025-11-30T12:00:00Z, Unix ms
#define SECOND  INT64_C(1000)
#define SAMPLES ((size_t)4 * AUDIO_RATE)

struct fixture {
        struct loop *loop;
        char *folder;
        struct journal *journal;
        struct archive *archive;
        struct forget *forget;  // freed by who is told
        size_t n_shown, n_done;
        uint64_t n_rows;
        char trouble[256];
};

// --- what is there ---------------------------------------------------------------------------

static void journal_begin(struct fixture *fixture) {
        struct journal_config config = {.folder = fixture->folder};
        struct error error = {0};

        if (journal_open(&fixture->journal, fixture->loop, &config, &error) < 0)
                fail_msg("%s", error.text);
}

static void archive_begin(struct fixture *fixture) {
        struct archive_config config = {.folder = fixture->folder};
        struct error error = {0};

        if (archive_open(&fixture->archive, fixture->loop, &config, &error) < 0)
                fail_msg("%s", error.text);
}

static void all_end(struct fixture *fixture) {
        fixture->journal = journal_close(fixture->journal);
        fixture->archive = archive_close(fixture->archive);
}

static void on_shown(void *context, const struct row *row) {
        struct fixture *fixture = context;

        assert_true(row->is_durable);
        fixture->n_shown++;
        loop_stop(fixture->loop);
}

static void say(struct fixture *fixture, const char *stream, const char *text, int64_t start) {
        size_t n = fixture->n_shown;

        journal_append(fixture->journal, journal_rig_segment(stream, text, start, 0), on_shown,
                       fixture);
        while (fixture->n_shown == n)
                loop_run(fixture->loop);
}

static void sound(struct fixture *fixture, const char *stream, int64_t start) {
        CLEANUP(floats_freep) float *samples = xcalloc(SAMPLES, sizeof(float));

        for (size_t i = 0; i < SAMPLES; i++)
                samples[i] = (float)(i % 80) / 160;
        archive_keep(fixture->archive, stream, start, samples, SAMPLES);
}

// Two streams at two times, with text and sound.
static void fill(struct fixture *fixture) {
        journal_begin(fixture);
        archive_begin(fixture);
        say(fixture, "hall", "elephants", START);
        say(fixture, "hall", "giraffes", START + 60 * SECOND);
        say(fixture, "yard", "crocodiles", START);
        sound(fixture, "hall", START);
        sound(fixture, "yard", START);
}

static off_t sound_bytes(const struct fixture *fixture, const char *stream) {
        CLEANUP(mem_freep)
        char *path = xasprintf("%s/audio/%s/2025-11-30T12.opus", fixture->folder, stream);
        struct stat there;

        return stat(path, &there) == 0 ? there.st_size : 0;
}

static bool has_word(const struct fixture *fixture, const char *word) {
        return journal_rig_search(fixture->folder, word) > 0;
}

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        fixture->loop = loop_new();
        fixture->folder = journal_rig_folder();
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        all_end(fixture);
        loop_free(fixture->loop);
        journal_rig_remove(fixture->folder);
        free(fixture->folder);
        free(fixture);
        return 0;
}

// --- forgetting ------------------------------------------------------------------------------

static void on_done(void *context, uint64_t n_rows, const char *trouble) {
        struct fixture *fixture = context;

        fixture->n_done++;
        snprintf(fixture->trouble, sizeof(fixture->trouble), "%s", trouble);
        fixture->forget = forget_free(fixture->forget);
        fixture->n_rows = n_rows;
        loop_stop(fixture->loop);
}

static struct forget_place place_of(const struct fixture *fixture) {
        return (struct forget_place){.loop = fixture->loop,
                                     .folder = fixture->folder,
                                     .journal = fixture->journal,
                                     .archive = fixture->archive};
}

static void forget(struct fixture *fixture, const char *stream, int64_t since, int64_t until) {
        struct forget_stretch stretch = {stream, since, until};
        struct forget_place place = place_of(fixture);
        struct error error = {0};
        size_t n = fixture->n_done;

        if (forget_begin(&fixture->forget, &place, &stretch, on_done, fixture, &error) < 0)
                fail_msg("%s", error.text);
        assert_int_equal(fixture->n_done, n);  // not from within
        loop_run(fixture->loop);
        assert_int_equal(fixture->n_done, n + 1);
        assert_string_equal(fixture->trouble, "");
}

static void refused(struct fixture *fixture, int code, const char *words) {
        struct forget_stretch stretch = {0};
        struct forget_place place = place_of(fixture);
        struct forget *forget = NULL;
        struct error error = {0};

        assert_int_equal(forget_begin(&forget, &place, &stretch, on_done, fixture, &error),
                         code);
        assert_null(forget);
        if (!strstr(error.text, words))
                fail_msg("'%s' is not in: %s", words, error.text);
        assert_int_equal(fixture->n_done, 0);
}

static void what_is_open_forgets(void **state) {
        struct fixture *fixture = *state;

        fill(fixture);
        forget(fixture, "hall", START, START + 30 * SECOND);
        assert_int_equal(fixture->n_rows, 1);
        assert_false(has_word(fixture, "elephants"));
        assert_true(has_word(fixture, "giraffes"));
        assert_true(has_word(fixture, "crocodiles"));
        assert_int_equal(sound_bytes(fixture, "hall"), 0);
        assert_true(sound_bytes(fixture, "yard") > 0);
        say(fixture, "yard", "hippos", START);  // and stays open
        forget(fixture, NULL, 0, 0);
        assert_int_equal(fixture->n_rows, 3);
        assert_false(has_word(fixture, "giraffes") || has_word(fixture, "crocodiles") ||
                     has_word(fixture, "hippos"));
        assert_int_equal(sound_bytes(fixture, "yard"), 0);
}

static void what_nobody_has_open_is_opened(void **state) {
        struct fixture *fixture = *state;

        fill(fixture);
        all_end(fixture);
        assert_true(sound_bytes(fixture, "hall") > 0);
        forget(fixture, "hall", 0, 0);
        assert_int_equal(fixture->n_rows, 2);
        assert_false(has_word(fixture, "elephants") || has_word(fixture, "giraffes"));
        assert_true(has_word(fixture, "crocodiles"));
        assert_int_equal(sound_bytes(fixture, "hall"), 0);
        assert_true(sound_bytes(fixture, "yard") > 0);
        journal_begin(fixture);  // it was closed again
}

static void each_alone_is_enough(void **state) {
        struct fixture *fixture = *state;

        fill(fixture);
        fixture->archive = archive_close(fixture->archive);  // text is open, sound is not
        forget(fixture, "hall", 0, 0);
        assert_false(has_word(fixture, "elephants"));
        assert_int_equal(sound_bytes(fixture, "hall"), 0);
        fixture->journal = journal_close(fixture->journal);
        archive_begin(fixture);  // and the other way about
        forget(fixture, "yard", 0, 0);
        assert_false(has_word(fixture, "crocodiles"));
        assert_int_equal(sound_bytes(fixture, "yard"), 0);
}

static void only_sound_is_enough(void **state) {
        struct fixture *fixture = *state;
        CLEANUP(mem_freep) char *database = xasprintf("%s/journal.db", fixture->folder);

        archive_begin(fixture);
        sound(fixture, "hall", START);
        all_end(fixture);
        assert_true(sound_bytes(fixture, "hall") > 0);
        forget(fixture, "hall", 0, 0);
        assert_int_equal(fixture->n_rows, 0);
        assert_int_equal(sound_bytes(fixture, "hall"), 0);
        assert_int_equal(access(database, F_OK), -1);  // none is made for it
}

static void nothing_is_made_where_nothing_is_kept(void **state) {
        struct fixture *fixture = *state;

        refused(fixture, -ENOENT, "nothing is kept in");
        assert_int_equal(rmdir(fixture->folder), 0);
        refused(fixture, -ENOENT, "nothing is kept in");
}

static void another_process_may_have_it(void **state) {
        struct fixture *fixture = *state;
        struct journal *theirs;

        fill(fixture);
        theirs = fixture->journal;
        fixture->journal = NULL;
        refused(fixture, -EBUSY, "has the state folder");
        fixture->journal = theirs;
        assert_true(has_word(fixture, "elephants"));
}

// Who is freed early is not told, and it goes on.
static void it_goes_on_without_who_asked(void **state) {
        struct fixture *fixture = *state;
        struct forget_stretch stretch = {.stream = "hall"};
        struct forget_place place;
        struct forget *forgotten;

        fill(fixture);
        place = place_of(fixture);
        assert_int_equal(forget_begin(&forgotten, &place, &stretch, on_done, fixture, NULL), 0);
        forget_free(forgotten);
        forget(fixture, "yard", 0, 0);  // which comes behind it
        assert_int_equal(fixture->n_done, 1);
        assert_false(has_word(fixture, "elephants") || has_word(fixture, "giraffes"));
        assert_int_equal(sound_bytes(fixture, "hall"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_open_forgets, setup, teardown),
                cmocka_unit_test_setup_teardown(what_nobody_has_open_is_opened, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(each_alone_is_enough, setup, teardown),
                cmocka_unit_test_setup_teardown(only_sound_is_enough, setup, teardown),
                cmocka_unit_test_setup_teardown(nothing_is_made_where_nothing_is_kept, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(another_process_may_have_it, setup, teardown),
                cmocka_unit_test_setup_teardown(it_goes_on_without_who_asked, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
