// Replay: runs a fuzz target on files and on all files of folders, without a fuzzing engine,
// so that a corpus is an ordinary test. Exit 1 when there was nothing to run.

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "util/mem.h"

// Exactly as much memory as the file has bytes, so that a sanitizer sees reads past the end.
static int file_replay(const char *path, off_t size) {
        CLEANUP(mem_freep) char *bytes = xcalloc((size_t)size, 1);
        FILE *file = fopen(path, "rbe");
        size_t n;

        if (!file) {
                fprintf(stderr, "%s: %m\n", path);
                return -1;
        }
        n = fread(bytes, 1, (size_t)size, file);
        fclose(file);
        LLVMFuzzerTestOneInput((const uint8_t *)bytes, n);
        return 1;
}

// How many inputs were run; -1 when something could not be read.
static int path_replay(const char *path) {
        struct dirent **entries;
        struct stat status;
        int n, total = 0;

        if (stat(path, &status) < 0) {
                fprintf(stderr, "%s: %m\n", path);
                return -1;
        }
        if (!S_ISDIR(status.st_mode))
                return file_replay(path, status.st_size);
        n = scandir(path, &entries, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                CLEANUP(mem_freep) char *child = xasprintf("%s/%s", path, entries[i]->d_name);
                int r = entries[i]->d_name[0] == '.' ? 0 : path_replay(child);

                total = r < 0 || total < 0 ? -1 : total + r;
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        return n < 0 ? -1 : total;
}

int main(int argc, char **argv) {
        int total = 0;

        for (int i = 1; i < argc; i++) {
                int r = path_replay(argv[i]);

                if (r < 0)
                        return EXIT_FAILURE;
                total += r;
        }
        printf("%d inputs replayed\n", total);
        return total ? EXIT_SUCCESS : EXIT_FAILURE;
}
