#include "source/media.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "source/media_input.h"
#include "source/media_run.h"
#include "util/input.h"
#include "util/mem.h"
#include "util/redact.h"

// Processor time that an upload may take: so many seconds to begin with, and one more for each
// CPU_SHARE of sound, hundreds of which are decoded in that time.
#define CPU_FIRST 5
#define CPU_SHARE 20

struct media {
        struct media_run *run;
        struct media_listener listener;
        bool is_pipe;  // read through, as it comes
        bool is_upload;
        unsigned n_channels;  // kept apart
        uint64_t n_samples;   // of each
        uint64_t cpu;         // seconds allowed
};

static void media_allow_cpu(struct media *media) {
        uint64_t cpu = CPU_FIRST + media->n_samples / AUDIO_RATE / CPU_SHARE;

        if (!media->is_upload || cpu == media->cpu)
                return;
        media->cpu = cpu;
        media_run_allow_cpu(media->run, (unsigned)cpu);
}

static void media_on_samples(void *context, const float *samples, size_t n) {
        struct media *media = context;

        media->n_samples += n / media->n_channels;
        media_allow_cpu(media);
        media->listener.on_samples(media->listener.context, samples, n);
}

static void media_on_opened(void *context, const struct media_opened *opened) {
        struct media *media = context;

        if (media->listener.on_length && isfinite(opened->duration))
                media->listener.on_length(media->listener.context, opened->duration);
}

static void media_on_drain(void *context) {
        struct media *media = context;

        if (media->listener.on_drain)
                media->listener.on_drain(media->listener.context);
}

static void media_on_warning(void *context, const char *words) {
        struct media *media = context;

        if (media->listener.on_warning)
                media->listener.on_warning(media->listener.context, words);
}

// What to tell when nothing could be heard.
static const char *end_words(const struct media *media, const struct media_end *end) {
        if (media->is_pipe && end->fault == MEDIA_FAULT_INDEX_LAST)
                return "cut short, or an MP4 file with its index at the end, which cannot be "
                       "read from a pipe: give it as a file, or write it with ffmpeg's "
                       "-movflags +faststart";
        if (media->is_pipe && end->fault == MEDIA_FAULT_NOT_MEDIA)
                return "nothing came, or no sound in a known format";
        return end->text[0] ? end->text : "it holds no sound";
}

// Something could be heard; was that all?
static int damage_judge(const struct media_end *end, double seconds, struct error *error) {
        const char *words = end->words[0] ? end->words : end->text;

        if (end->fault == MEDIA_FAULT_NONE)
                return 0;
        if (!isnan(end->damaged_at))
                return error_set(error, -EINVAL,
                                 "damaged at %.1f s (%s); %.1f s of it could be read",
                                 end->damaged_at, words, seconds);
        return error_set(error, -EINVAL, "damaged (%s); %.1f s of it could be read", words,
                         seconds);
}

// What was wrong with the input; 0 if nothing was.
static int end_judge(const struct media *media, const struct media_end *end,
                     struct error *error) {
        double seconds = (double)end->n_samples / AUDIO_RATE;

        if (end->is_general)
                return error_set(error, -EAGAIN, "%s", end->text);
        if (end->fault == MEDIA_FAULT_LIMIT && end->n_samples > 0)
                return error_set(error, -EINVAL, "%s; %.1f s of it could be read", end->text,
                                 seconds);
        if (end->has_died && end->fault != MEDIA_FAULT_LIMIT)
                return error_set(error, -EIO, "%s", end->text);
        if (end->n_samples == 0)
                return error_set(error, -EINVAL, "%s", end_words(media, end));
        return damage_judge(end, seconds, error);
}

static void media_on_end(void *context, const struct media_end *end) {
        struct media *media = context;
        struct error error = {0};

        media->listener.on_end(media->listener.context,
                               end_judge(media, end, &error) < 0 ? &error : NULL);
}

static int media_open(struct media **ret, struct media_backend *backend,
                      const struct media_run_config *config,
                      const struct media_listener *listener, struct error *error) {
        CLEANUP(media_closep) struct media *media = xnew(struct media);
        const struct media_run_listener run_listener = {
                .on_opened = media_on_opened,
                .on_warning = media_on_warning,
                .on_samples = media_on_samples,
                .on_end = media_on_end,
                .on_drain = media_on_drain,
                .context = media,
        };
        int code;

        media->listener = *listener;
        media->n_channels = config->n_channels ? config->n_channels : 1;
        code = media_run_open(&media->run, backend, config, &run_listener, error);
        if (code == 0)
                *ret = TAKE(media);
        return code;
}

