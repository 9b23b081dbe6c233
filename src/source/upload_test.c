// Uploads with both programs that read media, their clock a fake one.
#include "source/upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/mem.h"

static const char *choice;  // of the program

#define BUDGET ((size_t)16 << 20)

struct rig {
        struct loop *loop;
        struct media_backend *media;
        struct upload_services services;
};

static void rig_init(struct rig *rig, unsigned at_once, unsigned waiting) {
        rig->loop = loop_new_fake(0);
        rig->media = media_backend_new(rig->loop, choice);
        rig->services = (struct upload_services){
                .loop = rig->loop,
                .media = rig->media,
                .slots = upload_slots_new(rig->loop, at_once, waiting),
                .budget = budget_new(BUDGET),
                .bytes_max = 1000000000,
                .seconds_max = 3600,
        };
}

static void rig_deinit(struct rig *rig) {
        while (source_children() > 0)
                loop_turn(rig->loop);
        assert_int_equal(budget_used(rig->services.budget, BUDGET_UPLOADS), 0);
        upload_slots_free(rig->services.slots);
        budget_free(rig->services.budget);
        media_backend_free(rig->media);
        loop_free(rig->loop);
}

// What a client is told.
struct client {
        struct rig *rig;
        struct upload *upload;
        size_t n_samples;
        unsigned n_ends;
        enum upload_end end;
        char words[200];
        char warning[200];
        bool is_read;
        bool is_pausing;  // its reader takes one piece and no more
};

static void client_on_samples(void *context, const float *samples, size_t n) {
        struct client *client = context;

        (void)samples;
        client->n_samples += n;
        if (client->is_pausing)
                upload_pause(client->upload);
}

static void client_on_end(void *context, enum upload_end end, const char *words) {
        struct client *client = context;

        client->n_ends++;
        client->end = end;
        snprintf(client->words, sizeof(client->words), "%s", words ? words : "");
        client->upload = upload_close(client->upload);
}

static void client_on_warning(void *context, const char *words) {
        struct client *client = context;

        snprintf(client->warning, sizeof(client->warning), "%s", words);
}

static void client_on_want(void *context, bool is_wanted) {
        ((struct client *)context)->is_read = is_wanted;
}

static bool client_init(struct client *client, struct rig *rig) {
        const struct upload_listener listener = {
                .on_samples = client_on_samples,
                .on_warning = client_on_warning,
                .on_end = client_on_end,
                .on_want = client_on_want,
                .context = client,
        };

        *client = (struct client){.rig = rig, .is_read = true};
        return upload_open(&client->upload, &rig->services, &listener);
}

// Let things happen, without time passing, until the client has its end or so many samples.
static void client_await(struct client *client, size_t n_samples) {
        while (client->n_ends == 0 && client->n_samples < n_samples)
                loop_turn(client->rig->loop);
}

// A WAV file's head; the length is left open.
#define HEAD_BYTES 44

static void head_make(uint8_t head[HEAD_BYTES], uint32_t rate) {
        static const uint8_t plain[HEAD_BYTES] =
                "RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\0\0\0\0\0\0\0\0\2\0\x10\0"
                "data\xff\xff\xff";
        uint32_t n_bytes = 2 * rate;

        memcpy(head, plain, HEAD_BYTES);
        memcpy(head + 24, &rate, 4);
        memcpy(head + 28, &n_bytes, 4);
        head[HEAD_BYTES - 1] = 0xff;
}

// Send a head and so many seconds of sound at that rate.
static void client_send_head(struct client *client, uint32_t rate) {
        uint8_t head[HEAD_BYTES];

        head_make(head, rate);
        upload_write(client->upload, head, sizeof(head));
}

static void client_send(struct client *client, size_t n_bytes) {
        CLEANUP(mem_freep) char *bytes = xcalloc(n_bytes, 1);

        for (size_t i = 0; i < n_bytes; i++)
                bytes[i] = (char)(i * 7);
        upload_write(client->upload, (const uint8_t *)bytes, n_bytes);
}

