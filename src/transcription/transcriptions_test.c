// Files that become text: a scripted engine, real media, a shelf in a folder of its own.
#include "transcription/transcriptions.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transcription/transcriptions_rig.h"
#include "util/mem.h"

// --- reading ---------------------------------------------------------------------------------

struct reader {
        char *text;
        bool is_told, has_failed;
};

static void reader_on_text(void *context, struct shelf_text *text, const struct error *error) {
        struct reader *reader = context;

        reader->is_told = true;
        reader->has_failed = error;
        reader->text = text->bytes;
}

static char *text_of(struct desk *desk, const char *id, enum transcript_format format) {
        struct reader reader = {0};
        struct transcription *one = transcriptions_find(desk->all, id);

        assert_non_null(one);
        transcription_read(one, format, reader_on_text, &reader);
        await(desk, reader.is_told);
        assert_false(reader.has_failed);
        return reader.text;
}

// --- the tests -------------------------------------------------------------------------------

static void a_file_becomes_text_and_goes_after_its_time(void **state) {
        struct desk *desk = desk_need(state);
        CLEANUP(mem_freep) char *text = NULL, *subtitles = NULL;
        const struct transcription_record *record;
        struct sender sender;
        nsec_t goes;

        sender_send_talk(desk, &sender, "alice");
        await_while_time_passes(desk, sender.is_told);
        assert_int_equal(sender.end, TRANSCRIPTION_DONE);
        record = transcription_record(transcriptions_find(desk->all, sender.id));
        assert_string_equal(record->principal, "alice");
        assert_string_equal(record->file, "talk.flac");
        assert_in_range(record->n_samples, 10 * AUDIO_RATE, 12 * AUDIO_RATE);
        text = text_of(desk, sender.id, TRANSCRIPT_TEXT);
        assert_non_null(strstr(text, "word"));
        subtitles = text_of(desk, sender.id, TRANSCRIPT_SRT);
        assert_non_null(strstr(subtitles, "-->"));
        goes = transcription_goes(transcriptions_find(desk->all, sender.id)) * NSEC_PER_MSEC;
        loop_advance(desk->rig->loop, goes - loop_wall(desk->rig->loop) - NSEC_PER_SEC);
        assert_non_null(transcriptions_find(desk->all, sender.id));
        loop_advance(desk->rig->loop, 2 * NSEC_PER_SEC + NSEC_PER_MSEC);
        assert_null(transcriptions_find(desk->all, sender.id));
}

static void what_is_there_outlives_the_process(void **state) {
        struct desk *desk = desk_need(state);
        CLEANUP(mem_freep) char *text = NULL;
        struct sender done, waiting, late;
        struct transcriptions_figures figures;

        sender_send_talk(desk, &done, "alice");
        await_while_time_passes(desk, done.is_told);
        sender_send_talk(desk, &waiting, "alice");
        transcriptions_stop(desk->all);
        assert_true(waiting.is_told);
        assert_false(sender_begin(desk, &late, "alice", 10));
        assert_int_equal(late.refusal.status, 503);
        assert_int_equal(transcriptions_figures(desk->all).n_done, 1);
        desk_restart(desk);
        assert_int_equal(desk_count(desk), 2);
        figures = transcriptions_figures(desk->all);
        assert_int_equal(figures.n[TRANSCRIPTION_DONE], 1);
        assert_int_equal(figures.n[TRANSCRIPTION_WAITING], 1);
        assert_int_equal(figures.n_done, 0);
        assert_true(figures.bytes > desk->n_talk);
        assert_string_equal(figures.trouble, "");
        text = text_of(desk, done.id, TRANSCRIPT_TEXT);
        assert_non_null(strstr(text, "word"));
        await_while_time_passes(
                desk, transcription_record(transcriptions_find(desk->all, waiting.id))->state ==
                              TRANSCRIPTION_DONE);
}

