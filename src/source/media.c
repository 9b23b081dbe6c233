#include "source/media.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "source/ffmpeg_child.h"
#include "source/media_input.h"
#include "util/input.h"
#include "util/mem.h"
#include "util/redact.h"

// Processor time that an upload may take: so many seconds to begin with, and one more for each
// CPU_SHARE of sound. ffmpeg decodes hundreds of them in that time.
#define CPU_FIRST 5
#define CPU_SHARE 20

struct media {
        struct ffmpeg_child *child;
        struct media_listener listener;
        bool is_pipe;  // read through, as it comes
        bool is_upload;
        uint64_t n_samples;
        uint64_t cpu;  // seconds allowed
};

static void media_allow_cpu(struct media *media) {
        uint64_t cpu = CPU_FIRST + media->n_samples / AUDIO_RATE / CPU_SHARE;

        if (!media->is_upload || cpu == media->cpu)
                return;
        media->cpu = cpu;
        process_allow_cpu(ffmpeg_child_process(media->child), (unsigned)cpu);
}

static void media_on_samples(void *context, const float *samples, size_t n) {
        struct media *media = context;

        media->n_samples += n;
        media_allow_cpu(media);
        media->listener.on_samples(media->listener.context, samples, n);
}

static void media_on_drain(void *context) {
        struct media *media = context;

        if (media->listener.on_drain)
                media->listener.on_drain(media->listener.context);
}

// What to tell when nothing could be heard.
static const char *end_words(const struct media *media, const struct ffmpeg_end *end) {
        const char *text = ffmpeg_diagnosis_text(end->diagnosis);

        if (media->is_pipe && end->diagnosis->fault == FFMPEG_FAULT_INDEX_LAST)
                return "cut short, or an MP4 file with its index at the end, which cannot be "
                       "read from a pipe: give it as a file, or write it with ffmpeg's "
                       "-movflags +faststart";
        if (media->is_pipe && end->diagnosis->fault == FFMPEG_FAULT_NOT_MEDIA)
                return "nothing came, or no sound in a format that ffmpeg knows";
        return *text ? text : "it holds no sound";
}

// What was wrong with the input; 0 if nothing was.
static int end_judge(const struct media *media, const struct ffmpeg_end *end,
                     struct error *error) {
        if (end->exit.signal == SIGXCPU)
                return error_set(error, -EINVAL,
                                 "it takes too much work; %.1f s of it could be read",
                                 (double)end->n_samples / AUDIO_RATE);
        if (end->exit.signal)
                return error_set(error, -EIO, "ffmpeg was ended by signal %d (%s)",
                                 end->exit.signal, sigdescr_np(end->exit.signal));
        if (end->n_samples == 0)
                return error_set(error, -EINVAL, "%s", end_words(media, end));
        if (end->exit.status != 0 || end->diagnosis->n_errors > 0)
                return error_set(error, -EINVAL, "damaged (%s); %.1f s of it could be read",
                                 end->diagnosis->line, (double)end->n_samples / AUDIO_RATE);
        return 0;
}

static void media_on_end(void *context, const struct ffmpeg_end *end) {
        struct media *media = context;
        struct error error = {0};

        media->listener.on_end(media->listener.context,
                               end_judge(media, end, &error) < 0 ? &error : NULL);
}

static int media_open(struct media **ret, struct loop *loop,
                      const struct ffmpeg_command *command, bool has_stdin,
                      const struct media_listener *listener, struct error *error) {
        CLEANUP(media_closep) struct media *media = xnew(struct media);
        const struct ffmpeg_child_listener child_listener = {
                .on_samples = media_on_samples,
                .on_end = media_on_end,
                .on_drain = media_on_drain,
                .context = media,
        };
        int code;

        media->listener = *listener;
        code = ffmpeg_child_open(&media->child, loop, command, has_stdin, &child_listener,
                                 error);
        if (code == 0)
                *ret = TAKE(media);
        return code;
}

// The mistakes that people make most, in clearer words than ffmpeg's.
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

static int path_open(struct media **ret, struct loop *loop, const char *path,
                     const struct media_listener *listener, struct error *error) {
        struct ffmpeg_command command;
        int code;

        ffmpeg_command_init_file(&command, NULL, path, false, false);
        code = media_open(ret, loop, &command, false, listener, error);
        ffmpeg_command_deinit(&command);
        if (code == 0)
                (*ret)->is_pipe = path_is_pipe(path);
        return code;
}

static int pipe_open(struct media **ret, struct loop *loop, int descriptor,
                     const struct media_listener *listener, struct error *error) {
        struct ffmpeg_command command;
        int code;

        ffmpeg_command_init_descriptor(&command, NULL, descriptor);
        code = media_open(ret, loop, &command, false, listener, error);
        ffmpeg_command_deinit(&command);
        if (code == 0)
                (*ret)->is_pipe = true;
        return code;
}

static int descriptor_open(struct media **ret, struct loop *loop, const char *path,
                           const struct media_listener *listener, struct error *error) {
        CLEANUP(mem_freep) char *label = input_label(path);
        struct media_input input;
        int code = media_input_init(&input, input_descriptor(path), label, error);

        if (code < 0)
                return code;
        code = input.path ? path_open(ret, loop, input.path, listener, error)
                          : pipe_open(ret, loop, input.descriptor, listener, error);
        media_input_deinit(&input);
        return code;
}

int media_open_file(struct media **ret, struct loop *loop, const char *path,
                    const struct media_listener *listener, struct error *error) {
        int code;

        if (input_descriptor(path) >= 0)
                return descriptor_open(ret, loop, path, listener, error);
        code = path_check(path, error);
        return code < 0 ? code : path_open(ret, loop, path, listener, error);
}

int media_open_upload(struct media **ret, struct loop *loop,
                      const struct media_listener *listener, struct error *error) {
        struct ffmpeg_command command;
        int code;

        ffmpeg_command_init_upload(&command, NULL);
        code = media_open(ret, loop, &command, true, listener, error);
        ffmpeg_command_deinit(&command);
        if (code == 0) {
                (*ret)->is_upload = true;
                media_allow_cpu(*ret);
        }
        return code;
}

bool media_write(struct media *media, const uint8_t *bytes, size_t n) {
        return process_write(ffmpeg_child_process(media->child), bytes, n);
}

size_t media_pending(const struct media *media) {
        return process_pending(ffmpeg_child_process(media->child));
}

void media_write_end(struct media *media) {
        process_write_end(ffmpeg_child_process(media->child));
}

void media_pause(struct media *media) {
        process_pause(ffmpeg_child_process(media->child));
}

void media_resume(struct media *media) {
        process_resume(ffmpeg_child_process(media->child));
}

struct media *media_close(struct media *media) {
        if (!media)
                return NULL;
        media->child = ffmpeg_child_close(media->child);
        free(media);
        return NULL;
}
