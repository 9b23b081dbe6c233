#include "source/ffmpeg_child.h"

#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/mem.h"

#define FILE_LIMIT 64

#define SLICE_SAMPLES 4096
#define SAMPLE_SIZE   2  // s16, as ffmpeg_command asks for

struct ffmpeg_child {
        struct process *process;
        struct ffmpeg_child_listener listener;
        struct ffmpeg_diagnosis diagnosis;
        uint64_t n_samples;
        uint8_t rest[SAMPLE_SIZE];  // the first bytes of a sample cut by the pipe
        size_t n_rest;
        bool is_calling;  // within a call of the listener's
        bool is_closed;   // closed within that call: free when it returns
};

// True while the child is still open after the listener's call.
static bool child_call_end(struct ffmpeg_child *child) {
        child->is_calling = false;
        if (!child->is_closed)
                return true;
        free(child);
        return false;
}

static bool child_deliver(struct ffmpeg_child *child, const uint8_t *bytes, size_t n) {
        float samples[SLICE_SAMPLES];

        (void)pcm_to_float(PCM_S16, bytes, n, samples);
        child->n_samples += n;
        child->is_calling = true;
        child->listener.on_samples(child->listener.context, samples, n);
        return child_call_end(child);
}

static void child_on_stdout(void *context, const uint8_t *bytes, size_t n) {
        struct ffmpeg_child *child = context;

        if (child->n_rest > 0 && n > 0) {
                child->rest[1] = *bytes++;
                n--;
                child->n_rest = 0;
                if (!child_deliver(child, child->rest, 1))
                        return;
        }
        while (n >= SAMPLE_SIZE) {
                size_t n_samples = n / SAMPLE_SIZE;

                if (n_samples > SLICE_SAMPLES)
                        n_samples = SLICE_SAMPLES;
                if (!child_deliver(child, bytes, n_samples))
                        return;
                bytes += n_samples * SAMPLE_SIZE;
                n -= n_samples * SAMPLE_SIZE;
        }
        if (n > 0) {
                child->rest[0] = *bytes;
                child->n_rest = 1;
        }
}

static void child_on_stderr_line(void *context, const char *line) {
        struct ffmpeg_child *child = context;

        ffmpeg_diagnosis_add(&child->diagnosis, line);
}

static void child_on_drain(void *context) {
        struct ffmpeg_child *child = context;

        child->is_calling = true;
        if (child->listener.on_drain)
                child->listener.on_drain(child->listener.context);
        (void)child_call_end(child);
}

static void child_on_exit(void *context, const struct process_exit *exit) {
        struct ffmpeg_child *child = context;
        const struct ffmpeg_end end = {&child->diagnosis, *exit, child->n_samples};

        child->is_calling = true;
        child->listener.on_end(child->listener.context, &end);
        (void)child_call_end(child);
}

int ffmpeg_child_open(struct ffmpeg_child **ret, struct loop *loop,
                      const struct ffmpeg_command *command, bool has_stdin,
                      const struct ffmpeg_child_listener *listener, struct error *error) {
        CLEANUP(ffmpeg_child_closep) struct ffmpeg_child *child = xnew(struct ffmpeg_child);
        const struct process_config config = {
                .argv = command->argv,
                .variables = command->variables,
                .has_stdin = has_stdin || command->script,
                .stdin_descriptor = command->descriptor,
                .file_limit = FILE_LIMIT,
                .cpu_limit = command->cpu_limit,
                .niceness = command->niceness,
                .is_killed = command->is_killed,
        };
        const struct process_listener process_listener = {
                .on_stdout = child_on_stdout,
                .on_stderr_line = child_on_stderr_line,
                .on_drain = child_on_drain,
                .on_exit = child_on_exit,
                .context = child,
        };
        int code;

        child->listener = *listener;
        ffmpeg_diagnosis_init(&child->diagnosis);
        code = process_open(&child->process, loop, &config, &process_listener, error);
        if (code < 0)
                return code;
        if (command->script) {
                process_write(child->process, (const uint8_t *)command->script,
                              strlen(command->script));
                process_write_end(child->process);
        }
        *ret = TAKE(child);
        return 0;
}

struct process *ffmpeg_child_process(struct ffmpeg_child *child) {
        return child->process;
}

struct ffmpeg_child *ffmpeg_child_close(struct ffmpeg_child *child) {
        if (!child)
                return NULL;
        child->process = process_close(child->process);
        if (child->is_calling)
                child->is_closed = true;
        else
                free(child);
        return NULL;
}
