// Files that become text though the disk does not do what it should, or the server stops.
#include "transcription/transcriptions.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/media_backend.h"
#include "source/source_rig.h"
#include "transcription/transcriptions_private.h"
#include "transcription/transcriptions_rig.h"
#include "util/mem.h"

static char *desk_path(const struct desk *desk, const char *id, const char *end) {
        return xasprintf("%s/%s%s", desk->folder, id, end);
}

static enum transcription_state state_of(const struct desk *desk, const char *id) {
        return transcription_record(transcriptions_find(desk->all, id))->state;
}

static void a_file_that_cannot_be_opened_waits_until_it_can(void **state) {
        struct desk *desk = desk_need(state);
        CLEANUP(mem_freep) char *sound = NULL, *aside = NULL;
        struct sender sender;

        sender_send_talk(desk, &sender, "alice");
        sound = desk_path(desk, sender.id, ".sound");
        aside = desk_path(desk, sender.id, ".aside");
        // Links are not followed.
        assert_int_equal(rename(sound, aside), 0);
        assert_int_equal(symlink(aside, sound), 0);
        loop_advance(desk->rig->loop, 10 * NSEC_PER_SEC);
        assert_int_equal(state_of(desk, sender.id), TRANSCRIPTION_WAITING);
        assert_int_equal(rename(aside, sound), 0);
        await_while_time_passes(desk, sender.is_told);
        assert_int_equal(sender.end, TRANSCRIPTION_DONE);
}

static void a_file_that_is_gone_has_failed(void **state) {
        struct desk *desk = desk_need(state);
        CLEANUP(mem_freep) char *sound = NULL;
        struct sender sender;

        sender_send_talk(desk, &sender, "alice");
        sound = desk_path(desk, sender.id, ".sound");
        assert_int_equal(unlink(sound), 0);
        await_while_time_passes(desk, sender.is_told);
        assert_int_equal(sender.end, TRANSCRIPTION_FAILED);
        assert_int_equal(
                transcription_record(transcriptions_find(desk->all, sender.id))->status, 410);
}

// Its text is there, but a folder is in the place of the file for it.
static struct transcription *unwritten_make(struct desk *desk, struct sender *sender) {
        struct transcription *one;
        CLEANUP(mem_freep) char *text = NULL;

        sender_send_talk(desk, sender, "alice");
        text = desk_path(desk, sender->id, ".txt");
        assert_int_equal(mkdir(text, 0700), 0);
        one = transcriptions_find(desk->all, sender->id);
        await_while_time_passes(desk, one->delay > 0);
        assert_false(sender->is_told);
        assert_int_equal(rmdir(text), 0);
        return one;
}

static void a_result_that_cannot_be_written_is_kept_until_it_can(void **state) {
        struct desk *desk = desk_need(state);
        CLEANUP(mem_freep) char *sound = NULL;
        struct sender sender, next;

        unwritten_make(desk, &sender);
        sender_send_talk(desk, &next, "alice");
        // Nobody reads it again.
        sound = desk_path(desk, sender.id, ".sound");
        assert_int_equal(unlink(sound), 0);
        assert_int_equal(state_of(desk, sender.id), TRANSCRIPTION_RUNNING);
        await_while_time_passes(desk, sender.is_told);
        assert_int_equal(sender.end, TRANSCRIPTION_DONE);
        await_while_time_passes(desk, next.is_told);
        assert_int_equal(next.end, TRANSCRIPTION_DONE);
}

static void a_result_that_cannot_be_written_can_be_removed(void **state) {
        struct desk *desk = desk_need(state);
        struct sender sender, next;

        transcription_remove(unwritten_make(desk, &sender));
        assert_true(sender.is_told);
        sender_send_talk(desk, &next, "alice");
        await_while_time_passes(desk, next.is_told);
        assert_int_equal(next.end, TRANSCRIPTION_DONE);
        desk_restart(desk);
        assert_int_equal(desk_count(desk), 1);
}

static void one_that_cannot_be_written_when_the_server_stops_is_begun_again(void **state) {
        struct desk *desk = desk_need(state);
        struct sender sender;

        unwritten_make(desk, &sender);
        transcriptions_stop(desk->all);
        assert_true(sender.is_told);
        desk_restart(desk);
        await_while_time_passes(desk, state_of(desk, sender.id) == TRANSCRIPTION_DONE);
}

static void what_was_removed_while_it_was_written_does_not_come_back(void **state) {
        struct desk *desk = desk_need(state);
        CLEANUP(mem_freep) char *record = NULL;
        struct sender sender;
        struct transcription *one;

        sender_send_talk(desk, &sender, "alice");
        record = desk_path(desk, sender.id, ".json");
        one = transcriptions_find(desk->all, sender.id);
        await_while_time_passes(desk, one->finishing);
        transcription_remove(one);
        desk->all = transcriptions_free(desk->all);
        // The loop's last turns.
        await(desk, access(record, F_OK) < 0);
        desk_restart(desk);
        assert_int_equal(desk_count(desk), 0);
}

