#pragma once
// Records: what the child of a source tells the server through its pipe: sound, and what it
// found out. Both ends, so that what one writes the other reads.
//
// On the wire a record is a header of 8 bytes in the machine's order (uint8_t type, three bytes
// of zero, uint32_t length of the payload), then the payload: of samples an int64_t time and
// s16 samples, of all others one JSON object. Children decode what strangers send, and may be
// taken over by it: the reader trusts nothing, and keeps no more than one record.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"

#define MEDIA_CHANNELS_MAX 64
#define MEDIA_TRACKS_MAX   32           // that are listed; there may be more
#define MEDIA_SAMPLES_MAX  32000        // of one record, over all channels
#define MEDIA_PAYLOAD_MAX  (64 * 1024)  // bytes of a record of samples
#define MEDIA_JSON_MAX     (16 * 1024)  // bytes of any other, and of a control packet
#define MEDIA_WORDS_MAX    240          // bytes of a sentence
#define MEDIA_TITLE_MAX    240
#define MEDIA_NAME_MAX     64  // bytes of a container's or codec's name, and of a track's title
#define MEDIA_LANGUAGE_MAX 16
#define MEDIA_SECONDS_MAX  1e9  // beyond any time that is meant (31 years)

enum media_record_type {
        MEDIA_SAMPLES = 1,
        MEDIA_OPENED,    // what the source is; once, before the first samples
        MEDIA_GAP,       // silence was put in (it follows as samples)
        MEDIA_JUMP,      // live: the source's clock jumped; no silence, a new generation begins
        MEDIA_TITLE,     // what is playing, when it changes
        MEDIA_PROGRESS,  // alive, though there are no samples
        MEDIA_WARNING,   // to be told to people, once
        MEDIA_END,       // the last record; a pipe that ends without it had a child that died
};

// What was wrong with something that was read.
enum media_fault {
        MEDIA_FAULT_NONE,         // it came to its end
        MEDIA_FAULT_CREDENTIALS,  // the far end refuses user name or password
        MEDIA_FAULT_NOT_FOUND,    // it has no such path
        MEDIA_FAULT_NAME,         // the host's name is unknown
        MEDIA_FAULT_REFUSED,      // nobody listens there
        MEDIA_FAULT_UNREACHABLE,  // no way to the host
        MEDIA_FAULT_TIMEOUT,      // no answer in time
        MEDIA_FAULT_NO_AUDIO,     // there is no audio track
        MEDIA_FAULT_NOT_MEDIA,    // what arrives is no sound in a known format
        MEDIA_FAULT_DAMAGED,      // some of it could not be read, at a second that is told
        MEDIA_FAULT_PROTOCOL,     // it leads to a protocol or place that is not allowed
        MEDIA_FAULT_ADDRESS,      // it leads to an address that is closed to strangers
        MEDIA_FAULT_FORMAT,       // it may not be taken for what it is
        MEDIA_FAULT_LIMIT,        // it takes more than one may take
        MEDIA_FAULT_INDEX_LAST,   // an MP4 file that cannot be read from a pipe
        MEDIA_FAULT_OTHER,        // in the program's own words
};

#define MEDIA_FAULT_COUNT (MEDIA_FAULT_OTHER + 1)

// A fault as it is called on the wire: "none", "not_found", ...
const char *media_records_fault(enum media_fault fault);

// One sound track. Texts may be empty.
struct media_track {
        char codec[MEDIA_NAME_MAX];
        unsigned rate;      // Hz; 0: unknown
        unsigned channels;  // 0: unknown
        char language[MEDIA_LANGUAGE_MAX];
        char title[MEDIA_NAME_MAX];
        double level;  // dBFS, RMS of what was heard of it; NAN: nothing was
};

struct media_opened {
        char container[MEDIA_NAME_MAX];
        bool is_finite;   // it has an end: a file, a recording
        double duration;  // seconds; NAN: unknown
        struct media_track tracks[MEDIA_TRACKS_MAX];
        unsigned n_tracks;  // of these
        unsigned chosen;    // number of the track that is heard, from 1; it may be beyond
                            // those that are listed
        char why[MEDIA_WORDS_MAX];  // it was chosen; maybe empty
};

// One record. Of the fields behind `type`, those that it names are set.
struct media_record {
        enum media_record_type type;
        enum media_fault fault;  // MEDIA_END
        // MEDIA_SAMPLES: `n_samples` in all, s16, the channels interleaved. `time` is that of
        // the first, in samples at 16 kHz on the source's clock since its begin.
        int64_t time;
        const int16_t *samples;
        size_t n_samples;
        const struct media_opened *opened;  // MEDIA_OPENED
        double seconds;     // MEDIA_GAP, MEDIA_JUMP (may be negative), MEDIA_END (where)
        const char *words;  // MEDIA_TITLE, MEDIA_WARNING, MEDIA_END (the library's own)
};

// --- the child's end --------------------------------------------------------------

// Write a whole record to a blocking descriptor. Texts are made fit (UTF-8, one line, cut at
// their limit) but not redacted, which their author does. Samples beyond MEDIA_SAMPLES_MAX are
// split into several records at a multiple of `n_channels` (1 for all other types). 0, or a
// negative errno: -EPIPE when nobody reads any more (SIGPIPE has to be ignored).
int media_records_write(int descriptor, const struct media_record *record, unsigned n_channels);

// --- the server's end -------------------------------------------------------------

struct media_records;

// A reader of what a child with so many channels (1 to MEDIA_CHANNELS_MAX) writes.
struct media_records *media_records_new(unsigned n_channels);
struct media_records *media_records_free(struct media_records *records);

// Take from *bytes (*n of them, cut anywhere) as much as one record needs, and move *bytes and
// *n past it. 1: *ret is a record, valid until the next call with this reader; call again, even
// when no bytes are left. 0: all were taken, no record is whole. -EPROTO with words in *error:
// that is no record, or one that may not come now (after MEDIA_END, a second MEDIA_OPENED,
// samples that are no multiple of the channels); the child is to be killed, and nothing more
// may be fed.
int media_records_feed(struct media_records *records, const uint8_t **bytes, size_t *n,
                       struct media_record *ret, struct error *error);

DEFINE_CLEANUP(struct media_records *, media_records_free);
