#include "api/sound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/byte_range.h"
#include "api/parameters.h"
#include "api/problem.h"
#include "api/rows.h"
#include "net/exchange.h"
#include "util/mem.h"

#define HOUR ((int64_t)3600 * 1000)

// Bytes of a millisecond, at most, and of what a file has besides: of WAV exactly, of Opus
// three times what its encoder aims at.
#define WAV_BYTES_PER_MSEC 32
#define OGG_BYTES_PER_MSEC 8
#define FILE_BYTES         4096

#define PIECE_MAX ((size_t)16 * 1024)

#define NO_SOUND \
        "no sound is kept: the configuration's \"journal: {audio: on}\" keeps it beside text"

struct sound {
        struct reading reading;  // first
        enum archive_format format;
        struct archive_sound file;
        struct byte_range left;  // of it, to be written
};

// --- the answer ------------------------------------------------------------------------------

static void tag_make(const struct archive_sound *file, char ret[static 32]) {
        snprintf(ret, 32, "\"%08x-%zx\"", file->checksum, file->n);
}

// The client has it.
static bool is_known(const struct exchange *exchange, const char *tag) {
        return byte_range_has(http_request_header(exchange_request(exchange), "If-None-Match"),
                              tag);
}

static enum byte_range_answer range_wanted(const struct exchange *exchange, const char *tag,
                                           size_t length, struct byte_range *ret) {
        const struct http_request *request = exchange_request(exchange);
        bool may = byte_range_may(http_request_header(request, "If-Range"), tag) &&
                   !http_request_repeats(request, "Range");

        return byte_range_read(may ? http_request_header(request, "Range") : NULL, length, ret);
}

static void range_refuse(struct sound *sound) {
        CLEANUP(mem_freep)
        char *headers = xasprintf("Content-Range: bytes */%zu\r\n", sound->file.n);

        reading_refuse(&sound->reading,
                       &(struct problem){.status = 416,
                                         .field = "Range",
                                         .detail = "the sound is not as long as that",
                                         .headers = headers});
}

static void sound_on_file(struct reading *reading, struct archive_sound *file) {
        struct sound *sound = (struct sound *)reading;
        enum byte_range_answer answer;
        CLEANUP(mem_freep) char *headers = NULL;
        char tag[32], part[96] = "";
        struct http_response response = {
                .status = 200,
                .content_type = sound->format == ARCHIVE_OGG ? "audio/ogg" : "audio/wav",
        };

        sound->file = *file;
        tag_make(file, tag);
        answer = range_wanted(reading->exchange, tag, file->n, &sound->left);
        if (is_known(reading->exchange, tag)) {
                response.status = 304;
                sound->left.n = 0;
        } else if (answer == BYTE_RANGE_NONE) {
                range_refuse(sound);
                return;
        } else if (answer == BYTE_RANGE_PART) {
                response.status = 206;
                snprintf(part, sizeof(part), "Content-Range: bytes %zu-%zu/%zu\r\n",
                         sound->left.first, sound->left.first + sound->left.n - 1, file->n);
        }
        // What was heard then may yet be written, or be forgotten.
        headers = xasprintf("ETag: %s\r\nAccept-Ranges: bytes\r\nCache-Control: private, "
                            "no-cache\r\n%s",
                            tag, part);
        response.headers = headers;
        response.body_length = sound->left.n;
        reading_answer(reading, &response);
}

static enum reading_progress sound_write(struct reading *reading) {
        struct sound *sound = (struct sound *)reading;
        struct byte_range *left = &sound->left;
        size_t n = left->n < PIECE_MAX ? left->n : PIECE_MAX;

        reading_put(reading, (const char *)sound->file.bytes + left->first, n);
        left->first += n;
        left->n -= n;
        return left->n ? READING_MORE : READING_DONE;
}

static void sound_free(struct reading *reading) {
        struct sound *sound = (struct sound *)reading;

        free(sound->file.bytes);
        free(sound);
}

