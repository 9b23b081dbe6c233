// Media records: how many channels, in pieces of how many bytes, then what a child wrote. What
// is read can be written, and is the same when it is read again.

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "media/records.h"

// A file in memory that stands for the pipe.
static int file_empty(void) {
        static int file = -1;

        if (file < 0)
                file = memfd_create("records", MFD_CLOEXEC);
        if (file < 0 || ftruncate(file, 0) < 0 || lseek(file, 0, SEEK_SET) < 0)
                abort();
        return file;
}

static bool number_is_same(double a, double b) {
        return a == b || (!isfinite(a) && !isfinite(b));
}

static bool track_is_same(const struct media_track *a, const struct media_track *b) {
        return strcmp(a->codec, b->codec) == 0 && a->rate == b->rate &&
               a->channels == b->channels && strcmp(a->language, b->language) == 0 &&
               strcmp(a->title, b->title) == 0 && number_is_same(a->level, b->level);
}

static bool opened_is_same(const struct media_opened *a, const struct media_opened *b) {
        if (strcmp(a->container, b->container) != 0 || a->is_finite != b->is_finite ||
            !number_is_same(a->duration, b->duration) || a->n_tracks != b->n_tracks ||
            a->n_tracks > MEDIA_TRACKS_MAX || a->chosen != b->chosen ||
            strcmp(a->why, b->why) != 0)
                return false;
        for (unsigned i = 0; i < a->n_tracks; i++)
                if (!track_is_same(&a->tracks[i], &b->tracks[i]))
                        return false;
        return true;
}

static bool record_is_same(const struct media_record *a, const struct media_record *b) {
        if (a->type != b->type || a->time != b->time || a->n_samples != b->n_samples ||
            a->fault != b->fault || !number_is_same(a->seconds, b->seconds))
                return false;
        if (a->type == MEDIA_SAMPLES)
                return memcmp(a->samples, b->samples, a->n_samples * sizeof(*a->samples)) == 0;
        if (a->type == MEDIA_OPENED)
                return opened_is_same(a->opened, b->opened);
        return strcmp(a->words, b->words) == 0;
}

// Write a record, after what must come before it, and read it.
static void check_again(const struct media_record *record, unsigned n_channels) {
        static const struct media_opened nothing;
        static uint8_t bytes[2 * MEDIA_PAYLOAD_MAX];
        const struct media_record opened = {.type = MEDIA_OPENED, .opened = &nothing};
        struct media_records *reader = media_records_new(n_channels);
        struct media_record again;
        const uint8_t *at = bytes;
        int file = file_empty();
        ssize_t n_read;
        size_t n;

        if ((record->type == MEDIA_SAMPLES && media_records_write(file, &opened, 1) < 0) ||
            media_records_write(file, record, n_channels) < 0)
                abort();
        n_read = pread(file, bytes, sizeof(bytes), 0);
        if (n_read < 0)
                abort();
        n = (size_t)n_read;
        if (record->type == MEDIA_SAMPLES &&
            media_records_feed(reader, &at, &n, &again, NULL) != 1)
                abort();
        // A record may be longer than a writer makes them, and becomes two then.
        if (media_records_feed(reader, &at, &n, &again, NULL) != 1 ||
            (record->n_samples <= MEDIA_SAMPLES_MAX - MEDIA_CHANNELS_MAX &&
             (n != 0 || !record_is_same(record, &again))))
                abort();
        media_records_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct media_records *reader;
        struct media_record record;
        struct error error;
        unsigned n_channels;
        size_t piece;
        int code = 0;

        if (n < 2)
                return 0;
        n_channels = 1 + bytes[0] % MEDIA_CHANNELS_MAX;
        piece = 1 + bytes[1];
        reader = media_records_new(n_channels);
        for (size_t at = 2; at < n && code >= 0; at += piece) {
                const uint8_t *from = bytes + at;
                size_t n_here = n - at < piece ? n - at : piece;

                while ((code = media_records_feed(reader, &from, &n_here, &record, &error)) ==
                       1)
                        check_again(&record, n_channels);
                if (code == 0 && n_here != 0)
                        abort();
        }
        media_records_free(reader);
        return 0;
}
