#include "source/builtin_request.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"
#include "util/redact.h"

enum { READ, WRITE };

_Static_assert(SOURCE_TRACK_MAX < MEDIA_TRACK_MAX, "any track can be asked for");

static void descriptor_close(int *descriptor) {
        if (*descriptor >= 0)
                close(*descriptor);
        *descriptor = -1;
}

static int pipe_make(int ends[2], struct error *error) {
        if (pipe2(ends, O_CLOEXEC) == 0)
                return 0;
        return error_set(error, -errno, "cannot make a pipe: %m");
}

// A raw format is known by the end of its file's name alone ("talk.g722").
static void extension_copy(char ret[MEDIA_EXTENSION_MAX], const char *path) {
        const char *name = strrchr(path, '/');
        const char *dot = strrchr(name ? name : path, '.');
        size_t n = dot ? strlen(dot + 1) : 0;

        if (n == 0 || n >= MEDIA_EXTENSION_MAX)
                return;
        for (size_t i = 0; i < n; i++)
                if (!isascii(dot[1 + i]) || !isalnum((unsigned char)dot[1 + i]))
                        return;
        memcpy(ret, dot + 1, n + 1);
}

// A named pipe that nobody writes into yet must not hold us up, but whoever reads from it.
static int file_open(int *ret, const char *path, struct error *error) {
        int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        CLEANUP(mem_freep) char *shown = NULL;
        int code = descriptor < 0 ? -errno : 0;
        struct stat status;

        if (code == 0 && fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode))
                code = -EISDIR;
        if (code == 0 &&
            fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK) < 0)
                code = -errno;
        if (code == 0) {
                *ret = descriptor;
                return 0;
        }
        descriptor_close(&descriptor);
        shown = redact_value(path);
        return error_set(error, code, "'%s': %s", shown, strerrordesc_np(-code));
}

// What we write and the child reads.
static int input_pipe(struct builtin_request *ret, struct error *error) {
        int ends[2];
        int code = pipe_make(ends, error);

        if (code < 0)
                return code;
        ret->descriptors[1] = ends[READ];
        ret->input = ends[WRITE];
        return 0;
}

// What the child reads.
static int input_init(struct builtin_request *ret, const struct media_run_config *config,
                      struct error *error) {
        int code = 0;

        switch (config->kind) {
        case MEDIA_RUN_NETWORK:
                ret->request.kind = MEDIA_NETWORK;
                snprintf(ret->request.url, sizeof(ret->request.url), "%s", config->url);
                return 0;
        case MEDIA_RUN_FILE:
                ret->request.kind = MEDIA_FILE;
                extension_copy(ret->request.extension, config->path);
                code = file_open(&ret->descriptors[1], config->path, error);
                break;
        case MEDIA_RUN_DESCRIPTOR:
                ret->request.kind = MEDIA_FILE;
                ret->descriptors[1] = config->descriptor;
                ret->is_input_lent = true;
                break;
        case MEDIA_RUN_UPLOAD:
                ret->request.kind = MEDIA_UPLOAD;
                if (config->descriptor > 0) {
                        ret->descriptors[1] = config->descriptor;
                        ret->is_input_lent = true;
                        break;
                }
                code = input_pipe(ret, error);
                break;
        case MEDIA_RUN_LIVE:
                ret->request.kind = MEDIA_LIVE;
                if (config->extension)
                        snprintf(ret->request.extension, sizeof(ret->request.extension), "%s",
                                 config->extension);
                code = input_pipe(ret, error);
                break;
        }
        if (code < 0)
                return code;
        ret->request.has_input = true;
        ret->n_descriptors = 2;
        return 0;
}

int builtin_request_init(struct builtin_request *ret, const struct media_run_config *config,
                         const char *allow, struct error *error) {
        int ends[2], code;

        *ret = (struct builtin_request){
                .request =
                        {
                                .transport = config->transport == SOURCE_TRANSPORT_UDP
                                                     ? MEDIA_UDP
                                                     : MEDIA_TCP,
                                .is_paced = config->is_paced,
                                .is_looped = config->is_looped,
                                .n_channels = config->n_channels ? config->n_channels : 1,
                        },
                .descriptors = {-1, -1},
                .n_descriptors = 1,
                .output = -1,
                .input = -1,
        };
        if (config->is_untrusted && !media_allow_is_any(allow)) {
                ret->request.is_untrusted = true;
                snprintf(ret->request.allow, sizeof(ret->request.allow), "%s",
                         allow ? allow : "");
        }
        if (config->track)
                snprintf(ret->request.track, sizeof(ret->request.track), "%s", config->track);
        code = pipe_make(ends, error);
        if (code < 0)
                return code;
        ret->output = ends[READ];
        ret->descriptors[0] = ends[WRITE];
        return input_init(ret, config, error);
}

void builtin_request_deinit(struct builtin_request *request) {
        explicit_bzero(&request->request, sizeof(request->request));
        descriptor_close(&request->descriptors[0]);
        if (!request->is_input_lent)
                descriptor_close(&request->descriptors[1]);
        descriptor_close(&request->output);
        descriptor_close(&request->input);
}