static void stretch_read(struct sound *sound, const char *stream, int64_t since,
                         int64_t until) {
        const struct archive_query query = {stream, since, until, sound->format};
        int64_t per_msec =
                sound->format == ARCHIVE_OGG ? OGG_BYTES_PER_MSEC : WAV_BYTES_PER_MSEC;

        reading_sound(&sound->reading, &query,
                      (size_t)((until - since) * per_msec + FILE_BYTES));
}

// The segment whose sound is wanted.
static void sound_on_page(struct reading *reading, struct query_page *page) {
        const struct row *row = page->rows;

        if (page->n == 0)
                reading_refuse(reading, &(struct problem){404, .detail = ROWS_NO_SEGMENT});
        else
                stretch_read((struct sound *)reading, row->stream, row->start, row->end);
        query_page_deinit(page);
}

// --- what is asked for -----------------------------------------------------------------------

static bool format_read(struct exchange *exchange, enum archive_format *ret) {
        CLEANUP(mem_freep)
        char *format = http_request_query(exchange_request(exchange), "format");

        *ret = format && strcmp(format, "wav") == 0 ? ARCHIVE_WAV : ARCHIVE_OGG;
        if (!format || *ret == ARCHIVE_WAV || strcmp(format, "ogg") == 0)
                return true;
        parameters_refuse(exchange, "format", "the format is ogg or wav");
        return false;
}

static bool stretch_wanted(struct exchange *exchange, int64_t *ret_since, int64_t *ret_until) {
        *ret_since = *ret_until = -1;
        if (!parameters_stretch(exchange, ret_since, ret_until))
                return false;
        if (*ret_since >= 0 && *ret_until >= 0 && *ret_until - *ret_since <= HOUR)
                return true;
        if (*ret_since < 0)
                parameters_refuse(exchange, "from", "when the sound is to begin is missing");
        else
                parameters_refuse(exchange, "to",
                                  "when the sound is to end is missing, or more than an hour "
                                  "behind its beginning");
        return false;
}

static struct sound *sound_begin(struct readings *readings, struct exchange *exchange,
                                 const struct reading_place *place,
                                 enum archive_format format) {
        static const struct reading_ops ops = {.on_page = sound_on_page,
                                               .on_sound = sound_on_file,
                                               .write = sound_write,
                                               .free = sound_free};
        struct sound *sound;

        if (!readings_admit(readings, exchange, place, false))
                return NULL;
        if (!place->archive) {
                problem_refuse(exchange, 404, NULL, NO_SOUND);
                return NULL;
        }
        sound = xnew(struct sound);
        sound->format = format;
        reading_begin(&sound->reading, readings, exchange, place, &ops, false);
        return sound;
}

void sound_answer(struct readings *readings, struct exchange *exchange,
                  const struct reading_place *place, const char *stream) {
        static const char *const names[] = {"from", "to", "format", NULL};
        enum archive_format format;
        int64_t since, until;
        struct sound *sound;

        if (!reading_admits(exchange, stream) || !parameters_known(exchange, names) ||
            !stretch_wanted(exchange, &since, &until) || !format_read(exchange, &format))
                return;
        sound = sound_begin(readings, exchange, place, format);
        if (sound)
                stretch_read(sound, stream, since, until);
}

void sound_answer_segment(struct readings *readings, struct exchange *exchange,
                          const struct reading_place *place, const char *id) {
        static const char *const names[] = {"format", NULL};
        CLEANUP(query_deinit) struct query query = {.kinds = 1U << ROW_SEGMENT, .limit = 1};
        enum archive_format format;
        struct sound *sound;

        if (!parameters_known(exchange, names) || !format_read(exchange, &format) ||
            !rows_id_read(exchange, id, query.id))
                return;
        sound = sound_begin(readings, exchange, place, format);
        query.readable = reading_readable(exchange);
        if (sound)
                reading_query(&sound->reading, &query);
}
