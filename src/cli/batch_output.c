#include "cli/batch_output.h"

#include <stdio.h>

#include "audio/pcm.h"
#include "util/complaint.h"
#include "util/input.h"
#include "util/mem.h"

static void output_on_begin(void *context, const char *path) {
        struct batch_output *output = context;

        transcript_writer_begin(output->writer, input_name(path));
}

static void output_on_segment(void *context, const struct segment *segment) {
        struct batch_output *output = context;

        progress_clear(output->progress);
        transcript_writer_segment(output->writer, segment);
}

static void output_on_warning(void *context, const char *path, const char *words) {
        struct batch_output *output = context;
        CLEANUP(mem_freep) char *label = input_label(path);

        progress_clear(output->progress);
        complaint_print("transcribe", "%s: %s", label, words);
}

static void output_on_end(void *context, const struct batch_file *file) {
        struct batch_output *output = context;

        progress_clear(output->progress);
        if (file->error)
                fprintf(stderr, "eavesdrop transcribe: %s\n", file->error->text);
        // An empty output looks like a fault, and may be one: the wrong file, say.
        else if (!file->has_speech && !transcript_writer_shows_nothing_said(output->writer))
                complaint_print("transcribe", "'%s': no speech was found", file->path);
        // A damaged file has its say all the same, as far as it could be read.
        if (file->is_open && (!file->error || file->duration > 0))
                transcript_writer_end(output->writer, file->language, file->duration);
        else
                transcript_writer_break(output->writer);
}

static void output_on_progress(void *context, const struct batch_progress *progress) {
        struct batch_output *output = context;
        double elapsed = (double)progress->elapsed / (double)NSEC_PER_SEC;
        long seconds = (long)(progress->position / AUDIO_RATE);

        progress_show(output->progress,
                      "file %zu of %zu, %ld:%02ld:%02ld transcribed, %.1f times real time: %s",
                      progress->number, progress->n_files, seconds / 3600, seconds / 60 % 60,
                      seconds % 60,
                      pcm_seconds(progress->n_samples) / (elapsed > 0 ? elapsed : 1),
                      input_name(progress->path));
}

// Hours of decoding that nobody will read are spared.
static bool output_wants_more(const void *context) {
        const struct batch_output *output = context;

        return !transcript_writer_has_failed(output->writer);
}

struct batch_listener batch_output_listener(struct batch_output *output) {
        return (struct batch_listener){
                .on_begin = output_on_begin,
                .on_segment = output_on_segment,
                .on_warning = output_on_warning,
                .on_end = output_on_end,
                .on_progress = output_on_progress,
                .wants_more = output_wants_more,
                .context = output,
        };
}
