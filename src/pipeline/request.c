#include "pipeline/request.h"

#include <stdio.h>

#include "util/mem.h"

struct request_defaults request_defaults_copy(const struct request_defaults *defaults) {
        struct request_defaults copy = *defaults;

        copy.decoding = decode_options_copy(&defaults->decoding);
        copy.track = xstrdup(defaults->track);
        return copy;
}

void request_defaults_deinit(struct request_defaults *defaults) {
        decode_options_deinit(&defaults->decoding);
        defaults->track = mem_free(defaults->track);
}

void request_complete(struct request *request, const struct request_defaults *defaults) {
        if (!request->defaults)
                request->defaults = defaults;
        defaults = request->defaults;
        if (!request->language)
                request->language = defaults->decoding.language;
        if (!request->has_task)
                request->task = defaults->decoding.task;
        request->has_task = true;
        if (request->beam_size > DECODE_WIDTH_MAX)
                request->beam_size = DECODE_WIDTH_MAX;
        if (request->pause <= 0)
                request->pause = defaults->pause;
        if (request->window_max <= 0)
                request->window_max = defaults->window_max;
}

struct decode_options request_decode_options(const struct request *request) {
        struct decode_options options = decode_options_copy(&request->defaults->decoding);

        snprintf(options.language, sizeof(options.language), "%s", request->language);
        options.task = request->task;
        if (request->has_word_times)
                options.word_timestamps = DECODE_YES;
        if (request->beam_size > 0)
                options.beam_size = request->beam_size;
        if (request->temperature > 0) {
                options.temperatures[0] = request->temperature;
                options.n_temperatures = 1;
        }
        decode_options_tell(&options, request->prompt, request->hotwords);
        return options;
}