static void what_is_given_up_leaves_nothing(void **state) {
        struct desk *desk = desk_need(state);
        struct sender sender;

        assert_true(sender_begin(desk, &sender, "alice", UINT64_MAX));
        sender_write(desk, &sender, desk->talk, desk->n_talk / 2);
        transcription_give_up(sender.transcription);
        desk_restart(desk);
        assert_int_equal(desk_count(desk), 0);
        // The folder's lock is all there is: it can be removed with it.
        {
                CLEANUP(mem_freep) char *lock = xasprintf("%s/lock", desk->folder);

                transcriptions_free(desk->all);
                desk->all = NULL;
                assert_int_equal(unlink(lock), 0);
                assert_int_equal(rmdir(desk->folder), 0);
        }
}

static void sizes_and_numbers_have_limits(void **state) {
        struct desk *desk = desk_need(state);
        static const char *const names[] = {"alice", "bob", "carol", "dave"};
        struct sender senders[4], late;
        CLEANUP(mem_freep) char *bytes = xcalloc(5000000, 1);

        assert_false(sender_begin(desk, &late, "alice", 4000001));
        assert_int_equal(late.refusal.status, 413);
        assert_non_null(strstr(late.refusal.words, "uploads.size"));
        // What does not say how large it is.
        assert_true(sender_begin(desk, &late, "alice", UINT64_MAX));
        sender_write(desk, &late, bytes, 5000000);
        assert_true(late.is_refused);
        assert_int_equal(late.refusal.status, 413);
        transcription_give_up(late.transcription);
        for (size_t i = 0; i < 4; i++)
                assert_true(sender_begin(desk, &senders[i], names[i], UINT64_MAX));
        assert_false(sender_begin(desk, &late, "alice", 10));
        assert_int_equal(late.refusal.status, 503);
        assert_true(late.refusal.retry > 0);
        assert_non_null(strstr(late.refusal.words, "transcriptions.waiting"));
        for (size_t i = 0; i < 2; i++)
                sender_write(desk, &senders[i], bytes, 4000000);
        sender_write(desk, &senders[2], bytes, 3000000);
        assert_true(senders[2].is_refused);
        assert_non_null(strstr(senders[2].refusal.words, "transcriptions.disk"));
        for (size_t i = 0; i < 4; i++)
                transcription_give_up(senders[i].transcription);
        // All that was taken was given back.
        sender_send_talk(desk, &late, "alice");
        transcription_leave(&late.waiter);
}

static void who_has_nothing_under_way_is_next(void **state) {
        struct desk *desk = desk_need(state);
        struct sender first, second, other;

        desk->parts.at_once = 2;
        desk_restart(desk);
        engine_script_hold(desk->rig->script);
        sender_send_talk(desk, &first, "alice");
        loop_advance(desk->rig->loop, NSEC_PER_SEC);
        sender_send_talk(desk, &second, "alice");
        loop_advance(desk->rig->loop, NSEC_PER_SEC);
        sender_send_talk(desk, &other, "bob");
        engine_script_release(desk->rig->script);
        await_while_time_passes(desk, first.is_told && second.is_told && other.is_told);
        assert_int_equal(other.end, TRANSCRIPTION_DONE);
}

static double desk_waiting(const void *context, const char *principal) {
        const struct desk *desk = context;

        return desk->all ? transcriptions_waiting(desk->all, principal) : 0;
}

