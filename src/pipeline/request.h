#pragma once
// Request: what somebody wants of a stream. The configuration fills one for each of its
// streams, a dialect one for each client; the hub (hub.h) fills in what is absent and opens the
// stream.
//
// Threads: any; plain data.
// Memory:  all texts are lent, at least until hub_open() has returned.

#include <stdbool.h>
#include <stddef.h>

#include "audio/pcm.h"
#include "decode/filter.h"
#include "decode/language.h"
#include "decode/settings.h"
#include "pipeline/stream.h"
#include "source/source.h"

// What holds of streams where a request says nothing; the configuration fills it.
struct request_defaults {
        struct decode_options decoding;  // language and task among them
        struct filter_limits filters;    // that the text has to pass
        float pause;                     // seconds without speech that close a window
        float window_max;                // seconds that one may be long
        bool has_journal;                // what is said is kept
        bool has_archive;                // and its sound
        char *track;  // sound track of files and cameras (source_config); NULL: any
};

// A deep copy, and freeing what one holds.
struct request_defaults request_defaults_copy(const struct request_defaults *defaults);
void request_defaults_deinit(struct request_defaults *defaults);

// Zeroed asks for a live stream with nothing but defaults.
struct request {
        const char *name;  // of the stream; required

        // Where its sound comes from: a source that is opened and kept going (such a stream is
        // "pulled"), or NULL, and samples are pushed in the shape below (feed.h).
        const struct source_config *source;
        enum pcm_format format;
        unsigned rate;      // Hz; 0: AUDIO_RATE
        unsigned channels;  // interleaved; 0: one
        unsigned channel;   // the only one of them that is heard, from 1 on; 0: all, mixed
        const char *side;   // what its rows call it; NULL: it is the only one
        bool is_file;       // pushed faster than it is spoken: nobody waits for partial text

        const struct request_defaults *defaults;  // for what is absent below; NULL: the hub's

        const char *language;  // code of Whisper's; NULL: absent; "" detects
        bool has_task;
        enum decode_task task;
        const char *prompt;    // text before the first; NULL: absent
        const char *hotwords;  // NULL: absent
        bool has_word_times;   // each word's times are wanted; false: absent
        unsigned beam_size;    // at most DECODE_WIDTH_MAX are searched; 0: absent

        float pause;         // 0: absent
        float window_max;    // 0: absent
        float window_early;  // of a file: seconds that its first windows may be long; 0: as all

        float temperature;  // of the sampler, and no other is tried; 0: absent

        bool is_listed;       // a client's stream is one like those that are pulled
        bool is_journaled;    // a client's text is to be kept, whatever holds of clients,
        bool is_unjournaled;  // or not to be kept
        size_t history;       // final segments kept for those who come late
        // Whoever asks is told of partial text, too (of a live stream).
        bool wants_partials;
};

// Fill in what is absent, so that whoever asked can see what holds; a language that is to be
// detected is "" then.
void request_complete(struct request *request, const struct request_defaults *defaults);

// What the decoder is to be asked for by a complete request; decode_options_deinit() it.
struct decode_options request_decode_options(const struct request *request);