#define SECOND_BYTES   ((size_t)2 * AUDIO_RATE)
#define LOOKED_THROUGH ((size_t)7)  // seconds; ffmpeg wants five before it begins

// --- turns ----------------------------------------------------------------------------------

static void idle_uploads_start_nothing_and_are_ended(void **state) {
        struct rig rig;
        struct client clients[50];

        (void)state;
        rig_init(&rig, 2, 48);
        for (size_t i = 0; i < 50; i++)
                assert_true(client_init(&clients[i], &rig));
        struct client late;
        assert_false(client_init(&late, &rig));
        loop_advance(rig.loop, UPLOAD_PERIOD - 1);
        assert_int_equal(source_children(), 0);
        assert_int_equal(clients[49].n_ends, 0);
        loop_advance(rig.loop, 1);
        for (size_t i = 0; i < 50; i++) {
                assert_int_equal(clients[i].n_ends, 1);
                assert_int_equal(clients[i].end, UPLOAD_STALLED);
        }
        rig_deinit(&rig);
}

static void a_file_is_decoded_when_its_turn_has_come(void **state) {
        struct rig rig;
        struct client first, second;

        (void)state;
        rig_init(&rig, 1, 10);
        assert_true(client_init(&first, &rig));
        assert_true(client_init(&second, &rig));
        client_send_head(&first, AUDIO_RATE);
        client_send(&first, SECOND_BYTES);
        loop_advance(rig.loop, 0);
        assert_int_equal(source_children(), 0);  // it may be all that ever comes
        client_send(&first, 39 * SECOND_BYTES);
        assert_false(first.is_read);
        client_send_head(&second, AUDIO_RATE);
        client_send(&second, SECOND_BYTES);
        upload_write_end(second.upload);
        assert_true(second.is_read);  // to see whether it goes
        loop_advance(rig.loop, NSEC_PER_SEC);
        while (!first.is_read)
                loop_turn(rig.loop);
        assert_int_equal(source_children(), 1);
        assert_int_equal(second.n_samples, 0);
        upload_write_end(first.upload);
        client_await(&first, SIZE_MAX);
        assert_int_equal(first.end, UPLOAD_DONE);
        assert_int_equal(first.n_samples, 40 * AUDIO_RATE);
        loop_advance(rig.loop, NSEC_PER_SEC);
        client_await(&second, SIZE_MAX);
        assert_int_equal(second.end, UPLOAD_DONE);
        assert_int_equal(second.n_samples, AUDIO_RATE);
        rig_deinit(&rig);
}

// One that waits keeps its turn however long that takes.
static void waiting_for_the_turn_is_nobodys_fault(void **state) {
        struct rig rig;
        struct client first, second;

        (void)state;
        rig_init(&rig, 1, 10);
        assert_true(client_init(&first, &rig));
        assert_true(client_init(&second, &rig));
        first.is_pausing = true;  // the decoder is behind
        client_send_head(&first, AUDIO_RATE);
        client_send(&first, 20 * SECOND_BYTES);
        client_send_head(&second, AUDIO_RATE);
        client_send(&second, 3 * SECOND_BYTES);
        loop_advance(rig.loop, NSEC_PER_SEC);
        client_await(&first, 1);
        loop_advance(rig.loop, 20 * UPLOAD_PERIOD);
        assert_int_equal(first.n_ends + second.n_ends, 0);
        assert_true(second.is_read);  // for its pings
        first.upload = upload_close(first.upload);
        loop_advance(rig.loop, NSEC_PER_SEC);
        assert_true(second.is_read);
        second.upload = upload_close(second.upload);
        rig_deinit(&rig);
}