static void a_token_has_so_much_that_is_not_text(void **state) {
        struct desk *desk = desk_need(state);
        struct sender sender, late, other;

        desk->all = transcriptions_free(desk->all);
        desk->rig->parts.token_backlog = 5;
        desk->rig->parts.waiting = desk_waiting;
        desk->rig->parts.waiting_context = desk;
        hub_rig_renew(desk->rig);
        desk->parts.hub = desk->rig->hub;
        desk->all = transcriptions_new(&desk->parts);
        assert_true(desk->n_talk > 5 * 16384);
        assert_true(sender_begin(desk, &sender, "alice", desk->n_talk));
        sender_write(desk, &sender, desk->talk, desk->n_talk);
        assert_false(sender_begin(desk, &late, "alice", 10));
        assert_int_equal(late.refusal.status, 429);
        assert_true(late.refusal.retry > 0);
        assert_non_null(strstr(late.refusal.words, "per_token.backlog"));
        assert_true(sender_begin(desk, &other, "bob", 10));
        transcription_give_up(other.transcription);
        transcription_give_up(sender.transcription);
        assert_true(sender_begin(desk, &late, "alice", 10));
        transcription_give_up(late.transcription);
}

static void what_came_together_is_counted_when_it_is_there(void **state) {
        struct desk *desk = desk_need(state);
        struct principal_life life = {0};
        const struct principal alice = {.name = "alice", .life = &life};
        struct transcription_refusal refusal;
        struct sender first, second;

        desk->all = transcriptions_free(desk->all);
        desk->rig->parts.token_backlog = 5;
        desk->rig->parts.waiting = desk_waiting;
        desk->rig->parts.waiting_context = desk;
        hub_rig_renew(desk->rig);
        desk->parts.hub = desk->rig->hub;
        desk->parts.waiting = 10;
        desk->all = transcriptions_new(&desk->parts);
        // Both begin before a byte of either is there.
        assert_true(sender_begin(desk, &first, "alice", desk->n_talk));
        assert_true(sender_begin(desk, &second, "alice", desk->n_talk));
        sender_write(desk, &first, desk->talk, desk->n_talk);
        assert_true(transcription_fits(first.transcription, &alice, &refusal));
        assert_false(transcription_fits(second.transcription, &alice, &refusal));
        assert_int_equal(refusal.status, 429);
        transcription_give_up(first.transcription);
        assert_true(transcription_fits(second.transcription, &alice, &refusal));
        transcription_give_up(second.transcription);
}

static void nobody_has_all_the_places(void **state) {
        struct desk *desk = desk_need(state);
        struct sender first, second, late, other;

        desk->parts.waiting = 4;
        desk_restart(desk);
        assert_true(sender_begin(desk, &first, "alice", UINT64_MAX));
        assert_true(sender_begin(desk, &second, "alice", UINT64_MAX));
        assert_false(sender_begin(desk, &late, "alice", UINT64_MAX));
        assert_int_equal(late.refusal.status, 429);
        assert_true(late.refusal.retry > 0);
        assert_true(sender_begin(desk, &other, "bob", UINT64_MAX));
        // What came makes room for the next.
        transcription_give_up(second.transcription);
        sender_send_talk(desk, &second, "alice");
        transcription_leave(&second.waiter);
        transcription_give_up(first.transcription);
        transcription_give_up(other.transcription);
}

static void without_memory_nobody_begins(void **state) {
        struct desk *desk = desk_need(state);
        size_t most = HUB_RIG_BUDGET / 10 * 8;
        struct sender late;

        assert_true(budget_charge(desk->rig->budget, BUDGET_SOUND, most));
        assert_false(sender_begin(desk, &late, "alice", 10));
        assert_int_equal(late.refusal.status, 503);
        assert_true(late.refusal.retry > 0);
        budget_refund(desk->rig->budget, BUDGET_SOUND, most);
        assert_true(sender_begin(desk, &late, "alice", 10));
        transcription_give_up(late.transcription);
}

static void one_that_runs_can_be_cancelled(void **state) {
        struct desk *desk = desk_need(state);
        struct sender sender;
        struct transcription *one;

        engine_script_hold(desk->rig->script);
        sender_send_talk(desk, &sender, "alice");
        one = transcriptions_find(desk->all, sender.id);
        await_while_time_passes(desk,
                                transcription_record(one)->state == TRANSCRIPTION_RUNNING);
        transcription_remove(one);
        assert_true(sender.is_told);
        assert_int_equal(sender.end, TRANSCRIPTION_COMING);
        assert_null(transcriptions_find(desk->all, sender.id));
        engine_script_release(desk->rig->script);
        desk_restart(desk);
        assert_int_equal(desk_count(desk), 0);
}