static void one_that_is_taken_in_while_the_server_stops_waits_for_nothing(void **state) {
        struct desk *desk = desk_need(state);
        struct transcription_wish wish = {0};
        struct sender sender;

        assert_true(sender_begin(desk, &sender, "alice", desk->n_talk));
        sender_write(desk, &sender, desk->talk, desk->n_talk);
        transcription_bring_end(sender.transcription, &wish, NULL);
        transcriptions_stop(desk->all);
        await(desk, sender.is_taken);
        assert_true(sender.is_told);
        loop_advance(desk->rig->loop, 10 * NSEC_PER_SEC);
        assert_int_equal(state_of(desk, sender.id), TRANSCRIPTION_WAITING);
        desk_restart(desk);
        assert_int_equal(desk_count(desk), 1);
}

static void what_the_model_cannot_do_has_failed(void **state) {
        struct desk *desk = desk_need(state);
        struct transcription_wish wish = {0};
        struct sender sender;

        assert_int_equal(transcription_wish_set(&wish, "language", "yi", NULL), 0);
        assert_true(sender_begin(desk, &sender, "alice", desk->n_talk));
        sender_write(desk, &sender, desk->talk, desk->n_talk);
        transcription_bring_end(sender.transcription, &wish, NULL);
        await_while_time_passes(desk, sender.is_told);
        assert_int_equal(sender.end, TRANSCRIPTION_FAILED);
        assert_int_equal(
                transcription_record(transcriptions_find(desk->all, sender.id))->status, 422);
}

// A media process that ends at whatever it is given.
static void a_file_that_ends_what_reads_it_has_failed_in_the_end(void **state) {
        struct desk *desk = desk_need(state);
        struct media_backend *media = desk->uploads.media;
        CLEANUP(mem_freep) char *program = desk_path(desk, "", "eavesdrop-media");
        const struct transcription_record *record;
        struct sender sender, next;

        rig_nursery_write(program, "dies");
        desk->uploads.media = media_backend_new(desk->rig->loop, program);
        sender_send_talk(desk, &sender, "alice");
        await_while_time_passes(desk, sender.is_told);
        assert_int_equal(sender.end, TRANSCRIPTION_FAILED);
        record = transcription_record(transcriptions_find(desk->all, sender.id));
        assert_int_equal(record->status, 422);
        assert_non_null(strstr(record->reason, "broke down at it 3 times"));
        media_backend_free(desk->uploads.media);
        desk->uploads.media = media;
        sender_send_talk(desk, &next, "alice");
        await_while_time_passes(desk, next.is_told);
        assert_int_equal(next.end, TRANSCRIPTION_DONE);
}

// Others go on in their order, beside nothing that may take them along.
static void a_file_that_was_lost_is_read_alone(void **state) {
        struct desk *desk = desk_need(state);
        struct transcription *suspect;
        struct sender first, second;

        desk->parts.at_once = 2;
        desk_restart(desk);
        sender_send_talk(desk, &first, "alice");
        suspect = transcriptions_find(desk->all, first.id);
        suspect->n_losses = 1;
        sender_send_talk(desk, &second, "bob");
        await_while_time_passes(desk, suspect->run);
        assert_int_equal(desk->all->n_running, 1);
        await_while_time_passes(desk, second.is_told);
        assert_true(first.is_told);
        assert_int_equal(first.end, TRANSCRIPTION_DONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_waits_until_it_can,
                                                desk_setup, desk_teardown),
                cmocka_unit_test_setup_teardown(a_file_that_is_gone_has_failed, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(
                        a_result_that_cannot_be_written_is_kept_until_it_can, desk_setup,
                        desk_teardown),
                cmocka_unit_test_setup_teardown(a_result_that_cannot_be_written_can_be_removed,
                                                desk_setup, desk_teardown),
                cmocka_unit_test_setup_teardown(
                        one_that_cannot_be_written_when_the_server_stops_is_begun_again,
                        desk_setup, desk_teardown),
                cmocka_unit_test_setup_teardown(
                        what_was_removed_while_it_was_written_does_not_come_back, desk_setup,
                        desk_teardown),
                cmocka_unit_test_setup_teardown(
                        one_that_is_taken_in_while_the_server_stops_waits_for_nothing,
                        desk_setup, desk_teardown),
                cmocka_unit_test_setup_teardown(what_the_model_cannot_do_has_failed, desk_setup,
                                                desk_teardown),
                cmocka_unit_test_setup_teardown(
                        a_file_that_ends_what_reads_it_has_failed_in_the_end, desk_setup,
                        desk_teardown),
                cmocka_unit_test_setup_teardown(a_file_that_was_lost_is_read_alone, desk_setup,
                                                desk_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
