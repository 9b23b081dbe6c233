#include "media/records.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "util/line_text.h"
#include "util/mem.h"

#define HEADER_SIZE 8
#define TIME_SIZE   ((uint32_t)sizeof(int64_t))
#define TIME_MAX    (INT64_MAX / 2)

// The wire's form of a header.
struct header {
        uint8_t type;
        uint8_t zero[3];
        uint32_t length;
};

_Static_assert(sizeof(struct header) == HEADER_SIZE, "the header has no padding");
_Static_assert(MEDIA_TITLE_MAX <= MEDIA_WORDS_MAX, "every text has room in as much");
_Static_assert(TIME_SIZE + 2 * MEDIA_SAMPLES_MAX <= MEDIA_PAYLOAD_MAX, "samples have room");

static const char *const fault_names[MEDIA_FAULT_COUNT] = {
        [MEDIA_FAULT_NONE] = "none",           [MEDIA_FAULT_CREDENTIALS] = "credentials",
        [MEDIA_FAULT_NOT_FOUND] = "not_found", [MEDIA_FAULT_NAME] = "name",
        [MEDIA_FAULT_REFUSED] = "refused",     [MEDIA_FAULT_UNREACHABLE] = "unreachable",
        [MEDIA_FAULT_TIMEOUT] = "timeout",     [MEDIA_FAULT_NO_AUDIO] = "no_audio",
        [MEDIA_FAULT_NOT_MEDIA] = "not_media", [MEDIA_FAULT_DAMAGED] = "damaged",
        [MEDIA_FAULT_PROTOCOL] = "protocol",   [MEDIA_FAULT_FORMAT] = "format",
        [MEDIA_FAULT_LIMIT] = "limit",         [MEDIA_FAULT_INDEX_LAST] = "index_last",
        [MEDIA_FAULT_ADDRESS] = "address",     [MEDIA_FAULT_OTHER] = "other",
};

const char *media_records_fault(enum media_fault fault) {
        return fault_names[fault];
}

static json_t *json_free(json_t *json) {
        json_decref(json);
        return NULL;
}

DEFINE_CLEANUP(json_t *, json_free);

// --- writing --------------------------------------------------------------------

// Write all of it, however the pipe cuts it.
static int pieces_write(int descriptor, struct iovec *pieces, int n) {
        while (n > 0) {
                ssize_t written = writev(descriptor, pieces, n);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return -errno;
                while (n > 0 && (size_t)written >= pieces->iov_len) {
                        written -= (ssize_t)pieces->iov_len;
                        pieces++;
                        n--;
                }
                if (n > 0) {
                        pieces->iov_base = (uint8_t *)pieces->iov_base + written;
                        pieces->iov_len -= (size_t)written;
                }
        }
        return 0;
}

static int samples_write(int descriptor, int64_t time, const int16_t *samples, size_t n) {
        size_t size = n * sizeof(*samples);
        struct header header = {.type = MEDIA_SAMPLES, .length = (uint32_t)(TIME_SIZE + size)};
        struct iovec pieces[] = {{&header, sizeof(header)},
                                 {&time, sizeof(time)},
                                 {(void *)(uintptr_t)samples, size}};

        return pieces_write(descriptor, pieces, 3);
}

static int samples_write_all(int descriptor, const struct media_record *record,
                             unsigned n_channels) {
        size_t most = MEDIA_SAMPLES_MAX - MEDIA_SAMPLES_MAX % n_channels;
        int code = 0;

        for (size_t i = 0; i < record->n_samples && code == 0; i += most) {
                size_t left = record->n_samples - i;

                code = samples_write(descriptor, record->time + (int64_t)(i / n_channels),
                                     record->samples + i, left < most ? left : most);
        }
        return code;
}

// A text as JSON: UTF-8, one line, cut to have room in `size` bytes at the other end.
static json_t *text_pack(const char *text, size_t size) {
        char fit[MEDIA_WORDS_MAX];

        assert(size <= sizeof(fit));
        line_text_write(fit, size, text ? text : "", text ? strlen(text) : 0);
        return json_string(fit);
}

