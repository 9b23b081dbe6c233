#include "transcription/transcriptions_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audio/sound_rig.h"
#include "util/folder_rig.h"
#include "util/mem.h"

static void talk_read(struct desk *desk) {
        CLEANUP(mem_freep) char *path = rig_find_data("misc/jfk.flac");
        FILE *file = path ? fopen(path, "r") : NULL;
        struct stat status;

        if (!file)
                return;
        assert_int_equal(fstat(fileno(file), &status), 0);
        desk->n_talk = (size_t)status.st_size;
        desk->talk = xcalloc(desk->n_talk, 1);
        assert_int_equal(fread(desk->talk, 1, desk->n_talk, file), desk->n_talk);
        fclose(file);
}

int desk_setup(void **state) {
        struct desk *desk = xnew(struct desk);
        const char *above = getenv("TMPDIR");
        void *rig = NULL;

        *state = desk;
        if (hub_rig_setup(&rig) < 0)
                return -1;
        desk->rig = rig;
        desk->folder = xasprintf("%s/eavesdrop-shelf-XXXXXX", above ? above : "/tmp");
        assert_non_null(mkdtemp(desk->folder));
        talk_read(desk);
        desk->uploads = (struct upload_services){
                .loop = desk->rig->loop,
                .media = desk->rig->media,
                .slots = upload_slots_new(desk->rig->loop, 2, 10),
                .budget = desk->rig->budget,
                .bytes_max = 4000000,
                .seconds_max = 3600,
        };
        desk->rig->parts.uploads = &desk->uploads;
        if (!desk->rig->hub)
                return 0;
        hub_rig_renew(desk->rig);
        desk->parts = (struct transcriptions_parts){
                .hub = desk->rig->hub,
                .folder = desk->folder,
                .at_once = 1,
                .waiting = 3,
                .disk = 10000000,
                .keep = DESK_KEEP,
        };
        desk->all = transcriptions_new(&desk->parts);
        return 0;
}

int desk_teardown(void **state) {
        struct desk *desk = *state;
        void *rig = desk->rig;

        transcriptions_free(desk->all);
        hub_free(desk->rig->hub);
        desk->rig->hub = NULL;
        upload_slots_free(desk->uploads.slots);
        while (source_children() > 0)
                loop_turn(desk->rig->loop);
        hub_rig_teardown(&rig);
        folder_rig_remove(desk->folder);
        free(desk->folder);
        free(desk->talk);
        free(desk);
        return 0;
}

struct desk *desk_need(void **state) {
        struct desk *desk = *state;

        if (!desk->all || !desk->talk)
                skip();
        return desk;
}

void desk_restart(struct desk *desk) {
        desk->all = transcriptions_free(desk->all);
        desk->all = transcriptions_new(&desk->parts);
}

// --- those who send --------------------------------------------------------------------------

static void sender_on_room(void *context) {
        ((struct sender *)context)->has_room = true;
}

static void sender_on_end(void *context, struct transcription *transcription) {
        struct sender *sender = context;

        sender->is_told = true;
        sender->end = transcription ? transcription_record(transcription)->state
                                    : TRANSCRIPTION_COMING;
}

static void sender_on_taken(void *context, struct transcription *transcription) {
        struct sender *sender = context;

        sender->is_taken = true;
        snprintf(sender->id, sizeof(sender->id), "%s", transcription_record(transcription)->id);
        sender->waiter.on_end = sender_on_end;
        sender->waiter.context = sender;
        transcription_wait(transcription, &sender->waiter);
}

static void sender_on_refused(void *context, const struct transcription_refusal *refusal) {
        struct sender *sender = context;

        sender->is_refused = true;
        sender->refusal = *refusal;
}

bool sender_begin(struct desk *desk, struct sender *sender, const char *name, uint64_t size) {
        // Only tokens have a life.
        struct principal_life life = {0};
        const struct principal principal = {.name = name, .life = &life};
        const struct transcription_bringer bringer = {
                .principal = &principal,
                .address = "192.0.2.1",
                .size = size,
                .on_room = sender_on_room,
                .on_taken = sender_on_taken,
                .on_refused = sender_on_refused,
                .context = sender,
        };

        *sender = (struct sender){.has_room = true};
        sender->transcription = transcription_bring(desk->all, &bringer, &sender->refusal);
        return sender->transcription;
}

void sender_write(struct desk *desk, struct sender *sender, const char *bytes, size_t n) {
        for (size_t at = 0, piece; at < n && !sender->is_refused; at += piece) {
                piece = n - at < TRANSCRIPTION_PIECE_MAX / 2 ? n - at
                                                             : TRANSCRIPTION_PIECE_MAX / 2;
                sender->has_room = transcription_write(sender->transcription,
                                                       (const uint8_t *)bytes + at, piece);
                await(desk, sender->has_room);
        }
}

void sender_send(struct desk *desk, struct sender *sender, const char *principal,
                 const char *bytes, size_t n) {
        struct transcription_wish wish = {0};

        assert_true(sender_begin(desk, sender, principal, n));
        sender_write(desk, sender, bytes, n);
        transcription_bring_end(sender->transcription, &wish, "talk.flac");
        await(desk, sender->is_taken || sender->is_refused);
        assert_true(sender->is_taken);
}

void sender_send_talk(struct desk *desk, struct sender *sender, const char *principal) {
        sender_send(desk, sender, principal, desk->talk, desk->n_talk);
}

size_t desk_count(const struct desk *desk) {
        size_t n = 0;

        for (struct transcription *one = transcriptions_first(desk->all); one;
             one = transcription_next(one))
                n++;
        return n;
}
