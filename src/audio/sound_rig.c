#include "audio/sound_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

#define READ_SIZE ((size_t)64 * 1024)

char *rig_find_file(const char *what, const char *variable, const char *standard,
                    const char *name) {
        const char *folder = getenv(variable);  // NOLINT(concurrency-mt-unsafe)
        char *path = xasprintf("%s/%s", folder ? folder : standard, name);

        if (access(path, R_OK) == 0)
                return path;
        print_message("no %s %s (%s): its tests are skipped\n", what, path, variable);
        free(path);
        return NULL;
}

char *rig_find_data(const char *name) {
        return rig_find_file("recording", "EAVESDROP_TEST_DATA", TEST_DATA_DEFAULT, name);
}

// Its output is read from the end that is returned.
static int ffmpeg_start(const char *path, pid_t *ret_child) {
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        *ret_child = fork();
        if (*ret_child == 0) {
                dup2(ends[1], STDOUT_FILENO);
                close(ends[0]);
                execlp("ffmpeg", "ffmpeg", "-v", "error", "-nostdin", "-i", path, "-ac", "1",
                       "-ar", "16000", "-f", "f32le", "pipe:1", (char *)NULL);
                _exit(127);
        }
        close(ends[1]);
        return ends[0];
}

bool rig_load_sound(const char *name, struct sound *ret) {
        CLEANUP(mem_freep) char *path = rig_find_data(name);
        uint8_t *bytes = NULL;
        size_t n = 0;
        ssize_t got;
        pid_t child;
        int from;

        if (!path)
                return false;
        from = ffmpeg_start(path, &child);
        do {
                bytes = realloc(bytes, n + READ_SIZE);
                assert_non_null(bytes);
                got = read(from, bytes + n, READ_SIZE);
                n += got > 0 ? (size_t)got : 0;
        } while (got > 0);
        close(from);
        assert_int_equal(waitpid(child, NULL, 0), child);
        if (n < sizeof(float)) {
                print_message("ffmpeg cannot read %s: its tests are skipped\n", path);
                free(bytes);
                return false;
        }
        *ret = (struct sound){.samples = (float *)(void *)bytes, .n = n / sizeof(float)};
        return true;
}

struct sound rig_need_sound(const char *name) {
        struct sound sound = {0};

        if (!rig_load_sound(name, &sound))
                skip();
        return sound;
}