// A short file is read while it waits, as long as there is room.
static void who_waits_is_read_as_far_as_there_is_room(void **state) {
        struct rig rig;
        struct client clients[4];

        (void)state;
        rig_init(&rig, 1, 10);
        for (size_t i = 0; i < 4; i++)
                assert_true(client_init(&clients[i], &rig));
        client_send(&clients[1], UPLOAD_READY);
        client_send(&clients[1], UPLOAD_HELD_MAX - UPLOAD_READY - 1);
        assert_true(clients[1].is_read);
        client_send(&clients[1], 1);
        assert_false(clients[1].is_read);
        // Now a quarter of all that clients may use is taken.
        client_send(&clients[2], BUDGET / 4 - UPLOAD_HELD_MAX);
        client_send(&clients[3], UPLOAD_READY - 1);
        assert_true(clients[3].is_read);
        client_send(&clients[3], 1);
        assert_false(clients[3].is_read);
        for (size_t i = 0; i < 4; i++)
                clients[i].upload = upload_close(clients[i].upload);
        rig_deinit(&rig);
}

// Sound that comes as it is spoken: fine while nobody waits, at the cost of its slot else.
static void a_slow_upload_gives_way(void **state) {
        struct rig rig;
        struct client slow, other;
        size_t n_sent = LOOKED_THROUGH;

        (void)state;
        rig_init(&rig, 1, 10);
        assert_true(client_init(&slow, &rig));
        client_send_head(&slow, AUDIO_RATE);
        client_send(&slow, LOOKED_THROUGH * SECOND_BYTES);
        loop_advance(rig.loop, 0);
        for (unsigned second = 0; slow.n_ends == 0 && second < 200; second++) {
                if (second == 100) {
                        assert_true(client_init(&other, &rig));
                        client_send_head(&other, AUDIO_RATE);
                        client_send(&other, SECOND_BYTES);
                        upload_write_end(other.upload);
                }
                client_send(&slow, SECOND_BYTES);
                n_sent++;
                client_await(&slow, (n_sent - LOOKED_THROUGH) * AUDIO_RATE);
                loop_advance(rig.loop, NSEC_PER_SEC);
        }
        assert_in_range(n_sent, LOOKED_THROUGH + 100,
                        LOOKED_THROUGH + 100 + (size_t)(2 * UPLOAD_PERIOD / NSEC_PER_SEC));
        assert_int_equal(slow.end, UPLOAD_TOO_SLOW);
        loop_advance(rig.loop, NSEC_PER_SEC);
        client_await(&other, SIZE_MAX);
        assert_int_equal(other.end, UPLOAD_DONE);
        rig_deinit(&rig);
}

// A byte now and then does not keep a place.
static void a_trickle_is_a_stall(void **state) {
        struct rig rig;
        struct client client;

        (void)state;
        rig_init(&rig, 1, 10);
        assert_true(client_init(&client, &rig));
        for (unsigned second = 0; client.n_ends == 0 && second < 100; second++) {
                client_send(&client, 100);
                loop_advance(rig.loop, NSEC_PER_SEC);
        }
        assert_int_equal(client.end, UPLOAD_STALLED);
        rig_deinit(&rig);
}

// --- limits ---------------------------------------------------------------------------------

static void bytes_and_seconds_have_limits(void **state) {
        struct rig rig;
        struct client client;

        (void)state;
        rig_init(&rig, 1, 10);
        rig.services.bytes_max = (size_t)512 * 1024;
        rig.services.seconds_max = 90;
        assert_true(client_init(&client, &rig));
        client_send(&client, 400000);
        client_send(&client, 124288);
        assert_int_equal(client.n_ends, 0);
        client_send(&client, 1);
        assert_int_equal(client.end, UPLOAD_TOO_LARGE);
        assert_non_null(strstr(client.words, "larger than 512KiB"));

        rig.services.bytes_max = 2000000;
        assert_true(client_init(&client, &rig));
        client_send_head(&client, 8000);
        client_send(&client, (size_t)16000 * 91);
        upload_write_end(client.upload);
        loop_advance(rig.loop, NSEC_PER_SEC);
        client_await(&client, SIZE_MAX);
        assert_int_equal(client.end, UPLOAD_TOO_LARGE);
        assert_non_null(strstr(client.words, "longer than 90s"));
        assert_in_range(client.n_samples, 88 * AUDIO_RATE, 90 * AUDIO_RATE);
        rig_deinit(&rig);
}