// JSON has no word for what is unknown but null.
static json_t *number_pack(double number) {
        return isfinite(number) ? json_real(number) : json_null();
}

static json_t *track_pack(const struct media_track *track) {
        return json_pack("{s:o, s:I, s:I, s:o, s:o, s:o}", "codec",
                         text_pack(track->codec, sizeof(track->codec)), "rate",
                         (json_int_t)track->rate, "channels", (json_int_t)track->channels,
                         "language", text_pack(track->language, sizeof(track->language)),
                         "title", text_pack(track->title, sizeof(track->title)), "level",
                         number_pack(track->level));
}

static json_t *opened_pack(const struct media_opened *opened) {
        json_t *tracks = json_array();

        for (unsigned i = 0; i < opened->n_tracks && i < MEDIA_TRACKS_MAX; i++)
                json_array_append_new(tracks, track_pack(&opened->tracks[i]));
        return json_pack("{s:o, s:b, s:o, s:o, s:I, s:o}", "container",
                         text_pack(opened->container, sizeof(opened->container)), "is_finite",
                         (int)opened->is_finite, "duration", number_pack(opened->duration),
                         "tracks", tracks, "chosen", (json_int_t)opened->chosen, "why",
                         text_pack(opened->why, sizeof(opened->why)));
}

static json_t *record_pack(const struct media_record *record) {
        switch (record->type) {
        case MEDIA_OPENED:
                return opened_pack(record->opened);
        case MEDIA_GAP:
        case MEDIA_JUMP:
                return json_pack("{s:o}", "seconds", number_pack(record->seconds));
        case MEDIA_TITLE:
                return json_pack("{s:o}", "title", text_pack(record->words, MEDIA_TITLE_MAX));
        case MEDIA_PROGRESS:
                return json_object();
        case MEDIA_WARNING:
                return json_pack("{s:o}", "words", text_pack(record->words, MEDIA_WORDS_MAX));
        case MEDIA_END:
                return json_pack("{s:s, s:o, s:o}", "fault", media_records_fault(record->fault),
                                 "words", text_pack(record->words, MEDIA_WORDS_MAX), "seconds",
                                 number_pack(record->seconds));
        case MEDIA_SAMPLES:
                break;
        }
        return NULL;
}

int media_records_write(int descriptor, const struct media_record *record,
                        unsigned n_channels) {
        CLEANUP(json_freep) json_t *json = NULL;
        CLEANUP(mem_freep) char *text = NULL;
        struct header header = {.type = (uint8_t)record->type};
        struct iovec pieces[2] = {{&header, sizeof(header)}};
        size_t n;

        assert(n_channels >= 1 && n_channels <= MEDIA_CHANNELS_MAX);
        if (record->type == MEDIA_SAMPLES)
                return samples_write_all(descriptor, record, n_channels);
        json = record_pack(record);
        text = json_dumps(json, JSON_COMPACT);
        n = text ? strlen(text) : 0;
        if (n == 0 || n > MEDIA_JSON_MAX)
                return -EINVAL;
        header.length = (uint32_t)n;
        pieces[1] = (struct iovec){text, n};
        return pieces_write(descriptor, pieces, 2);
}

// --- reading --------------------------------------------------------------------

struct media_records {
        unsigned n_channels;
        bool is_opened;
        bool has_ended;
        bool is_broken;
        struct header header;
        size_t n_header;   // bytes of it that are there
        int64_t *payload;  // aligned for the time and the samples behind it
        size_t capacity;   // bytes
        size_t n_payload;
        struct media_opened *opened;  // while the record that was read last is one
        char words[MEDIA_WORDS_MAX];
};

struct media_records *media_records_new(unsigned n_channels) {
        struct media_records *records = xnew(struct media_records);

        assert(n_channels >= 1 && n_channels <= MEDIA_CHANNELS_MAX);
        records->n_channels = n_channels;
        return records;
}

struct media_records *media_records_free(struct media_records *records) {
        if (records) {
                free(records->payload);
                free(records->opened);
                free(records);
        }
        return NULL;
}

