#include "media/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/patience.h"
#include "media/timeline.h"
#include "util/mem.h"

#define LIVE_PIECE  1600
#define LARGE_PIECE 16384

void media_output_init(struct media_output *output, int descriptor, unsigned n_channels) {
        *output = (struct media_output){.descriptor = descriptor,
                                        .n_channels = n_channels,
                                        .written = media_patience_now()};
}

void media_output_deinit(struct media_output *output) {
        output->held = mem_free(output->held);
}

void media_output_begin(struct media_output *output, bool is_live, bool is_paced) {
        size_t piece = is_live || is_paced ? LIVE_PIECE : LARGE_PIECE;
        size_t most = MEDIA_SAMPLES_MAX / output->n_channels;

        output->is_paced = is_paced;
        output->started = media_patience_now();
        output->piece = piece < most ? piece : most;
        output->held = xcalloc(output->piece * output->n_channels, sizeof(*output->held));
}

static int record_write(struct media_output *output, const struct media_record *record,
                        unsigned n_channels) {
        int code = media_records_write(output->descriptor, record, n_channels);

        output->written = media_patience_now();
        return code;
}

// When `n` samples have been heard.
static int64_t time_due(const struct media_output *output, int64_t n) {
        return output->started + n / MEDIA_TIMELINE_RATE * MEDIA_SECOND +
               n % MEDIA_TIMELINE_RATE * MEDIA_SECOND / MEDIA_TIMELINE_RATE;
}

int media_output_flush(struct media_output *output) {
        const struct media_record record = {.type = MEDIA_SAMPLES,
                                            .time = output->position,
                                            .samples = output->held,
                                            .n_samples = output->n_held * output->n_channels};

        if (output->n_held == 0)
                return 0;
        output->position += (int64_t)output->n_held;
        output->n_held = 0;
        if (output->is_paced)
                media_patience_sleep(time_due(output, output->position));
        if (media_patience_is_stopped())
                return -EINTR;
        return record_write(output, &record, output->n_channels);
}

int media_output_samples(struct media_output *output, const int16_t *samples, int64_t n) {
        while (n > 0) {
                size_t part = output->piece - output->n_held;
                int16_t *place = output->held + output->n_held * output->n_channels;
                int code;

                if ((int64_t)part > n)
                        part = (size_t)n;
                if (samples) {
                        memcpy(place, samples, part * output->n_channels * sizeof(*samples));
                        samples += part * output->n_channels;
                } else {
                        memset(place, 0, part * output->n_channels * sizeof(*samples));
                }
                n -= (int64_t)part;
                output->n_held += part;
                code = output->n_held == output->piece ? media_output_flush(output) : 0;
                if (code < 0)
                        return code;
        }
        return 0;
}

int media_output_record(struct media_output *output, const struct media_record *record) {
        int code = media_output_flush(output);

        return code < 0 ? code : record_write(output, record, 1);
}

int64_t media_output_position(const struct media_output *output) {
        return output->position + (int64_t)output->n_held;
}