// The mistakes that people make most, in clear words.
static int path_check(const char *path, struct error *error) {
        CLEANUP(mem_freep) char *shown = redact_value(path);
        struct stat status;

        if (stat(path, &status) < 0 || access(path, R_OK) < 0) {
                int code = -errno;

                return error_set(error, code, "'%s': %s", shown, strerrordesc_np(-code));
        }
        if (S_ISDIR(status.st_mode))
                return error_set(error, -EISDIR, "'%s' is a directory, not a file", shown);
        if (S_ISREG(status.st_mode) && status.st_size == 0)
                return error_set(error, -EINVAL, "'%s' is empty (zero bytes)", shown);
        return 0;
}

static bool path_is_pipe(const char *path) {
        struct stat status;

        return stat(path, &status) == 0 && S_ISFIFO(status.st_mode);
}

static int path_open(struct media **ret, struct media_backend *backend,
                     struct media_run_config *config, const struct media_listener *listener,
                     struct error *error) {
        int code;

        config->kind = MEDIA_RUN_FILE;
        code = media_open(ret, backend, config, listener, error);
        if (code == 0)
                (*ret)->is_pipe = path_is_pipe(config->path);
        return code;
}

static int descriptor_open(struct media **ret, struct media_backend *backend,
                           struct media_run_config *config,
                           const struct media_listener *listener, struct error *error) {
        CLEANUP(mem_freep) char *label = input_label(config->path);
        struct media_input input;
        int code = media_input_init(&input, input_descriptor(config->path), label, error);

        if (code < 0)
                return code;
        config->path = input.path;
        if (input.path) {
                code = path_open(ret, backend, config, listener, error);
        } else {
                config->kind = MEDIA_RUN_DESCRIPTOR;
                config->descriptor = input.descriptor;
                code = media_open(ret, backend, config, listener, error);
                if (code == 0)
                        (*ret)->is_pipe = true;
        }
        media_input_deinit(&input);
        return code;
}

int media_open_file(struct media **ret, struct media_backend *backend, const char *path,
                    const char *track, const struct media_listener *listener,
                    struct error *error) {
        struct media_run_config config = {.path = path, .track = track};
        int code;

        if (input_descriptor(path) >= 0)
                return descriptor_open(ret, backend, &config, listener, error);
        code = path_check(path, error);
        return code < 0 ? code : path_open(ret, backend, &config, listener, error);
}

int media_open_upload(struct media **ret, struct media_backend *backend,
                      const struct media_listener *listener, struct error *error) {
        return media_open_uploaded(ret, backend, 0, listener, error);
}

static int stranger_open(struct media **ret, struct media_backend *backend,
                         const struct media_run_config *config,
                         const struct media_listener *listener, struct error *error) {
        int code = media_open(ret, backend, config, listener, error);

        if (code == 0) {
                (*ret)->is_upload = true;
                media_allow_cpu(*ret);
        }
        return code;
}

int media_open_uploaded(struct media **ret, struct media_backend *backend, int descriptor,
                        const struct media_listener *listener, struct error *error) {
        const struct media_run_config config = {.kind = MEDIA_RUN_UPLOAD,
                                                .descriptor = descriptor};

        return stranger_open(ret, backend, &config, listener, error);
}

int media_open_live(struct media **ret, struct media_backend *backend, const char *extension,
                    unsigned n_channels, const struct media_listener *listener,
                    struct error *error) {
        const struct media_run_config config = {
                .kind = MEDIA_RUN_LIVE, .extension = extension, .n_channels = n_channels};

        return stranger_open(ret, backend, &config, listener, error);
}

bool media_write(struct media *media, const uint8_t *bytes, size_t n) {
        return media_run_write(media->run, bytes, n);
}

size_t media_pending(const struct media *media) {
        return media_run_pending(media->run);
}

void media_write_end(struct media *media) {
        media_run_write_end(media->run);
}

void media_pause(struct media *media) {
        media_run_pause(media->run);
}

void media_resume(struct media *media) {
        media_run_resume(media->run);
}

struct media *media_close(struct media *media) {
        if (!media)
                return NULL;
        media->run = media_run_close(media->run);
        free(media);
        return NULL;
}