// What is wrong with a header that is whole; NULL: nothing.
static const char *header_trouble(const struct media_records *records) {
        const struct header *header = &records->header;

        if (header->type < MEDIA_SAMPLES || header->type > MEDIA_END)
                return "unknown type";
        if (header->zero[0] || header->zero[1] || header->zero[2])
                return "no record's beginning";
        if (header->length >
            (header->type == MEDIA_SAMPLES ? MEDIA_PAYLOAD_MAX : MEDIA_JSON_MAX))
                return "too long";
        if (records->has_ended)
                return "after the end";
        if (header->type == MEDIA_SAMPLES && !records->is_opened)
                return "samples of what is not opened";
        if (header->type == MEDIA_OPENED && records->is_opened)
                return "opened twice";
        return NULL;
}

static const char *samples_read(struct media_records *records, struct media_record *ret) {
        size_t size = records->n_payload;

        if (size <= TIME_SIZE || (size - TIME_SIZE) % (sizeof(int16_t) * records->n_channels))
                return "samples that are no multiple of the channels";
        ret->time = records->payload[0];
        ret->samples = (const int16_t *)(records->payload + 1);
        ret->n_samples = (size - TIME_SIZE) / sizeof(int16_t);
        if (ret->time < 0 || ret->time > TIME_MAX)
                return "a time that is none";
        return NULL;
}

// A text member, made fit whoever wrote it, cut to `size`. False: there is none.
static bool text_unpack(const json_t *object, const char *key, char *ret, size_t size) {
        const json_t *text = json_object_get(object, key);

        if (!json_is_string(text))
                return false;
        line_text_write(ret, size, json_string_value(text), json_string_length(text));
        return true;
}

// A number within +-MEDIA_SECONDS_MAX; null, where it is allowed, is NAN.
static bool number_unpack(const json_t *object, const char *key, bool may_be_null,
                          double *ret) {
        const json_t *number = json_object_get(object, key);

        *ret = json_is_number(number) ? json_number_value(number) : NAN;
        if (json_is_null(number))
                return may_be_null;
        return isfinite(*ret) && fabs(*ret) <= MEDIA_SECONDS_MAX;
}

static bool count_unpack(const json_t *object, const char *key, unsigned *ret) {
        const json_t *count = json_object_get(object, key);
        json_int_t value = json_integer_value(count);

        *ret = (unsigned)value;
        return json_is_integer(count) && value >= 0 && value <= UINT32_MAX;
}

static bool track_unpack(const json_t *json, struct media_track *ret) {
        return text_unpack(json, "codec", ret->codec, sizeof(ret->codec)) &&
               count_unpack(json, "rate", &ret->rate) &&
               count_unpack(json, "channels", &ret->channels) &&
               text_unpack(json, "language", ret->language, sizeof(ret->language)) &&
               text_unpack(json, "title", ret->title, sizeof(ret->title)) &&
               number_unpack(json, "level", true, &ret->level);
}

static bool opened_unpack(const json_t *json, struct media_opened *ret) {
        const json_t *tracks = json_object_get(json, "tracks");
        const json_t *is_finite = json_object_get(json, "is_finite");

        *ret = (struct media_opened){.is_finite = json_is_true(is_finite),
                                     .n_tracks = (unsigned)json_array_size(tracks)};
        if (!json_is_array(tracks) || json_array_size(tracks) > MEDIA_TRACKS_MAX)
                return false;
        for (unsigned i = 0; i < ret->n_tracks; i++)
                if (!track_unpack(json_array_get(tracks, i), &ret->tracks[i]))
                        return false;
        return json_is_boolean(is_finite) &&
               text_unpack(json, "container", ret->container, sizeof(ret->container)) &&
               number_unpack(json, "duration", true, &ret->duration) &&
               count_unpack(json, "chosen", &ret->chosen) &&
               text_unpack(json, "why", ret->why, sizeof(ret->why));
}

