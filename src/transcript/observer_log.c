#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audio/pcm.h"
#include "transcript/observer.h"
#include "util/line_text.h"
#include "util/log.h"
#include "util/mem.h"

#define TIME_TEXT_MAX 40

static void time_format(char ret[static TIME_TEXT_MAX], nsec_t wall) {
        time_t seconds = wall / NSEC_PER_SEC;
        struct tm utc;
        size_t length;

        gmtime_r(&seconds, &utc);
        length = strftime(ret, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(ret + length, TIME_TEXT_MAX - length, ".%03dZ",
                 (int)(wall / NSEC_PER_MSEC % 1000));
}

// Returns the bytes written.
static size_t final_log(const struct stream_facts *stream, const struct segment *segment,
                        const char *language) {
        CLEANUP(mem_freep)
        char *text = line_text_copy(segment->text + strspn(segment->text, " "));
        CLEANUP(mem_freep) char *name = line_text_copy(stream->name);
        double begin = (double)segment->begin / AUDIO_RATE;
        double end = (double)segment->end / AUDIO_RATE;
        CLEANUP(mem_freep) char *line = NULL;
        char time_text[TIME_TEXT_MAX];

        time_format(time_text, observer_wall(stream, segment->begin));
        if (log_format_current() == LOG_JSON) {
                json_t *object =
                        json_pack("{ss ss ss sf sf ss ss}", "time", time_text, "stream", name,
                                  "event", "transcript", "start", begin, "end", end, "language",
                                  language, "text", text);

                line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(10));
                json_decref(object);
        } else {
                line = xasprintf("%s %s [%.2f - %.2f] %s: %s", time_text, name, begin, end,
                                 language, text);
        }
        if (!line)
                return 0;
        log_raw(line);
        return strlen(line) + 1;
}

static void observer_log_on_update(void *state, const struct stream_facts *stream,
                                   const struct update *update) {
        struct observer_counts *counts = state;

        for (size_t i = 0; i < update->n_finals; i++)
                counts->n_bytes += final_log(stream, &update->finals[i], update->language);
}

const struct observer_ops observer_log = {
        .name = "log",
        .on_update = observer_log_on_update,
};