static void what_is_no_sound_fails_with_words(void **state) {
        struct desk *desk = desk_need(state);
        const struct transcription_record *record;
        struct sender sender;

        sender_send(desk, &sender, "alice", "no sound at all", 15);
        await_while_time_passes(desk, sender.is_told);
        assert_int_equal(sender.end, TRANSCRIPTION_FAILED);
        desk_restart(desk);
        record = transcription_record(transcriptions_find(desk->all, sender.id));
        assert_int_equal(record->state, TRANSCRIPTION_FAILED);
        assert_int_equal(record->status, 422);
        assert_true(record->reason[0]);
}

static void a_folder_that_cannot_be_had_is_said(void **state) {
        struct desk *desk = desk_need(state);
        CLEANUP(mem_freep) char *file = xasprintf("%s/file", desk->folder);
        CLEANUP(mem_freep) char *folder = xasprintf("%s/folder", file);
        struct transcriptions_parts parts = desk->parts;
        struct transcriptions *other;
        struct transcription_refusal refusal;

        // Another server has it.
        other = transcriptions_new(&parts);
        assert_false(transcriptions_admit(other, 10, &refusal));
        assert_int_equal(refusal.status, 503);
        assert_non_null(strstr(refusal.words, "log"));
        assert_null(strstr(refusal.words, desk->folder));
        transcriptions_free(other);
        // There can be none, until there can.
        fclose(fopen(file, "w"));
        parts.folder = folder;
        other = transcriptions_new(&parts);
        assert_false(transcriptions_admit(other, 10, &refusal));
        assert_true(refusal.retry > 0 && refusal.words[0]);
        assert_int_equal(unlink(file), 0);
        loop_advance(desk->rig->loop, 2 * NSEC_PER_SEC);
        assert_true(transcriptions_admit(other, 10, &refusal));
        transcriptions_free(other);
}

static void what_makes_no_sense_is_set_aside(void **state) {
        struct desk *desk = desk_need(state);
        CLEANUP(mem_freep)
        char *record = xasprintf("%s/0123456789abcdef0123456789abcdef.json", desk->folder);
        CLEANUP(mem_freep) char *aside = xasprintf("%s.broken", record);
        CLEANUP(mem_freep)
        char *half = xasprintf("%s/0123456789abcdef0123456789abcdee.part", desk->folder);
        FILE *file = fopen(record, "w");

        fputs("{\"id\": 7}", file);
        fclose(file);
        fclose(fopen(half, "w"));
        desk_restart(desk);
        assert_int_equal(desk_count(desk), 0);
        assert_int_equal(access(record, F_OK), -1);
        assert_int_equal(access(aside, F_OK), 0);
        assert_int_equal(access(half, F_OK), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_file_becomes_text_and_goes_after_its_time,
                                                desk_setup, desk_teardown),
                cmocka_unit_test_setup_teardown(what_is_there_outlives_the_process, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(what_is_given_up_leaves_nothing, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(sizes_and_numbers_have_limits, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(who_has_nothing_under_way_is_next, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(a_token_has_so_much_that_is_not_text,
                                                desk_setup, desk_teardown),
                cmocka_unit_test_setup_teardown(what_came_together_is_counted_when_it_is_there,
                                                desk_setup, desk_teardown),
                cmocka_unit_test_setup_teardown(nobody_has_all_the_places, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(without_memory_nobody_begins, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(one_that_runs_can_be_cancelled, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(what_is_no_sound_fails_with_words, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_had_is_said, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(what_makes_no_sense_is_set_aside, desk_setup,
                                                desk_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
