#include "pipeline/request.h"

#include <stdio.h>

void request_complete(struct request *request, const struct request_defaults *defaults) {
        if (!request->decoding)
                request->decoding = defaults->decoding;
        if (!request->language)
                request->language = request->decoding->language;
        if (!request->has_task)
                request->task = request->decoding->task;
        request->has_task = true;
        if (request->beam_size > DECODE_WIDTH_MAX)
                request->beam_size = DECODE_WIDTH_MAX;
        if (request->pause <= 0)
                request->pause = defaults->pause;
        if (request->window_max <= 0)
                request->window_max = defaults->window_max;
}

struct decode_options request_decode_options(const struct request *request) {
        struct decode_options options = decode_options_copy(request->decoding);

        snprintf(options.language, sizeof(options.language), "%s", request->language);
        options.task = request->task;
        if (request->has_word_times)
                options.word_timestamps = DECODE_YES;
        if (request->beam_size > 0)
                options.beam_size = request->beam_size;
        decode_options_tell(&options, request->prompt, request->hotwords);
        return options;
}

struct stream_settings request_stream_settings(const struct request *request,
                                               const struct decode_options *options,
                                               const char *owner) {
        return (struct stream_settings){
                .name = request->name,
                .owner = owner,
                .options = options,
                .source = request->source,
                .history_segments = request->history,
                .pause = request->pause,
                .window_max = request->window_max,
                .is_file = request->is_file,
        };
}
