#include "util/home.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

// An entry that needs more is no entry of ours.
#define ENTRY_MAX (1024 * 1024)

char *home_folder(void) {
        const char *home = getenv("HOME");  // NOLINT(concurrency-mt-unsafe): at start
        CLEANUP(mem_freep) char *words = NULL;
        struct passwd entry, *found = NULL;
        struct stat status;
        int r = ERANGE;

        if (home && home[0] == '/')
                return xstrdup(home);
        for (size_t n = 1024; r == ERANGE && n <= ENTRY_MAX; n *= 4) {
                words = xrealloc_array(words, n, 1);
                r = getpwuid_r(geteuid(), &entry, words, n, &found);
        }
        if (r != 0 || !found || !found->pw_dir || found->pw_dir[0] != '/' ||
            stat(found->pw_dir, &status) < 0 || !S_ISDIR(status.st_mode))
                return NULL;
        return xstrdup(found->pw_dir);
}
