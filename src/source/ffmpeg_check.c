#include "source/ffmpeg_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/loop.h"
#include "util/process.h"

// `option` lines in ffconcat scripts, which carry a camera's URL and options, are that old.
#define VERSION_LEAST 5

#define OUTPUT_MAX 256  // of which the first line is read

struct check {
        struct loop *loop;
        struct process *process;
        char output[OUTPUT_MAX];
        size_t length;
        struct process_exit exit;
};

static void check_on_stdout(void *context, const uint8_t *bytes, size_t n) {
        struct check *check = context;
        size_t room = OUTPUT_MAX - 1 - check->length;

        if (n > room)
                n = room;
        memcpy(check->output + check->length, bytes, n);
        check->length += n;
}

static void check_on_exit(void *context, const struct process_exit *exit) {
        struct check *check = context;

        check->exit = *exit;
        loop_stop(check->loop);
}

static void check_on_timeout(void *context) {
        struct check *check = context;

        process_stop(check->process);
}

static int check_judge(const struct check *check, const char *ffmpeg, struct error *error) {
        static const char prefix[] = "ffmpeg version ";
        char *end;
        long version;

        if (check->exit.status != 0 || check->exit.signal != 0 ||
            strncmp(check->output, prefix, strlen(prefix)) != 0)
                return error_set(error, -EINVAL,
                                 "'%s' does not work as ffmpeg: '%s -version' fails; install "
                                 "it anew (apt install ffmpeg)",
                                 ffmpeg, ffmpeg);
        // Builds from the development branch have no number ("N-109…", "git-…"): new enough.
        version = strtol(check->output + strlen(prefix), &end, 10);
        if (*end == '.' && version < VERSION_LEAST)
                return error_set(error, -EINVAL,
                                 "'%s' is version %ld; streams need ffmpeg %d or newer", ffmpeg,
                                 version, VERSION_LEAST);
        return 0;
}

int ffmpeg_check(const char *program, struct error *error) {
        const char *const argv[] = {program, "-version", NULL};
        const struct process_config config = {.argv = argv};
        struct check check = {.loop = loop_new()};
        const struct process_listener listener = {
                .on_stdout = check_on_stdout,
                .on_exit = check_on_exit,
                .context = &check,
        };
        struct loop_timer *timeout = loop_timer_new(check.loop, check_on_timeout, &check);
        int code = process_open(&check.process, check.loop, &config, &listener, error);

        if (code == 0) {
                loop_timer_set(timeout, 10 * NSEC_PER_SEC);
                loop_run(check.loop);
                check.process = process_close(check.process);
                code = check_judge(&check, program, error);
        } else {
                error_set(error, code,
                          "'%s', which is to read streams and files (media), %s: install it "
                          "(apt install ffmpeg), or leave that to eavesdrop's own program "
                          "(media: builtin)",
                          program, code == -ENOENT ? "was not found" : strerrordesc_np(-code));
        }
        loop_timer_free(timeout);
        loop_free(check.loop);
        return code;
}