static bool fault_unpack(const json_t *object, enum media_fault *ret) {
        const char *name = json_string_value(json_object_get(object, "fault"));

        for (int i = 0; name && i < MEDIA_FAULT_COUNT; i++)
                if (strcmp(name, fault_names[i]) == 0) {
                        *ret = (enum media_fault)i;
                        return true;
                }
        return false;
}

// The members that a record of this type has.
static bool json_unpack_record(struct media_records *records, const json_t *json,
                               struct media_record *ret) {
        records->words[0] = '\0';
        ret->words = records->words;
        switch (ret->type) {
        case MEDIA_OPENED:
                records->opened = xnew(struct media_opened);
                ret->opened = records->opened;
                return opened_unpack(json, records->opened);
        case MEDIA_GAP:
        case MEDIA_JUMP:
                return number_unpack(json, "seconds", false, &ret->seconds);
        case MEDIA_TITLE:
                return text_unpack(json, "title", records->words, MEDIA_TITLE_MAX);
        case MEDIA_PROGRESS:
                return true;
        case MEDIA_WARNING:
                return text_unpack(json, "words", records->words, MEDIA_WORDS_MAX);
        case MEDIA_END:
                return fault_unpack(json, &ret->fault) &&
                       text_unpack(json, "words", records->words, MEDIA_WORDS_MAX) &&
                       number_unpack(json, "seconds", true, &ret->seconds);
        case MEDIA_SAMPLES:
                break;
        }
        return false;
}

// The record whose payload is whole. What is wrong with it; NULL: nothing.
static const char *record_read(struct media_records *records, struct media_record *ret) {
        CLEANUP(json_freep) json_t *json = NULL;

        *ret = (struct media_record){.type = (enum media_record_type)records->header.type};
        if (ret->type == MEDIA_SAMPLES)
                return samples_read(records, ret);
        json = json_loadb((const char *)records->payload, records->n_payload,
                          JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(json))
                return "no JSON object";
        if (!json_unpack_record(records, json, ret))
                return "a member is missing or wrong";
        records->is_opened |= ret->type == MEDIA_OPENED;
        records->has_ended = ret->type == MEDIA_END;
        return NULL;
}

// Copy what there is, up to `wanted` in all.
static void bytes_take(void *to, size_t *n_to, size_t wanted, const uint8_t **bytes,
                       size_t *n) {
        size_t taken = wanted - *n_to < *n ? wanted - *n_to : *n;

        if (taken == 0)
                return;
        memcpy((uint8_t *)to + *n_to, *bytes, taken);
        *n_to += taken;
        *bytes += taken;
        *n -= taken;
}

// Room for the payload that the header, which has been checked, tells of.
static void payload_make_room(struct media_records *records) {
        size_t wanted = records->header.length;

        if (records->capacity >= wanted && records->payload)
                return;
        // Nothing of the record before is needed: no copy.
        free(records->payload);
        records->payload = xcalloc(wanted / sizeof(int64_t) + 1, sizeof(int64_t));
        records->capacity = wanted;
}

static int records_break(struct media_records *records, const char *trouble,
                         struct error *error) {
        records->is_broken = true;
        return error_set(error, -EPROTO, "the media child sent no proper record (type %u): %s",
                         records->header.type, trouble);
}

int media_records_feed(struct media_records *records, const uint8_t **bytes, size_t *n,
                       struct media_record *ret, struct error *error) {
        const char *trouble;

        records->opened = mem_free(records->opened);
        if (records->is_broken)
                return records_break(records, "it had sent another before", error);
        if (records->n_header < HEADER_SIZE) {
                bytes_take(&records->header, &records->n_header, HEADER_SIZE, bytes, n);
                if (records->n_header < HEADER_SIZE)
                        return 0;
                trouble = header_trouble(records);
                if (trouble)
                        return records_break(records, trouble, error);
                payload_make_room(records);
        }
        bytes_take(records->payload, &records->n_payload, records->header.length, bytes, n);
        if (records->n_payload < records->header.length)
                return 0;
        trouble = record_read(records, ret);
        if (trouble)
                return records_break(records, trouble, error);
        records->n_header = 0;
        records->n_payload = 0;
        return 1;
}