// Two megabytes of a WAV at 10 Hz would be 29 hours.
// A file of so many seconds, in the folder for what is temporary; its descriptor.
static int wav_make(uint32_t seconds) {
        const char *above = getenv("TMPDIR");
        CLEANUP(mem_freep)
        char *path = xasprintf("%s/eavesdrop-upload-XXXXXX", above ? above : "/tmp");
        uint32_t n_bytes = seconds * (uint32_t)SECOND_BYTES, n_riff = n_bytes + HEAD_BYTES - 8;
        CLEANUP(mem_freep) char *sound = xcalloc(n_bytes, 1);
        uint8_t head[HEAD_BYTES];
        int descriptor = mkstemp(path);

        assert_true(descriptor > STDERR_FILENO);
        unlink(path);
        head_make(head, AUDIO_RATE);
        memcpy(head + 4, &n_riff, 4);
        memcpy(head + 40, &n_bytes, 4);
        for (size_t i = 0; i < n_bytes; i++)
                sound[i] = (char)(i * 7);
        assert_int_equal(write(descriptor, head, HEAD_BYTES), HEAD_BYTES);
        assert_int_equal(write(descriptor, sound, n_bytes), n_bytes);
        assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
        return descriptor;
}

static void a_file_that_is_there_waits_for_its_turn_alone(void **state) {
        struct rig rig;
        struct client client = {.rig = &rig};
        const struct upload_listener listener = {
                .on_samples = client_on_samples, .on_end = client_on_end, .context = &client};

        (void)state;
        rig_init(&rig, 1, 10);
        assert_true(upload_open_file(&client.upload, &rig.services, wav_make(20),
                                     20 * SECOND_BYTES, &listener));
        assert_int_equal(upload_slots_counts(rig.services.slots).n_asking, 1);
        loop_advance(rig.loop, NSEC_PER_SEC);
        client_await(&client, SIZE_MAX);
        assert_int_equal(client.end, UPLOAD_DONE);
        assert_int_equal(client.n_samples, 20 * AUDIO_RATE);
        assert_int_equal(upload_slots_counts(rig.services.slots).n_decoded, 0);
        rig_deinit(&rig);
}

static void few_bytes_make_no_endless_sound(void **state) {
        struct rig rig;
        struct client client;

        (void)state;
        rig_init(&rig, 1, 10);
        rig.services.seconds_max = 1000000;
        assert_true(client_init(&client, &rig));
        client_send_head(&client, 10);
        client_send(&client, (size_t)2 << 20);
        loop_advance(rig.loop, NSEC_PER_SEC);
        client_await(&client, SIZE_MAX);
        if (client.n_samples == 0) {  // a program may know by itself that there is no such rate
                assert_int_equal(client.end, UPLOAD_DAMAGED);
                assert_non_null(strstr(client.words, "sample rate"));
                rig_deinit(&rig);
                return;
        }
        assert_int_equal(client.end, UPLOAD_TOO_LARGE);
        assert_non_null(strstr(client.words, "more sound than"));
        assert_in_range(client.n_samples / AUDIO_RATE, UPLOAD_FREE_SECONDS - 1,
                        20 * UPLOAD_FREE_SECONDS);
        rig_deinit(&rig);
}

static void what_waits_leaves_room_for_others(void **state) {
        struct rig rig;
        struct client clients[6];

        (void)state;
        rig_init(&rig, 1, 10);
        for (size_t i = 0; i < 6; i++)
                assert_true(client_init(&clients[i], &rig));
        for (size_t i = 0; i < 6; i++)
                client_send(&clients[i], (size_t)3 << 20);
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(clients[i].n_ends, 0);
        assert_int_equal(clients[5].end, UPLOAD_NO_ROOM);
        assert_int_equal(budget_used(rig.services.budget, BUDGET_UPLOADS), 5 * 3 << 20);
        for (size_t i = 0; i < 5; i++)
                clients[i].upload = upload_close(clients[i].upload);
        rig_deinit(&rig);
}

static void what_is_no_sound_is_told(void **state) {
        struct rig rig;
        struct client client;

        (void)state;
        rig_init(&rig, 1, 10);
        assert_true(client_init(&client, &rig));
        upload_write(client.upload, (const uint8_t *)"no sound\n", 9);
        upload_write_end(client.upload);
        upload_write(client.upload, (const uint8_t *)"late\n", 5);  // is dropped
        loop_advance(rig.loop, NSEC_PER_SEC);
        client_await(&client, SIZE_MAX);
        assert_int_equal(client.end, UPLOAD_DAMAGED);
        assert_int_equal(client.n_ends, 1);
        assert_true(client.words[0] != '\0');
        rig_deinit(&rig);
}

// By a media process that says so (tests/e2e/fake_nursery.py), whatever program is chosen.
static void what_people_should_know_is_told(void **state) {
        char folder[] = "/tmp/eavesdrop-upload-XXXXXX";
        const char *chosen = choice;
        CLEANUP(mem_freep) char *program = NULL;
        struct rig rig;
        struct client client;

        (void)state;
        assert_non_null(mkdtemp(folder));
        choice = program = xasprintf("%s/eavesdrop-media", folder);
        rig_nursery_write(program, "");
        rig_init(&rig, 1, 10);
        assert_true(client_init(&client, &rig));
        upload_write(client.upload, (const uint8_t *)"!", 1);
        upload_write_end(client.upload);
        loop_advance(rig.loop, NSEC_PER_SEC);
        client_await(&client, SIZE_MAX);
        assert_string_equal(client.warning, "its 2 sound tracks are silent");
        assert_int_equal(client.end, UPLOAD_DONE);
        rig_deinit(&rig);
        choice = chosen;
        unlink(program);
        rmdir(folder);
}

// By a media process that ends at once, and is not started again for a while then.
static void what_is_no_fault_of_its_own_is_told_apart(void **state) {
        char folder[] = "/tmp/eavesdrop-upload-XXXXXX";
        const char *chosen = choice;
        CLEANUP(mem_freep) char *program = NULL;
        struct rig rig;
        struct client client;

        (void)state;
        assert_non_null(mkdtemp(folder));
        choice = program = xasprintf("%s/eavesdrop-media", folder);
        rig_nursery_write(program, "dies");
        rig_init(&rig, 1, 10);
        do {
                assert_true(client_init(&client, &rig));
                upload_write(client.upload, (const uint8_t *)"!", 1);
                upload_write_end(client.upload);
                loop_advance(rig.loop, NSEC_PER_SEC);
                client_await(&client, SIZE_MAX);
                assert_non_null(strstr(client.words, "media process"));
                // It broke down at this, or is not there for it.
                assert_int_equal(client.end, strstr(client.words, "times in a row")
                                                     ? UPLOAD_NO_ROOM
                                                     : UPLOAD_LOST);
        } while (!strstr(client.words, "times in a row"));
        rig_deinit(&rig);
        choice = chosen;
        unlink(program);
        rmdir(folder);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(idle_uploads_start_nothing_and_are_ended),
                cmocka_unit_test(a_file_is_decoded_when_its_turn_has_come),
                cmocka_unit_test(waiting_for_the_turn_is_nobodys_fault),
                cmocka_unit_test(who_waits_is_read_as_far_as_there_is_room),
                cmocka_unit_test(a_slow_upload_gives_way),
                cmocka_unit_test(a_trickle_is_a_stall),
                cmocka_unit_test(bytes_and_seconds_have_limits),
                cmocka_unit_test(a_file_that_is_there_waits_for_its_turn_alone),
                cmocka_unit_test(few_bytes_make_no_endless_sound),
                cmocka_unit_test(what_waits_leaves_room_for_others),
                cmocka_unit_test(what_is_no_sound_is_told),
                cmocka_unit_test(what_people_should_know_is_told),
                cmocka_unit_test(what_is_no_fault_of_its_own_is_told_apart),
        };

        int n_failed = 0;

        for (size_t i = 0; (choice = rig_media[i]); i++)
                n_failed += cmocka_run_group_tests_name(choice, tests, NULL, NULL);
        return n_failed;
}
